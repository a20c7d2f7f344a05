"""A new policy takes effect: waits in progress keep their meaning, and change only with reason."""

from dataclasses import replace

from palingenesis.core import events, plans
from palingenesis.core.kernel.deciding import rule_on
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.kernel.walking import walk
from palingenesis.core.values import Status
from palingenesis.core.world import Plan, Session


def policy_adopted(draft: Draft, event: events.PolicyAdopted) -> None:
    """Remember which policy is in force and look at every pending wait again."""
    draft.world = replace(
        draft.world, policy=event.digest, policy_name=event.name, policy_problems=()
    )
    for session in list(draft.sessions.values()):
        plan = session.plan
        if session.status is Status.WAITING and plan is not None and plan.event != "operator":
            _revise(draft, session, plan)


def _revise(draft: Draft, session: Session, plan: Plan) -> None:
    """Rule again on the facts that were decided about; the clock of a wait never starts anew."""
    mine = (plan.rule, plan.started_at)  # this very decision does not use its limit up
    others = tuple(decided for decided in session.decided if decided != mine)
    before_it = replace(session, decided=others)
    ruling, _ = rule_on(draft, before_it, plan.event, dict(plan.facts))
    if ruling.rule == plan.rule and ruling.steps == plan.steps:
        return
    same_place = (
        ruling.rule == plan.rule
        and len(ruling.steps) > plan.index
        and type(ruling.steps[plan.index]) is type(plan.steps[plan.index])
    )
    index = plan.index if same_place else 0
    decision = draft.decide(
        "revised",
        event=plan.event,
        rule=ruling.rule,
        why="the policy changed while this was pending",
        session=session,
        facts=plan.facts,
        plan=ruling.steps,
        tries=plan.tries,
    )
    revised = replace(
        plan,
        decision=decision.id,
        rule=ruling.rule,
        steps=ruling.steps,
        index=index,
        deadline=None,
        because="",
    )
    begun = (plan.wait_from if same_place else None) or plan.started_at
    step = ruling.steps[index] if index < len(ruling.steps) else None
    before = plan.steps[plan.index] if plan.index < len(plan.steps) else None
    session = draft.put(replace(session, plan=revised))
    if isinstance(step, plans.Wait) and step == before:
        kept = replace(revised, wait_from=begun, deadline=plan.deadline, because=plan.because)
        draft.put(replace(session, plan=kept))
    elif isinstance(step, plans.Wait):
        until = deadline_of(step, session.stop, begun, tries=plan.tries, seed=plan.seed)
        timed = replace(revised, wait_from=begun, deadline=until.deadline, because=until.because)
        draft.put(replace(session, plan=timed, outlook=until.because))
    else:
        walk(draft, session)

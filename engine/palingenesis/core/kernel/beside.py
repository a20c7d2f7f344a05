"""What happens beside the decision: rules that only observe, and whatever is in shadow.

A rule with `continue: true` takes its steps at once and nothing waits for them. A rule in shadow,
and every rule of a policy in shadow, is written down with the steps it would have taken.
"""

from typing import Final

from palingenesis.core import effects, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.caps import BACKUPS, HOOKS, room_for, use
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.notices import observe
from palingenesis.core.kernel.ordering import hook_of
from palingenesis.core.kernel.snapshot import TELL_OF_A_STOP
from palingenesis.core.plans import Step, word_of
from palingenesis.core.policy.decide import Aside, Ruling
from palingenesis.core.policy.model import Mode
from palingenesis.core.safety import (
    BACKUPS_PER_HOUR_IN_ALL,
    HOOKS_PER_HOUR_IN_ALL,
    Allowed,
    may_touch,
)
from palingenesis.core.values import FactValue, Status
from palingenesis.core.world import Decision, Hold, Plan, Session

_REMEMBERED: Final = 200
_WORKS: Final = frozenset({Status.WORKING, Status.BLOCKED, Status.STALLED})


def beside(
    draft: Draft,
    session: Session,
    asides: tuple[Aside, ...],
    event: str,
    facts: dict[str, FactValue],
) -> Session:
    """Take what is true and does not decide, in the order of the rules."""
    for aside in asides:
        if aside.delay is not None:
            session = _watch(draft, session, aside, event)
        elif aside.shadow or draft.policy.mode is Mode.SHADOW:
            session = shadowed(draft, session, aside, event, facts)
        else:
            session = _observed(draft, session, aside, event, facts)
    return session


def shadowed(
    draft: Draft, session: Session, ruling: Ruling | Aside, event: str, facts: dict[str, FactValue]
) -> Session:
    """Write down what would have been done."""
    draft.decide(
        "shadowed",
        event=event,
        rule=ruling.rule,
        why=would_have(ruling.rule, ruling.steps),
        session=session,
        facts=facts,
        plan=ruling.steps,
        limited=ruling.limited,
        tries=session.episode.tries.get(ruling.rule, 0) if session.episode else 0,
    )
    return _marked(draft, session, ruling.rule)


def would_have(rule: str, steps: tuple[Step, ...]) -> str:
    """The sentence about a plan that was only thought of."""
    words = ", then ".join(word_of(step) for step in steps) or "nothing"
    return f"shadow: {rule} would have done {words}"


def anchor_of(session: Session, event: str) -> str:
    """What an event is about, so that a later look can tell whether it still is."""
    if event in TELL_OF_A_STOP:
        return session.stop.key if session.stop else ""
    if event == "blocked":
        return session.block.id if session.block else ""
    if event == "stalled":
        return session.alive_at.isoformat() if session.alive_at else ""
    return ""


def is_over(session: Session, event: str) -> bool:
    """Whether the stop that an event was about is the past: the session works again."""
    if event not in TELL_OF_A_STOP:
        return False
    paused = session.status is Status.PAUSED
    return (session.paused_from if paused else session.status) in _WORKS


def _observed(
    draft: Draft, session: Session, aside: Aside, event: str, facts: dict[str, FactValue]
) -> Session:
    decision = draft.decide(
        "observed",
        event=event,
        rule=aside.rule,
        why=aside.why,
        session=session,
        facts=facts,
        plan=aside.steps,
        limited=aside.limited,
    )
    session = _marked(draft, session, aside.rule)
    for index in range(len(aside.steps)):
        _take(draft, session, _plan_of(decision, aside, event, index))
    return session


def _plan_of(decision: Decision, aside: Aside, event: str, index: int) -> Plan:
    return Plan(
        decision=decision.id,
        rule=aside.rule,
        event=event,
        steps=aside.steps,
        index=index,
        started_at=decision.at,
        seed=decision.seed,
        tries=0,
        stop="",
        facts=decision.facts,
    )


def _take(draft: Draft, session: Session, plan: Plan) -> None:
    """Take one step without waiting for it; whatever does more than observe is left out."""
    key = draft.effect_id(plan.decision, str(plan.index))
    match plan.steps[plan.index]:
        case plans.Notify() | plans.Log() as step:
            observe(draft, session, plan, step)
        case plans.Run() as step if _has_room(draft, session, HOOKS, HOOKS_PER_HOUR_IN_ALL):
            use(draft, (HOOKS,))
            draft.order(hook_of(session, plan, step, key))
        case plans.Snapshot() if _has_room(
            draft, session, BACKUPS, BACKUPS_PER_HOUR_IN_ALL
        ) and isinstance(may_touch(draft.now(), session, draft.at), Allowed):
            use(draft, (BACKUPS,))
            draft.order(
                effects.Snapshot(
                    id=key,
                    decision=plan.decision,
                    session=session.id,
                    agent=session.agent,
                    why=f"rule {plan.rule}",
                    aside=True,
                )
            )
        case _:
            pass


def _has_room(draft: Draft, session: Session, what: str, most: int) -> bool:
    """Whether more than telling people may be done: not in a pause, and so often in an hour."""
    if draft.world.paused or session.status is Status.PAUSED:
        return False
    return room_for(draft, what, most) is None


def _watch(draft: Draft, session: Session, aside: Aside, event: str) -> Session:
    """Come back when its `for:` is over; one that watches the same already goes on."""
    assert aside.delay is not None, "only a rule with a delay is watched"
    anchor = anchor_of(session, event)
    same = [one for one in session.watches if one.rule == aside.rule and one.event == event]
    if any(one.anchor == anchor for one in same):
        return session
    watch = Hold(rule=aside.rule, event=event, deadline=draft.at + aside.delay, anchor=anchor)
    others = tuple(one for one in session.watches if one not in same)
    return draft.put(replace(session, watches=(*others, watch)))


def _marked(draft: Draft, session: Session, rule: str) -> Session:
    """Count it: a rule's limit holds for it wherever it is taken."""
    decided = (*session.decided, (rule, draft.at))[-_REMEMBERED:]
    return draft.put(replace(session, decided=decided))

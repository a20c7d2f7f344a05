"""From an event about a session to a decision of the policy, and to the start of its plan."""

from datetime import timedelta
from typing import Final

from palingenesis.core import plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.asking import close
from palingenesis.core.kernel.beside import anchor_of, beside, is_over, shadowed, would_have
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import end_plan
from palingenesis.core.kernel.notices import observe
from palingenesis.core.kernel.snapshot import decided, facts_of
from palingenesis.core.kernel.walking import walk
from palingenesis.core.policy.decide import DEFAULT, Ruling, decide
from palingenesis.core.policy.model import Mode
from palingenesis.core.safety import PROVIDER_REFUSED
from palingenesis.core.values import HER_STOPS, FactValue, Severity, Status, Stop, StopReason, Way
from palingenesis.core.world import Episode, Hold, Plan, Session

_REMEMBERED: Final = 200
_NO_TROUBLE: Final = HER_STOPS | {StopReason.COMPLETED}


def rule_on(
    draft: Draft, session: Session, event: str, facts: dict[str, FactValue] | None = None
) -> tuple[Ruling, dict[str, FactValue]]:
    """What the policy says about the session now, and the facts it said it about."""
    if facts is None:
        facts = facts_of(draft.now(), session, event, draft.at, draft.policy)

    def used(rule: str, per: timedelta) -> int:
        return decided(session, rule, draft.at - per)

    return decide(draft.policy, facts, used), facts


def begin_episode(draft: Draft, session: Session, reason: StopReason) -> Session:
    """A stop belongs to the running stretch of trouble, or begins a new one.

    A finished turn, and the person's own stop, are no trouble: they begin none.
    """
    episode = session.episode
    held = (
        session.healthy_since is not None
        and draft.at - session.healthy_since >= draft.policy.healthy_after
    )
    if episode is None or held:
        trouble = reason not in _NO_TROUBLE
        episode = Episode(started_at=draft.at, first_reason=reason) if trouble else None
    unproductive = session.unproductive
    if reason in PROVIDER_REFUSED and session.unjudged and unproductive:
        unproductive -= 1  # the provider's "not now" says nothing about the prompt
    return draft.put(
        replace(
            session,
            episode=episode,
            healthy_since=None,
            unproductive=unproductive,
            unjudged=False,
        )
    )


def decide_stop(
    draft: Draft, session: Session, event: str = "stopped", *, again: bool = False
) -> Session:
    """Decide what to do about a session that has stopped (or an action that failed).

    `again`: the same event was decided about before, so rules that only observe have seen it.
    """
    if draft.policy.mode is Mode.OFF:
        return end_plan(draft, session, "stand_down", "the policy is off: nothing is decided")
    session = _marked(draft, session)
    ruling, facts = rule_on(draft, session, event)
    if not again:
        session = beside(draft, session, ruling.asides, event, facts)
    if session.latched and ruling.rule == DEFAULT:
        why = "the person stopped this session, and no rule says more"
        ruling = replace(ruling, steps=(plans.StandDown(),), why=why)
    kept = _kept(draft, session, ruling, event)
    if kept is not None:
        return kept
    if session.plan is not None and session.status is not Status.DECIDING:
        cancel(draft, session, f"{ruling.rule} decides anew")
        session = draft.sessions[session.id]
    if session.status is not Status.DECIDING:
        session = draft.move(session, "decide")
    if ruling.delay is not None:
        return _hold(draft, session, ruling, event)
    return start(draft, session, ruling, event, facts)


def _marked(draft: Draft, session: Session) -> Session:
    """Remember whether the stop is decided about while its program is only observed."""
    agent = draft.agents.get(session.agent)
    watched = agent is not None and agent.up and agent.way is Way.OBSERVED
    key = session.stop.key if watched and session.stop is not None else ""
    return draft.put(replace(session, only_watched=key)) if key != session.only_watched else session


def was_decided(session: Session) -> bool:
    """Whether its stop is no news: none has come since it came to rest."""
    return session.stopped_at is not None and session.stopped_at <= session.since


def start(
    draft: Draft,
    session: Session,
    ruling: Ruling,
    event: str,
    facts: dict[str, FactValue],
) -> Session:
    """Write the decision down and take its first steps; in shadow only write it down."""
    if draft.policy.mode is Mode.SHADOW:
        shadowed(draft, session, ruling, event, facts)
        return end_plan(draft, session, "stand_down", would_have(ruling.rule, ruling.steps))
    tries = session.episode.tries.get(ruling.rule, 0) if session.episode else 0
    decision = draft.decide(
        "decided",
        event=event,
        rule=ruling.rule,
        why=ruling.why,
        session=session,
        facts=facts,
        plan=ruling.steps,
        limited=ruling.limited,
        tries=tries,
    )
    plan = Plan(
        decision=decision.id,
        rule=ruling.rule,
        event=event,
        steps=ruling.steps,
        index=0,
        started_at=draft.at,
        seed=decision.seed,
        tries=tries,
        stop=session.stop.key if session.stop else "",
        facts=facts,
    )
    episode = session.episode
    if episode is None and event == "stalled":
        episode = Episode(started_at=draft.at, first_reason=StopReason.TIMEOUT)
    if episode is not None:
        episode = replace(episode, tries={**episode.tries, ruling.rule: tries + 1})
    session = replace(
        session,
        plan=plan,
        episode=episode,
        holds=(),
        failure=None,
        verify_until=None,
        decided=(*session.decided, (ruling.rule, draft.at))[-_REMEMBERED:],
    )
    return walk(draft, draft.put(session))


def decide_aside(draft: Draft, session: Session, event: str) -> Session:
    """Decide about an event that is no stop: the session's status stays unless the plan acts."""
    if draft.policy.mode is Mode.OFF:
        return session
    if not any(event in rule.events for rule in draft.policy_of(session).rules):
        return session
    ruling, facts = rule_on(draft, session, event)
    session = beside(draft, session, ruling.asides, event, facts)
    if not ruling.steps:
        return session
    if ruling.delay is not None:
        if any(hold.rule == ruling.rule for hold in session.holds):
            return session
        return draft.put(replace(session, holds=(*session.holds, _begun(draft, ruling, event))))
    return take_aside(draft, session, ruling, event, facts)


def take_aside(
    draft: Draft, session: Session, ruling: Ruling, event: str, facts: dict[str, FactValue]
) -> Session:
    """Carry a ruling out that only observes in place; any other becomes the session's plan."""
    if draft.policy.mode is Mode.SHADOW:
        return shadowed(draft, session, ruling, event, facts)
    if not all(isinstance(step, plans.Notify | plans.Log) for step in ruling.steps):
        return start(draft, draft.move(session, "decide"), ruling, event, facts)
    decision = draft.decide(
        "decided",
        event=event,
        rule=ruling.rule,
        why=ruling.why,
        session=session,
        facts=facts,
        plan=ruling.steps,
        limited=ruling.limited,
    )
    marked = (*session.decided, (ruling.rule, draft.at))[-_REMEMBERED:]
    session = draft.put(replace(session, decided=marked))
    for index, step in enumerate(ruling.steps):
        plan = Plan(
            decision=decision.id,
            rule=ruling.rule,
            event=event,
            steps=ruling.steps,
            index=index,
            started_at=draft.at,
            seed=decision.seed,
            tries=0,
            stop="",
            facts=facts,
        )
        assert isinstance(step, plans.Notify | plans.Log)
        observe(draft, session, plan, step)
    return session


def hold_due(draft: Draft, session: Session, hold: Hold) -> Session:
    """A rule's `for:` is over: it decides if it is still the first that is true."""
    session = draft.put(
        replace(session, holds=tuple(other for other in session.holds if other != hold))
    )
    if draft.policy.mode is Mode.OFF:
        return session
    ruling, facts = rule_on(draft, session, hold.event)
    if ruling.rule != hold.rule:
        cancel(draft, session, f"{hold.rule} did not stay true")
        if session.status is Status.HOLDING:
            return decide_stop(draft, draft.move(session, "due"), hold.event, again=True)
        return draft.sessions[session.id]
    if session.status is Status.HOLDING:
        return start(draft, draft.move(session, "due"), ruling, hold.event, facts)
    return take_aside(draft, session, ruling, hold.event, facts)


def watch_due(draft: Draft, session: Session, watch: Hold) -> Session:
    """The `for:` of a rule beside is over: it is taken if it is still true, and of the same."""
    rest = tuple(other for other in session.watches if other != watch)
    session = draft.put(replace(session, watches=rest))
    same = anchor_of(session, watch.event) == watch.anchor and not is_over(session, watch.event)
    if not same or draft.policy.mode is Mode.OFF:
        return session
    ruling, facts = rule_on(draft, session, watch.event)
    mine = tuple(replace(one, delay=None) for one in ruling.asides if one.rule == watch.rule)
    return beside(draft, session, mine, watch.event, facts)


def cancel(draft: Draft, session: Session, why: str) -> Session:
    """Reality moved on: the pending plan is void, and the journal says so."""
    plan = session.plan
    if plan is not None:
        draft.decide("cancelled", event=plan.event, rule=plan.rule, why=why, session=session)
        if plan.question:
            close(draft, plan.question, f"not asked any more: {why}")
    return draft.put(replace(session, plan=None, verify_until=None, rails=()))


def act_failed(draft: Draft, session: Session, kind: str, error: str) -> Session:
    """An action of ours failed or had no effect: the policy may answer that, once."""
    plan = session.plan
    session = draft.note(replace(session, failure=(kind, error)), "action_failed")
    session = draft.move(session, "failed", error)
    if plan is not None and plan.event == "action_failed":
        outlook = f"{kind}: {error}"
        draft.tell(session, Severity.WARNING, session.title or session.id, outlook, outlook)
        session = draft.put(replace(session, plan=None, verify_until=None))
        return draft.move(session, "need_attention", outlook)
    session = draft.put(replace(session, plan=None, verify_until=None))
    return decide_stop(draft, session, "action_failed")


def _kept(draft: Draft, session: Session, ruling: Ruling, event: str) -> Session | None:
    """A stop while a wait is pending: the same or a weaker trouble never shortens the wait."""
    plan, stop = session.plan, session.stop
    if plan is None or stop is None or event != "stopped" or session.latched:
        return None
    if session.status is Status.ASKING and ruling.rule == plan.rule:
        return _keep(draft, session, plan, stop, event, "the pending question covers this stop too")
    if session.status is not Status.WAITING or plan.deadline is None:
        return None
    if not isinstance(plan.steps[plan.index], plans.Wait):
        return None
    weaker = (
        plan.facts.get("stop.reason") == StopReason.QUOTA
        and stop.reason in PROVIDER_REFUSED
        and (stop.retry_at is None or stop.retry_at <= plan.deadline)
    )
    same = ruling.rule == plan.rule and (stop.retry_at is None or stop.retry_at <= plan.deadline)
    if not (same or weaker):
        return None
    return _keep(draft, session, plan, stop, event, "the pending wait covers this stop too")


def _keep(draft: Draft, session: Session, plan: Plan, stop: Stop, event: str, why: str) -> Session:
    draft.decide("kept", event=event, rule=plan.rule, why=why, session=session)
    return draft.put(replace(session, plan=replace(plan, stop=stop.key)))


def _hold(draft: Draft, session: Session, ruling: Ruling, event: str) -> Session:
    hold = _begun(draft, ruling, event)
    session = draft.put(replace(session, plan=None, holds=(*session.holds, hold)))
    return draft.move(session, "hold", f"rule {ruling.rule} has to stay true a while")


def _begun(draft: Draft, ruling: Ruling, event: str) -> Hold:
    assert ruling.delay is not None, "only a ruling with a delay is held"
    deadline = draft.at + ruling.delay
    return Hold(rule=ruling.rule, event=event, deadline=deadline, began=draft.at)

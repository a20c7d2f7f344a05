"""How effects ended, and what their sessions do next."""

from typing import Final

from palingenesis.core import effects, events, plans
from palingenesis.core.contract import Promise
from palingenesis.core.copies import replace
from palingenesis.core.kernel.agents import (
    died_meanwhile,
    is_to_be_ended,
    not_brought_back,
)
from palingenesis.core.kernel.deciding import act_failed, cancel
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.interrupted import goes_on_from, interrupted, overtaken
from palingenesis.core.kernel.leaving import end_plan
from palingenesis.core.kernel.operating import end_turn
from palingenesis.core.kernel.owning import works
from palingenesis.core.kernel.putting_off import (
    not_before,
    once_more,
    put_off,
    put_off_until_back,
)
from palingenesis.core.kernel.spending import spent_in
from palingenesis.core.kernel.touching import hand_on_touched
from palingenesis.core.kernel.walking import verified, walk
from palingenesis.core.plans import word_of
from palingenesis.core.values import DownCause, Result, SessionId, Severity, Status, Way
from palingenesis.core.world import Plan, Session

_ITS_OWN: Final = frozenset({"session.context_used", "session.cost", "session.messages"})
"""Facts of a session that the one which continues it does not inherit."""


def effect_ended(draft: Draft, event: events.EffectEnded) -> None:
    """Close the effect; every session that waited for it goes on."""
    effect = draft.open.pop(event.effect, None)
    if effect is None:
        return
    if isinstance(effect, effects.Restart) and event.result is Result.OK:
        _answers_again(draft, effect)
    elif isinstance(effect, effects.Restart) and not _is_awaited(draft, effect):
        not_brought_back(draft, effect)
    if isinstance(effect, effects.Stop) and event.result is not Result.OK:
        _was_not_stopped(draft, effect)
    if isinstance(effect, effects.NewSession):
        _begun_in_vain(draft, effect, event)
    for session in list(draft.sessions.values()):
        plan = session.plan
        if plan is None or plan.effect != event.effect:
            continue
        if session.status is Status.PAUSED:
            _under_pause(draft, session, plan, effect, event)
        elif session.status is Status.ACTING:
            _ended(draft, session, plan, effect, event)


def _is_awaited(draft: Draft, effect: effects.Effect) -> bool:
    plans_ = (session.plan for session in draft.sessions.values())
    return any(plan is not None and plan.effect == effect.id for plan in plans_)


def _begun_in_vain(draft: Draft, effect: effects.NewSession, event: events.EffectEnded) -> None:
    """A session begins that continues one which the person has stopped: her stop holds for it.

    Where nobody knows whether one began, she is told: what waited for it is over, and asks nothing.
    """
    session, new = draft.sessions.get(effect.session), SessionId(event.data.get("session", ""))
    if session is None:
        return
    if _is_awaited(draft, effect):
        if not (session.latched and session.status is Status.PAUSED):
            return
        session = cancel(draft, session, "the person stopped it in the pause")
    if event.result is Result.UNKNOWN:
        said = f"new-session: {event.detail}"
        draft.tell(session, Severity.WARNING, session.title or session.id, said, said)
    if event.result is not Result.OK or not session.latched or not new:
        return
    draft.put(replace(session, successor=new))
    heir = draft.put(replace(_heir(draft, session, new), latched=True))
    end_turn(draft, heir, f"the person stopped {session.id}, which it continues")


def _answers_again(draft: Draft, effect: effects.Restart) -> None:
    """A restart that went well is proof that the agent answers, though its sensor has yet to say.

    Without it the plan's next step would find the agent down and order one more restart.
    """
    agent = draft.agents.get(effect.agent)
    if agent is not None and not agent.up:
        stopped = is_to_be_ended(draft, agent)
        draft.agents[agent.id] = replace(
            agent, up=True, stopped=stopped, since=draft.at, started_at=draft.at
        )


def _was_not_stopped(draft: Draft, effect: effects.Stop) -> None:
    agent = draft.agents.get(effect.agent)
    if agent is not None:
        draft.agents[agent.id] = replace(agent, stopped=False)


def _ended(
    draft: Draft,
    session: Session,
    plan: Plan,
    effect: effects.Effect,
    event: events.EffectEnded,
) -> None:
    if isinstance(effect, effects.SessionEffect) and _ended_with(
        draft, session, plan, effect, event
    ):
        return
    match event.result:
        case Result.OK if isinstance(effect, effects.NewSession):
            _continued(draft, session, plan, event)
        case Result.OK if isinstance(effect, effects.Interrupt):
            on = interrupted(draft, session, plan, event)
            if on is not None:
                walk(draft, _done(draft, on, on.plan or plan, effect, event))
        case Result.OK:
            cut_off = isinstance(effect, effects.Resume | effects.Retry) and _was_cut_off(
                draft, session, plan
            )
            # It had arrived, and ended with its server: then that is what is decided about.
            if not (cut_off and died_meanwhile(draft, session)):
                walk(draft, _done(draft, session, plan, effect, event))
        case Result.SUPERSEDED if isinstance(effect, effects.Interrupt):
            overtaken(draft, session, event.detail)
        case Result.SUPERSEDED:
            session = cancel(draft, session, event.detail or "the session has moved on")
            draft.move(session, "superseded", event.detail)
        case Result.UNKNOWN if _is_left(effect, event):
            _may_have_happened(draft, session, plan, event)
        case Result.FAILED if (until := not_before(draft, event)) is not None:
            put_off(draft, session, plan, effect, until, event.detail)
        case Result.FAILED | Result.UNKNOWN if _is_out_of_reach(draft, session, effect):
            put_off_until_back(draft, session, plan, effect, event)
        case Result.FAILED | Result.UNKNOWN:
            alone = isinstance(effect, effects.Restart | effects.Stop | effects.Run)
            if alone or not died_meanwhile(draft, session):
                act_failed(draft, session, event.result.value, event.detail)


def _ended_with(
    draft: Draft,
    session: Session,
    plan: Plan,
    effect: effects.SessionEffect,
    event: events.EffectEnded,
) -> bool:
    """Whether a program of hers has ended since the order; then that is what is decided about.

    Unless it ended with its one turn: that is no news, and what follows goes on without it.
    """
    agent = draft.agents.get(session.agent)
    if agent is None or not agent.is_gone:
        return False
    if agent.down is DownCause.DONE:
        is_kept = isinstance(effect, effects.Snapshot) and event.result is Result.OK
        if is_kept or isinstance(effect, effects.Interrupt):
            walk(draft, _done(draft, session, plan, effect, event))
            return True
        if event.result is Result.SUPERSEDED or _is_left(effect, event):
            return False
        if event.result is not Result.OK:
            session, _ = once_more(draft, session, plan, effect, event)
            walk(draft, session)
            return True
    if event.result is Result.OK and isinstance(effect, effects.NewSession):
        _continued(draft, session, plan, event)
        heir = draft.sessions.get(SessionId(event.data.get("session", "")))
        if heir is None or heir.status is not Status.VERIFYING:
            return True
        session = heir
    return died_meanwhile(draft, session)


def _is_out_of_reach(draft: Draft, session: Session, effect: effects.Effect) -> bool:
    """Whether the link to a program of hers was lost since the order, and the program lives on."""
    agent = draft.agents.get(session.agent)
    if agent is None or not agent.is_live or not isinstance(effect, effects.SessionEffect):
        return False
    if agent.way is Way.OBSERVED:
        return agent.let_in_until is not None and agent.let_in_until >= session.since
    return agent.way is Way.INTEGRATED and (not agent.up or agent.since >= session.since)


def _was_cut_off(draft: Draft, session: Session, plan: Plan) -> bool:
    """Whether a prompt of ours came to life, and its server has died since."""
    agent, alive_at = draft.agents.get(session.agent), session.alive_at
    if agent is None or alive_at is None or plan.acted_at is None or alive_at < plan.acted_at:
        return False
    return not agent.up or agent.started_at > alive_at


def _is_left(effect: effects.Effect, event: events.EffectEnded) -> bool:
    """Whether it may have happened and must not be done again, whatever a rule would say."""
    once = event.data.get("promise") == Promise.AT_MOST_ONCE
    return once and isinstance(effect, effects.SessionEffect)


def _may_have_happened(
    draft: Draft, session: Session, plan: Plan, event: events.EffectEnded
) -> None:
    outlook = f"{word_of(plan.steps[plan.index])}: {event.detail}"
    draft.tell(session, Severity.WARNING, session.title or session.id, outlook, outlook)
    if session.status is Status.PAUSED:
        draft.put(replace(session, plan=None, paused_from=Status.ATTENTION, outlook=outlook))
    else:
        end_plan(draft, session, "need_attention", outlook)


def _done(
    draft: Draft,
    session: Session,
    plan: Plan,
    effect: effects.Effect,
    event: events.EffectEnded,
) -> Session:
    """Put the plan where it goes on: at the next step, or at the one that needed this first."""
    step, index = plan.steps[plan.index], plan.index + 1
    snapshot = plan.snapshot
    if isinstance(effect, effects.Snapshot):
        snapshot = event.data.get("path", "") or "-"
        index -= not isinstance(step, plans.Snapshot)
    elif isinstance(effect, effects.Restart):
        index -= not isinstance(step, plans.Restart)
    elif isinstance(effect, effects.Interrupt):
        index -= not isinstance(step, plans.Interrupt)
    prompted = isinstance(effect, effects.Resume | effects.Retry | effects.Compact)
    if prompted:
        session = works(draft, session, session.agent)
    done = replace(plan, index=index, vain=0, snapshot=snapshot, effect=None)
    return draft.put(
        replace(session, plan=done, rails=(), aborting=session.aborting and not prompted)
    )


def _continued(draft: Draft, session: Session, plan: Plan, event: events.EffectEnded) -> None:
    """The work goes on in another session: counters and trouble move there with it."""
    new = SessionId(event.data.get("session", ""))
    is_held = session.status is Status.PAUSED
    if not new:
        _nameless(draft, session, plan, is_held=is_held)
        return
    heir = _heir(draft, session, new)
    hand_on_touched(draft, session.id, new)
    old = replace(session, plan=None, successor=new)
    if is_held:
        draft.put(replace(old, paused_from=Status.COMPLETED))
    else:
        draft.move(draft.put(old), "finish", f"continued as {new}")
    if heir.status not in {Status.DISCOVERING, Status.WORKING}:
        draft.put(heir)  # it has met its fate before its birth was told
        return
    heir = draft.put(
        replace(
            heir,
            status=Status.PAUSED if is_held else Status.VERIFYING,
            paused_from=Status.VERIFYING if is_held else None,
            paused_by=session.paused_by if is_held else "",
            since=draft.at,
            outlook=f"continues {session.id}",
            verify_until=draft.at + draft.policy.verify_within,
            plan=replace(plan, index=len(plan.steps), effect=None),
            at_work=tuple(dict.fromkeys((*heir.at_work, heir.agent))),
        )
    )
    if is_held:
        return
    if heir.alive_at is not None and plan.acted_at is not None and heir.alive_at >= plan.acted_at:
        verified(draft, heir)


def _nameless(draft: Draft, session: Session, plan: Plan, *, is_held: bool) -> None:
    """A new session that cannot be found comes to nothing: at once, or as soon as it is let go."""
    failure = ("unknown", "the new session has no id")
    if is_held:
        left = replace(plan, effect=None)
        draft.put(replace(session, plan=left, failure=failure, paused_from=Status.ACTING))
    else:
        act_failed(draft, session, *failure)


def _heir(draft: Draft, session: Session, new: SessionId) -> Session:
    """The new session as it is known by now, with what it inherits."""
    known = draft.sessions.get(new) or Session(
        id=new, agent=session.agent, since=draft.at, seen_at=draft.at
    )
    inherited = {k: v for k, v in session.facts.items() if k not in _ITS_OWN}
    return replace(
        known,
        title=known.title or session.title,
        directory=known.directory or session.directory,
        parent=None,
        supervised=True,
        facts={**inherited, **known.facts},
        episode=session.episode or known.episode,
        model=session.model,
        went_to=known.went_to or session.went_to,
        model_until=session.model_until,
        happened=(*session.happened, *known.happened)[-200:],
        decided=(*session.decided, *known.decided)[-200:],
        prompts=(*session.prompts, *known.prompts)[-50:],
        unproductive=session.unproductive + known.unproductive,
        unjudged=session.unjudged or known.unjudged,
        repeats=session.repeats + known.repeats,
        floor=session.floor,
        spent_before=spent_in(session) or 0.0,
        person_at=known.person_at or session.person_at,
        predecessor=session.id,
    )


def _under_pause(
    draft: Draft,
    session: Session,
    plan: Plan,
    effect: effects.Effect,
    event: events.EffectEnded,
) -> None:
    """What was under way when the operator paused has ended; nothing follows until release."""
    match event.result:
        case Result.OK if isinstance(effect, effects.NewSession):
            _continued(draft, session, plan, event)
        case Result.OK:
            on: Session | None = session
            if isinstance(effect, effects.Interrupt):
                on = interrupted(draft, session, plan, event)
            if on is not None:
                done = _done(draft, on, on.plan or plan, effect, event)
                draft.put(replace(done, paused_from=Status.DECIDING))
        case Result.SUPERSEDED if isinstance(effect, effects.Interrupt):
            overtaken(draft, session, event.detail)
        case Result.SUPERSEDED:
            draft.put(replace(session, plan=None, paused_from=goes_on_from(session)))
        case Result.UNKNOWN if _is_left(effect, event):
            _may_have_happened(draft, session, plan, event)
        case Result.FAILED if not isinstance(effect, effects.Run):
            # It was called off, or came to nothing: the stop is decided about once more.
            draft.put(replace(session, plan=None, paused_from=Status.DECIDING))
        case _:
            # It may have happened: on release that is answered, and not the stop once more.
            left = replace(plan, effect=None)
            failure = (event.result.value, event.detail)
            draft.put(replace(session, plan=left, failure=failure, paused_from=Status.ACTING))

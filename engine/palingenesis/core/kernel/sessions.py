"""What happens to a session, as its assistant shows it."""

from datetime import datetime
from typing import Final

from palingenesis.core import effects, events, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.deciding import begin_episode, cancel, decide_aside, decide_stop
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.drivers import somebody_went_on, still_driven
from palingenesis.core.kernel.interrupted import stood_still, take_for_ours, told_under_her_command
from palingenesis.core.kernel.leaving import is_hers
from palingenesis.core.kernel.marks import is_her_stop, is_ours
from palingenesis.core.kernel.owning import goes_on_elsewhere, may_own, rests, works
from palingenesis.core.kernel.quota_keys import heading_of
from palingenesis.core.kernel.touching import forget_touched
from palingenesis.core.kernel.waits import named_by
from palingenesis.core.kernel.walking import verified
from palingenesis.core.lifecycle import ACTIVE, PLANNED
from palingenesis.core.safety import PROVIDER_REFUSED, WAIT_MAX
from palingenesis.core.values import Block, BlockKind, Severity, Status, Stop, StopReason
from palingenesis.core.world import Floor, Session

_EARLIER: Final = 20
"""How many stops before the newest one are remembered."""

_ANSWERED: Final = frozenset({StopReason.COMPLETED, StopReason.OUTPUT_LIMIT, StopReason.REFUSED})
"""Stops that only a model's answer can bring about."""
_AT_REST = frozenset({Status.ATTENTION, Status.STOOD_DOWN, Status.COMPLETED})


def session_working(draft: Draft, event: events.SessionWorking) -> None:
    """The session works: from now on it is ours to supervise."""
    known = draft.sessions.get(event.session)
    if known is not None and known.stopped_at is not None and event.at < known.stopped_at:
        return  # it is older than the stop, and was told late, or again
    session = works(draft, _known(draft, event), event.agent)
    if session.agent != event.agent:
        return  # its owner works on it; so does this one, beside it
    session = draft.put(replace(session, reopened=False))
    if known is not None and known.agent != session.agent:
        session = _taken_over(draft, session)
    if session.aborting and not _is_being_interrupted(draft, session):
        session = draft.put(replace(session, aborting=False))  # what ends now is another turn
    if session.latched:
        return
    if session.status is Status.PAUSED:
        supervised = session.supervised or session.parent is None
        session = draft.put(replace(session, supervised=supervised, block=None))
        session = _without_plan(draft, session, "it went on while it was paused")
        _under_pause(draft, session, Status.WORKING)
    elif session.status is Status.BLOCKED:
        # It begins to work: the question was answered while nobody watched.
        draft.move(draft.put(replace(session, block=None, holds=())), "unblocked", "")
    elif session.status is Status.DISCOVERING:
        session = draft.put(replace(session, supervised=session.parent is None))
        session = draft.move(session, "seen_working")
        decide_aside(draft, draft.note(session, "started"), "started")
    elif session.status in PLANNED:
        _went_on(draft, somebody_went_on(draft, session))
    elif session.status in _AT_REST:
        # We do nothing in these, so somebody else has begun it, perhaps while we were away.
        session = somebody_went_on(draft, session)
        session = replace(session, supervised=session.parent is None, reopen_at=None, rails=())
        draft.move(draft.put(session), "person_prompted", "")


def _taken_over(draft: Draft, session: Session) -> Session:
    """The person goes on with it in another program: what was under way where it was is void."""
    if session.status not in {Status.ACTING, Status.VERIFYING}:
        return session
    session = cancel(draft, session, f"it goes on in {session.agent}")
    return draft.move(session, "went_on")


def session_alive(draft: Draft, event: events.SessionAlive) -> None:
    """A sign of life proves an effect, and calls off what a rule does about a stall."""
    session = draft.sessions.get(event.session)
    if session is None:
        return
    holds = tuple(hold for hold in session.holds if hold.event != "stalled")
    session = draft.put(replace(session, alive_at=event.at, holds=holds, reopened=False))
    plan = session.plan
    if session.status is Status.VERIFYING and plan is not None:
        verified(draft, session)
    elif _was_no_stall(session):
        draft.move(cancel(draft, session, "it is alive after all"), "went_on", "")


def _was_no_stall(session: Session) -> bool:
    """Whether a sign of life comes while we prepare to deal with a stall: nothing is ended yet."""
    plan = session.plan
    if plan is None or plan.event != "stalled" or plan.acted or session.aborting:
        return False
    return session.status in PLANNED or session.status is Status.ACTING


def session_progressed(draft: Draft, event: events.SessionProgressed) -> None:
    """Real progress resets every counter that says "this leads nowhere".

    Told while the session rests, it is of the turn before: a prompt that was sent since has yet to
    achieve something.
    """
    session = draft.sessions.get(event.session)
    if session is None:
        return
    episode = session.episode
    sent_since = int(session.unjudged and session.agent not in session.at_work)
    session = draft.put(
        replace(
            _answered(session),
            alive_at=event.at,
            progressed_at=event.at,
            healthy_since=session.healthy_since or event.at,
            unproductive=min(session.unproductive, sent_since),
            repeats=0,
            half_open=False,
            rails=session.rails if session.status is Status.WAITING else (),
            episode=replace(episode, attempts=0, tries={}) if episode else None,
        )
    )
    agent = draft.agents.get(session.agent)
    if agent is not None and agent.restarts:
        draft.agents[agent.id] = replace(agent, restarts=(), tripped=False)
    if session.status is Status.VERIFYING and session.plan is not None:
        session = verified(draft, session)
    if session.supervised and session.status is Status.WORKING:
        decide_aside(draft, draft.note(session, "progress"), "progress")


def session_stopped(draft: Draft, event: events.SessionStopped) -> None:
    """A session ceased to work. Whether and how to go on is the policy's question."""
    session = rests(draft, _known(draft, event), event.agent)
    stop = event.stop
    if session.agent != event.agent or goes_on_elsewhere(draft, session):
        return  # it is at work elsewhere, or at least another's
    before = session.stop
    if before is not None and before.key == stop.key:
        same = (before.reason, before.retrying) == (stop.reason, stop.retrying)
        if same or stop.retrying or not session.aborting or is_ours(before):
            if is_ours(before) and stop.reason is StopReason.USER_ABORT:
                under_way = _is_being_interrupted(draft, session)
                session = draft.put(replace(session, aborting=under_way))  # of it, all is told
            if session.reopened:
                stood_still(draft, session, stop)
            return  # the same stop, seen again
    if stop.key in session.earlier and session.plan is not None and not stop.retrying:
        return  # an older stop, told again: the plan for the newer one stands
    if _is_behind_our_summary(session, stop):
        return  # the stop that our plan deals with, read again after a crash of ours
    ours = session.aborting and not _prompted_since(draft, session)
    if ours and stop.reason is StopReason.USER_ABORT:
        take_for_ours(draft, session, stop)
        return
    if not session.supervised or session.status is Status.DETACHED:
        return
    if told_under_her_command(draft, session, stop):
        return
    session = draft.note(
        replace(
            _asked_to_wait(session, stop, event.at),
            stop=stop,
            stopped_at=event.at,
            repeats=session.repeats + 1,
            earlier=(*session.earlier, before.key)[-_EARLIER:] if before else session.earlier,
            block=None,
            aborting=False,
            driven=still_driven(session, before),
            latched=session.latched or is_her_stop(stop),
            reopened=False,
            holds=tuple(hold for hold in session.holds if hold.event == "stopped"),
        ),
        "stopped",
        stop.reason.value,
    )
    if session.status is Status.PAUSED:
        _under_pause(draft, session, Status.DECIDING)
    elif session.status in ACTIVE or session.status is Status.DISCOVERING:
        same_trouble = before is not None and before.reason is stop.reason
        _decide(draft, begin_episode(draft, session, stop.reason), same_trouble=same_trouble)


def _prompted_since(draft: Draft, session: Session) -> bool:
    """Whether a prompt has been ordered since our interrupt: what is aborted now, is its turn."""
    effect = draft.open.get(session.plan.effect or "") if session.plan else None
    return is_ours(session.stop) and isinstance(effect, effects.Resume | effects.Retry)


def _asked_to_wait(session: Session, stop: Stop, at: datetime) -> Session:
    """What the provider said of when to try again: a refusal without a time leaves the last one."""
    if stop.reason not in PROVIDER_REFUSED:
        return _answered(session) if stop.reason in _ANSWERED else session
    named = named_by(stop, at)
    if named is None:
        return session
    since = session.floor.since if session.floor is not None else at
    until = min(named, at + WAIT_MAX)
    return replace(session, floor=Floor(since=since, until=until, model=stop.model or ""))


def _answered(session: Session) -> Session:
    return replace(session, floor=None) if session.floor is not None else session


def session_blocked(draft: Draft, event: events.SessionBlocked) -> None:
    """A permission or question waits for the person: tell her at once, type nothing into it.

    Where a command of hers is about to end the turn that asks, the command goes on.
    """
    session = _known(draft, event)
    block = event.block
    if session.status is Status.DETACHED:
        return
    if session.block is not None and session.block.id == block.id:
        return
    session = draft.note(
        replace(session, block=block, supervised=session.parent is None or session.supervised),
        "blocked",
    )
    if _is_to_end_for_her(session):
        tell_block(draft, session, block)
        return
    if session.plan is not None:
        session = cancel(draft, session, f"a {block.kind} waits for a person")
    if session.status is Status.PAUSED:
        session = _under_pause(draft, session, Status.BLOCKED)
    elif session.status in ACTIVE or session.status is Status.DISCOVERING:
        session = draft.move(session, "blocked", f"{block.kind}: {block.text}"[:200])
    tell_block(draft, session, block)
    if session.status is Status.BLOCKED:
        decide_aside(draft, session, "blocked")


def _is_to_end_for_her(session: Session) -> bool:
    """Whether she has commanded something that begins with the end of the running turn."""
    plan = session.plan
    if plan is None or not is_hers(plan):
        return False
    return any(isinstance(step, plans.Interrupt) for step in plan.steps[plan.index :])


def tell_block(draft: Draft, session: Session, block: Block) -> None:
    """Tell the person what waits for her."""
    tool = f" for {block.tool}" if block.tool else ""
    wanted = "permission" + tool if block.kind is BlockKind.PERMISSION else "you"
    draft.tell(
        session,
        Severity.WARNING,
        session.title or session.id,
        f"{_assistant(draft, session)} asks {wanted}: {block.text}",
        f"a {block.kind} reaches the person at once",
    )


def session_unblocked(draft: Draft, event: events.SessionUnblocked) -> None:
    """The person answered, or the question is gone."""
    session = draft.sessions.get(event.session)
    if session is None or session.block is None or session.block.id != event.block:
        return
    session = draft.put(replace(session, block=None, holds=()))
    if session.status is Status.BLOCKED:
        draft.move(session, "unblocked", "")
    elif session.status is Status.PAUSED and session.paused_from is Status.BLOCKED:
        _under_pause(draft, session, Status.WORKING)


def person_prompted(draft: Draft, event: events.PersonPrompted) -> None:
    """A genuine message of the person: her session, her turn. Every plan of ours is void."""
    session = draft.sessions.get(event.session)
    if session is None or session.status is Status.DETACHED:
        return
    if session.latched and session.person_at is not None and event.at < session.person_at:
        return  # it is older than the command that stopped it, and was told late
    forget_touched(draft, session.id)
    told_late = session.plan is not None and event.at < session.plan.started_at
    session = replace(
        _answered(somebody_went_on(draft, session)),
        person_at=event.at,
        latched=False,
        reopened=session.latched,
        aborting=session.aborting and told_late,  # she had said it before our order to abort
        supervised=session.parent is None,
        unproductive=0,
        half_open=False,
        reopen_at=None,
        holds=(),
    )
    if session.plan is not None:
        session = cancel(draft, session, "the person prompts; ours is void")
    if session.status is Status.PAUSED:
        _under_pause(draft, session, Status.WORKING)
    else:
        draft.move(draft.put(session), "person_prompted", "")


def _assistant(draft: Draft, session: Session) -> str:
    """Name of the session's assistant, for sentences."""
    agent = draft.agents.get(session.agent)
    return agent.assistant if agent else "the assistant"


def _known(
    draft: Draft,
    event: events.SessionWorking | events.SessionStopped | events.SessionBlocked,
) -> Session:
    """The session as it is listed; from now on the teller's, if it may own it."""
    session = draft.sessions.get(event.session)
    if session is None:
        went_to = heading_of(event.stop) if isinstance(event, events.SessionStopped) else ""
        session = draft.put(
            Session(
                id=event.session,
                agent=event.agent,
                since=event.at,
                seen_at=event.at,
                went_to=went_to,
            )
        )
    elif session.agent != event.agent and may_own(draft, session, event):
        session = draft.put(replace(session, agent=event.agent))
    return session


def _went_on(draft: Draft, session: Session) -> None:
    plan = session.plan
    delegated = plan is not None and any(isinstance(s, plans.Delegate) for s in plan.steps)
    why = "the assistant tries again" if delegated else "it went on without us"
    session = cancel(draft, session, why)
    draft.move(draft.put(replace(session, holds=())), "went_on", "")


def _is_being_interrupted(draft: Draft, session: Session) -> bool:
    """Whether an abort of ours is under way, so that the stop to come is its doing."""
    effect = draft.open.get(session.plan.effect or "") if session.plan else None
    return isinstance(effect, effects.Interrupt)


def _is_behind_our_summary(session: Session, stop: Stop) -> bool:
    """Whether it is the stop before a summary that we ordered: then its key begins with that."""
    plan, before = session.plan, session.stop
    if plan is None or before is None or not stop.key.startswith(f"{before.key}:"):
        return False
    return any(isinstance(step, plans.Compact) for step in plan.steps[: plan.index + 1])


def _without_plan(draft: Draft, session: Session, why: str) -> Session:
    """A paused session moves on without us: what it waited for, or asked, is void."""
    waits = session.plan is not None and session.paused_from in PLANNED
    return cancel(draft, session, why) if waits else session


def _under_pause(draft: Draft, session: Session, status: Status) -> Session:
    return draft.put(replace(session, paused_from=status))


def _decide(draft: Draft, session: Session, *, same_trouble: bool) -> None:
    if session.half_open:
        session = draft.put(replace(session, half_open=False))
        refused = session.stop is not None and session.stop.reason in PROVIDER_REFUSED
        if same_trouble and not refused:
            reopen = draft.at + session.reopen_after if session.reopen_after else None
            session = draft.put(replace(session, plan=None, reopen_at=reopen))
            draft.move(session, "need_attention", "stopped again after it was reopened")
            return
    if draft.world.paused:
        session = draft.put(replace(session, paused_from=Status.DECIDING))
        draft.move(session, "pause", "paused")
        return
    if session.status is Status.DISCOVERING:
        session = draft.move(session, "stopped")
    decide_stop(draft, session)

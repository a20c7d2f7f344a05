"""The safe hold: after a mistake of our own we only watch, until a person has looked.

Theory of operation. When a turn breaks an invariant, nothing of it is kept: the loop hands in
`InvariantBroken` instead, and then the same event once more. From then on every session is paused
by us, so that all events are folded as in a pause: what happens is known, nothing is decided, and
the draft orders nothing. What a person asks for meanwhile is remembered as far as it only restrains
us. The hold is part of the world, so it outlives us; it ends by `ActAgain`, or when another
version than the one that made the mistake takes over.
"""

from typing import Final

from palingenesis.core import commands, events
from palingenesis.core.copies import replace
from palingenesis.core.effects import Notify
from palingenesis.core.events import Event
from palingenesis.core.kernel.deciding import cancel
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import OPERATOR
from palingenesis.core.kernel.operating import release
from palingenesis.core.kernel.revising import look_at_plans, remember
from palingenesis.core.kernel.sessions import tell_block
from palingenesis.core.lifecycle import may
from palingenesis.core.values import AgentId, SessionId, Severity, Status
from palingenesis.core.world import SafeHold, Session, World

ITSELF: Final = "palingenesis itself"
"""Who paused a session, where it was the safe hold."""
OUTLOOK: Final = "palingenesis holds itself: it is only watched"

_Met = events.SessionWorking | events.SessionStopped | events.SessionBlocked | events.PersonPrompted


def hold_safe(draft: Draft, event: events.InvariantBroken) -> None:
    """Say once that we hold ourselves, and pause whatever is ours."""
    draft.decide("told", event="", rule="kernel", why=f"an invariant broke: {event.what}")
    draft.order(_notice(draft, event))
    draft.acts = False
    draft.world = holding(draft.world, event)
    for session in list(draft.sessions.values()):
        if session.status is not Status.DISCOVERING or session.supervised:
            _still(draft, session)


def holding(world: World, event: events.InvariantBroken) -> World:
    """The world with the hold in it, and nothing else changed."""
    held = SafeHold(since=event.at, what=event.what, where=event.where, version=event.version)
    return replace(world, safe_hold=held)


def taken_in_safe_hold(draft: Draft, event: Event) -> bool:
    """Take an event that means something else in safe hold; False: fold it as in a pause."""
    match event:
        case events.Ticked() | events.InvariantBroken():
            return True
        case events.DaemonStarted() if event.version != _held(draft).version:
            held = _held(draft)
            _act_again(draft)
            _tell_end(draft, held, event)
            return False
        case events.PolicyAdopted():
            remember(draft, event)
            return True
        case events.CommandGiven():
            return _commanded(draft, event)
        case (
            events.SessionWorking()
            | events.SessionStopped()
            | events.SessionBlocked()
            | events.PersonPrompted()
        ):
            _meet(draft, event)
            return False
        case _:
            return False


def _held(draft: Draft) -> SafeHold:
    held = draft.world.safe_hold
    assert held is not None, "only in safe hold"
    return held


def _notice(draft: Draft, event: events.InvariantBroken) -> Notify:
    # Its id does not count on from the last decision: that count may be what broke.
    return Notify(
        id=f"{draft.world.seed[:8]}-held-{event.at:%Y%m%dT%H%M%S%fZ}",
        decision=draft.decisions[-1].id,
        session=None,
        severity=Severity.CRITICAL,
        title="palingenesis holds itself",
        message=(
            f"palingenesis {event.version} made a mistake and noticed it: {event.what} "
            f"({event.where}). Nothing is done any more; everything is still watched. "
            "Look with `palingenesis status`; `palingenesis daemon act-again` ends it. "
            "Please report it, with this line."
        ),
    )


def _still(draft: Draft, session: Session) -> None:
    """Keep a session as it is. One that the operator has paused stays hers."""
    if may(session.status, "pause"):
        held = replace(session, paused_from=session.status, paused_by=ITSELF)
        draft.move(draft.put(held), "pause", OUTLOOK)


def _meet(draft: Draft, event: _Met) -> None:
    """A session that becomes ours while we hold is held like the others."""
    known = draft.sessions.get(event.session)
    if known is None and not isinstance(event, events.PersonPrompted):
        agent: AgentId = event.agent
        known = Session(id=event.session, agent=agent, since=event.at, seen_at=event.at)
    if known is not None:
        _still(draft, known)


# ── what a person asks for meanwhile ──────────────────────────────────────────────────────────


def _commanded(draft: Draft, event: events.CommandGiven) -> bool:
    """What only restrains us is remembered; what would act is left out. Answers are taken."""
    command = event.command
    if isinstance(command, commands.Answer | commands.Detach):
        return False
    name = type(command).__name__.lower()
    if isinstance(command, commands.Order):
        name = command.what
    draft.decide("commanded", event=OPERATOR, rule=OPERATOR, why=f"{name} by {event.by}")
    match command:
        case commands.ActAgain():
            _act_again(draft)
        case commands.Hold():
            _paused_by(draft, command.session, ITSELF, event.by)
            if command.session is None:
                draft.world = replace(draft.world, paused=True, paused_by=event.by)
        case commands.Release():
            _paused_by(draft, command.session, "", ITSELF)
            if command.session is None:
                draft.world = replace(draft.world, paused=False, paused_by="")
        case commands.Abort():
            _left_alone(draft, command.session)
        case _:
            pass
    return True


def _paused_by(draft: Draft, named: SessionId | None, before: str, now: str) -> None:
    """Have paused sessions be the operator's (`before` the hold's), or the hold's again ("")."""
    for session in list(draft.sessions.values()):
        meant = named in (None, session.id) and session.status is Status.PAUSED
        if meant and (session.paused_by == before or (not before and session.paused_by != now)):
            draft.put(replace(session, paused_by=now, person_at=draft.at))


def _left_alone(draft: Draft, named: SessionId) -> None:
    """She says stop. Nothing is sent now, and nothing will be."""
    session = draft.sessions.get(named)
    if session is None:
        return
    session = replace(session, latched=True, person_at=draft.at)
    if session.status is Status.PAUSED:
        session = cancel(draft, session, "the operator ended it")
        session = replace(session, paused_from=Status.STOOD_DOWN)
    draft.put(session)


# ── the end of the hold ───────────────────────────────────────────────────────────────────────


def _act_again(draft: Draft) -> None:
    """Act again. Whatever is pending is looked at under the policy in force, and goes on."""
    since = _held(draft).since
    draft.world = replace(draft.world, safe_hold=None)
    draft.acts = True
    look_at_plans(draft)
    for session in list(draft.sessions.values()):
        if session.status is not Status.PAUSED or session.paused_by != ITSELF:
            continue
        if session.block is not None and session.block.since >= since:
            tell_block(draft, session, session.block)
        if draft.world.paused:
            draft.put(replace(session, paused_by=draft.world.paused_by, outlook="paused"))
        else:
            release(draft, session, named=False)


def _tell_end(draft: Draft, held: SafeHold, event: events.DaemonStarted) -> None:
    draft.tell(
        None,
        Severity.INFO,
        "palingenesis acts again",
        f"palingenesis {event.version} acts again: "
        f"{held.version} held itself since {held.since:%Y-%m-%d %H:%M} UTC ({held.what}).",
        f"another version than {held.version} runs now",
    )

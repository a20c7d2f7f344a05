"""The way of each session through a stretch of the journal: its statuses, one after the other.

Theory of operation. An entry says what happened, what was decided and what was ordered, but not
which status a session came into; that is in the world, which nobody kept for that moment. So the
status is read from the entry as a person would read it: a stop whose plan begins with a wait is
waiting, an order is acting, its outcome verifying. Where the world of now says otherwise, it is
right (`corrected`). A session that continues another one goes on in the same lane.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.counting import Written
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.plans import Step
from palingenesis.core.values import HER_STOPS, Result, SessionId, Status
from palingenesis.core.world import Decision, Session

_Prompt = effects.Resume | effects.Retry | effects.NewSession
_Act = plans.Resume | plans.Retry | plans.NewSession | plans.Compact | plans.Restart
_OtherAct = plans.Interrupt | plans.Snapshot | plans.Run | plans.Stop
_RESTLESS: Final = frozenset({Status.VERIFYING, Status.STALLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A session was in one status from `start` to `end`."""

    status: Status
    start: datetime
    end: datetime
    why: str = ""


@dataclass(slots=True)
class Lane:
    """One session, with those that continued it."""

    session: SessionId
    """The one it is now."""
    title: str = ""
    directory: str = ""
    spans: list[Span] = field(default_factory=list)
    status: Status | None = None
    """Where it stands; None: nothing is known yet, or it is gone."""
    since: datetime | None = None
    why: str = ""
    steps: Sequence[Step] = ()
    """Of the newest plan."""
    before_pause: Status | None = None
    is_hers: bool = False
    """She said stop, so what is refused now is left alone."""
    ids: list[SessionId] = field(default_factory=list)
    """All of them, the one that it is now among them."""

    def __post_init__(self) -> None:
        self.ids.append(self.session)


@dataclass(slots=True)
class Lanes:
    """All sessions of a stretch; take its entries in order, then `ended`."""

    since: datetime
    of: dict[SessionId, Lane] = field(default_factory=dict)
    _under_way: dict[str, Effect] = field(default_factory=dict)

    def take(self, event: Event, decisions: Sequence[Decision], ordered: Iterable[Effect]) -> None:
        """One turn."""
        self._happened(event)
        for decision in decisions:
            lane = self.of.get(decision.session) if decision.session else None
            if lane is not None:
                _decided(lane, decision, self.since)
        for effect in ordered:
            self._ordered(effect, event.at)

    def take_all(self, entries: Iterable[Written]) -> None:
        """Many turns."""
        for event, decisions, ordered in entries:
            self.take(event, decisions, ordered)

    def corrected(self, sessions: Mapping[SessionId, Session], until: datetime) -> None:
        """Where the world stands now is where each lane ends."""
        for id_, session in sessions.items():
            lane = self.of.get(id_)
            if lane is None or not session.supervised or session.successor is not None:
                continue
            lane.title, lane.directory = session.title or lane.title, session.directory
            if lane.status is not session.status:
                since = min(max(session.since, lane.since or self.since), until)
                _move(lane, session.status, since, session.outlook, self.since)

    def ended(self, until: datetime) -> list[Lane]:
        """Close every lane; those in which anything was seen, by their beginning."""
        for lane in self.of.values():
            if lane.status is not None:
                _move(lane, None, until, "", self.since)
        lanes = {id(lane): lane for lane in self.of.values() if lane.spans}
        return sorted(lanes.values(), key=lambda lane: (lane.spans[0].start, lane.session))

    # ── what happened ─────────────────────────────────────────────────────────────────────────

    def _happened(self, event: Event) -> None:
        match event:
            case events.SessionSeen():
                lane = self._lane(event.session)
                lane.title, lane.directory = event.title or lane.title, event.directory
            case events.SessionWorking() | events.PersonPrompted():
                self._move(event.session, Status.WORKING, event.at)
                self._lane(event.session).is_hers = False
            case events.SessionAlive() | events.SessionProgressed():
                known = self.of.get(event.session)
                if known is not None and known.status in _RESTLESS:
                    self._move(event.session, Status.WORKING, event.at)
            case events.SessionStopped() if event.session in self.of:
                self._lane(event.session).is_hers = event.stop.reason in HER_STOPS
            case events.SessionBlocked():
                block = event.block
                self._move(event.session, Status.BLOCKED, event.at, f"{block.kind}: {block.text}")
            case events.SessionUnblocked():
                known = self.of.get(event.session)
                if known is not None and known.status is Status.BLOCKED:
                    self._move(event.session, Status.WORKING, event.at)
            case events.SessionGone() if event.session in self.of:
                _move(self.of[event.session], None, event.at, "", self.since)
            case events.CommandGiven():
                self._commanded(event)
            case events.EffectEnded():
                self._ended(event)
            case _:
                pass

    def _commanded(self, event: events.CommandGiven) -> None:
        command = event.command
        match command:
            case commands.Hold() | commands.Release():
                meant = [command.session] if command.session is not None else list(self.of)
                for session in meant:
                    _paused(self._lane(session), command, event.at, self.since)
            case commands.Abort(session=session):
                self._lane(session).is_hers = True
            case commands.Detach(session=session) if session in self.of:
                _move(self.of[session], None, event.at, "", self.since)
            case _:
                pass

    def _ended(self, event: events.EffectEnded) -> None:
        effect = self._under_way.pop(event.effect, None)
        if isinstance(effect, effects.Interrupt):
            self._interrupted(self._lane(effect.session), event.at)
        if not isinstance(effect, _Prompt) or event.result not in {Result.OK, Result.UNKNOWN}:
            return
        lane = self._lane(effect.session)
        heir = event.data.get("session", "")
        if isinstance(effect, effects.NewSession) and heir:
            self.of[SessionId(heir)] = lane
            lane.session = SessionId(heir)
            lane.ids.append(lane.session)
        if lane.status is Status.ACTING:
            _move(lane, Status.VERIFYING, event.at, "", self.since)

    def _interrupted(self, lane: Lane, at: datetime) -> None:
        """What was interrupted waits, if its plan goes on with that."""
        places = [i for i, one in enumerate(lane.steps) if isinstance(one, plans.Interrupt)]
        to = _of_plan(lane.steps[places[0] + 1 :]) if places else None
        if to is not None and lane.status is Status.ACTING:
            _move(lane, to, at, lane.why, self.since)

    def _ordered(self, effect: Effect, at: datetime) -> None:
        if not isinstance(effect, effects.SessionEffect):
            return
        if isinstance(effect, effects.Snapshot) and effect.aside:
            return
        self._under_way[effect.id] = effect
        lane = self.of.get(effect.session)
        if lane is not None and lane.status is not Status.PAUSED:
            _move(lane, Status.ACTING, at, plans_word(effect), self.since)

    def _lane(self, session: SessionId) -> Lane:
        return self.of.setdefault(session, Lane(session))

    def _move(self, session: SessionId, to: Status, at: datetime, why: str = "") -> None:
        lane = self._lane(session)
        if lane.status is Status.PAUSED:
            lane.before_pause = to
        else:
            _move(lane, to, at, why, self.since)


def plans_word(effect: Effect) -> str:
    """The word of the policy language for an effect: `new-session`."""
    word = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(effect).__name__)
    return word.lstrip("-")


def _paused(
    lane: Lane, command: commands.Hold | commands.Release, at: datetime, since: datetime
) -> None:
    if isinstance(command, commands.Hold):
        if lane.status not in {None, Status.PAUSED}:
            lane.before_pause = lane.status
            _move(lane, Status.PAUSED, at, "paused", since)
    elif lane.status is Status.PAUSED:
        _move(lane, lane.before_pause or Status.WORKING, at, "", since)


def _decided(lane: Lane, decision: Decision, since: datetime) -> None:
    at, why = decision.at, f"{decision.rule}: {decision.why}" if decision.why else decision.rule
    match decision.kind:
        case "verified":
            _move(lane, Status.WORKING, at, "", since)
        case "decided" | "revised":
            lane.steps = decision.plan
            to = _of_plan(decision.plan)
            if to is None and decision.event == "stopped":
                to = Status.ATTENTION
            if to is not None:
                _move(lane, to, at, why, since)
        case "refused":
            _move(lane, _of_refusal(decision, lane), at, decision.why, since)
        case "answered":
            is_yes = decision.why.startswith("yes") or decision.why.endswith(": yes")
            _move(lane, Status.ACTING if is_yes else Status.ATTENTION, at, decision.why, since)
        case _:
            pass


def _of_refusal(decision: Decision, lane: Lane) -> Status:
    if decision.why.startswith("not before "):
        return Status.WAITING
    if decision.limited and (to := _of_plan(decision.plan)) is not None:
        return to
    return Status.STOOD_DOWN if lane.is_hers else Status.ATTENTION


def _of_plan(steps: Sequence[Step]) -> Status | None:
    """Where a plan brings the session first; None: it says nothing of that."""
    for step in steps:
        match step:
            case plans.Wait() | plans.Delegate():
                return Status.WAITING
            case plans.Ask():
                return Status.ASKING
            case plans.StandDown():
                return Status.STOOD_DOWN
            case plans.Finish():
                return Status.COMPLETED
            case plans.Attention():
                return Status.ATTENTION
            case _ if isinstance(step, _Act | _OtherAct):
                return Status.ACTING
            case _:
                continue
    return None


def _move(lane: Lane, to: Status | None, at: datetime, why: str, since: datetime) -> None:
    if to is lane.status:
        return
    at = max(at, lane.since or at)  # a clock that was set back makes no time
    if lane.status is not None and lane.since is not None and at > max(lane.since, since):
        start = max(lane.since, since)
        lane.spans.append(Span(status=lane.status, start=start, end=at, why=lane.why))
    lane.status, lane.since, lane.why = to, at, why

"""Watching limits that sessions share: after a refusal one of them is asked at a time.

Worked out from events and orders alone, with a memory of its own, as the other invariants are. It
knows less than the kernel's ledger: neither windows nor displayed resets.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, effects, events
from palingenesis.core.events import Event
from palingenesis.core.safety import PROVIDER_REFUSED
from palingenesis.core.step import Turn
from palingenesis.core.values import Result, SessionId, Status, Stop, StopReason
from palingenesis.core.world import Session, World

_SILENT: Final = timedelta(minutes=10)
"""A prompt that came to nothing for so long holds nobody up."""
_ANSWERED: Final = frozenset({StopReason.COMPLETED, StopReason.OUTPUT_LIMIT, StopReason.REFUSED})
_AT_WORK: Final = frozenset(
    {Status.ACTING, Status.VERIFYING, Status.WORKING, Status.STALLED, Status.BLOCKED}
)
_Prompt = effects.Resume | effects.Retry | effects.NewSession


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt under way."""

    limit: str
    at: datetime
    effect: str


@dataclass(slots=True)
class Canaries:
    """Who is asked where, and which limits are closed."""

    _closed: dict[str, datetime] = field(default_factory=dict)
    """When the newest refusal came, by limit."""
    _limits: dict[SessionId, str] = field(default_factory=dict)
    _began: dict[SessionId, datetime] = field(default_factory=dict)
    _asked: dict[SessionId, _Asked] = field(default_factory=dict)
    _told: set[tuple[SessionId, str, str]] = field(default_factory=set)

    def take(self, event: Event, turn: Turn, hers: set[int]) -> Iterator[str]:
        """Look at one turn; `hers` are the decisions that a person made. Yields what is wrong."""
        self._learn(event, turn.world)
        for effect in turn.effects:
            if isinstance(effect, _Prompt):
                yield from self._ordered(
                    effect, event.at, turn.world, of_rule=effect.decision not in hers
                )

    def _learn(self, event: Event, world: World) -> None:
        match event:
            case events.SessionStopped():
                known = world.sessions.get(event.session)
                self._stopped(event, supervised=known is None or known.supervised)
            case events.SessionWorking() | events.PersonPrompted():
                self._began[event.session] = event.at
            case events.FactsObserved() if event.session and event.facts.get("session.model"):
                self._limits[event.session] = str(event.facts["session.model"])
            case events.SessionAlive() if event.what != "step":
                self._answered(event.session, event.at, surely=False)
            case events.SessionProgressed() | events.SessionBlocked():
                self._answered(event.session, event.at, surely=True)
            case events.EffectEnded():
                self._ended(event)
            case events.AgentDown():
                self._over(one.id for one in world.sessions.values() if one.agent == event.agent)
            case events.SessionGone():
                self._over([event.session])
            case events.CommandGiven() if isinstance(event.command, commands.SessionCommand):
                one = event.command.session
                self._over(list(self._asked) if one is None else [one])
            case _:
                pass

    def _stopped(self, event: events.SessionStopped, *, supervised: bool) -> None:
        stop, session = event.stop, event.session
        told = (session, stop.key, f"{stop.reason}{stop.retrying}")
        if told in self._told:
            return
        self._told.add(told)
        self._limits[session] = limit = self._limit(stop, self._limits.get(session, event.agent))
        if stop.reason in _ANSWERED:
            if (asked := self._asked.get(session)) is not None:
                self._asked[session] = replace(asked, limit=limit)  # it is known only now
            self._answered(session, event.at, surely=True)
        self._over([session])
        if stop.retrying:
            self._began[session] = event.at  # its assistant asks again by itself
        if stop.reason in PROVIDER_REFUSED and supervised:
            self._closed[limit] = event.at

    def _ended(self, event: events.EffectEnded) -> None:
        mine = next((s for s, one in self._asked.items() if one.effect == event.effect), None)
        if mine is None:
            return
        if event.result is not Result.OK:
            self._over([mine])
        elif heir := event.data.get("session"):
            self._asked[SessionId(heir)] = asked = self._asked.pop(mine)
            self._limits.setdefault(SessionId(heir), asked.limit)
            self._began[SessionId(heir)] = asked.at

    def _limit(self, stop: Stop, known: str) -> str:
        return f"{stop.provider}/{stop.model}" if stop.provider and stop.model else known

    def _answered(self, session: SessionId, at: datetime, *, surely: bool) -> None:
        asked = self._asked.get(session)
        limit = asked.limit if asked is not None else self._limits.get(session, "")
        began = asked.at if asked is not None else self._began.get(session)
        refused = self._closed.get(limit)
        if refused is not None and (surely or (began is not None and began >= refused)):
            del self._closed[limit]
        if asked is not None:
            self._over([session])

    def _over(self, sessions: Iterable[SessionId]) -> None:
        for session in list(sessions):
            self._asked.pop(session, None)

    def _ordered(
        self, effect: _Prompt, at: datetime, world: World, *, of_rule: bool
    ) -> Iterator[str]:
        limit = effect.model or self._limits.get(effect.session, effect.agent)
        if of_rule and limit in self._closed:
            for session, one in self._asked.items():
                under_way = one.limit == limit and at - one.at < _SILENT
                if (
                    session != effect.session
                    and under_way
                    and _is_there(world.sessions.get(session))
                ):
                    yield f"{effect.session} is asked beside {session}, and {limit} is closed"
        self._asked[effect.session] = _Asked(limit, at, effect.id)
        self._began[effect.session] = at


def _is_there(session: Session | None) -> bool:
    """Whether an answer is still waited for: nobody holds it, and it was not given up."""
    return session is not None and session.status in _AT_WORK

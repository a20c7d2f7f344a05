"""The inbox: what happened and was not taken yet, in order, without growing beyond all bounds.

Theory of operation. While the journal cannot be written, nothing is taken and sensors go on
watching. What they tell again and again is **coalesced**: of signs of life of one session in a row
the newest is kept, facts told in a row become one telling, of ticks the last one stays. In a row
means: nothing else about the session, or about all of them, came in between, so what is dropped
would have been overtaken at once. Everything else stays: stops, outcomes, a person's words.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from palingenesis.core import commands, events
from palingenesis.core.copies import replace
from palingenesis.core.events import Event
from palingenesis.core.step import Turn
from palingenesis.core.values import HER_STOPS, SessionId
from palingenesis.runtime.ports import Reading

ROOM: Final = 500
"""How many may wait before what can be dropped is looked for."""
_EVERYBODY: Final = "*"
RESTRAINING: Final = (commands.Hold, commands.Abort, commands.Detach)
"""What only restrains us: it can be taken when nothing else can, and outranks what waits."""


class Waiting(NamedTuple):
    """An event that waits for its turn, who waits for what comes of it, and what clocks showed."""

    event: Event
    taken: "asyncio.Future[Turn] | None" = None
    reading: Reading | None = None

    def answer(self, turn: Turn) -> None:
        """Tell whoever waits for it what came of it."""
        if self.taken is not None and not self.taken.done():
            self.taken.set_result(turn)


class Inbox:
    """A queue of what happened. One reader."""

    def __init__(self, *, room: int = ROOM) -> None:
        self._room = room
        self._waiting = deque[Waiting]()
        self._arrived = asyncio.Event()
        self._look_at = room
        self.dropped = 0
        """How many events were dropped because a later one says the same."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, one: Waiting) -> None:
        """Add an event at the end."""
        self._waiting.append(one)
        self._arrived.set()
        if len(self._waiting) >= self._look_at:
            self._coalesce()

    async def get(self) -> Waiting:
        """Take the oldest event, as soon as there is one."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def closing(self) -> tuple[Waiting, ...]:
        """What ends something that is under way, or only restrains us; it stays where it is."""
        return tuple(one for one in self._waiting if _closes(one.event))

    def remove(self, taken: Waiting) -> None:
        """Take one out of the middle."""
        kept = [one for one in self._waiting if one is not taken]
        self._waiting = deque(kept)

    def told_of(self, session: SessionId) -> bool:
        """Whether a person has said what restrains us there, and it is not taken yet."""
        return any(_is_her_word(one.event, session) for one in self._waiting)

    def _coalesce(self) -> None:
        kept = _coalesced(self._waiting)
        self.dropped += len(self._waiting) - len(kept)
        self._waiting = kept
        self._look_at = max(self._room, 2 * len(kept))


def _coalesced(waiting: deque[Waiting]) -> deque[Waiting]:
    kept = deque[Waiting]()
    later: dict[str, int] = {}
    """Where what comes next about somebody is among the kept ones, counted from the end."""
    has_tick = False
    for one in reversed(waiting):
        if isinstance(one.event, events.Ticked):
            if not has_tick:
                has_tick = True
                kept.appendleft(one)
            continue
        about = _about(one.event)
        place = later.get(about)
        if place is not None and one.taken is None:
            same = _overtaken(one.event, kept[-place].event)
            if same is not None:
                kept[-place] = kept[-place]._replace(event=same)
                continue
        if about == _EVERYBODY:
            later.clear()
        kept.appendleft(one)
        later[about] = len(kept)
    return kept


def _overtaken(event: Event, after: Event) -> Event | None:
    """What says the same as both; None: both have to be said."""
    match event, after:
        case events.SessionAlive(), events.SessionAlive() if event.what == after.what:
            return after
        case events.FactsObserved(), events.FactsObserved():
            return replace(after, facts={**event.facts, **after.facts})
        case _:
            return None


def _about(event: Event) -> str:
    """Whom it is about: a session, the host or an agent's facts, or everybody."""
    if isinstance(event, events.FactsObserved) and event.session is None:
        return f"facts of {event.agent}"
    session = getattr(event, "session", None)
    return f"session {session}" if session is not None else _EVERYBODY


def _closes(event: Event) -> bool:
    match event:
        case events.EffectEnded() | events.DaemonStopped():
            return True
        case events.CommandGiven():
            return isinstance(event.command, RESTRAINING)
        case _:
            return False


def _is_her_word(event: Event, session: SessionId) -> bool:
    match event:
        case events.PersonPrompted():
            return event.session == session
        case events.SessionStopped():
            return event.session == session and event.stop.reason in HER_STOPS
        case events.CommandGiven() if isinstance(event.command, RESTRAINING):
            return event.command.session in {session, None}
        case _:
            return False

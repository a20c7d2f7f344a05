"""The loop: one event at a time, written down, then acted upon.

Theory of operation. Everything that happens becomes an event in one queue. A turn takes the oldest
event, asks the kernel what follows, writes event, decisions and intended effects to the journal in
one transaction, and only then adopts the new world and starts the effects. Their outcomes come back
as events. While the journal cannot be written the loop stands still: sensors go on watching, their
events wait in the inbox, and nothing is done that is not written down. When it is the disk that is
full, the room of the reserve is given away: that the disk is full is written into it, and what ends
something that is under way, and nothing else, until there is room again.

When a turn breaks (the kernel raises, a second look objects, the journal will never take it),
nothing of it is kept: the loop holds itself (core.kernel.holding) and takes the event once more,
only watching. From then on no event, however broken, ends it and nothing is started.

Time is wall-clock time, and may be set. So every event is handed in with a reading of the clocks
that cannot be (`ports.Reading`); before a turn, the loop holds that against what the world knows,
and when the wall clock was set, or the machine was suspended, that is an event of its own, and the
turn before it. The queue keeps order, so the world is always on the clock of the event it takes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final, Protocol

from palingenesis import __version__
from palingenesis.core import events
from palingenesis.core.effects import Compact, Effect, Log, NewSession, Notify, Resume, Retry
from palingenesis.core.errors import BrokenRailError, EntryRefusedError, JournalError
from palingenesis.core.events import Event
from palingenesis.core.kernel.holding import holding
from palingenesis.core.kernel.stepping import NOTICED
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Mode, Policy
from palingenesis.core.record import to_plain
from palingenesis.core.second_look import objection
from palingenesis.core.step import Turn, next_deadline, step
from palingenesis.core.world import World
from palingenesis.runtime.cleaning import Clean, as_it_is
from palingenesis.runtime.inbox import Inbox, Waiting
from palingenesis.runtime.mistakes import told
from palingenesis.runtime.ports import (
    NO_EMERGENCY,
    Clock,
    Clocks,
    Emergency,
    Entry,
    Journal,
    Reading,
    one_clock,
)
from palingenesis.runtime.standstill import PAUSE_S, Standstill

log = logging.getLogger("palingenesis.loop")

TICK: Final = timedelta(seconds=5)
"""Time is looked at at least this often: after a suspend, deadlines are late by no more."""
_SLEPT_S: Final = 5.0
"""A shorter suspend is not worth a line."""

Listener = Callable[[int, Entry, World], None]
"""Called after every written turn with its sequence number; must not block or raise."""


Pulse = Callable[[], None]
"""Called whenever the loop has turned, or stands still and knows why: a sign of its life."""

Step = Callable[[World, Event, Policy, Policy | None], Turn]
"""`core.step.step`, or what a test puts in its place."""


class Performer(Protocol):
    """Starts effects; their outcomes come back through the loop's `emit`."""

    def start(self, effect: Effect) -> None:
        """Begin to carry the effect out, in the background."""
        ...


class Loop:
    """Owns the world. Everything else hands it events and reads what it made of them."""

    def __init__(
        self,
        *,
        world: World,
        policy: Policy,
        journal: Journal,
        clock: Clock,
        candidate: Policy | None = None,
        stepping: Step = step,
        clean: Clean = as_it_is,
        clocks: Clocks = one_clock,
        emergency: Emergency = NO_EMERGENCY,
    ) -> None:
        self.world = world
        self.policy = policy
        self.candidate = candidate
        """What decides beside it while the world has a shadow; never acted upon."""
        self.seq = 0
        self.pulse: Pulse = lambda: None
        self._step = stepping
        self._clean = clean
        self._journal = journal
        self._clock = clock
        self._clocks = clocks
        self._slept_s: float | None = None
        self._inbox = Inbox()
        self._still = Standstill(
            clock=clock,
            inbox=self._inbox,
            emergency=emergency,
            note=self._noted,
            pulse=self._beat,
        )
        self._turned = asyncio.Event()
        self._listeners = list[Listener]()
        self._performer: Performer | None = None

    def _beat(self) -> None:
        self.pulse()

    @property
    def journal_trouble(self) -> str:
        """Why nothing can be written now; empty when all is well."""
        return self._still.why

    @property
    def lives_on_reserve(self) -> bool:
        """Whether what only restrains us can still be taken, although the disk is full."""
        return self._still.lives_on_reserve

    @property
    def waiting(self) -> int:
        """How many events were not taken yet."""
        return len(self._inbox)

    def overtaken(self, effect: Effect) -> str:
        """Why an effect is void that the world still knows nothing of: a person has spoken."""
        if not isinstance(effect, Resume | Retry | NewSession | Compact):
            return ""
        return "a person has spoken since" if self._inbox.told_of(effect.session) else ""

    def emit(self, event: Event) -> None:
        """Hand an event in; it is taken in turn."""
        self._inbox.put(Waiting(event, None, self._clocks()))

    async def submit(self, event: Event) -> Turn:
        """Hand an event in and return what came of it, once that is written down."""
        taken: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._inbox.put(Waiting(event, taken, self._clocks()))
        return await taken

    def attend(self, listener: Listener) -> None:
        """Have a listener called after every turn from now on."""
        self._listeners.append(listener)

    def dismiss(self, listener: Listener) -> None:
        """Call that listener no more."""
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    async def run(self, performer: Performer) -> None:
        """Take events for ever."""
        self._performer = performer
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            while True:
                await self._take_next(await self._inbox.get())

    async def _take_next(self, waiting: Waiting) -> None:
        turn = await self._take_at(waiting.event, waiting.reading)
        self.pulse()
        waiting.answer(turn)

    async def take(self, event: Event) -> Turn:
        """Take an event in that happened just now."""
        return await self._take_at(event, self._clocks())

    async def _take_at(self, event: Event, reading: Reading | None) -> Turn:
        if reading is not None:
            for before in self._noticed(event, reading):
                await self._turn(before)
        return await self._turn(event)

    def _noticed(self, event: Event, reading: Reading) -> Iterator[Event]:
        """What became of the clocks since the turn before."""
        slept_s, self._slept_s = self._slept_s, reading.slept_s
        if isinstance(event, events.DaemonStarted):
            return  # it tells itself what the clocks show
        booted_at = self.world.booted_at
        if booted_at is not None and abs(by := reading.booted_at - booted_at) >= NOTICED:
            yield events.ClockStepped(at=reading.at, by=by)
        if slept_s is not None and reading.slept_s - slept_s >= _SLEPT_S:
            span = timedelta(seconds=round(reading.slept_s - slept_s, 3))
            yield events.MachineSlept(at=reading.at, span=span)

    async def _turn(self, event: Event) -> Turn:
        """One turn: clean, fold, write, adopt, act. A turn that breaks is taken only watching."""
        while self.world.safe_hold is None:
            try:
                event = self._clean(event)
                turn = self._decided(event)
                if not _matters(event, turn, self.world):
                    self.world = turn.world
                    return turn
                return self._written(event, turn)
            except EntryRefusedError as error:
                await self.hold_safe(error, event)
            except JournalError as error:
                await self._still.last(error)  # and then decide anew: the world may have changed
            except Exception as error:  # noqa: BLE001 - the loop's edge: it becomes the safe hold
                await self.hold_safe(error, event)
        return await self._only_watch(event)

    def _decided(self, event: Event) -> Turn:
        """What follows from an event, looked at twice."""
        policy, candidate = self.policy, self.candidate
        if isinstance(event, events.PolicyAdopted):
            policy = build(event.resolved)
        elif isinstance(event, events.ShadowStarted):
            candidate = build(event.resolved)
        turn = self._step(self.world, event, policy, candidate)
        if not isinstance(event, events.InvariantBroken) and (
            why := objection(
                self.world,
                turn.world,
                turn.effects,
                {decision.id for decision in turn.decisions},
                event.at,
                enforced=policy.mode is Mode.ENFORCE,
            )
        ):
            raise BrokenRailError(why)
        self.policy, self.candidate = policy, candidate
        return turn

    def _written(self, event: Event, turn: Turn) -> Turn:
        """Write a turn down and act.

        Raises:
            JournalError: it is not written down, so nothing has happened.
        """
        entry = _entry(event, turn)
        self._adopt(turn, entry, self._journal.append(entry))
        return turn

    def _adopt(self, turn: Turn, entry: Entry, seq: int) -> None:
        """It is written down: let it be so, and act."""
        self.seq = seq
        self.world = turn.world
        self._turned.set()
        for listener in self._listeners:
            listener(self.seq, entry, self.world)
        if self._performer is not None:
            for effect in turn.effects:
                self._performer.start(effect)

    # ── the safe hold ─────────────────────────────────────────────────────────────────────────

    async def hold_safe(self, error: Exception, over: Event | None = None) -> None:
        """A mistake of ours came to light: act no more, say so once, and go on watching."""
        if self.world.safe_hold is not None:
            return
        log.critical(
            "palingenesis holds itself: nothing is done until a person has looked", exc_info=error
        )
        event = self._clean(self._broken(error, over))
        turns = [Turn(holding(self.world, event), (), ())]
        with contextlib.suppress(Exception):
            turns.insert(0, step(self.world, event, self.policy))
        self.world = turns[0].world  # first of all: what is about to be sent asks this world
        for turn in turns:
            try:
                entry = _entry(event, turn)
                self._adopt(turn, entry, await self._write(entry))
            except Exception:
                log.exception("the safe hold is not written down")
            else:
                return

    def _broken(self, error: Exception, over: Event | None = None) -> events.InvariantBroken:
        what, where = told(error, over)
        at = self._clock.now()
        return events.InvariantBroken(at=at, what=what, where=where, version=__version__)

    async def _only_watch(self, event: Event) -> Turn:
        """Fold and write down what can be; whatever breaks now is logged and left out."""
        nothing = Turn(self.world, (), ())
        try:
            event = self._clean(event)
        except Exception:
            log.exception("%s is left out", type(event).__name__)
            return nothing
        try:
            if isinstance(event, events.PolicyAdopted):
                self.policy = build(event.resolved)
            elif isinstance(event, events.ShadowStarted):
                self.candidate = build(event.resolved)
            turn = step(self.world, event, self.policy, self.candidate)
        except Exception:
            log.exception("%s is written down and nothing else", type(event).__name__)
            turn = nothing
        if not _matters(event, turn, self.world):
            return turn
        try:
            entry = _entry(event, turn)
            self._adopt(turn, entry, await self._write(entry))
        except Exception:
            log.exception("%s is left out", type(event).__name__)
            return nothing
        return turn

    # ── the journal ───────────────────────────────────────────────────────────────────────────

    async def _write(self, entry: Entry) -> int:
        """Write an entry down while we hold ourselves, however long that takes.

        Raises:
            EntryRefusedError: the journal will never take it.
        """
        while True:
            try:
                seq = self._journal.append(entry)
            except EntryRefusedError:
                raise
            except JournalError as error:
                self._still.begin(error)
                self.pulse()
                await self._clock.sleep(PAUSE_S)
                continue
            self._still.end()
            return seq

    async def _noted(self, event: Event, *, acts: bool = True) -> Turn | None:
        """A turn beside the queue, if it can be written now, and, unless `acts`, only tells."""
        try:
            event = self._clean(event)
            turn = self._decided(event)
            if not acts and not all(isinstance(it, Notify | Log) for it in turn.effects):
                return None
            return self._written(event, turn)
        except EntryRefusedError as error:
            await self.hold_safe(error, event)
        except JournalError as error:
            self._still.begin(error)
        except Exception as error:  # noqa: BLE001 - the loop's edge: it becomes the safe hold
            await self.hold_safe(error, event)
        return None

    async def _tick(self) -> None:
        """Hand in a tick whenever something is due, and every few seconds."""
        while True:
            now = self._clock.now()
            try:
                due = next_deadline(self.world, self.policy)
            except Exception as error:  # noqa: BLE001 - the loop's edge: it becomes the safe hold
                self.emit(self._broken(error))
                due = None
            wait = TICK if due is None else max(min(due - now, TICK), timedelta(0))
            self._turned.clear()
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait.total_seconds(), 0.001)):
                    await self._turned.wait()
                continue  # the world changed: look again what is due
            if not self._inbox:
                self.emit(events.Ticked(at=self._clock.now()))
            # What is due waits as long as nothing can be written: there is nothing to hurry for.
            await self._clock.sleep(PAUSE_S if self.journal_trouble else 0.005)


def _entry(event: Event, turn: Turn) -> Entry:
    """A turn as the journal takes it.

    Raises:
        EntryRefusedError: something in it cannot be recorded.
    """
    return Entry(
        event=event,
        decisions=tuple(to_plain(decision) for decision in turn.decisions),
        effects=turn.effects,
    )


def _matters(event: Event, turn: Turn, before: World) -> bool:
    """Whether a turn has to be remembered: a tick that changes nothing has not."""
    if not isinstance(event, events.Ticked):
        return True
    return bool(turn.decisions or turn.effects) or turn.world.sessions != before.sessions

"""A night: the real kernel and a modelled world, on a virtual clock, in a closed loop.

Theory of operation. The stage tells events, `core.step` takes them as in the daemon, its effects
act on the stage, and the stage answers. Two times run side by side: the true time, in which things
happen, and what the machine's clock shows, which events are stamped with and deadlines are set in;
a clock step moves one against the other, and a suspend lets the true time pass while everything
that runs on the machine stands still. Faults stand between the stage and the kernel.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, effects, events
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import Turn, next_deadline, step
from palingenesis.core.values import SessionId
from palingenesis.core.world import Session, World
from palingenesis.simulation.acting import Acting
from palingenesis.simulation.dice import Dice
from palingenesis.simulation.rehearsal import Answers, Happening
from palingenesis.simulation.setting import ClockStep, Setting, Suspend
from palingenesis.simulation.stage import Stage

MOST_TURNS: Final = 200_000
"""A night that takes more turns of the kernel is broken off."""
_ZERO: Final = timedelta(0)
_NEVER_DISTURBED: Final = (events.EffectEnded, events.CommandGiven, events.PersonPrompted)
"""Events of ours, and what a person does: no fault duplicates or delays them."""

Watcher = Callable[[Event, Turn], None]
"""Called after every turn of the kernel."""


@dataclass(eq=False)
class Night:
    """One night of one policy in one setting."""

    policy: Policy
    setting: Setting
    start: datetime
    seed: str = "rehearsal"
    answers: Answers = field(default_factory=Answers)
    watchers: tuple[Watcher, ...] = ()
    world: World = field(default_factory=World)
    turns: int = 0

    def __post_init__(self) -> None:
        self.clock = self.start
        self._skew = _ZERO
        self._queue: list[tuple[datetime, int, bool, Callable[[], None]]] = []
        self._order = 0
        self._disturbed = 0
        self.dice = Dice(self.seed)
        self.stage = Stage(self.setting, self.dice, self, self.start)
        self._acting = Acting(self.stage, self.answers)
        faults = self.setting.faults
        self._is_disturbed = bool(faults.duplicates or faults.late)
        for suspend in faults.suspends:
            self.at(suspend.at, lambda s=suspend: self._suspend(s))  # type: ignore[misc]
        for change in faults.clock_steps:
            self.at(change.at, lambda c=change: self._set_clock(c))  # type: ignore[misc]

    # ── time ──────────────────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        """What the machine's clock shows."""
        return self.clock + self._skew

    def later(self, span: timedelta, do: Callable[[], None]) -> None:
        """Have something happen on the machine when a span has passed."""
        self._push(self.clock + span, do, local=True)

    def at(self, instant: datetime, do: Callable[[], None]) -> None:
        """Have something happen at a true instant, wherever the machine is."""
        self._push(max(instant, self.clock), do, local=False)

    def _push(self, instant: datetime, do: Callable[[], None], *, local: bool) -> None:
        self._order += 1
        heapq.heappush(self._queue, (instant, self._order, local, do))

    def _suspend(self, suspend: Suspend) -> None:
        """The machine sleeps. What runs on it goes on afterwards; what is due outside waits."""
        wakes = self.clock + suspend.span
        moved = [
            (instant + suspend.span if local else max(instant, wakes), order, local, do)
            for instant, order, local, do in self._queue
        ]
        heapq.heapify(moved)
        self._queue = moved
        self.clock = wakes
        self.stage.wake()

    def _set_clock(self, change: ClockStep) -> None:
        self._skew += change.by

    # ── the loop ──────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """Begin: we start to watch, and what the setting names is there."""
        self._take(events.DaemonStarted(at=self.now, version="rehearsal", seed=self.seed))
        self.stage.open()
        self.run(self.start)

    def run(self, until: datetime) -> None:
        """Let the night go on until a true instant."""
        queue = self._queue
        while self.turns < MOST_TURNS:
            queue = self._queue
            due = next_deadline(self.world, self.policy)
            if due is not None:
                due = max(due - self._skew, self.clock)
            if queue and (due is None or queue[0][0] <= due):
                if queue[0][0] > until:
                    break
                instant, _, _, do = heapq.heappop(queue)
                self.clock = max(self.clock, instant)
                do()
            elif due is not None and due <= until:
                self.clock = due
                self._take(events.Ticked(at=self.now))
            else:
                break
        self.clock = max(self.clock, until)

    def tell(self, event: Event) -> None:
        """Hand an event to the kernel, unless a fault holds it up."""
        if not self._is_disturbed or isinstance(event, _NEVER_DISTURBED):
            self._take(event)
            return
        faults = self.setting.faults
        self._disturbed += 1
        purpose = f"event:{self._disturbed}"
        late = self.dice.chance(faults.late, f"{purpose}:late")
        if self.dice.chance(faults.duplicates, f"{purpose}:twice"):
            self.later(timedelta(seconds=1), lambda: self._take(event))
        if late:
            span = faults.late_by * self.dice.fraction(f"{purpose}:by")
            self.later(span, lambda: self._take_late(event))
        else:
            self._take(event)

    def _take_late(self, event: Event) -> None:
        """What comes late is told only if it is still so: a sensor looks before it tells."""
        talk = self.stage.talks.get(getattr(event, "session", None) or SessionId(""))
        if talk is None or talk.is_still(event):
            self._take(event)

    def _take(self, event: Event) -> None:
        turn = step(self.world, event, self.policy)
        self.world = turn.world
        self.turns += 1
        for watcher in self.watchers:
            watcher(event, turn)
        for effect in turn.effects:
            self._acting.perform(effect)
            if isinstance(effect, effects.Notify) and effect.session is not None:
                self._asked_person(turn.world.sessions.get(effect.session))

    def _asked_person(self, session: Session | None) -> None:
        """A policy may have asked the person: she answers in her time."""
        person = self.setting.person
        plan = session.plan if session is not None else None
        if plan is None or not plan.question or person.answers is None:
            return
        command = commands.Answer(question=plan.question, yes=person.says)
        instant = self.stage.awake_from(self.clock + person.answers)
        self.at(
            instant,
            lambda: self._take(events.CommandGiven(at=self.now, command=command, by="scenario")),
        )

    # ── for whoever looks on ──────────────────────────────────────────────────────────────────

    def session(self, name: str) -> SessionId:
        """The conversation that carries on a session of the scenario now."""
        return self.stage.lineage[name]


@dataclass(slots=True)
class Diary:
    """A watcher that remembers every turn, to tell the night afterwards."""

    past: list[Happening] = field(default_factory=list)

    def take(self, event: Event, turn: Turn) -> None:
        """Remember a turn."""
        self.past.append(Happening(at=event.at, event=event, turn=turn))

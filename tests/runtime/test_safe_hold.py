"""A turn that breaks is not carried out: the loop holds itself and goes on watching."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from palingenesis import __version__
from palingenesis.core import commands, effects, events
from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect
from palingenesis.core.errors import EntryRefusedError
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import Turn, step
from palingenesis.core.values import SessionId, Severity, Status
from palingenesis.core.world import World
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.cleaning import Clean, as_it_is
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Entry
from palingenesis.runtime.recovery import recover
from tests.core.life import SES, Life, alive, stopped
from tests.core.policies import NIGHT
from tests.runtime.loopback import JumpingClock, ListJournal

Step = Callable[[World, Event, Policy, Policy | None], Turn]


class Performed:
    """Remembers what was started."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    def start(self, effect: Effect) -> None:
        self.effects.append(effect)


_E = TypeVar("_E", bound=Event)


def a_night(
    stepping: Step,
    journal: ListJournal | SqliteJournal | None = None,
    *,
    clean: Clean = as_it_is,
) -> Loop:
    life = Life(NIGHT)
    return Loop(
        world=life.world,
        policy=NIGHT,
        journal=journal if journal is not None else ListJournal(),
        clock=JumpingClock(),
        stepping=stepping,
        clean=clean,
    )


def lived(loop: Loop, *happened: Event) -> list[Effect]:
    """What is started when these events are taken, one after the other."""
    performed = Performed()

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(loop.run(performed))
            for event in happened:
                await loop.submit(event)
            task.cancel()

    asyncio.run(run())
    return performed.effects


def a_stop(reason: str = "rate_limit", retry_after: float = 0) -> Event:
    event = stopped(reason, retry_after=retry_after)(Life(NIGHT))
    assert event is not None
    return event


ALIVE = alive(Life(NIGHT))


def breaks_on(kind: type, error: Exception) -> Step:
    """The real kernel with one planted mistake."""

    def stepping(world: World, event: Event, policy: Policy, candidate: Policy | None) -> Turn:
        if isinstance(event, kind):
            raise error
        return step(world, event, policy, candidate)

    return stepping


def spoils(turn_of: Callable[[Turn], Turn]) -> Step:
    """The real kernel whose turns that prompt come out wrong."""

    def stepping(world: World, event: Event, policy: Policy, candidate: Policy | None) -> Turn:
        turn = step(world, event, policy, candidate)
        prompts = any(isinstance(effect, effects.Resume) for effect in turn.effects)
        return turn_of(turn) if prompts else turn

    return stepping


def latched(turn: Turn) -> Turn:
    session = replace(turn.world.sessions[SES], latched=True)
    return turn._replace(world=replace(turn.world, sessions={SES: session}))


def undecided(turn: Turn) -> Turn:
    plain = replace(turn.world.sessions[SES], plan=None)
    return Turn(replace(turn.world, sessions={SES: plain}), (), turn.effects)


@pytest.mark.parametrize(
    ("stepping", "what"),
    [
        (breaks_on(events.SessionStopped, AssertionError("it cannot be")), "it cannot be"),
        (breaks_on(events.SessionStopped, KeyError("ses_2")), "KeyError: 'ses_2'"),
        (spoils(latched), "the person stopped this session"),
        (spoils(undecided), "nobody decided it"),
    ],
)
def test_a_turn_that_breaks_starts_nothing_but_the_notice_about_it(stepping: Step, what: str):
    loop = a_night(stepping)

    (notice,) = lived(loop, a_stop())

    assert isinstance(notice, effects.Notify)
    assert notice.severity is Severity.CRITICAL
    assert what in notice.message
    assert loop.world.safe_hold is not None
    assert what in loop.world.safe_hold.what
    assert "over SessionStopped" in loop.world.safe_hold.where


def test_the_event_that_broke_it_is_known_all_the_same():
    journal = ListJournal()
    loop = a_night(breaks_on(events.SessionStopped, AssertionError("no")), journal)

    lived(loop, a_stop(), ALIVE)

    kinds = [type(entry.event).__name__ for entry in journal.entries]
    assert kinds == ["InvariantBroken", "SessionStopped", "SessionAlive"]
    session = loop.world.sessions[SES]
    assert session.stop is not None
    assert (session.status, session.alive_at) == (Status.PAUSED, ALIVE.at)


def test_a_kernel_that_always_breaks_is_told_about_once_and_ends_nothing():
    loop = a_night(breaks_on(object, RuntimeError("always")))

    started = lived(loop, a_stop(), ALIVE, a_stop("quota"), ALIVE)

    assert len(started) == 1


def test_an_event_that_cannot_even_be_cleaned_is_left_out_and_ends_nothing():
    journal = ListJournal()
    loop = a_night(step, journal, clean=breaks_over_stops)

    lived(loop, a_stop(), ALIVE)

    kinds = [type(entry.event).__name__ for entry in journal.entries]
    assert kinds == ["InvariantBroken", "SessionAlive"]


def breaks_over_stops(event: _E, /) -> _E:
    if isinstance(event, events.SessionStopped):
        raise RecursionError
    return event


@dataclass
class LookingJournal(ListJournal):
    """Looks at its loop whenever something is to be written."""

    loop: Loop | None = None
    held: list[bool] = field(default_factory=list)

    def append(self, entry: Entry) -> int:
        assert self.loop is not None
        self.held.append(self.loop.world.safe_hold is not None)
        return super().append(entry)


def test_what_is_about_to_be_sent_is_called_off_before_the_mistake_is_even_written_down():
    journal = LookingJournal(refusals=3)
    loop = a_night(breaks_on(events.SessionStopped, AssertionError("no")), journal)
    journal.loop = loop

    lived(loop, a_stop())

    assert journal.held == [True] * 5


def test_an_effect_that_was_written_before_is_a_mistake_and_not_a_full_disk(tmp_path: Path):
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        first = a_night(step, journal)
        lived(first, a_stop())
        again = a_night(step, journal)  # the same world, so the same ids

        (notice,) = lived(again, a_stop())

    assert isinstance(notice, effects.Notify)
    assert "has been written before" in notice.message
    assert again.journal_trouble == ""


@dataclass
class PickyJournal(ListJournal):
    """Takes all but one event."""

    never: Event | None = None

    def append(self, entry: Entry) -> int:
        if entry.event is self.never:
            raise EntryRefusedError("cannot record SessionAlive")
        return super().append(entry)


def test_an_event_that_can_never_be_written_is_a_mistake_and_does_not_stop_the_watching():
    torn = events.SessionAlive(at=ALIVE.at, session=SES, what="torn")
    journal = PickyJournal(never=torn)
    loop = a_night(step, journal)

    lived(loop, torn, ALIVE)

    kinds = [type(entry.event).__name__ for entry in journal.entries]
    assert kinds == ["InvariantBroken", "SessionAlive"]
    assert loop.world.sessions[SES].alive_at == ALIVE.at


def test_a_person_lets_it_act_again_and_then_it_does():
    failing = [True]

    def stepping(world: World, event: Event, policy: Policy, candidate: Policy | None) -> Turn:
        if isinstance(event, events.SessionStopped) and failing.pop(0):
            raise AssertionError("once")
        return step(world, event, policy, candidate)

    loop = a_night(stepping)
    again = events.CommandGiven(at=ALIVE.at, command=commands.ActAgain(), by="anna")

    notice, resume = lived(loop, a_stop(), again)

    assert isinstance(notice, effects.Notify)
    assert isinstance(resume, effects.Resume)
    assert loop.world.safe_hold is None


def test_the_hold_survives_our_restart(tmp_path: Path):
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        loop = Loop(
            world=World(),
            policy=NIGHT,
            journal=journal,
            clock=JumpingClock(),
            stepping=breaks_on(events.SessionStopped, AssertionError("no")),
        )
        begun = events.DaemonStarted(at=ALIVE.at, version=__version__, seed="5eed5eed5eed")
        work = events.SessionWorking(
            at=ALIVE.at, session=SessionId("ses_1"), agent=Life(NIGHT).session.agent
        )
        lived(loop, begun, work, a_stop())

        recovered = recover(journal)

    assert recovered.world == loop.world
    assert recovered.broken is None
    assert recovered.differing == 0

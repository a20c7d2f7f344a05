"""The journal through the kernel again: the same comes out, or the difference is shown."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.core.events import (
    AgentUp,
    DaemonStarted,
    Event,
    PolicyAdopted,
    SessionSeen,
    SessionStopped,
    SessionWorking,
)
from palingenesis.core.policy.build import build
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.record import to_plain
from palingenesis.core.values import Stop, StopReason, Way
from palingenesis.core.world import World
from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.recovery import NOTHING_YET
from palingenesis.runtime.replaying import DIFFERENCES_KEPT, Replayed, replay
from palingenesis.simulation.rehearsal import AGENT, SESSION, VERSION, Rehearsal
from tests.policy.texts import SCHEMA
from tests.runtime.loopback import JumpingClock

POLICY = """\
version: 1
rules:
  - id: limit
    when: stop.reason == 'rate_limit'
    do: [{wait: {for: 10m, jitter: 30s}}, resume]
  - id: crashed
    when: stop.reason == 'crash'
    do: [restart, resume]
default: {do: [attention]}
"""
BEGAN = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)


def adopted() -> PolicyAdopted:
    policy = compile_text(POLICY, name="policy", schema=SCHEMA).policy
    assert policy is not None
    return PolicyAdopted(at=BEGAN, name="policy", digest=policy.digest, resolved=policy.resolved)


def night(stops: int) -> list[Event]:
    """Limits one after the other, each waited for and resumed after."""
    lived = Rehearsal(policy=build(adopted().resolved), start=BEGAN + timedelta(minutes=1))
    for number in range(stops):
        stop = Stop(key=f"m{number}", reason=StopReason.RATE_LIMIT)
        lived.happen(SessionStopped(at=lived.now, session=SESSION, agent=AGENT, stop=stop))
        lived.advance(timedelta(minutes=11))
    up = AgentUp(
        at=BEGAN,
        agent=AGENT,
        assistant="opencode",
        way=Way.MANAGED,
        version=VERSION,
        supported=True,
        started_at=BEGAN,
    )
    return [
        DaemonStarted(at=BEGAN, version="test", seed="rehearsal"),
        adopted(),
        up,
        SessionSeen(at=BEGAN, session=SESSION, agent=AGENT, title="night"),
        SessionWorking(at=BEGAN, session=SESSION, agent=AGENT),
        *(one.event for one in lived.past),
    ]


def write(path: Path, *, stops: int = 4, snapshots: tuple[int, ...] = ()) -> int:
    """A journal of such a night, as the daemon's loop writes it; returns its last number."""
    with SqliteJournal.open(path) as journal:
        loop = Loop(world=World(), policy=build(NOTHING_YET), journal=journal, clock=JumpingClock())

        async def live() -> None:
            for event in night(stops):
                await loop.take(event)
                if loop.seq in snapshots:
                    journal.remember(to_plain(loop.world), loop.seq)

        asyncio.run(live())
        return loop.seq


def replayed(path: Path, after: int = 0) -> Replayed:
    with ReadOnlyJournal.open(path) as journal:
        return replay(journal, after)


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"DROP TRIGGER entries_do_not_change; DROP TRIGGER entries_stay; {sql}"
        )


@dataclass
class Shelf:
    """An archive in memory, whose entries a test may change as it likes."""

    held: list[Recorded]
    worlds: dict[int, Any] = field(default_factory=dict)
    policies: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)

    def first_seq(self) -> int:
        return self.held[0].seq if self.held else 0

    def snapshots(self) -> dict[int, Any]:
        return self.worlds

    def entries(self, after: int = 0) -> list[Recorded]:
        return [one for one in self.held if one.seq > after]

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        return self.policies.get(digest)


def shelf(path: Path) -> Shelf:
    with ReadOnlyJournal.open(path) as journal:
        held = list(journal.entries())
        return Shelf(
            held,
            dict(journal.snapshots()),
            {adopted().digest: ("policy", adopted().resolved)},
        )


def test_a_night_comes_out_as_it_was_recorded(tmp_path: Path):
    last = write(tmp_path / "journal.db", snapshots=(9, 15))

    found = replayed(tmp_path / "journal.db")

    assert (found.first, found.last, found.entries, found.snapshot) == (1, last, last, 0)
    assert found.decisions >= 8
    assert found.effects >= 4
    assert found.snapshots == 2
    assert (found.different, found.differences, found.damaged, found.missing) == (0, (), (), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rule", "crashed"),
        ("why", "because"),
        ("tries", 7),
        ("limited", True),
        ("seed", "other:1"),
        ("facts", {"stop.reason": "quota"}),
        ("plan", []),
    ],
)
def test_every_field_of_a_decision_has_to_be_the_same(tmp_path: Path, name: str, value: object):
    write(tmp_path / "journal.db")
    archive = shelf(tmp_path / "journal.db")
    index = next(i for i, one in enumerate(archive.held) if one.decisions)
    entry = archive.held[index]
    changed = ({**entry.decisions[0], name: value}, *entry.decisions[1:])
    archive.held[index] = Recorded(
        seq=entry.seq, event=entry.event, decisions=changed, effects=entry.effects
    )

    (found,) = replay(archive).differences

    assert (found.seq, found.what, found.fields) == (entry.seq, "decision", (name,))
    assert found.recorded is not None
    assert found.now is not None
    assert found.recorded[name] == value
    assert found.now[name] == entry.decisions[0][name]


def test_an_effect_that_was_not_ordered_or_is_not_ordered_now_is_a_difference(tmp_path: Path):
    write(tmp_path / "journal.db")
    archive = shelf(tmp_path / "journal.db")
    index = next(i for i, one in enumerate(archive.held) if one.effects)
    entry = archive.held[index]
    archive.held[index] = Recorded(seq=entry.seq, event=entry.event, decisions=entry.decisions)
    archive.held[index - 1] = Recorded(
        seq=entry.seq - 1, event=archive.held[index - 1].event, effects=entry.effects
    )

    found = [one for one in replay(archive).differences if one.what == "effect"]

    assert [(one.seq, one.recorded is None, one.now is None) for one in found] == [
        (entry.seq - 1, False, True),
        (entry.seq, True, False),
    ]


def test_a_decision_that_no_version_could_have_made_is_a_difference(tmp_path: Path):
    write(tmp_path / "journal.db")
    archive = shelf(tmp_path / "journal.db")
    index = next(i for i, one in enumerate(archive.held) if one.decisions)
    entry = archive.held[index]
    archive.held[index] = Recorded(seq=entry.seq, event=entry.event, decisions=({"id": "x"},))

    assert replay(archive).different >= 1


def test_a_snapshot_that_is_not_the_world_of_the_fold_is_a_difference(tmp_path: Path):
    write(tmp_path / "journal.db", snapshots=(9,))
    archive = shelf(tmp_path / "journal.db")
    archive.worlds[9] = {**archive.worlds[9], "seed": "another"}

    (found,) = replay(archive).differences

    assert (found.seq, found.what, found.fields) == (9, "snapshot", ("seed",))


def test_a_count_that_an_older_version_did_not_begin_with_is_no_difference(tmp_path: Path):
    write(tmp_path / "journal.db", snapshots=(9,))
    archive = shelf(tmp_path / "journal.db")
    archive.worlds[9] = {k: v for k, v in archive.worlds[9].items() if k != "savings"}

    assert replay(archive).differences == ()


def test_from_an_entry_on_only_what_follows_is_compared(tmp_path: Path):
    last = write(tmp_path / "journal.db", snapshots=(9,))

    found = replayed(tmp_path / "journal.db", after=11)
    before = replayed(tmp_path / "journal.db", after=4)

    assert (found.first, found.last, found.snapshot, found.different) == (12, last, 9, 0)
    assert (before.first, before.last, before.snapshot, before.different) == (5, last, 0, 0)


def test_a_compacted_journal_is_replayed_from_its_oldest_snapshot(tmp_path: Path):
    last = write(tmp_path / "journal.db", snapshots=(9, 15))
    archive = shelf(tmp_path / "journal.db")
    archive.held = archive.held[7:]

    found = replay(archive)

    assert (found.first, found.last, found.snapshot) == (10, last, 9)
    assert (found.different, found.missing, found.unchecked) == (0, (), 0)


def test_a_compacted_journal_without_a_snapshot_cannot_be_replayed(tmp_path: Path):
    write(tmp_path / "journal.db")
    archive = shelf(tmp_path / "journal.db")
    archive.held = archive.held[7:]

    with pytest.raises(JournalError, match="begins with entry 8 and holds no snapshot"):
        replay(archive)


def test_after_a_damaged_entry_the_world_of_the_next_snapshot_is_taken(tmp_path: Path):
    last = write(tmp_path / "journal.db", snapshots=(9,))
    change(tmp_path / "journal.db", "UPDATE entries SET event = '{}' WHERE seq = 6;")

    found = replayed(tmp_path / "journal.db")

    assert (found.damaged, found.missing, found.unchecked) == ((6,), ((6, 6),), 3)
    assert (found.entries, found.last, found.different) == (last - 4, last, 0)


def test_a_damaged_entry_right_before_a_snapshot_costs_nothing_more(tmp_path: Path):
    write(tmp_path / "journal.db", snapshots=(9,))
    change(tmp_path / "journal.db", "UPDATE entries SET event = '{}' WHERE seq = 9;")

    found = replayed(tmp_path / "journal.db")

    assert (found.missing, found.unchecked, found.different) == (((9, 9),), 0, 0)


def test_without_a_later_snapshot_what_differs_after_damage_is_marked(tmp_path: Path):
    write(tmp_path / "journal.db")
    with ReadOnlyJournal.open(tmp_path / "journal.db") as journal:
        stop = next(it.seq for it in journal.entries() if isinstance(it.event, SessionStopped))
    change(tmp_path / "journal.db", f"DELETE FROM entries WHERE seq = {stop};")

    found = replayed(tmp_path / "journal.db")

    assert found.missing == ((stop, stop),)
    assert found.damaged == ()
    assert found.different > 0
    assert all(one.after_damage for one in found.differences)


def test_all_differences_are_counted_and_a_thousand_are_kept(tmp_path: Path):
    write(tmp_path / "journal.db", stops=340)
    archive = shelf(tmp_path / "journal.db")
    archive.held = [
        Recorded(seq=one.seq, event=one.event, decisions=(), effects=()) for one in archive.held
    ]

    found = replay(archive)

    assert found.different > DIFFERENCES_KEPT
    assert len(found.differences) == DIFFERENCES_KEPT


def test_an_empty_journal_has_nothing_to_replay(tmp_path: Path):
    SqliteJournal.open(tmp_path / "journal.db").close()

    found = replayed(tmp_path / "journal.db")

    assert (found.first, found.last, found.entries) == (0, 0, 0)


def test_a_turn_that_breaks_is_told_and_nothing_comes_of_it(tmp_path: Path):
    write(tmp_path / "journal.db")
    archive = shelf(tmp_path / "journal.db")
    broken = PolicyAdopted(at=BEGAN, name="policy", digest="d", resolved={"version": "none"})
    last = archive.held[-1].seq
    archive.held.append(Recorded(seq=last + 1, event=broken))

    found = replay(archive)

    assert (found.broken, found.different, found.last) == (1, 0, last + 1)
    assert found.broke.startswith("InvalidConfigError: ")

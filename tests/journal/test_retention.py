"""The past goes when there is too much of it; what anything still needs of it stays."""

import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.journal import ReadOnlyJournal, Retention, SqliteJournal, plan_sweep
from palingenesis.journal.retention import BESIDE_BYTES, DECISIONS_KEPT, Sweep
from palingenesis.runtime.recovery import recover
from palingenesis.runtime.worth import count_up
from tests.core.policies import NIGHT
from tests.journal import released
from tests.journal.crashing import boundary, crash_everywhere
from tests.journal.nights import BEGAN, adopted, at, ended, resume, session, stopped, turn

SMALL = Retention(bytes_max=BESIDE_BYTES + 400 * 1024)
"""Room for some hundred entries."""
DAY = timedelta(days=1)


def fill(journal: SqliteJournal, count: int, *, start: int = 0, snapshot_every: int = 50) -> None:
    """Stops of three sessions, each answered at once."""
    for number in range(start + 1, start + count + 1):
        entry = turn(
            stopped(number, of=number % 3, message="m" * 300),
            resume(number, of=number % 3),
            id=number,
            rule="limit",
            policy="d1",
        )
        journal.append(entry)
        seq = journal.append(turn(ended(number)))
        if number % snapshot_every == 0:
            journal.remember({"after": number}, seq)


def swept(
    journal: SqliteJournal,
    retention: Retention = SMALL,
    *,
    alive: tuple[str, ...] = (),
    after: timedelta = timedelta(0),
) -> int:
    """Remove what may go; how many steps it took."""
    now, steps = at(100_000) + after, 0
    sweep = plan_sweep(journal.path, retention, alive=alive, at=now)
    while sweep is not None:
        sweep = journal.remove_some(sweep, now)
        steps += 1
    while journal.give_back(retention):
        steps += 1
    return steps


def seqs(journal: SqliteJournal, **of: str) -> list[int]:
    return [it.seq for it in journal.entries(**of)]


@pytest.fixture
def journal(tmp_path: Path):
    with SqliteJournal.open(tmp_path / "journal.db") as opened:
        opened._ready().execute("PRAGMA synchronous = OFF")  # no power is cut here
        yield opened


def test_a_journal_within_its_bounds_keeps_everything(journal):
    fill(journal, 60)

    assert swept(journal) == 0
    assert seqs(journal) == list(range(1, 121))
    assert journal.removed() is None


def test_the_oldest_go_first_and_what_recovery_reads_stays(journal):
    fill(journal, 400)

    assert swept(journal) > 1

    kept = seqs(journal)
    removed = journal.removed()
    assert removed is not None
    assert removed.entries == removed.through == kept[0] - 1
    assert removed.at == at(100_000)
    assert kept == list(range(kept[0], 801))
    assert kept[0] < 600, "no more went than had to"
    assert journal.used_bytes() <= SMALL.file_bytes_wanted
    assert journal.latest_snapshot() == (800, {"after": 400})
    assert journal.problems() == ()


def test_working_it_out_holds_no_more_than_one_snapshot_in_memory(journal):
    fill(journal, 30)
    for seq in (20, 40, 60):
        journal.remember({"after": seq, "world": "w" * 1_000_000}, seq)
    tracemalloc.start()
    try:
        plan_sweep(journal.path, SMALL, alive=(session(1),), at=at(100_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_500_000


def test_a_sweep_goes_on_until_the_next_is_not_due_at_once(journal):
    fill(journal, 400)
    swept(journal)
    before = journal.last_seq()
    while journal.used_bytes() <= SMALL.file_bytes_wanted:
        fill(journal, 1, start=journal.last_seq())

    assert journal.last_seq() - before >= 30


def test_nothing_goes_without_a_snapshot_to_start_from(journal):
    fill(journal, 400, snapshot_every=1_000)

    assert swept(journal) == 0
    assert len(seqs(journal)) == 800


def test_what_follows_the_oldest_snapshot_stays_however_large_it_is(journal):
    fill(journal, 30, snapshot_every=10)
    fill(journal, 370, start=30, snapshot_every=1_000)

    swept(journal)

    assert seqs(journal) == list(range(21, 801))
    assert journal.problems() == ()


def test_an_entry_outlives_its_days_only_if_it_is_needed(journal):
    fill(journal, 200)

    swept(journal, Retention(keep=DAY), after=DAY - timedelta(seconds=100_000 - 50))

    assert seqs(journal)[0] == 99, "numbers 1 to 49 happened more than a day ago"


def test_an_effect_without_an_outcome_stays_open(journal):
    journal.append(turn(stopped(9_000, of=7), resume(9_000, of=7)))
    fill(journal, 400)

    swept(journal)

    assert seqs(journal)[0] == 1
    assert journal.open_effects() == [(resume(9_000, of=7), at(9_000))]
    assert journal.problems() == ()
    journal.append(turn(ended(9_000)))
    fill(journal, 200, start=400)
    swept(journal)
    assert seqs(journal)[0] > 1
    assert journal.open_effects() == []
    assert journal.problems() == ()


def test_an_effect_of_the_past_is_not_ordered_again_while_its_outcome_is_there(journal):
    fill(journal, 400)
    swept(journal)
    last_intent = next(it.effects[0] for it in journal.entries() if it.effects)

    with pytest.raises(JournalError, match="has been written before"):
        journal.append(turn(stopped(9_999), last_intent))


def test_a_session_that_lives_keeps_its_newest_decisions_with_what_came_of_them(journal):
    for number in range(9_001, 9_031):
        journal.append(turn(stopped(number, of=7), resume(number, of=7), id=number, policy="d1"))
        journal.append(turn(ended(number)))
    fill(journal, 400)

    swept(journal, alive=(session(7),))

    kept = seqs(journal, session=session(7))
    assert kept == list(range(61 - 2 * DECISIONS_KEPT, 61))
    assert journal.open_effects() == []
    assert journal.problems() == ()


def test_the_policy_in_force_stays_and_those_replaced_long_ago_go(journal):
    journal.append(turn(adopted("d0", default="x" * 500)))
    journal.append(turn(adopted("d1", default="y" * 500)))
    for start in (0, 400, 800):
        fill(journal, 400, start=start)
        if start == 400:
            journal.append(turn(adopted("d2", default="z" * 500)))
        swept(journal)

    assert journal.policy("d0") is None
    assert journal.policy("d2") is not None
    assert journal.policy("d1") is not None, "older entries that are still there name it"
    fill(journal, 400, start=1_200)
    swept(journal)
    swept(journal)
    assert journal.problems() == ()


def test_a_policy_that_is_adopted_again_in_the_meantime_is_not_dropped(journal):
    journal.append(turn(adopted("d0", default="x")))
    journal.append(turn(adopted("d1", default="y")))
    fill(journal, 400)
    swept(journal)
    fill(journal, 1, start=400)
    swept(journal)
    sweep = plan_sweep(journal.path, SMALL, alive=(), at=at(100_000))
    while sweep is not None and not sweep.unused:
        fill(journal, 200, start=401)
        swept(journal)
        sweep = plan_sweep(journal.path, SMALL, alive=(), at=at(100_000))
    assert sweep is None or sweep.unused
    journal.append(turn(adopted("d0", default="x")))
    if sweep is not None:
        journal.remove_some(sweep, at(100_000))

    assert journal.policy("d0") is not None
    assert journal.problems() == ()


def test_a_file_beyond_its_bound_shrinks_when_the_bound_is_lowered(journal):
    fill(journal, 1_500, snapshot_every=50)
    before = journal.path.stat().st_size

    swept(journal)
    journal.close()

    assert before > SMALL.file_bytes_max
    assert journal.path.stat().st_size <= SMALL.file_bytes_max


def test_entries_do_not_go_by_themselves(journal):
    fill(journal, 400)
    swept(journal)
    connection = journal._ready()
    first = seqs(journal)[0]

    with pytest.raises(Exception, match="append-only"):
        connection.execute("DELETE FROM entries WHERE seq = ?", (first,))


def test_a_changed_record_of_what_was_removed_is_noticed(journal):
    fill(journal, 400)
    swept(journal)
    path, kept = journal.path, seqs(journal)
    journal._ready().execute("UPDATE gaps SET last = last - 3")
    journal.close()

    with SqliteJournal.open(path) as again:
        (damage,) = again.damage
        assert seqs(again) == kept

    assert "the record of missing entries is damaged" in damage.problems
    assert damage.lost == ((1, kept[0] - 1),)


def test_damage_beside_what_was_removed_is_told_apart_from_it(journal):
    fill(journal, 400)
    swept(journal)
    path, kept = journal.path, seqs(journal)
    connection = journal._ready()
    connection.execute("DROP TRIGGER entries_stay")
    connection.execute("DELETE FROM entries WHERE seq <= ?", (kept[0] + 1,))
    connection.execute("DELETE FROM snapshots")
    journal.close()

    with SqliteJournal.open(path) as again:
        (damage,) = again.damage
        removed = again.removed()
        assert again.problems() == ()

    assert damage.lost == ((kept[0], kept[0] + 1),)
    assert removed is not None
    assert removed.through == kept[0] - 1


def test_the_world_recovered_after_a_sweep_is_the_same(tmp_path):
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        world = World()
        for entry in released.night():
            seq = journal.append(entry)
            world = step(world, entry.event, NIGHT).world
            journal.remember(to_plain(world), seq)
        swept(journal, Retention(keep=DAY), after=timedelta(days=1_000))
        assert journal.removed() is not None
        recovered = recover(journal)

        counted = count_up(journal)

    assert recovered.world == world
    assert counted == world.savings


def test_what_the_journal_removes_stays_counted(tmp_path):
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        world = World()
        for entry in released.night():
            world = step(world, entry.event, NIGHT).world
            journal.remember(to_plain(world), journal.append(entry))
        before = count_up(journal)
        swept(journal, Retention(keep=DAY), after=timedelta(days=1_000))
        left = sum(1 for _ in journal.entries())

        assert left < len(list(released.night()))
        assert before.stopped > 0
        assert count_up(journal) == before


def test_a_reader_sees_the_same_beside_a_sweep(journal):
    fill(journal, 400)
    sweep = plan_sweep(journal.path, SMALL, alive=(), at=BEGAN)
    with ReadOnlyJournal.open(journal.path) as reader:
        entries = reader.entries()
        assert next(entries).seq == 1
        assert sweep is not None
        journal.remove_some(sweep, BEGAN)

        assert len(list(entries)) >= 400
        assert reader.problems() == ()


# ── crashed at every boundary ─────────────────────────────────────────────────────────────────


def crashing_sweep(path: Path) -> Sweep | None:
    return plan_sweep(path, SMALL, alive=(session(1),), at=at(100_000))


def make_sweep(path: Path) -> None:
    path.parent.mkdir(parents=True)
    template = path.parent.parent / "template.db"
    if not template.exists():
        with SqliteJournal.open(template) as journal:
            journal._ready().execute("PRAGMA synchronous = OFF")
            journal.append(turn(stopped(9_000, of=7), resume(9_000, of=7)))
            fill(journal, 300)
    path.write_bytes(template.read_bytes())


def do_sweep(path: Path) -> None:
    with SqliteJournal.open(path) as journal:
        journal._ready().set_trace_callback(boundary)
        sweep = crashing_sweep(path)
        while sweep is not None:
            sweep = journal.remove_some(sweep, at(100_000))


def check_sweep(path: Path) -> None:
    """Whatever was left is sound, and the next sweep ends where an undisturbed one does."""
    with SqliteJournal.open(path) as journal:
        assert journal.damage == []
        assert journal.problems() == ()
        assert [effect.id for effect, _ in journal.open_effects()] == ["9000.1"]
        assert journal.last_seq() == 601
        sweep = crashing_sweep(path)
        while sweep is not None:
            sweep = journal.remove_some(sweep, at(100_000))
        assert journal.used_bytes() <= SMALL.file_bytes_wanted
        assert journal.problems() == ()


def test_a_sweep_that_crashes_at_any_boundary_leaves_a_sound_journal(tmp_path):
    assert crash_everywhere(f"{__name__}:sweep", tmp_path, stride=29) > 20

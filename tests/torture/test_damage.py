"""The short form of the damaged journals (see tests/torture/damage.py)."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture.damage import STORIES, Case, a_night, cases, play, wrong_with

EVERY = {"closed": 4, "killed": 23, "swept": 4}


@pytest.mark.parametrize("story", STORIES)
def test_a_damaged_journal_starts_with_all_that_can_be_read_or_is_held(story: str, tmp_path: Path):
    tally = play(story, tmp_path, count=220, every=EVERY[story])

    assert tally.done > 50
    assert tally.violations == []


def test_the_judge_sees_a_loss_that_nobody_is_told_of(tmp_path: Path):
    (tmp_path / "night").mkdir()
    (tmp_path / "room").mkdir()
    left = a_night("closed", tmp_path / "night", 10)
    more = replace(
        left, entries={**left.entries, 99: left.entries[3]}, cells={**left.cells, 99: b"\0nowhere"}
    )

    why = wrong_with(Case("nothing", left.database, left.log), more, tmp_path / "room")

    assert why == "entries [99] are lost, and nobody is told"


def test_the_judge_sees_an_entry_that_is_lost_though_it_is_there(tmp_path: Path):
    (tmp_path / "night").mkdir()
    (tmp_path / "room").mkdir()
    left = a_night("closed", tmp_path / "night", 10)
    place = left.database.index(left.cells[7][1:]) + len(left.cells[7]) - 2
    harmed = left.database[:place] + b"#" + left.database[place + 1 :]
    more = replace(left, cells={**left.cells, 7: left.cells[7][:-1]})

    why = wrong_with(Case("a seal", harmed, left.log), more, tmp_path / "room")

    assert why.startswith("entries [7] are lost, and stand there")


def test_the_same_seed_damages_the_same(tmp_path: Path):
    left = a_night("killed", tmp_path, 10)

    assert list(cases(left, 5, 2_000))[-9:] == list(cases(left, 5, 2_000))[-9:]
    assert list(cases(left, 5, 2_000))[-9:] != list(cases(left, 6, 2_000))[-9:]

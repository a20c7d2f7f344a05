"""`palingenesis replay`: the same again, or what differs; and what another policy would do."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, environment, say
from tests.runtime.test_replaying import POLICY, change, write

__all__ = ["say"]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = Path(environment(tmp_path)["PALINGENESIS_STATE_DIR"]) / "journal.db"
    path.parent.mkdir(mode=0o700)
    write(path, snapshots=(9,))
    return path


def test_a_journal_that_comes_out_the_same_is_exit_code_0(say: Say, journal: Path):
    said = say("replay")

    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "entries 1 to 25 · 8 decisions, 4 effects, 1 snapshot: every one came out the same\n"
    )


def test_the_same_as_json(say: Say, journal: Path):
    said = say("replay", "--json", "--from", "12")

    told = json.loads(said.out)
    assert said.code == 0
    assert (told["first"], told["last"], told["snapshot"]) == (12, 25, 9)
    assert (told["different"], told["differences"]) == (0, [])


def test_a_decision_that_comes_out_otherwise_is_shown_field_by_field(say: Say, journal: Path):
    change(
        journal,
        """UPDATE entries SET decisions = replace(decisions, '"rule":"limit"', '"rule":"other"')
           WHERE seq = 6;""",
    )
    seal(journal, 6)

    said = say("replay")
    as_json = say("replay", "--json")

    assert (said.code, as_json.code) == (1, 1)
    lines = said.out.splitlines()
    assert lines[0].endswith(": 1 difference")
    assert lines[2].startswith("entry 6 · ")
    assert lines[2].endswith(" · SessionStopped · decision 1 decided other ses_rehearsal")
    assert lines[3:] == ["  - rule: other", "  + rule: limit"]
    (one,) = json.loads(as_json.out)["differences"]
    assert (one["seq"], one["fields"], one["recorded"]["rule"]) == (6, ["rule"], "other")


def test_an_effect_that_is_ordered_only_now_is_shown(say: Say, journal: Path):
    change(journal, "UPDATE entries SET effects = '[]' WHERE seq = 7;")
    seal(journal, 7)

    lines = say("replay").out.splitlines()

    assert lines[2].endswith(" · Ticked · effect rehearsa-1.1 ses_rehearsal")
    assert lines[3] == "  - recorded  nothing"


def test_damaged_entries_are_named_and_are_exit_code_1(say: Say, journal: Path):
    change(journal, "UPDATE entries SET event = '{}' WHERE seq = 6;")

    said = say("replay")

    assert said.code == 1
    assert said.out.endswith(": every one came out the same\n")
    assert said.err.splitlines() == [
        "warning: damaged, and left out: entries 6",
        "warning: not there: entries 6 to 6",
        "warning: not checked, up to the next snapshot: 3 entries",
    ]


def test_without_a_journal_one_line_says_so(say: Say):
    said = say("replay")

    assert said.code == 3
    assert said.err.startswith("error: there is no journal yet")


def test_from_an_entry_that_does_not_exist_yet_nothing_is_replayed(say: Say, journal: Path):
    said = say("replay", "--from", "4000")

    assert (said.code, said.out) == (0, "nothing was replayed: there is no entry that fits\n")


def test_another_policy_is_held_against_those_that_were_in_force(
    say: Say, journal: Path, tmp_path: Path
):
    one, other = tmp_path / "policy.yaml", tmp_path / "next.yaml"
    one.write_text(POLICY)
    other.write_text(POLICY.replace("10m", "15m"))

    same = say("replay", "--policy", str(one))
    different = say("replay", "--policy", str(other))
    as_json = say("replay", "--policy", str(other), "--json")

    assert same.code == 0
    assert "4 recorded decisions (4 stops)" in same.out
    assert "none would be decided differently" in same.out
    assert different.code == 1
    assert "+ wait 15m" in different.out
    assert json.loads(as_json.out)["different"] == 4


def seal(path: Path, seq: int) -> None:
    """Make the checksum of a changed entry right again: what a forger would do."""
    from contextlib import closing
    from sqlite3 import connect

    from palingenesis.journal.rows import COLUMNS, Row, _seal

    with closing(connect(path)) as connection:
        query = f"SELECT {COLUMNS} FROM entries WHERE seq = ?"
        row = Row(*connection.execute(query, (seq,)).fetchone())
        checksum = _seal(row.values()[:-1])
        connection.execute("UPDATE entries SET checksum = ? WHERE seq = ?", (checksum, seq))
        connection.commit()

from pathlib import Path

import pytest

from palingenesis.core.errors import IllegalMoveError
from palingenesis.core.lifecycle import TRANSITIONS, may, mermaid, move, table
from palingenesis.core.values import Status

DOCUMENT = Path(__file__).parents[2] / "docs/reference/lifecycle.md"


def test_the_machine_equals_the_table_for_every_status_and_trigger():
    triggers = {trigger for trigger, _, _ in TRANSITIONS}

    for status in Status:
        for trigger in triggers:
            rows = [row for row in TRANSITIONS if row[0] == trigger and status in row[1]]
            assert may(status, trigger) is bool(rows)
            if rows:
                assert move(status, trigger) is rows[0][2]
            else:
                with pytest.raises(IllegalMoveError):
                    move(status, trigger)


def test_no_status_has_two_ways_to_go_by_one_trigger():
    seen = [(source, trigger) for trigger, sources, _ in TRANSITIONS for source in sources]

    assert len(seen) == len(set(seen))


def test_every_status_but_asking_is_reached_and_every_status_can_be_left():
    reached = {dest for _, _, dest in TRANSITIONS}
    left = {source for _, sources, _ in TRANSITIONS for source in sources}

    assert reached | {Status.DISCOVERING} == set(Status)
    assert left == set(Status)


def test_an_unknown_trigger_is_refused_by_name():
    with pytest.raises(IllegalMoveError, match="no trigger 'fly'"):
        move(Status.WORKING, "fly")

    assert not may(Status.WORKING, "fly")
    with pytest.raises(IllegalMoveError, match="no trigger 'to_waiting'"):
        move(Status.WORKING, "to_waiting")


def test_the_documented_diagram_is_the_table():
    assert f"```mermaid\n{mermaid()}```" in DOCUMENT.read_text(encoding="utf-8")


def test_the_documented_rows_are_the_table():
    assert f"\n\n{table()}\n" in DOCUMENT.read_text(encoding="utf-8")

"""Whose doing the end of her program was, and what its last turns came to."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from palingenesis.assistants.opencode.ending import how_it_ended
from palingenesis.assistants.opencode.running import Ending
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.core.values import DownCause, SessionId
from palingenesis.processes.exits import Exit
from tests.opencode.live_adapter.fake import START, Json, answer, user
from tests.opencode.live_adapter.test_observed import Database

ONE = SessionId("ses_1")
BEFORE, AFTER = START, START + timedelta(hours=1)
"""The turns of these tests are begun between the two."""
UNMARKED = (user(1), answer(2, finish=None))
UNANSWERED = (answer(1), user(2))


def ending_of(tmp_path: Path, said: tuple[Json, ...], **how: Any) -> Ending:
    database = Database(tmp_path / "opencode.db")
    database.session(tmp_path)
    for message in said:
        database.says(message)
    return asyncio.run(how_it_ended(Storage(database.path), (ONE,), AFTER, **how))


@pytest.mark.parametrize("said", [UNMARKED, UNANSWERED])
@pytest.mark.parametrize(
    ("began", "ends_itself", "cause"),
    [
        (BEFORE, False, DownCause.EXITED),
        (BEFORE, True, DownCause.EXITED),
        (AFTER, False, DownCause.ENDED),
        (AFTER, True, DownCause.DONE),
    ],
)
def test_what_was_left_unmarked_before_a_program_was_begun_is_not_its_turn(
    tmp_path: Path, said: tuple[Json, ...], began: Any, ends_itself: bool, cause: DownCause
):
    ending = ending_of(tmp_path, said, began=began, ends_itself=ends_itself)

    assert (ending.cause, ending.stops) == (cause, {})


@pytest.mark.parametrize(
    ("ended", "ends_itself", "cause"),
    [
        (Exit(code=0), False, DownCause.ENDED),
        (Exit(code=1), False, DownCause.EXITED),
        (Exit(signal="SIGKILL"), False, DownCause.EXITED),
        (Exit(signal="SIGSEGV"), False, DownCause.EXITED),
        (Exit(), False, DownCause.EXITED),
        (Exit(code=0), True, DownCause.EXITED),
    ],
)
@pytest.mark.parametrize("farewell", [None, False])
def test_one_that_came_to_its_orderly_end_within_a_turn_was_closed_by_her(
    tmp_path: Path, ended: Exit, ends_itself: bool, cause: DownCause, farewell: bool | None
):
    how = {"ended": ended, "ends_itself": ends_itself, "farewell": farewell, "began": BEFORE}

    assert ending_of(tmp_path, UNMARKED, **how).cause is cause


def test_what_she_closed_tells_what_its_turns_came_to(tmp_path: Path):
    ending = ending_of(tmp_path, (user(1), answer(2)), ended=Exit(code=0), farewell=False)

    assert (ending.cause, list(ending.stops)) == (DownCause.ENDED, [ONE])

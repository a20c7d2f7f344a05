"""The first save is greeted once for ever, on a terminal."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis.core import commands
from palingenesis.core.copies import replace
from palingenesis.core.savings import Savings
from tests.cli.test_attach import home
from tests.control.doors import Served, served
from tests.core.life import Life, told_to
from tests.core.policies import NIGHT
from tests.terminal import Terminal

SAVED = Savings(since=datetime(2026, 11, 20, tzinfo=UTC), saves_by={"quota": 1})
WORDS = "Your first save: a session stopped, and works again without you."


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def shown(folder: Path, *args: str) -> str:
    """What a command shows on a terminal."""
    with Terminal((sys.executable, "-m", "palingenesis", *args), home(folder)) as terminal:
        assert terminal.ends() == 0
        return terminal.written


def test_the_first_save_is_greeted_and_the_greeting_is_written_down(daemon: Served, tmp_path: Path):
    daemon.door.savings = SAVED

    assert WORDS in shown(tmp_path, "status")
    assert daemon.door.given == [("greeted", None, "cli")]


def test_one_that_was_greeted_is_not_greeted_again_and_neither_is_none(
    daemon: Served, tmp_path: Path
):
    for savings in (replace(SAVED, greeted=True), Savings()):
        daemon.door.savings = savings

        assert WORDS not in shown(tmp_path, "status")

    assert daemon.door.given == []


def test_what_is_for_programs_greets_nobody(daemon: Served, tmp_path: Path):
    daemon.door.savings = SAVED

    assert WORDS not in shown(tmp_path, "status", "--json")
    assert daemon.door.given == []


def test_that_it_was_done_is_remembered_and_changes_nothing_else():
    life = Life(NIGHT)
    before = life.world

    life >> told_to(commands.Greeted())

    assert life.world.savings.greeted
    assert (life.world.sessions, life.world.open) == (before.sessions, before.open)

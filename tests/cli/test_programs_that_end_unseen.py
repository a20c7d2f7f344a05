"""A program of hers that ends while no daemon runs: what the next one makes of its sessions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.executable import database
from tests.cli.test_config_in_the_daemon import Machine
from tests.hers import an_opencode
from tests.opencode.live_adapter.fake import answer, user
from tests.opencode.live_adapter.test_observed import Database, just_now


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    machine.save("")
    yield machine
    machine.say("daemon", "stop")


def statuses(machine: Machine) -> list[object]:
    rows = machine.status()["sessions"]
    assert isinstance(rows, list)
    return [row["status"] for row in rows]


@pytest.mark.e2e
def test_a_session_that_came_to_its_end_meanwhile_is_not_at_work_for_ever(
    machine: Machine, tmp_path: Path
):
    storage = Database(database(machine.environment))
    machine.say("daemon", "start")
    with an_opencode(tmp_path, machine.environment):
        storage.session(Path.cwd())
        storage.says(just_now(user(1)))
        storage.says(just_now(answer(2, finish=None)))
        machine.until(lambda: statuses(machine) == ["working"])
        machine.say("daemon", "stop")
        storage.says(just_now(answer(2)))

    machine.say("daemon", "start")

    machine.until(lambda: statuses(machine) == ["completed"])

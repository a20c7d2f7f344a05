"""What the daemon watches, and whom it lets in, as the configuration says."""

from pathlib import Path

import pytest

from palingenesis.app.agents import Agents, Surroundings, make_agents
from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.clock import SystemClock, SystemDice
from palingenesis.runtime.config import Config, MonitoringConfig, OpenCodeConfig
from palingenesis.runtime.linking import Caller
from palingenesis.sensors.work import FolderWork


def agents(tmp_path: Path, config: Config) -> Agents:
    return make_agents(
        Surroundings(
            config=config,
            state=tmp_path,
            environ={"HOME": str(tmp_path)},
            work=FolderWork(backups=tmp_path),
            clock=SystemClock(),
            dice=SystemDice(),
        )
    )


def test_programs_of_hers_are_let_in_beside_the_managed_server(tmp_path: Path):
    made = agents(tmp_path, Config())

    names = [sensor.name for sensor in made.sensors]
    assert names == ["opencode", "missing programs", "programs", "plugins"]


def test_where_they_are_only_watched_nothing_is_made_that_would_let_them_in(tmp_path: Path):
    made = agents(tmp_path, Config(opencode=OpenCodeConfig(mode="observed")))

    assert [sensor.name for sensor in made.sensors] == ["missing programs", "programs"]
    with pytest.raises(PalingenesisError, match="only watched"):
        made.admit(Caller(pid=1))


def test_where_nobody_is_watched_nobody_is_let_in(tmp_path: Path):
    made = agents(tmp_path, Config(monitoring=MonitoringConfig(assistants=("none",))))

    assert made.sensors == ()
    with pytest.raises(PalingenesisError):
        made.admit(Caller(pid=1))

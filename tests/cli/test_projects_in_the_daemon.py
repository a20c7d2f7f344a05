"""The real daemon finds the policy of a project as soon as a session works there."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis.app.agents import Agents
from palingenesis.app.daemon import Daemon
from palingenesis.core.events import AgentUp, SessionSeen, SessionWorking
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, SessionId, Way
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.config import Config, PolicyChoice
from palingenesis.runtime.paths import find_paths
from palingenesis.runtime.ports import Emit
from palingenesis.runtime.project_trust import TrustStore, pin_of

OWN = """\
version: 1
rules:
  - {id: go, when: stop.reason == 'crash', do: [resume], limit: {max: 5, per: 1h}}
default: {do: [attention]}
"""
BOLD = "version: 1\nrules: [{id: mine, when: stop.reason == 'timeout', do: [resume]}]\n"
AGENT = AgentId("opencode")


class Coming:
    """A sensor that tells of one session at work in a directory."""

    name = "opencode"

    def __init__(self, directory: str) -> None:
        self.directory = directory

    async def watch(self, emit: Emit) -> None:
        at = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)
        session = SessionId("ses_1")
        emit(AgentUp(at=at, agent=AGENT, assistant="opencode", way=Way.MANAGED, version="1.18.33",
                     supported=True, started_at=at))  # fmt: skip
        emit(SessionSeen(at=at, session=session, agent=AGENT, directory=self.directory))
        emit(SessionWorking(at=at, session=session, agent=AGENT))
        await asyncio.Event().wait()


def daemon_for(tmp_path: Path, directory: str) -> Daemon:
    environ = {
        "PALINGENESIS_STATE_DIR": str(tmp_path / "s"),
        "PALINGENESIS_CONFIG_DIR": str(tmp_path / "c"),
        "PALINGENESIS_RUNTIME_DIR": str(tmp_path),
        "HOME": str(tmp_path),
    }
    paths = find_paths(environ)
    paths.prepare()
    (tmp_path / "policy.yaml").write_text(OWN)
    agents = Agents(
        sensors=(Coming(directory),), actuators={}, managed=None, server=None, executable=None
    )
    return Daemon(
        config=Config(),
        paths=paths,
        choice=PolicyChoice(path=tmp_path / "policy.yaml", origin="--policy"),
        environ=environ,
        journal=SqliteJournal.open(paths.journal),
        make=lambda _: agents,
    )


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.02)


@pytest.mark.e2e
def test_a_projects_policy_is_laid_over_trusted_and_taken_away_while_the_daemon_runs(
    tmp_path: Path,
) -> None:
    file = tmp_path / "app" / ".palingenesis" / "policy.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(OWN.replace("version: 1\n", "version: 1\n# not a tightening\n"))
    daemon = daemon_for(tmp_path, str(tmp_path / "app"))

    def policy() -> Policy:
        return daemon.loop.policy.for_directory(str(tmp_path / "app"))

    async def story() -> None:
        running = asyncio.create_task(daemon.run(None))
        await until(lambda: daemon.loop.world.sessions)
        own = daemon.loop.policy

        file.write_text(
            "version: 1\nrules: [{id: go, override: merge, limit: {max: 1, per: 1h}}]\n"
        )
        await until(lambda: policy() != own)
        assert [rule.limit.most for rule in policy().rules if rule.limit is not None] == [1]

        file.write_text(BOLD)
        await until(lambda: policy() == daemon.loop.policy)
        TrustStore(tmp_path / "c" / "trusted-policies.json").trust(file, pin_of(BOLD.encode(), ()))
        await until(lambda: policy() != daemon.loop.policy)
        assert [rule.id for rule in policy().rules] == ["mine", "go"]
        assert [one.trusted for one in daemon.loop.policy.overlays] == [True]

        file.unlink()
        await until(lambda: not daemon.loop.policy.overlays)
        daemon.stop()
        await running

    asyncio.run(story())

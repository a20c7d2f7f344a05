"""The person's own policy is not changed behind her back by an agent that works where it lies."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis.app.own_policy import Guarded
from palingenesis.core.values import AgentId, SessionId, Status
from palingenesis.core.world import Session, World
from palingenesis.runtime.reload import Compiled

AT = datetime(2026, 11, 21, tzinfo=UTC)
NEW = Compiled(resolved={"rules": []}, digest="new", files=())


def world(directory: Path, status: Status = Status.WORKING, *, supervised: bool = True) -> World:
    session = Session(
        id=SessionId("ses_1"), agent=AgentId("opencode"), directory=str(directory),
        status=status, supervised=supervised, since=AT,
    )  # fmt: skip
    return World(sessions={session.id: session}, policy="old")


def compiled(
    tmp_path: Path, place: Path, now: World, *, result: Compiled = NEW, on_guard: bool = True
) -> Compiled:
    async def compiler(_data: bytes) -> Compiled:
        return result

    guarded = Guarded(
        compiler, place=lambda: place, world=lambda: now, home=tmp_path / "home" / "config"
    )
    guarded.on_guard = on_guard
    return asyncio.run(guarded(b""))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "home" / "config").mkdir(parents=True)
    (tmp_path / "home" / "project").mkdir()
    return tmp_path / "home" / "project"


def test_a_change_where_an_agent_works_is_refused_and_looked_at_again(
    tmp_path: Path, project: Path
):
    it = compiled(tmp_path, project / "policy.yaml", world(project))

    assert it.resolved is None
    assert it.passing
    assert f"{project / 'policy.yaml'} lies in {project}, where an agent works" in it.problems[0]
    assert f"move it to {tmp_path / 'home' / 'config'}" in it.problems[0]


def test_a_link_into_the_project_is_no_hiding_place_nor_is_a_file_that_it_extends(
    tmp_path: Path, project: Path
):
    own = tmp_path / "home" / "config" / "policy.yaml"
    own.symlink_to(project / "real.yaml")
    assert compiled(tmp_path, own, world(project)).resolved is None

    own.unlink()
    extending = Compiled(resolved={}, digest="new", files=(str(project / "team.yaml"),))
    assert compiled(tmp_path, own, world(project), result=extending).resolved is None


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.STOOD_DOWN, Status.DETACHED])
def test_it_is_good_as_soon_as_nobody_works_there(tmp_path: Path, project: Path, status: Status):
    assert compiled(tmp_path, project / "p.yaml", world(project, status)) is NEW
    assert compiled(tmp_path, project / "p.yaml", world(project, supervised=False)) is NEW


def test_what_is_in_force_stays_in_force_and_what_is_elsewhere_is_none_of_theirs(
    tmp_path: Path, project: Path
):
    same = Compiled(resolved={}, digest="old")
    assert compiled(tmp_path, project / "p.yaml", world(project), result=same) is same

    own = tmp_path / "home" / "config" / "policy.yaml"
    assert compiled(tmp_path, own, world(project)) is NEW
    beside = project.with_name("project-2") / "policy.yaml"
    assert compiled(tmp_path, beside, world(project)) is NEW


def test_what_the_daemon_is_started_with_is_the_persons_word(tmp_path: Path, project: Path):
    assert compiled(tmp_path, project / "p.yaml", world(project), on_guard=False) is NEW


def test_a_session_that_works_everywhere_at_home_refuses_nothing(tmp_path: Path, project: Path):
    own = tmp_path / "home" / "config" / "policy.yaml"

    assert compiled(tmp_path, own, world(tmp_path / "home")) is NEW


def test_a_policy_with_errors_is_told_as_such(tmp_path: Path, project: Path):
    bad = Compiled(problems=("bad",))

    assert compiled(tmp_path, project / "p.yaml", world(project), result=bad) is bad


def test_what_is_refused_for_where_it_lies_is_compiled_once_however_often_it_is_looked_at(
    tmp_path: Path, project: Path
):
    team, texts = project / "team.yaml", list[bytes]()
    team.write_text("one")
    extending = Compiled(resolved={}, digest="new", files=(str(team),))
    now = world(project)

    async def compiler(data: bytes) -> Compiled:
        texts.append(data)
        return extending

    guarded = Guarded(
        compiler,
        place=lambda: project / "policy.yaml",
        world=lambda: now,
        home=tmp_path / "home" / "config",
    )
    guarded.on_guard = True

    async def look(data: bytes) -> Compiled:
        return await guarded(data)

    refused = [asyncio.run(look(b"1")) for _ in range(3)]
    assert [it.passing for it in refused] == [True] * 3
    assert texts == [b"1"]

    asyncio.run(look(b"2"))
    team.write_text("other")
    asyncio.run(look(b"2"))
    assert texts == [b"1", b"2", b"2"]

    now = world(project, Status.COMPLETED)
    assert asyncio.run(look(b"2")) is extending
    assert texts == [b"1", b"2", b"2", b"2"]

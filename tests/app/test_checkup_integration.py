"""`doctor` knows how our plugin in the person's own OpenCode is."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from palingenesis.app.checkup.finding import Level
from palingenesis.app.checkup.patient import Patient
from palingenesis.app.integrating import Integration, carry_out
from tests.app.test_checkup import found, levels, patient, with_opencode
from tests.control.doors import served
from tests.hers import an_opencode

INTEGRATE = "palingenesis integrate opencode"


def integrated(folder: Path) -> tuple[Patient, Path]:
    who = with_opencode(folder)
    here = Integration.find(who.environ, who.paths.socket)
    carry_out(here.installation())
    return who, here.place.path


def test_without_opencode_there_is_nothing_to_integrate(tmp_path: Path):
    (one,) = found("integration", patient(tmp_path))

    assert (one.level, one.fix) == (Level.NOTE, "")
    assert "there is no OpenCode that could load the plugin" in one.said


def test_where_it_is_not_the_way_is_told_and_nothing_is_wrong(tmp_path: Path):
    (one,) = found("integration", with_opencode(tmp_path))

    assert (one.level, one.fix) == (Level.NOTE, INTEGRATE)
    assert "in a terminal is only watched: our plugin is not there" in one.said


def test_where_it_is_as_it_should_be_all_is_well(tmp_path: Path):
    who, path = integrated(tmp_path)

    (one,) = found("integration", who)

    assert one.level is Level.GOOD
    assert one.said == f"your own OpenCode lets us in: version 1 at {path}"


def test_one_for_another_daemon_is_told_with_both_sockets(tmp_path: Path):
    who, _ = integrated(tmp_path)
    moved = replace(who, paths=replace(who.paths, runtime=tmp_path / "other"))

    (one,) = found("integration", moved)

    assert (one.level, one.fix) == (Level.WARNING, INTEGRATE)
    assert (
        f"for the socket {who.paths.socket}, and the daemon's is {moved.paths.socket}" in one.said
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [("// hers\n", "is not ours: your own OpenCode is only watched"), ("", "was changed by hand")],
)
def test_one_that_is_not_as_we_wrote_it_is_told_with_both_steps(
    tmp_path: Path, text: str, said: str
):
    who, path = integrated(tmp_path)
    path.write_text(text or path.read_text().replace("export", "// mine\nexport"))

    (one,) = found("integration", who)

    assert (one.level, one.said) == (Level.WARNING, f"{path} {said}")
    assert one.fix == f"move it away: mv {path} {path}.mine, then: {INTEGRATE}"


def test_a_second_one_that_is_loaded_too_is_told(tmp_path: Path):
    who, path = integrated(tmp_path)
    second = tmp_path / ".opencode" / "plugin" / "palingenesis.js"
    second.parent.mkdir(parents=True)
    second.write_text(path.read_text())

    fine, one = found("integration", who)

    assert fine.level is Level.GOOD
    assert (one.level, one.fix) == (Level.WARNING, f"rm {second}")
    assert one.said == f"OpenCode loads {second}, too"


def test_one_that_others_could_change_is_told(tmp_path: Path):
    who, path = integrated(tmp_path)
    path.chmod(0o666)

    assert levels("integration", who) == [Level.GOOD, Level.WARNING]
    assert found("integration", who)[1].fix == f"chmod go-w {path}"


def written(path: Path, *, after_s: float) -> None:
    """Have the file be of another age."""
    at = path.stat().st_mtime + after_s
    os.utime(path, (at, at))


def test_a_program_that_is_older_than_the_plugin_is_told(tmp_path: Path):
    who, path = integrated(tmp_path)
    with an_opencode(tmp_path, {"HOME": str(tmp_path)}) as pid:
        written(path, after_s=60)
        fine, one = found("integration", who)
        written(path, after_s=-120)
        alone = found("integration", who)

    assert (fine.level, one.level) == (Level.GOOD, Level.NOTE)
    assert f"OpenCode (pid {pid}) was started before the plugin was written" in one.said
    assert alone == [fine]


def test_a_program_that_lets_us_in_has_the_plugin_however_old_it_is(tmp_path: Path):
    with an_opencode(tmp_path, {"HOME": str(tmp_path)}) as pid, served(tmp_path) as here:
        who = with_opencode(tmp_path)
        who = replace(who, paths=replace(who.paths, runtime=tmp_path))
        there = Integration.find(who.environ, who.paths.socket)
        carry_out(there.installation())
        written(there.place.path, after_s=60)
        here.door.agent_changes = {"pid": pid, "way": "integrated"}

        assert levels("integration", who) == [Level.GOOD]

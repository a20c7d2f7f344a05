"""The place is one from which the real OpenCode loads, however its folders are named and linked."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.plugin_place import carry_out, copies, look, path_of
from palingenesis.assistants.opencode.plugin_plan import plan_installation
from palingenesis.demo.opencode_home import OpenCodeHome
from tests.live.executable import opencode_executable

pytestmark = pytest.mark.live

NOTES_IT = """\
import {{ appendFileSync }} from "node:fs"
const VERSION = "1"
const SOCKET = ""
export const P = async () => {{ appendFileSync({notes}, `${{SOCKET}}\\n`); return {{}} }}
"""
NOBODY = "http://127.0.0.1:9/v1"
Arrange = Callable[[OpenCodeHome], dict[str, str]]


def with_another_folder(home: OpenCodeHome) -> dict[str, str]:
    other = home.root / "other"
    other.mkdir()
    forestall_npm(home, other)
    return home.environment({"OPENCODE_CONFIG_DIR": str(other), "XDG_CONFIG_HOME": None})


def with_dotfiles(home: OpenCodeHome) -> dict[str, str]:
    folder = home.config_file.parent
    folder.rename(home.root / "dotfiles")
    folder.symlink_to(home.root / "dotfiles")
    return home.environment()


def with_linked_plugins(home: OpenCodeHome) -> dict[str, str]:
    (home.root / "plugins").mkdir()
    (home.config_file.parent / "plugin").symlink_to(home.root / "plugins")
    return home.environment()


@pytest.mark.parametrize("arrange", [with_another_folder, with_dotfiles, with_linked_plugins])
def test_opencode_loads_what_lies_in_the_place_once(tmp_path: Path, arrange: Arrange):
    socket = tmp_path / "control.sock"

    assert loaded(tmp_path, arrange, again=()) == [str(socket)]


def test_a_copy_in_another_folder_is_loaded_too_and_is_found(tmp_path: Path):
    again = (".config/opencode/plugins", ".opencode/plugin")

    assert len(loaded(tmp_path, OpenCodeHome.environment, again=again)) == 3


def loaded(folder: Path, arrange: Arrange, *, again: Sequence[str]) -> list[str]:
    """What a plugin notes that notes its socket whenever OpenCode calls it; one short command."""
    notes = folder / "notes"
    text = NOTES_IT.format(notes=json.dumps(str(notes)))
    home = OpenCodeHome(folder / "world")
    home.build(NOBODY)
    environ = arrange(home)
    path = path_of(environ)
    carry_out(plan_installation(look(path), text, folder / "control.sock"))
    for place in again:
        copy = home.home / place / path.name
        copy.parent.mkdir(parents=True)
        if copy.parents[1] != home.config_file.parent:
            forestall_npm(home, copy.parents[1])
        copy.write_text(path.read_text())
    assert len(copies(environ)) == len(again)
    subprocess.run(
        [str(opencode_executable()), "models"],
        cwd=home.project,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return notes.read_text().splitlines()


def forestall_npm(home: OpenCodeHome, folder: Path) -> None:
    """Have a configuration folder look as if OpenCode's own package were installed in it."""
    (folder / "node_modules").mkdir()
    shutil.copy(home.config_file.with_name("package-lock.json"), folder)

"""`integrate`, as a person types it: a plugin comes, is looked at, and goes without a trace."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.real import ENGINE
from tests.cli.test_commands import Said, Say, environment, say
from tests.control.doors import served
from tests.hers import an_opencode
from tests.terminal import Terminal

__all__ = ["say"]

Typed = Callable[..., Said]
NOT_RUNNING = (
    "the daemon is not running: until it runs, the plugin is silent\n"
    "hint: palingenesis daemon start\n"
)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "opencode" / "plugin" / "palingenesis.js"


@pytest.fixture
def typed(say: Say, tmp_path: Path) -> Typed:
    """What is typed where there is an OpenCode that says its version."""
    (tmp_path / "bin").mkdir()

    def typed(*words: str, version: str = "1.18.33", **variables: str) -> Said:
        program(tmp_path, version)
        path = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
        return say("integrate", *words, **{**path, **variables})

    return typed


def program(folder: Path, version: str) -> None:
    file = folder / "bin" / "opencode"
    file.write_text(f"#!/bin/sh\necho {version}\n")
    file.chmod(0o755)


def old_version(plugin: Path) -> None:
    """Have an earlier palingenesis write it, for the same socket."""
    from palingenesis.assistants.opencode.plugin_text import filled_in, read_installed, shipped

    found = read_installed(plugin.read_text())
    assert found is not None
    text = shipped().replace(f'VERSION = "{found.version}"', 'VERSION = "0"')
    plugin.write_text(filled_in(text, socket=Path(found.socket), folders_made=found.folders_made))


# ── in and out ────────────────────────────────────────────────────────────────────────────────


def test_it_is_told_what_is_written_and_where_before_it_is(
    typed: Typed, plugin: Path, tmp_path: Path
):
    said = typed("opencode", "--yes")

    assert said.code == 0
    size = len(plugin.read_bytes())
    told, _, done = said.out.partition(f"wrote {plugin}\n")
    assert told.splitlines() == [
        f"writes    {plugin} (version 1, {size} bytes)",
        f"makes     the folder {tmp_path / '.config'}",
        f"makes     the folder {plugin.parents[1]}",
        f"makes     the folder {plugin.parent}",
        f"speaks to {tmp_path / 'control.sock'}, and to nobody else",
        "sees      every event of each OpenCode that loads it",
    ]
    assert done == "OpenCode loads it when it is started next\n"
    assert said.err == NOT_RUNNING
    assert f'\nconst SOCKET = "{tmp_path / "control.sock"}"\n' in plugin.read_text()


def test_twice_does_no_harm(typed: Typed, plugin: Path):
    typed("opencode", "--yes")
    before = plugin.stat()

    said = typed("opencode")

    assert (said.code, said.out) == (0, f"already integrated: {plugin}\n")
    again = plugin.stat()
    assert (again.st_ino, again.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_it_goes_without_a_trace(typed: Typed, plugin: Path, tmp_path: Path):
    typed("opencode", "--yes")

    said = typed("opencode", "--remove", "--yes")

    assert said.code == 0
    assert said.out.splitlines()[0] == f"removes   {plugin}"
    assert said.out.splitlines()[-1] == f"removed {plugin}"
    assert not (tmp_path / ".config").exists()
    again = typed("opencode", "--remove")
    assert (again.code, again.out) == (0, f"not integrated: there is no {plugin}\n")


def test_it_goes_also_where_no_opencode_is_any_more(say: Say, typed: Typed, plugin: Path):
    typed("opencode", "--yes")

    assert say("integrate", "opencode", "--remove", "--yes", PATH="/usr/bin:/bin").code == 0
    assert not plugin.exists()


def test_an_older_one_of_ours_is_replaced(typed: Typed, plugin: Path):
    typed("opencode", "--yes")
    new = plugin.read_text()
    old_version(plugin)

    said = typed("opencode", "--yes")

    assert said.code == 0
    assert said.out.startswith(f"replaces  {plugin} (version 1, ")
    assert "which was version 0, older than 1, which this palingenesis has\n" in said.out
    assert plugin.read_text() == new


def test_one_for_another_daemon_is_replaced(typed: Typed, plugin: Path, tmp_path: Path):
    typed("opencode", "--yes", PALINGENESIS_RUNTIME_DIR=str(tmp_path / "other"))
    other, own = tmp_path / "other" / "control.sock", tmp_path / "control.sock"

    said = typed("opencode", "--yes")

    assert f"which was for the socket {other}, and the daemon's is {own}\n" in said.out
    assert f'const SOCKET = "{own}"' in plugin.read_text()


def test_a_dry_run_shows_every_line_and_changes_nothing(typed: Typed, plugin: Path, tmp_path: Path):
    said = typed("opencode", "--dry-run")

    assert said.code == 0
    assert f'+const SOCKET = "{tmp_path / "control.sock"}"\n' in said.out
    assert f"writes    {plugin} (version 1, " in said.out
    assert said.out.startswith(f"--- /dev/null\n+++ {plugin}\n")
    assert said.out.endswith("nothing was done\n")
    assert not (tmp_path / ".config").exists()


def test_a_dry_run_of_a_removal_shows_what_would_go(typed: Typed, plugin: Path):
    typed("opencode", "--yes")
    before = plugin.read_text()

    said = typed("opencode", "--remove", "--dry-run")

    assert said.out.startswith(f"--- {plugin}\n+++ /dev/null\n")
    assert '-const VERSION = "1"\n' in said.out
    assert f"and       the folder {plugin.parent}, if it is empty: it was made for this" in said.out
    assert plugin.read_text() == before


# ── asking ────────────────────────────────────────────────────────────────────────────────────


def test_a_script_has_to_say_yes(typed: Typed, plugin: Path):
    said = typed("opencode")

    assert said.code == 2
    assert said.out.startswith(f"writes    {plugin}")
    assert said.err == (
        "error: nobody can be asked here: say --yes\nhint: palingenesis integrate --help\n"
    )
    assert not plugin.exists()


@pytest.mark.parametrize(("key", "code", "comes"), [("y\n", 0, True), ("n\n", 130, False)])
def test_at_a_terminal_it_asks(tmp_path: Path, plugin: Path, key: str, code: int, comes: bool):
    (tmp_path / "bin").mkdir()
    program(tmp_path, "1.18.33")
    words = (sys.executable, "-m", "palingenesis", "integrate", "opencode")
    environ = {**environment(tmp_path), "PYTHONPATH": str(ENGINE)}
    environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"

    with Terminal(words, environ, columns=200) as terminal:
        terminal.until_shown("go on? [y/N]:")
        assert not plugin.exists()
        terminal.press(key)

        assert terminal.ends() == code
    assert plugin.exists() == comes


# ── what is not ours ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", [("opencode", "--yes"), ("opencode", "--remove", "--yes")])
@pytest.mark.parametrize("whose", ["hers", "edited"])
def test_a_file_that_is_not_as_we_wrote_it_is_left(
    typed: Typed, plugin: Path, words: tuple[str, ...], whose: str
):
    if whose == "hers":
        plugin.parent.mkdir(parents=True)
        plugin.write_text("// hers\n")
    else:
        typed("opencode", "--yes")
        plugin.write_text(plugin.read_text() + "// mine\n")
    before = plugin.read_text()

    said = typed(*words)

    why = "is not ours" if whose == "hers" else "was changed by hand"
    assert said.code == 1
    assert said.err == (
        f"error: {plugin} {why}, and is left as it is\n"
        f"hint: move it away: mv {plugin} {plugin}.mine\n"
    )
    assert plugin.read_text() == before


# ── where it cannot be ────────────────────────────────────────────────────────────────────────


def test_without_opencode_nothing_is_installed(say: Say, plugin: Path):
    said = say("integrate", "opencode", "--yes", PATH="/usr/bin:/bin")

    assert said.code == 1
    assert said.err.startswith("error: the program 'opencode' is not on PATH\nhint: install it")
    assert not plugin.exists()


@pytest.mark.parametrize(
    ("version", "why"),
    [("2.0.1", "is newer than what is supported"), ("1.1.65", "is too old")],
)
def test_for_an_opencode_that_we_do_not_act_on_nothing_is_installed(
    typed: Typed, plugin: Path, version: str, why: str
):
    said = typed("opencode", "--yes", version=version)

    assert said.code == 1
    assert why in said.err
    assert not plugin.exists()


def test_an_opencode_that_does_not_say_its_version_is_told(typed: Typed, tmp_path: Path):
    said = typed("opencode", "--yes", version="")

    assert said.code == 1
    assert said.err.startswith(f"error: {tmp_path / 'bin' / 'opencode'} does not say its version\n")


def test_a_path_that_no_socket_can_have_is_refused(typed: Typed, plugin: Path, tmp_path: Path):
    said = typed("opencode", "--yes", PALINGENESIS_RUNTIME_DIR=f"{tmp_path}/{'x' * 120}")

    assert said.code == 5
    assert "the control socket's path has" in said.err
    assert not plugin.exists()


def powerless(folder: Path, *words: str) -> Said:
    """What is typed by somebody whom modes of files keep out, as they do not keep out root."""
    keeps_out = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may do everything, and there is no setpriv")
    done = subprocess.run(
        [
            *(keeps_out if os.getuid() == 0 else ()),
            *(sys.executable, "-m", "palingenesis", "integrate", *words),
        ],
        env={
            **environment(folder),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ENGINE),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def test_what_modes_of_files_forbid_is_told_with_the_way_out(
    typed: Typed, plugin: Path, tmp_path: Path
):
    plugin.parent.mkdir(parents=True)
    program(tmp_path, "1.18.33")
    plugin.parent.chmod(0o500)
    writing = powerless(tmp_path, "opencode", "--yes")
    plugin.parent.chmod(0o000)
    closed = [powerless(tmp_path), powerless(tmp_path, "opencode", "--yes")]
    plugin.parent.chmod(0o700)
    typed("opencode", "--yes")
    plugin.parent.chmod(0o500)
    removing = powerless(tmp_path, "opencode", "--remove", "--yes")
    plugin.parent.chmod(0o700)

    assert writing.code == removing.code == 1
    assert writing.err.startswith(
        f"error: cannot write {plugin}: permission denied\n"
        f"hint: make {plugin.parent} writable for you; where another program keeps it, "
    )
    for one in closed:
        assert one.code == 1
        assert one.err == (
            f"error: cannot read {plugin}: permission denied\n"
            "hint: move it away, or make it yours\n"
        )
    assert removing.err == (
        f"error: cannot remove {plugin}: permission denied\n"
        f"hint: make {plugin.parent} writable for you\n"
    )
    assert plugin.exists()


def test_links_in_a_circle_are_told(typed: Typed, plugin: Path):
    plugin.parents[1].mkdir(parents=True)
    plugin.parent.symlink_to(plugin.parent)

    assert typed().err.startswith(f"error: cannot read {plugin}: too many levels")
    assert typed("opencode", "--yes").code == 1


def test_what_cannot_be_meant_is_a_usage_error(typed: Typed):
    assert typed("claude-code").err == (
        "error: there is no integration 'claude-code'\nhint: one of: opencode\n"
    )
    assert typed("claude-code").code == 2
    assert typed("--remove").code == 2
    assert "say what is meant: opencode" in typed("--dry-run").err


# ── the daemon, and programs that run ─────────────────────────────────────────────────────────


def test_it_says_whether_the_daemon_runs(typed: Typed, tmp_path: Path):
    with served(tmp_path):
        said = typed("opencode", "--yes")

    assert said.out.splitlines()[-1] == "the daemon runs (pid 4242)"
    assert said.err == ""


def test_a_program_that_runs_has_to_be_started_anew(typed: Typed, tmp_path: Path):
    with an_opencode(tmp_path, environment(tmp_path)) as pid:
        come = typed("opencode", "--yes")
        gone = typed("opencode", "--remove", "--yes")

    assert f"\nOpenCode (pid {pid}) must be started anew to load it\n" in come.out
    assert f"\nOpenCode (pid {pid}) keeps it until it ends\n" in gone.out


def test_the_daemons_own_server_needs_no_new_start(typed: Typed, tmp_path: Path):
    with an_opencode(tmp_path, environment(tmp_path)) as pid, served(tmp_path) as here:
        here.door.agent_changes = {"pid": pid}
        said = typed("opencode", "--yes", "--json")
        here.door.agent_changes = {"pid": pid, "way": "attached"}
        attached = typed("opencode", "--yes", "--json")

    assert json.loads(said.out)["pids"] == []
    assert json.loads(attached.out)["pids"] == [pid]


def test_the_daemons_own_server_is_known_also_while_no_daemon_runs(typed: Typed, tmp_path: Path):
    with an_opencode(tmp_path, environment(tmp_path) | {"PALINGENESIS_MANAGED": "1"}):
        come = typed("opencode", "--yes", "--json")
        gone = typed("opencode", "--remove", "--yes", "--json")

    assert json.loads(come.out)["pids"] == []
    assert json.loads(gone.out)["pids"] == []


def test_a_program_that_lets_the_daemon_in_still_needs_no_new_start(typed: Typed, tmp_path: Path):
    with an_opencode(tmp_path, environment(tmp_path)) as pid, served(tmp_path) as here:
        here.door.agent_changes = {"pid": pid, "way": "integrated"}
        come = typed("opencode", "--yes")
        gone = typed("opencode", "--remove", "--yes")

    assert "started anew" not in come.out
    assert f"\nOpenCode (pid {pid}) keeps it until it ends\n" in gone.out


# ── what is integrated ────────────────────────────────────────────────────────────────────────


def test_without_a_name_it_says_what_is_integrated(typed: Typed, plugin: Path, tmp_path: Path):
    assert typed().out == (
        "opencode  not integrated: in a terminal of its own it is only watched\n"
        "  next       palingenesis integrate opencode\n"
    )

    typed("opencode", "--yes")
    assert typed().out == (
        "opencode  integrated\n"
        f"  plugin     {plugin}\n"
        "  version    1\n"
        f"  speaks to  {tmp_path / 'control.sock'}\n"
    )

    plugin.write_text(plugin.read_text() + "// mine\n")
    assert f"\n  next       move it away: mv {plugin} {plugin}.mine\n" in typed().out


def test_what_is_integrated_is_told_in_json(typed: Typed, plugin: Path, tmp_path: Path):
    typed("opencode", "--yes")
    old_version(plugin)

    (row,) = json.loads(typed("--json").out)["integrations"]

    assert row == {
        "name": "opencode",
        "standing": "outdated",
        "path": str(plugin),
        "version": 0,
        "newest": 1,
        "socket": str(tmp_path / "control.sock"),
        "daemons_socket": str(tmp_path / "control.sock"),
        "copies": [],
        "next": "palingenesis integrate opencode",
    }


def test_what_was_done_is_told_in_json(typed: Typed, plugin: Path):
    tried = json.loads(typed("opencode", "--dry-run", "--json").out)
    done = json.loads(typed("opencode", "--yes", "--json").out)
    again = json.loads(typed("opencode", "--json").out)

    told = [(one["deed"], one["dry_run"], one["changed"]) for one in (tried, done, again)]
    assert told == [("install", True, False), ("install", False, True), ("nothing", False, False)]
    assert tried["difference"] == done["difference"]
    assert [line[1:] for line in done["difference"][3:]] == plugin.read_text().splitlines()
    assert again["difference"] == []

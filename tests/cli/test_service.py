"""`service install|uninstall|status` against a real `systemd --user`, and where there is none."""

import json
import os
import plistlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.paths import find_paths
from palingenesis.surfaces.cli.program import run
from palingenesis.surfaces.cli.service_file import ServiceFile
from palingenesis.surfaces.cli.service_report import Report
from palingenesis.surfaces.cli.service_texts import (
    UNIT,
    Program,
    interpreter_of,
    program_here,
    property_list,
    unit,
)
from tests.cli.test_output_schema import validator_of
from tests.systemd_user import UserManager, needed

OBSERVED = '[opencode]\nmode = "observed"\n'
PATIENCE_S = 60.0


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Home:
    """A person's home with a user manager of its own; the daemon in it only watches."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capsys = capsys
        self.manager = UserManager(root, root / "home")
        self.config = root / "c" / "config.toml"
        self.unit = self.manager.units / UNIT
        self.environ = self.manager.environment(
            {
                "PALINGENESIS_STATE_DIR": str(root / "s"),
                "PALINGENESIS_CONFIG_DIR": str(root / "c"),
                "PALINGENESIS_RUNTIME_DIR": str(root / "r"),
            }
        )
        self.write_config(OBSERVED)

    def write_config(self, text: str) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.config.write_text(text)
        self.config.chmod(0o600)

    def say(self, *words: str, **more: str) -> Said:
        self.capsys.readouterr()
        code = run(words, {**self.environ, **more})
        out, err = self.capsys.readouterr()
        return Said(code, out, err)

    def status(self) -> dict[str, object]:
        return dict(json.loads(self.say("service", "status", "--json").out))

    def pid(self) -> int:
        return self.manager.main_pid(UNIT)

    def answers(self, *, but: int = 0) -> bool:
        """Whether the daemon answers at its door, and is another one than `but`."""
        socket = find_paths(self.environ).socket
        try:
            return ControlClient(socket).status()["pid"] not in (0, but)
        except PalingenesisError:
            return False

    def wait(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, self.manager.systemctl("status", UNIT, check=False)
            time.sleep(0.05)


@pytest.fixture
def root() -> Iterator[Path]:
    """Short: a socket's path has room for about a hundred characters."""
    folder = Path(tempfile.mkdtemp(prefix="palin-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(root: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Home]:
    needed()
    home = Home(root, capsys)
    with home.manager:
        yield home


@pytest.fixture
def bare(root: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    """The same without a manager that answers."""
    home = Home(root, capsys)
    home.manager.runtime.mkdir()
    return home


def fitting(command: str, said: Said) -> dict[str, Any]:
    """What was printed as JSON, after a look whether it is what the schema promises."""
    document: dict[str, Any] = json.loads(said.out)
    validator_of(command).validate(document)
    return document


# ── under a real systemd ──────────────────────────────────────────────────────────────────────


def test_a_service_lives_from_its_installation_to_its_end(home: Home):
    said = home.say("service", "install")
    first = home.pid()

    assert said.code == 0, said
    assert f"wrote {home.unit}" in said.out
    assert f"the service is active (running, pid {first})" in said.out
    assert home.answers()
    told = home.status()
    assert (told["running"], told["enabled"], told["file"]) == (True, True, "same")
    assert str(told["says"]).startswith("watching; sessions: none yet")

    again = home.say("service", "install")
    assert again.code == 0
    assert "wrote" not in again.out
    assert home.pid() == first

    os.kill(first, signal.SIGKILL)
    home.wait(lambda: home.answers(but=first))
    assert home.status()["last_exit"] is None or "signal 9" in str(home.status()["last_exit"])
    assert home.status()["restarts"] == 1

    second = home.pid()
    assert "service was restarted" in home.say("daemon", "restart").out
    assert home.pid() not in (0, second)
    assert home.say("daemon", "restart", "--debug").code == 2

    home.manager.systemctl("reload", UNIT)
    assert home.status()["running"]

    gone = home.say("service", "uninstall")
    assert (gone.code, gone.err) == (0, ""), gone
    assert not home.unit.exists()
    assert not home.answers()
    assert home.say("service", "uninstall").out.startswith("no service is installed")
    assert home.say("service", "status").code == 3


def test_a_script_is_told_in_one_document_what_was_installed_and_what_was_removed(home: Home):
    home.environ["ANTHROPIC_API_KEY"] = "sk-of-the-shell"

    installed = home.say("service", "install", "--json")
    again = home.say("service", "install", "--json")
    removed = home.say("service", "uninstall", "--json")
    nothing = home.say("service", "uninstall", "--json")

    assert [one.code for one in (installed, again, removed, nothing)] == [0, 0, 0, 0]
    assert [one.err for one in (installed, again, removed, nothing)] == [""] * 4
    first, second = fitting("service install", installed), fitting("service install", again)
    assert (first["file"], first["changed"], first["dry_run"]) == ("absent", True, False)
    assert str(first["active"]).startswith("active (running, pid ")
    assert first["left_out"] == ["ANTHROPIC_API_KEY"]
    assert "sk-of-the-shell" not in installed.out
    assert (second["file"], second["changed"], second["difference"]) == ("same", False, [])
    third, fourth = fitting("service uninstall", removed), fitting("service uninstall", nothing)
    assert (third["file"], third["changed"]) == ("same", True)
    assert third["orders"] == [
        f"systemctl --user disable --now {UNIT}",
        "systemctl --user daemon-reload",
    ]
    assert (fourth["file"], fourth["changed"], fourth["orders"]) == ("absent", False, [])


def test_whoever_removes_the_service_is_told_of_the_plugin_that_stays(home: Home):
    program = home.root / "opencode"
    program.write_text("#!/bin/sh\necho 1.18.33\n")
    program.chmod(0o755)
    integrated = home.say("integrate", "opencode", "--yes", PALINGENESIS_OPENCODE=str(program))
    assert integrated.code == 0, integrated
    assert home.say("service", "install").code == 0

    gone = home.say("service", "uninstall")

    assert gone.code == 0, gone
    assert gone.err.endswith("hint: palingenesis integrate opencode --remove\n")


def test_a_broken_configuration_is_not_tried_again_and_told_in_one_line(home: Home):
    assert home.say("service", "install").code == 0
    home.write_config("[daemon]\nnonsense = 1\n")

    home.manager.systemctl("restart", UNIT, check=False)
    home.wait(lambda: home.status()["active"] == "failed")

    told = home.status()
    assert told["restarts"] == 0
    assert told["last_exit"] == "exit code 5, invalid (exit-code)"
    assert told["next"] == "journalctl --user -u palingenesis -n 20"
    refused = home.say("service", "install")
    assert refused.code == 5
    assert "nonsense" in refused.err


def test_another_daemon_is_waited_for_and_taken_over_from(home: Home):
    assert home.say("service", "install").code == 0
    home.manager.systemctl("stop", UNIT)
    assert home.say("daemon", "start").code == 0

    refused = home.say("service", "install")
    assert refused.code == 75
    assert "palingenesis daemon stop" in refused.err

    home.manager.systemctl("start", "--no-block", UNIT)
    home.wait(lambda: "cannot begin" in str(home.status()["says"]))
    assert home.status()["active"] == "activating"
    assert home.say("daemon", "stop").code == 0
    home.wait(lambda: home.status()["running"])


# ── what is written ───────────────────────────────────────────────────────────────────────────


def test_a_dry_run_shows_what_would_be_written_and_run_and_does_nothing(bare: Home):
    said = bare.say("service", "install", "--dry-run", "--policy", "my night.yaml")

    assert said.code == 0
    assert said.out.startswith(f"would write {bare.unit}:\n[Unit]\n")
    assert said.out.splitlines()[-3:] == [
        "would run: systemctl --user daemon-reload",
        f"would run: systemctl --user enable {UNIT}",
        f"would run: systemctl --user restart {UNIT}",
    ]
    assert f'daemon run --policy "{Path.cwd() / "my night.yaml"}"' in said.out
    assert not bare.unit.exists()


def test_a_dry_run_tells_a_script_the_file_line_by_line_and_every_order(bare: Home):
    told = fitting("service install", bare.say("service", "install", "--dry-run", "--json"))

    assert (told["path"], told["file"], told["changed"]) == (str(bare.unit), "absent", False)
    assert "+WatchdogSec=60" in told["difference"]
    assert told["orders"][-1] == f"systemctl --user restart {UNIT}"
    assert told["active"] is None
    assert not bare.unit.exists()


def test_json_stays_alone_on_stdout_where_a_file_of_others_is_left(bare: Home):
    bare.unit.parent.mkdir(parents=True)
    bare.unit.write_text("[Service]\nExecStart=/bin/true\n")

    told = fitting("service install", bare.say("service", "install", "--dry-run", "--json"))
    refused = bare.say("service", "uninstall", "--json")

    assert told["file"] == "foreign"
    assert "-ExecStart=/bin/true" in told["difference"]
    assert (refused.code, refused.out) == (1, "")
    assert "hint: say --force" in refused.err


def test_a_file_of_others_and_one_that_was_changed_are_left_and_the_difference_is_shown(bare: Home):
    bare.unit.parent.mkdir(parents=True)
    shown = bare.say("service", "install", "--dry-run").out
    ours = shown.split(":\n", 1)[1].split("would run: ")[0]
    for text, words in (
        ("[Service]\nExecStart=/bin/true\n", "is not ours"),
        (ours.replace("WatchdogSec=60", "WatchdogSec=999"), "was changed by hand"),
    ):
        bare.unit.write_text(text)
        file = ServiceFile(path=bare.unit, text=ours)

        assert file.standing() in {"foreign", "edited"}
        assert "+WatchdogSec=60" in file.difference()
        said = bare.say("service", "uninstall")
        assert said.code == 1
        assert "--force" in said.err
        assert bare.unit.read_text() == text
        assert words
    bare.unit.write_text(ours)
    assert ServiceFile(path=bare.unit, text=ours).standing() == "same"
    assert ServiceFile(path=bare.unit, text=ours + "# more\n").standing() == "ours"


def test_without_a_bus_nothing_is_written_and_the_way_out_is_told(bare: Home):
    said = bare.say("service", "install")

    assert said.code == 1
    assert "systemd's user manager does not answer" in said.err
    assert "loginctl enable-linger" in said.err
    assert not bare.unit.exists()


def test_without_systemd_it_says_what_another_init_has_to_run(bare: Home):
    said = bare.say("service", "install", PATH=str(bare.root))

    assert said.code == 1
    assert "there is no systemd here" in said.err
    assert "-m palingenesis daemon run" in said.err


PROGRAM = Program(
    python="/opt/odd $HOME 100%/python",
    variables={"PATH": "/usr/bin", "PALINGENESIS_STATE_DIR": '/a "b" \\c 5%'},
    environment_file=Path("/home/ada/.config/palingenesis/environment"),
    log=Path("/home/ada/daemon.log"),
    flags=("--policy", "/p q.yaml"),
)


def test_odd_characters_are_quoted_as_systemd_reads_them():
    text = unit(PROGRAM)

    run = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert run == (
        'ExecStart="/opt/odd $$HOME 100%%/python" -P -m palingenesis'
        ' daemon run --policy "/p q.yaml"'
    )
    assert interpreter_of(text) == PROGRAM.python
    assert 'Environment="PALINGENESIS_STATE_DIR=/a \\"b\\" \\\\c 5%%"' in text


def test_no_secret_and_no_relative_folder_gets_into_the_unit():
    environ = {
        "PATH": "bin:/usr/bin::/bin:/usr/bin",
        "HOME": "/home/ada",
        "ANTHROPIC_API_KEY": "sk-secret",
        "PALINGENESIS_WEBHOOK_SECRET": "whsec_secret",
        "XDG_DATA_HOME": "/data",
    }

    text = unit(program_here(environ, find_paths(environ), (), strict=False))

    assert "secret" not in text.lower()
    assert 'Environment="PATH=/usr/bin:/bin"' in text
    assert 'Environment="XDG_DATA_HOME=/data"' in text


@pytest.mark.parametrize("strict", [False, True])
def test_systemd_finds_nothing_wrong_with_the_unit(root: Path, strict: bool):
    needed()
    python = replace(PROGRAM, python=shutil.which("python3") or "", strict=strict)
    path = root / UNIT
    path.write_text(unit(python))
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(root)}

    def analyze(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["systemd-analyze", "--user", "--no-pager", *words, str(path)],
            env=environ, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    verified = analyze("verify")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    if strict:
        assert analyze("security", "--offline=true", "--threshold=30").returncode == 0


def test_the_property_list_says_the_same_to_launchd():
    text = property_list(PROGRAM)

    said = plistlib.loads(text.encode())

    assert said["ProgramArguments"] == [
        *(PROGRAM.python, "-P", "-m", "palingenesis", "daemon", "run"),
        *PROGRAM.flags,
    ]
    assert said["EnvironmentVariables"] == dict(PROGRAM.variables)
    assert said["KeepAlive"] == {"SuccessfulExit": False}
    assert said["AbandonProcessGroup"] is True
    assert "written by `palingenesis service install`" in text


# ── what to do next ───────────────────────────────────────────────────────────────────────────


def a_report(**changes: str) -> Report:
    properties = {
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "MainPID": "7",
        "Result": "success",
    }
    return Report(
        path="/u", standing="same", interpreter="/bin/sh", lingers=True,
        properties=properties | changes,
    )  # fmt: skip


def test_there_is_always_one_command_that_helps_most():
    assert a_report().next == "palingenesis status"
    assert replace(a_report(), lingers=False).next == "loginctl enable-linger"
    assert replace(a_report(), standing="absent").next == "palingenesis service install"
    assert replace(a_report(), standing="foreign").next == "palingenesis service install --force"
    assert replace(a_report(), interpreter="/gone").next == "palingenesis service install"
    assert a_report(UnitFileState="disabled").next == "palingenesis service install"
    assert a_report(NeedDaemonReload="yes").next == "systemctl --user daemon-reload"
    assert a_report(ActiveState="failed").next.startswith("journalctl")
    assert a_report(ActiveState="inactive").next == "systemctl --user start palingenesis"


def test_the_last_exit_is_told_in_words():
    assert a_report().last_exit == ""
    assert a_report(ExecMainCode="2", ExecMainStatus="9").last_exit == "signal 9 (success)"
    failed = a_report(ExecMainCode="1", ExecMainStatus="5", Result="exit-code")
    assert failed.last_exit == "exit code 5, invalid (exit-code)"
    assert a_report(ExecMainCode="1", ExecMainStatus="42").last_exit == "exit code 42"

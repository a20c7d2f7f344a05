"""What a clumsy person types and leaves lying about: one clear line, the way out, the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.core.errors import BusyError
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.program import _tell_group
from tests.cli.test_commands import Said, Say, daemon, environment, say
from tests.control.doors import Served, a_session

__all__ = ["daemon", "say"]

DEFAULT = shipped.policy().read_bytes()

BAD_POLICIES = {
    "empty": b"",
    "only a comment": b"# nothing yet\n",
    "half-written": DEFAULT[:2000],
    "binary": bytes(range(256)) * 20,
    "Latin-1": "version: 1 # gr\xfc\xdfe\n".encode("latin-1"),
    "UTF-16": DEFAULT.decode().encode("utf-16"),
    "huge": b"version: 1\nname: " + b"x" * 300_000,
    "deeply nested": b"version: 1\nrules: " + b"[" * 100_000,
    "wrongly typed": b"version: one\nrules: 5\ndefault: [1]\n",
    "two documents": b"version: 1\n---\nversion: 1\n",
    "a tag": b"!!python/object/apply:os.system ['id']\n",
    "a NUL": b"version: 1\x00\n",
}

BAD_CONFIGURATIONS = {
    "half-written": b"[opencode]\nserve_port = ",
    "Latin-1": "[daemon]\n# gr\xfc\n".encode("latin-1"),
    "UTF-16": "[daemon]\n".encode("utf-16"),
    "huge": b"#" * 300 * 1024,
    "deeply nested": b"a = " + b"[" * 100_000,
    "wrongly typed": b'daemon = 5\n[opencode]\nserve_port = "4096"\n',
    "an endless number": b"[opencode]\nserve_port = " + b"9" * 6000,
    "binary": bytes(range(256)) * 20,
    "unknown": b"[deamon]\n",
}


def is_told_well(said: Said, code: int) -> bool:
    """One line `error: …`, one `hint: …`, nothing of Python's, and the documented exit code."""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    hints = [line for line in said.err.splitlines() if line.startswith("hint: ")]
    return (
        said.code == code
        and (len(errors), len(hints)) == (1, 1)
        and "Traceback" not in said.err
        and "a mistake in palingenesis" not in said.err
    )


# ── policies and scenarios ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", BAD_POLICIES)
def test_a_bad_policy_is_refused_wherever_it_is_given(say: Say, tmp_path: Path, kind: str):
    file = tmp_path / "bad.yaml"
    file.write_bytes(BAD_POLICIES[kind])

    checked = say("policy", "validate", str(file))
    assert checked.code == 5
    assert f"{file}:" in checked.out
    assert "error[" in checked.out

    for asked in (
        ("policy", "simulate", "--reason", "crash", "--policy", str(file)),
        ("policy", "simulate", str(file)),
    ):
        said = say(*asked)
        assert is_told_well(said, 5), said.err
        assert f"{file}:" in said.err
        assert said.out == ""


@pytest.fixture
def unreadable(tmp_path: Path) -> dict[str, Path]:
    """Files that can be named and not be read."""
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    names = ("folder.yaml", "fifo.yaml", "loop.yaml", "dangling.yaml", "missing.yaml")
    return {name: tmp_path / name for name in names}


@pytest.mark.parametrize(
    "name", ["folder.yaml", "loop.yaml", "dangling.yaml", "missing.yaml", "x" * 300]
)
def test_a_file_that_cannot_be_read_is_one_error_wherever_it_is_given(
    say: Say, unreadable: dict[str, Path], name: str
):
    file = str(unreadable.get(name, name))

    for asked in (
        ("policy", "validate", file),
        ("policy", "simulate", file),
        ("policy", "simulate", "--reason", "crash", "--policy", file),
    ):
        said = say(*asked)
        assert is_told_well(said, 5), said.err
        assert said.err.startswith("error: cannot read ")
        assert file in said.err

    assert is_told_well(say("policy", "show", PALINGENESIS_POLICY=file), 5)


def test_a_scenario_that_is_a_policy_is_recognised(say: Say):
    said = say("policy", "simulate", str(shipped.policy()))

    assert is_told_well(said, 5)
    assert f"hint: a policy is given with --policy {shipped.policy()}\n" in said.err


def test_an_empty_scenario_is_not_told_what_a_policy_needs(say: Say, tmp_path: Path):
    (tmp_path / "empty.yaml").touch()

    said = say("policy", "simulate", str(tmp_path / "empty.yaml"))

    assert "story" in said.err
    assert "rules" not in said.err


def test_a_policy_with_a_byte_order_mark_or_foreign_line_ends_is_good_enough(
    say: Say, tmp_path: Path
):
    file = tmp_path / "mine.yaml"
    for content in (b"\xef\xbb\xbf" + DEFAULT, DEFAULT.replace(b"\n", b"\r\n")):
        file.write_bytes(content)
        assert say("policy", "validate", str(file)).code == 0


def test_showing_a_policy_that_would_be_refused_says_so(say: Say, tmp_path: Path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "policy.yaml").write_text("version: 1\n")

    said = say("policy", "show")

    assert (said.code, said.out) == (0, "version: 1\n")
    assert said.err.startswith(f"warning: {tmp_path / 'c' / 'policy.yaml'}: 2 errors")
    assert "hint: palingenesis policy validate " in said.err


def test_showing_a_policy_that_is_not_the_one_in_force_says_so(say: Say, daemon: Served):
    said = say("policy", "show")

    assert said.code == 0
    assert "; what is in force is the policy 'default' (a1b2c3), which was adopted last" in said.err


# ── the configuration ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", BAD_CONFIGURATIONS)
def test_a_bad_configuration_is_refused_before_anything_is_started(
    say: Say, tmp_path: Path, kind: str
):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "config.toml").write_bytes(BAD_CONFIGURATIONS[kind])

    for asked in (("daemon", "start"), ("daemon", "run"), ("policy", "show")):
        said = say(*asked)
        assert is_told_well(said, 5), said.err
        assert f"{tmp_path / 'c' / 'config.toml'}" in said.err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("kind", ["folder", "fifo", "loop", "dangling"])
def test_a_configuration_that_is_no_file_is_refused(
    say: Say, tmp_path: Path, unreadable: dict[str, Path], kind: str
):
    (tmp_path / "c").mkdir()
    unreadable[f"{kind}.yaml"].rename(tmp_path / "c" / "config.toml")
    if kind == "loop":
        (tmp_path / "c" / "config.toml").unlink()
        (tmp_path / "c" / "config.toml").symlink_to("config.toml")

    said = say("daemon", "start")

    assert is_told_well(said, 5), said.err
    assert said.err.startswith(f"error: cannot read {tmp_path / 'c' / 'config.toml'}: ")
    assert said.err.endswith("without it the defaults hold\n")


def test_a_configuration_that_others_can_write_is_refused(say: Say, tmp_path: Path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "config.toml").touch()
    (tmp_path / "c" / "config.toml").chmod(0o666)

    said = say("daemon", "start")

    assert is_told_well(said, 5)
    assert "can be written by other users" in said.err
    assert "chmod go-w " in said.err


def test_a_configuration_with_a_byte_order_mark_is_good_enough(say: Say, tmp_path: Path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "config.toml").write_bytes(b'\xef\xbb\xbf[daemon]\r\nlog_level = "info"\r\n')

    assert say("policy", "show").code == 0


@pytest.mark.parametrize(
    ("variable", "asked"),
    [
        ("PALINGENESIS_STATE_DIR", ("daemon", "start")),
        ("PALINGENESIS_CONFIG_DIR", ("policy", "show")),
        ("PALINGENESIS_POLICY", ("policy", "show")),
    ],
)
def test_a_home_that_does_not_exist_is_named(say: Say, variable: str, asked: tuple[str, ...]):
    said = say(*asked, **{variable: "~nobody-is-called-this/x"})

    assert is_told_well(said, 5)
    assert said.err.startswith(f"error: {variable} names a home that does not exist")


def test_a_socket_path_that_is_too_long_is_refused_with_the_way_out(say: Say, tmp_path: Path):
    said = say("daemon", "start", PALINGENESIS_RUNTIME_DIR=str(tmp_path / ("x" * 120)))

    assert is_told_well(said, 5)
    assert "hint: set PALINGENESIS_RUNTIME_DIR to a shorter folder" in said.err


# ── what is typed ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "typed",
    [
        ("wait", "--timeout", "5"),
        ("wait", "--timeout", "soon"),
        ("wait", "--timeout", "99999999h"),
        ("policy", "simulate", "--reason", "crash", "--every", "5"),
        ("policy", "simulate", "--reason", "crash", "--for", "9999999d"),
        ("policy", "simulate", "--reason", "crash", "--retry-after", "soon"),
        ("policy", "simulate", "--reason", "crash", "work.done=maybe"),
        ("policy", "simulate", "--reason", "crsh"),
        ("policy", "simulate", "--reason", "crash", "--repeat", "0"),
        ("policy", "simulate"),
        ("policy", "validate", "default", "--param", "x"),
        ("events", "--since", ""),
        ("events", "--since", "3x"),
        ("events", "--limit", "0"),
        ("status", "extra"),
        ("daemon", "start", "--server", ""),
        ("daemon", "start", "--server", "nonsense"),
        ("daemon", "run", "--server", "ftp://host/"),
        ("daemon", "restart", "--server", "http://127.0.0.1:99999"),
        ("daemon", "start", "--server", "http://[::1"),
        ("pause", "a", "b"),
    ],
)
def test_a_slip_on_the_command_line_is_a_usage_error(say: Say, typed: tuple[str, ...]):
    assert is_told_well(say(*typed), 2)


def test_a_span_without_unit_is_told_what_it_may_have_meant(say: Say):
    assert "a unit is missing: '5s' or '5m'?" in say("wait", "--timeout", "5").err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("statsu",), "'status'"),
        (("daemon", "strat"), "'start'"),
        (("policy", "validat"), "'validate'"),
        (("status", "--jsn"), "'--json'"),
    ],
)
def test_a_misspelt_word_is_told_what_it_may_have_meant(
    say: Say, typed: tuple[str, ...], meant: str
):
    said = say(*typed)

    assert said.code == 2
    assert "id you mean" in said.err
    assert meant in said.err


@pytest.mark.parametrize(("group", "command"), [("daemon", "start"), ("policy", "validate")])
def test_a_group_without_a_command_shows_its_commands(say: Say, group: str, command: str):
    said = say(group)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"Usage: palingenesis {group} ")
    assert f"\n  {command} " in said.err


def test_help_keeps_its_lines_and_sentences_whole(say: Say):
    assert "\\b" not in say("policy", "simulate", "--help").out
    for group in ("daemon", "policy"):
        assert "..." not in say(group, "--help").out.partition("Commands:")[2]


@pytest.mark.parametrize("nothing", ["", "  "])
@pytest.mark.parametrize("command", ["abort", "pause", "detach", "explain", "open"])
def test_an_empty_name_means_no_session_although_every_id_begins_with_it(
    say: Say, daemon: Served, command: str, nothing: str
):
    daemon.door.listed = [a_session()]

    said = say(command, nothing)

    assert is_told_well(said, 2)
    assert daemon.door.given == []


def test_options_for_a_daemon_that_runs_already_are_not_silently_dropped(say: Say, daemon: Served):
    said = say("daemon", "start", "--policy", "mine.yaml")

    assert said.code == 0
    assert said.out == ("the daemon runs already (pid 4242)\nOpenCode 1.18.33 runs (pid 4243)\n")
    assert "not in effect" in said.err
    assert "palingenesis daemon restart" in said.err


def test_no_events_that_fit_are_no_silence(say: Say, daemon: Served):
    said = say("events", "--filter", "agent-up")

    assert (said.code, said.out, said.err) == (0, "", "nothing happened that fits\n")
    assert json.loads(say("events", "--filter", "agent-up", "--json").out)["events"] == []


@pytest.mark.parametrize("more", [(), ("--json",), ("--follow",)])
def test_events_of_a_session_that_does_not_exist_are_not_told_as_none(
    say: Say, daemon: Served, more: tuple[str, ...]
):
    said = say("events", "--session", "nobody", *more)

    assert (said.code, said.out) == (2, "")
    assert said.err == "error: 'nobody': no such session\nhint: palingenesis sessions\n"


def test_an_error_of_ours_is_found_in_a_group_of_tasks_that_ended_together():
    group = ExceptionGroup("", [ExceptionGroup("", [BusyError("taken", hint="wait")])])

    with pytest.raises(ExceptionGroup):
        raise group
    assert _tell_group(group, Desk()) == 75


def test_a_full_disk_behind_the_output_is_told(tmp_path: Path):
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [sys.executable, "-m", "palingenesis", "--help"],
            env={**environment(tmp_path), "PYTHONPATH": "engine"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    assert said.returncode == 1
    assert said.stderr == "error: the output cannot be written: no space left on device\n"


def test_a_servers_password_is_not_taken_from_the_command_line(say: Say):
    said = say("daemon", "run", "--server", "http://opencode:pa55word@127.0.0.1:4096")

    assert said.code == 2
    assert "OPENCODE_SERVER_PASSWORD" in said.err
    assert "pa55word" not in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("events", "--limit", "many"), "'many' is no whole number from 1 to 1000"),
        (("events", "--limit", "0"), "'0' is no whole number from 1 to 1000"),
        (("logs", "-n", "1.5"), "'1.5' is no whole number from 0 to 1000000"),
        (("replay", "--from", "-1"), "'-1' is no whole number from 1 on"),
        (("policy", "simulate", "--nights", str(10**30)), "is no whole number from 1 to 1000000"),
    ],
)
def test_what_is_no_number_is_told_with_the_bounds(say: Say, words: tuple[str, ...], told: str):
    said = say(*words)

    assert is_told_well(said, 2), said.err
    assert told in said.err.splitlines()[0]


def test_a_list_of_choices_is_told_on_one_line(say: Say):
    said = say("answer", "q17")

    assert said.err.splitlines()[0] == "error: missing argument 'yes|no'. Choose from: yes, no"

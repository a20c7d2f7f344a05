"""`status` at three in the morning: is anybody needed, by what, and what is to be typed."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

from palingenesis import __version__
from palingenesis.surfaces.cli.status_text import folded
from tests.cli.test_commands import Say, daemon, environment, say
from tests.control.doors import A_WAITING_SESSION, Served, a_session

__all__ = ["daemon", "say"]


def test_the_first_line_says_whether_anybody_is_needed(say: Say, daemon: Served):
    first = say("status").out.splitlines()[0]

    assert first.startswith("healthy · 2 sessions: 1 working, 1 waiting, the next at ")
    assert first.endswith(" · nothing waits for you")


def test_a_session_that_needs_its_person_is_marked_and_counted(say: Say, daemon: Served):
    daemon.door.listed = [
        a_session(status="attention", reason="auth", rule="tell-me", decision=7),
        A_WAITING_SESSION,
    ]

    lines = say("status").out.splitlines()

    assert lines[0].endswith(" · 1 session waits for you")
    assert lines[1].startswith("! Refactor the parser (ses_1abc): attention")
    assert "rule tell-me #7" in lines[1]
    assert lines[1].endswith("when that is mended: palingenesis resume ses_1abc")
    assert lines[2].startswith("  Write the docs (ses_2def): waiting for the limit to clear")


def test_what_is_blocked_says_where_it_is_answered(say: Say, daemon: Served):
    daemon.door.listed = [a_session(status="blocked", reason="permission", message="run tests?")]

    line = say("status").out.splitlines()[1]

    assert "permission: run tests?" in line
    assert line.endswith("answer it: palingenesis open ses_1abc")


def test_what_died_with_her_program_says_how_it_goes_on(say: Say, daemon: Served):
    daemon.door.listed = [
        a_session(status="stood_down", reason="crash"),
        a_session(status="stood_down", reason="user_exit"),
    ]

    died, left = say("status").out.splitlines()[1:3]

    assert died.endswith("go on with it: palingenesis open ses_1abc")
    assert "palingenesis open" not in left


def test_programs_of_hers_are_told_apart_by_their_process(say: Say, daemon: Served):
    daemon.door.agent_changes = {"way": "integrated", "pid": 4242}
    assert " · integrated · process 4242 · up" in say("status").out

    daemon.door.agent_changes = {"way": "managed", "pid": 4242}
    assert "process 4242" not in say("status").out


def test_what_was_said_already_is_not_said_again(say: Say, daemon: Served):
    refused = {"reason": "auth", "message": "Incorrect API key."}
    daemon.door.listed = [
        a_session(status="paused", **{"for": "paused"}, reason="crash"),
        a_session(status="attention", **{"for": "auth: Incorrect API key."}, **refused),
    ]

    paused, attention = say("status").out.splitlines()[1:3]

    assert "): paused · crash · " in paused
    assert paused.endswith("act again: palingenesis resume ses_1abc")
    assert attention.count("Incorrect API key.") == 1


def test_the_first_line_agrees_with_health(say: Say, daemon: Served):
    for changes in ({}, {"up": False}):
        daemon.door.agent_changes = changes
        assert say("status").out.split()[0] == say("health").out.split()[0]


def test_a_daemon_of_an_older_release_is_told_with_the_way_out(say: Say, daemon: Served):
    daemon.door.changes = {"version": "0.0.9"}

    assert (
        f"! the daemon is 0.0.9 and this command {__version__}: palingenesis daemon restart\n"
        in say("status").out
    )


def test_into_a_pipe_every_session_is_one_line_however_long(say: Say, daemon: Served):
    daemon.door.listed = [a_session(id=f"ses_{n}", title="x" * 40, rule="y" * 40) for n in range(9)]

    lines = say("status", COLUMNS="40").out.splitlines()

    assert sum("ses_" in line for line in lines) == 9


@pytest.mark.parametrize("width", [30, 40, 80, 240])
def test_a_line_that_is_too_long_goes_on_below(width: int):
    parts = ["Write the docs (ses_2def): waiting", click.style("rule a", fg="red"), "x" * 20] * 3

    lines = [click.unstyle(line) for line in folded(parts, width)]

    assert " · ".join(lines) == click.unstyle(" · ".join(parts))
    assert all(len(line) <= max(width, 34) for line in lines)
    assert (len(lines) == 1) is (width == 240)


def test_without_a_width_it_stays_in_one_line():
    assert folded(["a" * 90, "b" * 90], 0) == [f"{'a' * 90} · {'b' * 90}"]


def test_on_a_terminal_of_40_columns_nothing_is_lost(tmp_path: Path, daemon: Served):
    main, side = pty.openpty()
    os.set_blocking(main, False)
    import fcntl
    import struct
    import termios

    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    subprocess.run(
        [sys.executable, "-m", "palingenesis", "status"],
        env={**environment(tmp_path), "PYTHONPATH": "engine", "NO_COLOR": "1"},
        stdin=side,
        stdout=side,
        stderr=side,
        timeout=60,
        check=True,
    )
    lines = os.read(main, 65536).decode().replace("\r\n", "\n").splitlines()
    os.close(main)
    os.close(side)

    begin = next(n for n, line in enumerate(lines) if "Write the docs" in line)
    assert lines[begin + 1].startswith("      ")
    assert "rate-limit #7" in " ".join(lines[begin : begin + 6])


def test_the_first_look_names_what_was_found_and_the_next_command(say: Say, tmp_path: Path):
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    base = tmp_path / ".local" / "share" / "opencode"
    base.mkdir(parents=True)
    (base / "opencode.db").touch()

    lines = say(PATH=str(program.parent)).out.splitlines()

    assert lines[0] == "The daemon is not running."
    assert f"  ✔ OpenCode  {program}" in lines
    assert f"  ✔ sessions  {base / 'opencode.db'}" in lines
    assert lines[lines.index("", 2) + 1].split("  ")[1] == "palingenesis daemon start"


def test_the_first_look_tells_how_it_is_let_into_an_opencode_until_it_is(say: Say, tmp_path: Path):
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    plugin = tmp_path / "their config" / "opencode" / "plugin" / "palingenesis.js"
    theirs = {"PATH": str(program.parent), "XDG_CONFIG_HOME": str(tmp_path / "their config")}

    assert "  palingenesis integrate opencode " in say(**theirs).out

    plugin.parent.mkdir(parents=True)
    plugin.touch()
    assert "integrate" not in say(**theirs).out
    assert "integrate" not in say(PATH="/nonexistent").out


def test_the_first_look_without_opencode_begins_with_what_works_without(say: Say):
    lines = say(PATH="/nonexistent").out.splitlines()

    assert "  · OpenCode  not found on your PATH" in lines
    assert lines[lines.index("", 2) + 1].startswith("  palingenesis demo ")


def test_the_first_look_after_an_earlier_run_tells_of_its_journal(say: Say, tmp_path: Path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "journal.db").touch()

    assert "journal.db, from an earlier run" in say().out


def test_a_policy_file_that_is_gone_is_told_once_and_as_what_it_is(say: Say, daemon: Served):
    gone = ["the file is gone: /c/policy.yaml"]
    daemon.door.changes = {
        "policy": {"name": "p", "digest": "d", "path": "/c/policy.yaml", "stale": gone},
        "warnings": ["the policy's file is gone; what it said last stays in force"],
    }

    warned = [line for line in say("status").out.splitlines() if line.startswith("!")]

    assert warned == [
        "! the policy's file is gone; what it said last stays in force: /c/policy.yaml"
    ]


@pytest.mark.parametrize(
    ("refused", "stays"),
    [
        ({"refused": "/c/policy.yaml"}, "/d/default.yaml stays in force"),
        ({"refused": "/d/default.yaml"}, "what the file said before stays in force"),
        ({}, "the one before it stays in force"),
    ],
)
def test_a_policy_that_was_refused_is_told_with_the_one_that_stays(
    say: Say, daemon: Served, refused: dict[str, str], stays: str
):
    policy = {"name": "default", "digest": "d", "path": "/d/default.yaml", "stale": ["p.yaml:1:1"]}
    daemon.door.changes = {"policy": {**policy, **refused}}

    told, complaint = say("status").out, say("health").out

    assert f"! the newest policy was refused, {stays}: p.yaml:1:1\n" in told
    assert f"  policy: the newest policy was refused, {stays}\n" in complaint
    file = refused.get("refused", "/d/default.yaml")
    assert f"→ palingenesis policy validate {file}\n" in complaint


def test_of_many_problems_of_a_refused_policy_the_first_is_told_and_what_tells_the_others(
    say: Say, daemon: Served
):
    stale = [f"/c/p.yaml:{line}: error" for line in range(1, 8)]
    policy = {"name": "default", "digest": "d", "path": "/d/default.yaml", "stale": stale}
    daemon.door.changes = {"policy": {**policy, "refused": "/c/p.yaml"}}

    lines = say("status").out.splitlines()

    (warned,) = [number for number, line in enumerate(lines) if line.startswith("!")]
    assert lines[warned : warned + 2] == [
        "! the newest policy was refused, /d/default.yaml stays in force: /c/p.yaml:1: error",
        "    6 more: palingenesis policy validate /c/p.yaml",
    ]

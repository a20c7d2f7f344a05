import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.core.savings import Savings
from palingenesis.surfaces.cli.program import run, wanted_color
from palingenesis.surfaces.cli.who import who
from tests.control.doors import A_WAITING_SESSION, Served, a_row, a_session, served


@dataclass
class Said:
    code: int
    out: str
    err: str


Say = Callable[..., Said]

WHO = who({})
"""Who gives the commands of these tests."""


def environment(folder: Path) -> dict[str, str]:
    return {
        "PALINGENESIS_STATE_DIR": str(folder / "s"),
        "PALINGENESIS_CONFIG_DIR": str(folder / "c"),
        "PALINGENESIS_RUNTIME_DIR": str(folder),
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
    }


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def said(*args: str, **variables: str) -> Said:
        code = run(args, {**environment(tmp_path), **variables})
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return said


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as here:
        yield here


# ── without a daemon ──────────────────────────────────────────────────────────────────────────


def test_a_bare_call_before_the_first_start_shows_the_first_steps(say: Say):
    said = say()

    assert said.code == 0
    assert "palingenesis daemon start" in said.out
    assert "palingenesis demo" in said.out


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("sessions",),
        ("pause",),
        ("abort", "x"),
        ("open",),
        ("daemon", "reload"),
        ("daemon", "status"),
        ("events",),
        ("events", "--follow"),
        ("explain",),
    ],
)
def test_without_a_daemon_one_line_says_so_and_one_how_to_start_it(
    say: Say, command: tuple[str, ...]
):
    said = say(*command)

    assert said.code == 3
    assert said.out == ""
    assert said.err.startswith("error: the daemon is not running")
    assert said.err.endswith("\nhint: palingenesis daemon start\n")
    assert len(said.err.splitlines()) == 2


def test_status_as_json_always_has_running(say: Say):
    said = say("status", "--json")

    assert said.code == 3
    assert json.loads(said.out) == {"schema_version": 1, "running": False}


def test_stopping_what_does_not_run_is_fine(say: Say):
    said = say("daemon", "stop")

    assert (said.code, said.out) == (0, "the daemon is not running\n")


def test_waiting_has_a_limit(say: Say):
    said = say("wait", "--timeout", "100ms")

    assert said.code == 6
    assert "did not answer within" in said.err


# ── watching ──────────────────────────────────────────────────────────────────────────────────


def test_status_says_of_each_session_what_it_does_and_what_comes_next(say: Say, daemon: Served):
    said = say("status", TZ="UTC")

    assert said.code == 0
    assert "policy default a1b2c3" in said.out
    assert "opencode 1.18.33 · managed · up for 1 h 59 min" in said.out
    assert "Refactor the parser (ses_1abc): working · for 1 h · 6 of 12 steps done" in said.out
    line = next(line for line in said.out.splitlines() if "Write the docs" in line)
    for part in (
        "waiting for the limit to clear until ",
        "(in 10 min), then resume",
        "rule rate-limit #7",
        "rate_limit: 429 Too Many Requests",
        "rail: prompts: 11 of 12 this hour",
    ):
        assert part in line


def test_status_counts_the_savings(say: Say, daemon: Served):
    before = say("status").out
    daemon.door.savings = Savings(
        since=datetime(2026, 11, 17, tzinfo=UTC),
        saves_by={"quota": 11},
        handed_over=1,
        won=timedelta(hours=7, minutes=40),
    )

    after = say("status")

    assert "savings · no save yet" in before
    line = "savings · 11 saves · 7 h 40 min of work saved · 92% without you"
    assert f"{line} · 4 days without intervention" in after.out
    assert daemon.door.given == [], "the first save is greeted on a terminal only"


def test_status_as_json_is_the_daemons_own_answer(say: Say, daemon: Served):
    document = json.loads(say("status", "--json").out)

    assert document["running"] is True
    assert document["schema_version"] == 1
    assert document["sessions"][1]["until"] == "2026-11-21T03:10:00Z"


def test_status_says_first_of_all_that_palingenesis_holds_itself(say: Say, daemon: Served):
    daemon.door.held = {
        "since": "2026-11-21T02:58:00Z",
        "what": "the person stopped this session",
        "where": "loop.py:164 in _decided, over Ticked",
        "version": "0.1.0",
    }

    said = say("status").out.splitlines()

    assert said[1:4] == [
        "! palingenesis holds itself for 2 min: nothing is done, everything is watched",
        "! what broke: the person stopped this session (loop.py:164 in _decided, over Ticked)",
        "! 'palingenesis daemon act-again' ends it; please report those lines",
    ]
    assert "but holds itself" in say("daemon", "status").out


def test_status_names_every_rail_that_is_touched_and_until_when(say: Say, daemon: Served):
    at = datetime(2026, 11, 21, 3, 20, tzinfo=UTC)
    daemon.door.rails = [{"rail": "30 restarts an hour in all", "until": "2026-11-21T03:20:00Z"}]
    daemon.door.agent_rails = [{"rail": "a rule stopped this server", "until": None}]

    said = say("status").out

    assert f"! rail: 30 restarts an hour in all, until {at.astimezone():%H:%M}\n" in said
    assert "! rail: a rule stopped this server\n" in said


def test_status_tells_in_local_time_until_when_notices_are_held(say: Say, daemon: Served):
    at = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    daemon.door.warnings = ["2 notices held, the next until 2026-11-21T06:00:00Z"]

    assert f"! 2 notices held, the next until {at.astimezone():%H:%M}\n" in say("status").out


def test_the_hold_is_ended_by_one_command(say: Say, daemon: Served):
    assert say("daemon", "act-again").code == 0

    assert daemon.door.given == [("act-again", None, WHO)]


def test_a_bare_call_with_a_daemon_is_the_status(say: Say, daemon: Served):
    assert say().out == say("status").out


def test_sessions_are_sorted_by_what_may_be_done_with_them(say: Say, daemon: Served):
    daemon.door.listed = [
        a_session(),
        a_session(id="ses_old", title="Old", supervised=False, status="discovering"),
    ]

    said = say("sessions")

    assert said.out.index("Supervised") < said.out.index("Refactor the parser")
    assert said.out.index("Enrolable") < said.out.index("Old (ses_old)")


def test_foreign_text_cannot_steer_the_terminal(say: Say, daemon: Served):
    evil = "\x1b]0;owned\x07\x1b[2J\u202eTITLE\r\nerror: forged\U000e0041\u200b"
    daemon.door.listed = [
        a_session(title=evil, **{"for": evil, "message": evil, "reason": "quota"})
    ]
    daemon.door.rows = [a_row(1, evil, evil)]

    for command in (("status",), ("sessions",), ("events",), ("abort", "nothing like it")):
        said = say(*command, FORCE_COLOR="0")
        shown = said.out + said.err
        assert not any(letter in shown for letter in "\x1b\x07\r\u202e\u200b\U000e0041")
        assert not any(line.startswith("error: forged") for line in shown.splitlines())


def test_events_are_listed_oldest_first(say: Say, daemon: Served):
    lines = say("events").out.splitlines()

    assert len(lines) == 2
    assert "session-stopped" in lines[0]
    assert "→ rate-limit" in lines[0]
    assert "ses_2def" in lines[1]


def test_events_can_be_chosen_by_session_and_time(say: Say, daemon: Served):
    document = json.loads(say("events", "--session", "ses_2", "--json").out)

    assert [row["seq"] for row in document["events"]] == [2]
    assert say("events", "--since", "2026-11-21T03:00:01Z").out == ""
    assert len(say("events", "--since", "2026-11-21T05:00:00+02:00").out.splitlines()) == 2


@pytest.mark.parametrize("called", ["ses_2def", "ses_2", "Write the docs", "write the"])
def test_the_session_of_events_is_called_as_everywhere(say: Say, daemon: Served, called: str):
    document = json.loads(say("events", "--session", called, "--json").out)

    assert [row["session"] for row in document["events"]] == ["ses_2def"]


def test_events_of_a_session_that_the_daemon_has_forgotten_are_told_by_its_id(
    say: Say, daemon: Served
):
    daemon.door.listed = []

    document = json.loads(say("events", "--session", "ses_2def", "--json").out)

    assert [row["session"] for row in document["events"]] == ["ses_2def"]


def test_a_time_that_is_none_is_a_usage_error(say: Say, daemon: Served):
    said = say("events", "--since", "yesterday")

    assert said.code == 2
    assert "neither a span" in said.err


def test_explain_tells_the_rule_the_facts_and_the_plan(say: Say, daemon: Served):
    for asked in ((), ("7",), ("#7",), ("ses_2def",), ("Write the docs",)):
        said = say("explain", *asked)
        assert said.code == 0
        assert "by rule rate-limit: the provider asked for 10 minutes" in said.out
        assert "stop.reason  rate_limit" in said.out
        assert "✓ rate-limit" in said.out
        assert "2. resume" in said.out


def test_what_no_rule_decided_is_told_as_palingenesis_own_word(say: Say, daemon: Served):
    notice = {"kind": "told", "event": "", "rule": "kernel", "why": "the agent is down"}
    daemon.door.explanations = [{**daemon.door.explanations[0], **notice}]  # type: ignore[typeddict-item]

    said = say("explain", "--last")

    assert "  told by palingenesis itself: the agent is down\n" in said.out


def test_explaining_what_was_never_decided_is_one_clear_error(say: Say, daemon: Served):
    said = say("explain", "99")

    assert said.code == 1
    assert said.err == "error: no such decision\nhint: palingenesis events\n"


# ── steering ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["pause", "resume", "abort", "skip", "new-session", "detach"])
@pytest.mark.parametrize("asked", ["ses_2def", "ses_2", "Write the docs", "write the"])
def test_a_session_is_meant_by_id_prefix_or_title(say: Say, daemon: Served, name: str, asked: str):
    said = say(name, asked)

    assert (said.code, said.out) == (0, f"{name}: done\n")
    assert daemon.door.given == [(name, "ses_2def", WHO)]


def test_pause_without_a_session_means_all(say: Say, daemon: Served):
    say("pause")
    say("resume")

    assert daemon.door.given == [("pause", None, WHO), ("resume", None, WHO)]


def test_abort_without_a_session_means_the_only_one(say: Say, daemon: Served):
    daemon.door.listed = [A_WAITING_SESSION, a_session(supervised=False)]

    say("abort")
    say("enrol")

    assert daemon.door.given == [("abort", "ses_2def", WHO), ("enrol", "ses_1abc", WHO)]


def test_an_unclear_session_is_refused_and_the_candidates_are_named(say: Say, daemon: Served):
    said = say("abort")

    assert said.code == 2
    assert said.err == (
        "error: no session given: it could be any of 2 sessions\n"
        "hint: ses_1abc (Refactor the parser), ses_2def (Write the docs)\n"
    )
    assert daemon.door.given == []


def test_an_unknown_session_is_refused(say: Say, daemon: Served):
    said = say("skip", "ses_9")

    assert (said.code, said.err) == (
        2,
        "error: 'ses_9': no such session\nhint: palingenesis sessions\n",
    )


def test_open_prints_the_command_when_asked(say: Say, daemon: Served):
    said = say("open", "--print")

    assert said.out.startswith("OPENCODE_SERVER_PASSWORD=pa55word /bin/sh -c ")


def test_a_new_session_works_where_the_person_stands_and_an_old_one_where_it_was(
    say: Say, daemon: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    new, old = say("open", "--print"), say("open", "ses_1", "--print")

    assert new.out.rstrip().endswith(f" --dir {tmp_path}")
    assert "--dir" not in old.out


def test_nothing_is_opened_where_the_folder_is_gone(
    say: Say, daemon: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    said = say("open")

    assert (said.code, said.err) == (
        1,
        "error: the folder where you stand is gone\nhint: cd to another\n",
    )


def test_a_reload_that_is_refused_shows_every_problem_and_exits_with_5(say: Say, daemon: Served):
    daemon.door.reload_answer = {
        "ok": False,
        "message": "the policy was refused",
        "problems": ["policy.yaml:3:5: error[E009]: unknown fact", "  help: did you mean …"],
    }

    said = say("daemon", "reload")

    assert said.code == 5
    assert said.err.splitlines() == [
        "policy.yaml:3:5: error[E009]: unknown fact",
        "  help: did you mean …",
        "error: the policy was refused",
        "hint: correct the file; a policy is read again as soon as it is saved",
    ]


def test_policy_show_prints_the_source(say: Say, daemon: Served):
    said = say("policy", "show")

    assert said.out == "version: 1\nrules: []\n"
    assert said.err.endswith("# /p.yaml (shipped)\n")


def test_waiting_ends_when_the_daemon_answers(say: Say, daemon: Served):
    assert say("wait", "--timeout", "5s").code == 0


def test_starting_what_runs_already_is_fine(say: Say, daemon: Served):
    said = say("daemon", "start")

    assert said.code == 0
    assert said.out == ("the daemon runs already (pid 4242)\nOpenCode 1.18.33 runs (pid 4243)\n")


def test_the_daemon_says_where_its_things_are(say: Say, daemon: Served):
    document = json.loads(say("daemon", "status", "--json").out)

    assert document["places"]["socket"] == str(daemon.path)
    assert str(daemon.path) in say("daemon", "status").out


# ── manners ───────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_command_is_a_usage_error_in_lower_case(say: Say):
    said = say("statsu")

    assert said.code == 2
    assert said.err.startswith("error: no such command 'statsu'")
    assert "hint: palingenesis --help" in said.err


def test_an_unknown_option_is_a_usage_error(say: Say):
    said = say("status", "--jsno")

    assert said.code == 2
    assert said.err.startswith("error: no such option '--jsno'")


def test_help_is_grouped_and_has_examples(say: Say):
    said = say("--help")

    assert said.code == 0
    assert [title for title in ("Watch:", "Steer:", "Set up:", "Examples:") if title in said.out]
    assert "palingenesis events --since 8h" in said.out


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "sessions",
        "events",
        "explain",
        "open",
        "pause",
        "daemon",
        "policy",
        "demo",
        "wait",
    ],
)
def test_every_command_has_help(say: Say, command: str):
    said = say(command, "--help")

    assert said.code == 0
    assert said.out.startswith(f"Usage: palingenesis {command}")


def test_the_version_is_told(say: Say):
    assert say("--version").out.startswith("palingenesis ")


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_is_a_wish_of_the_environment(variables: dict[str, str], wanted: bool | None):
    assert wanted_color(variables) is wanted


def test_forced_colour_reaches_a_pipe(say: Say, daemon: Served):
    assert "\x1b[" in say("status", FORCE_COLOR="1").out
    assert "\x1b[" not in say("status").out


def test_a_mistake_of_ours_is_one_line_unless_asked_for_more(say: Say, tmp_path: Path):
    (tmp_path / "control.sock").mkdir()

    said = say("status")

    assert said.code == 3
    assert "Traceback" not in said.err


def test_a_bad_configuration_is_told_with_its_places_and_exit_code_5(say: Say, tmp_path: Path):
    (tmp_path / "c").mkdir(mode=0o700)
    (tmp_path / "c" / "config.toml").write_text("[daemon]\nlog_levle = 'x'\n")

    said = say("daemon", "start")

    assert said.code == 5
    lines = said.err.splitlines()
    assert lines[0].endswith("config.toml:2:1: error: unknown key 'daemon.log_levle'")
    assert lines[1] == "  help: did you mean 'log_level'?"
    assert lines[2].startswith("error: the configuration ")


def test_sudo_does_not_make_a_root_daemon(say: Say):
    if os.geteuid() != 0:
        pytest.skip("only root can be refused")

    said = say("daemon", "start", SUDO_UID="1000")

    assert said.code == 1
    assert "--allow-root" in said.err


def in_a_process(folder: Path, *args: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "palingenesis", *args],
        env={**environment(folder), "PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_the_real_program_answers(tmp_path: Path, daemon: Served):
    said = in_a_process(tmp_path, "status", "--json")

    assert json.loads(said.stdout)["running"] is True
    assert said.stderr == ""


def test_open_becomes_the_other_program_with_the_password_in_its_environment(
    tmp_path: Path, daemon: Served
):
    main, side = pty.openpty()
    said = subprocess.run(
        [sys.executable, "-m", "palingenesis", "open"],
        env={**environment(tmp_path), "PYTHONPATH": "engine"},
        stdin=side,
        stdout=side,
        stderr=side,
        timeout=60,
        check=False,
    )
    shown = os.read(main, 65536)
    os.close(main)
    os.close(side)

    assert (said.returncode, shown) == (0, b"opened with pa55word\r\n")


def test_open_shows_no_screen_where_there_is_no_terminal(tmp_path: Path, daemon: Served):
    said = in_a_process(tmp_path, "open")

    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == (
        "error: OpenCode's screen needs a terminal, and this is none\n"
        "hint: `palingenesis open --print` tells the command, password included\n"
    )


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, daemon: Served):
    daemon.door.rows = [a_row(seq) for seq in range(1, 900)]

    said = subprocess.run(
        f"'{sys.executable}' -m palingenesis events --limit 900 | head -1",
        shell=True,
        env={**environment(tmp_path), "PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert len(said.stdout.splitlines()) == 1
    assert said.stderr == ""


def test_status_loads_nothing_heavy(tmp_path: Path, daemon: Served):
    heavy = ("asyncio", "httpx", "h11", "yaml", "jsonschema", "psutil", "sqlite3")
    program = (
        "import sys; from palingenesis.surfaces.cli.program import run; run(['status']);"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )

    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment(tmp_path), "PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said.stdout.splitlines()[-1] == "[]"


# ── policies ──────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_policy_is_valid(say: Say):
    said = say("policy", "validate", "default")

    assert said.code == 0
    assert said.out.startswith("default: valid · ")


def test_a_bad_policy_is_shown_with_its_places_and_exit_code_5(say: Say, tmp_path: Path):
    file = tmp_path / "bad.yaml"
    file.write_text(
        "version: 1\nrules:\n  - id: a\n    when: stop.resaon == 'x'\n    do: [resume]\n"
    )

    said = say("policy", "validate", str(file))

    assert said.code == 5
    assert f"{file}:4:11: error[E009]: unknown fact 'stop.resaon'" in said.out
    assert "help: did you mean 'stop.reason'?" in said.out

    document = json.loads(say("policy", "validate", str(file), "--json").out)
    assert document["valid"] is False
    (found,) = document["files"]
    assert [one["code"] for one in found["diagnostics"]] == ["S005", "E009"]
    assert found["diagnostics"][-1]["range"]["start"] == {"line": 4, "column": 11}


@pytest.mark.parametrize("name", ["nonsense", ".", "/nonexistent/policy.yaml", "../default"])
def test_a_policy_that_cannot_be_read_is_one_clear_error(say: Say, name: str):
    said = say("policy", "validate", name)

    assert said.code == 5
    assert said.err.startswith("error: cannot read ")


def test_without_a_daemon_the_policy_that_it_would_use_is_shown(say: Say, tmp_path: Path):
    assert "version: 1" in say("policy", "show").out

    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "policy.yaml").write_text("version: 1  # mine\n")

    assert say("policy", "show").out == "version: 1  # mine\n"

"""`doctor` and `preflight` find what a person would want to know, and mend only what is safe."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.app.checkup.checks import CHECKS, examine
from palingenesis.app.checkup.finding import Check, Finding, Level, look, mend
from palingenesis.app.checkup.patient import Patient, Service
from palingenesis.assistants.opencode.inquiry import gates_of
from palingenesis.core.errors import JournalError
from palingenesis.core.policy.compile import compile_text
from palingenesis.runtime.paths import find_paths
from tests.control.doors import StandInDoor, served
from tests.policy.texts import SCHEMA

RECORDED = Path(__file__).parents[1] / "recordings" / "opencode" / "settings"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "checks.md"
REPLAY = """#!{python}
import sys
words, folder = sys.argv[1:], "{folder}/"
name = {{"models": "models.txt", "config": "debug_config.json", "build": "debug_agent_build.json"}}
print("1.18.33" if words == ["--version"] else open(folder + name[words[-1]]).read())
"""


def patient(folder: Path, **more: str) -> Patient:
    """An installation of its own, on a machine without OpenCode."""
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PALINGENESIS_STATE_DIR": str(folder / "state"),
        "PALINGENESIS_CONFIG_DIR": str(folder / "config"),
        **more,
    }
    (folder / "config").mkdir(mode=0o700, exist_ok=True)
    paths = find_paths(environ)
    paths.prepare()
    return Patient(paths=paths, environ=environ, here=folder)


def with_opencode(folder: Path) -> Patient:
    """The same with a program that says what OpenCode said when it was recorded."""
    program = folder / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text(REPLAY.format(python=sys.executable, folder=RECORDED))
    program.chmod(0o755)
    return patient(folder, PATH=f"{program.parent}:/usr/bin:/bin")


def found(check: str, who: Patient, *, mending: bool = False) -> list[Finding]:
    chosen = [one for one in CHECKS if one.id == check]
    return list(examine(chosen, who, mending=mending))


def levels(check: str, who: Patient) -> list[Level]:
    return [one.level for one in found(check, who)]


def digest(policy: Path) -> str:
    made = compile_text(policy.read_text(), name=policy.stem, schema=SCHEMA).policy
    assert made is not None
    return made.digest


def configured(who: Patient, text: str) -> Patient:
    who.paths.config_file.write_text(text)
    who.paths.config_file.chmod(0o600)
    return who


# ── our own things ────────────────────────────────────────────────────────────────────────────


def test_a_fresh_installation_lacks_a_daemon_and_a_channel_and_nothing_else_of_ours(tmp_path):
    who = patient(tmp_path)

    assert levels("folders", who) == [Level.GOOD]
    assert levels("configuration", who) == [Level.GOOD]
    assert levels("policy", who) == [Level.GOOD]
    assert levels("journal", who) == [Level.NOTE]
    assert levels("hooks", who) == [Level.GOOD]
    (daemon,) = found("daemon", who)
    assert (daemon.level, daemon.fix) == (Level.PROBLEM, "palingenesis daemon start")
    (channels,) = found("notifications", who)
    assert channels.level is Level.WARNING
    assert "ntfy_topic" in channels.fix


def test_the_policy_that_is_examined_is_the_one_that_the_daemon_goes_by(tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("version: 1\nrules: []\ndefault: {do: [attention]}\n")
    other.chmod(0o600)
    who = patient(tmp_path, PALINGENESIS_RUNTIME_DIR=str(tmp_path))
    door = StandInDoor()
    door.changes["policy"] = {
        "name": "other", "digest": digest(other), "path": str(other), "stale": [],
        "origin": "--policy",
    }  # fmt: skip

    with served(tmp_path, door):
        told = found("policy", who)
        (proved, *_) = found("proof", who)

    assert [one.level for one in told] == [Level.NOTE, Level.GOOD]
    assert told[0].said == (
        f"without options a restart would use {shipped.policy()} (shipped), not this file"
    )
    assert told[1].said == f"{other} (--policy of the running daemon): 0 rules, valid"
    assert proved.said.startswith("other.yaml")


@pytest.mark.parametrize("alone", [True, False])
def test_what_is_laid_over_a_policy_is_no_other_policy(tmp_path, alone: bool):
    own = tmp_path / "config" / "policy.yaml"
    who = patient(tmp_path, PALINGENESIS_RUNTIME_DIR=str(tmp_path))
    own.write_text("version: 1\nrules: []\ndefault: {do: [attention]}\n")
    own.chmod(0o600)
    door = StandInDoor()
    named = {"name": "policy", "digest": "d1", "path": str(own)}
    door.changes["policy"] = {**named, "stale": [], "origin": "your own policy.yaml"}
    door.policy_changes = {**named, "alone": digest(own) if alone else "d2"}

    with served(tmp_path, door):
        told = found("policy", who)

    other = "the daemon goes by another policy than this file's"
    assert [one.said for one in told if one.level is Level.WARNING] == [other] * (not alone)


def test_a_policy_that_others_can_change_is_a_problem_that_is_mended(tmp_path):
    who = patient(tmp_path)
    who.paths.policy_file.write_text("version: 1\n")
    who.paths.policy_file.chmod(0o666)

    (before,) = found("folders", who)
    assert before.level is Level.PROBLEM
    assert before.fix == f"chmod 600 {who.paths.policy_file}"
    (after,) = found("folders", who, mending=True)

    assert after.level is Level.GOOD
    assert stat.S_IMODE(who.paths.policy_file.stat().st_mode) == 0o600
    assert levels("folders", who) == [Level.GOOD]


def test_every_problem_of_the_configuration_is_told_with_its_place_and_its_way_out(tmp_path):
    text = '[daemon]\ncheck_intervall = "5s"\n[notifications]\nbogus = 1\n'
    who = configured(patient(tmp_path), text)

    told = found("configuration", who)

    file = who.paths.config_file
    assert [one.level for one in told] == [Level.PROBLEM] * 2
    assert told[0].said == f"{file}:2:1: error: unknown key 'daemon.check_intervall'"
    assert told[0].fix == "did you mean 'check_interval'?"
    assert told[1].said == f"{file}:4:1: error: unknown key 'notifications.bogus'"
    assert told[1].fix.startswith("one of: webhook_url, ")


def without_a_place(folder: Path, state: Path) -> Patient:
    """An installation whose state directory was never made."""
    environ = {"HOME": str(folder), "PALINGENESIS_STATE_DIR": str(state)}
    return Patient(paths=find_paths(environ), environ=environ, here=folder)


@pytest.mark.parametrize("below", [".", "palingenesis", "state/palingenesis"])
def test_a_file_in_the_place_of_the_folder_of_our_state_is_a_problem(tmp_path, below):
    file = tmp_path / "taken"
    file.write_text("a file")
    who = without_a_place(tmp_path, file / below)

    (one,) = found("folders", who)

    assert one.level is Level.PROBLEM
    assert one.said == f"{who.paths.state} cannot be used: {file} is no folder"
    assert one.fix == "set PALINGENESIS_STATE_DIR to another folder"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("below", [".", "state/palingenesis"])
def test_a_folder_of_our_state_that_cannot_be_written_to_is_a_problem(tmp_path, below):
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o500)
    who = without_a_place(tmp_path, sealed / below)

    (one,) = found("folders", who)

    assert one.level is Level.PROBLEM
    assert one.said == f"{who.paths.state} cannot be used: {sealed} cannot be written to"
    assert one.fix == f"make {sealed} writable, or set PALINGENESIS_STATE_DIR to another folder"


def test_what_could_not_be_looked_at_is_named(tmp_path):
    def look_at(_: Patient) -> list[Finding]:
        (tmp_path / "nosuch").stat()
        return []

    (one,) = look(Check(id="x", about="", look=look_at), patient(tmp_path))

    assert one.said == f"could not be looked at: {tmp_path / 'nosuch'}: no such file or directory"


def test_a_folder_on_the_way_that_others_can_change_is_a_problem(tmp_path):
    who = patient(tmp_path)
    who.paths.policy_file.write_text("version: 1\n")
    who.paths.policy_file.chmod(0o600)
    tmp_path.chmod(0o777)

    (one,) = found("folders", who)

    assert one.level is Level.PROBLEM
    assert one.fix == f"chmod go-w {tmp_path}"


def test_a_state_folder_that_others_can_write_to_is_a_problem(tmp_path):
    who = patient(tmp_path)
    who.paths.state.chmod(0o777)

    (one,) = found("folders", who)

    assert one.level is Level.PROBLEM
    assert one.fix == f"chmod 700 {who.paths.state}"


def test_a_bad_configuration_is_a_problem_with_its_way_out(tmp_path):
    who = configured(patient(tmp_path), "[daemon]\ncheck_interval = 5\n")

    (one,) = found("configuration", who)

    assert one.level is Level.PROBLEM
    assert str(who.paths.config_file) in one.said
    assert one.fix


def test_a_bad_policy_is_a_problem_with_its_line(tmp_path):
    who = patient(tmp_path)
    who.paths.policy_file.write_text(
        "version: 1\n"
        "rules:\n"
        "  - {id: x, when: nonsense == 1, do: [resume]}\n"
        "default: {do: [attention]}\n"
    )

    (one,) = found("policy", who)

    assert one.level is Level.PROBLEM
    assert f"{who.paths.policy_file}:3 " in one.said
    assert one.fix == f"palingenesis policy validate {who.paths.policy_file}"
    (unproved,) = found("proof", who)
    assert (unproved.level, unproved.fix) == (Level.PROBLEM, one.fix)


SOUND = "version: 1\nrules: []\ndefault: {do: [attention]}\n"


def test_a_sound_policy_that_others_can_change_is_made_usable_by_its_mode_alone(tmp_path):
    who = patient(tmp_path)
    who.paths.policy_file.write_text(SOUND)
    who.paths.policy_file.chmod(0o666)

    (one,) = found("policy", who)

    assert one.level is Level.PROBLEM
    assert one.said.startswith("the daemon refuses the policy: ")
    assert one.fix.startswith("chmod ")
    assert one.fix.endswith(str(who.paths.policy_file))


def test_a_policy_that_is_named_and_missing_is_a_problem(tmp_path):
    who = patient(tmp_path, PALINGENESIS_POLICY=str(tmp_path / "gone.yaml"))

    (one,) = found("policy", who)

    assert one.level is Level.PROBLEM
    assert "PALINGENESIS_POLICY" in one.said


def test_a_policy_in_shadow_is_told_because_it_would_do_nothing(tmp_path):
    who = patient(tmp_path)
    who.paths.policy_file.write_text(
        "version: 1\nmode: shadow\nrules: []\ndefault: {do: [attention]}\n"
    )

    assert any("mode shadow" in one.said for one in found("policy", who))


def test_a_policy_with_an_example_against_it_is_no_go(tmp_path):
    who = patient(tmp_path)
    who.paths.policy_file.write_text(
        "version: 1\n"
        "rules:\n"
        "  - id: again\n"
        "    when: stop.reason == 'user_exit'\n"
        "    do: [resume]\n"
        "never: [{do: resume, when: stop.reason == 'user_exit', why: she said stop}]\n"
        "default: {do: [attention]}\n"
    )

    assert Level.PROBLEM in {one.level for one in found("proof", who)}


def test_the_shipped_policy_is_proved(tmp_path):
    assert levels("proof", patient(tmp_path)) == [Level.GOOD]


def test_the_socket_of_a_daemon_that_was_killed_is_removed(tmp_path):
    who = patient(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(who.paths.socket))

    stale, daemon = found("daemon", who, mending=True)

    assert stale.mended == f"removed {who.paths.socket}"
    assert not who.paths.socket.exists()
    assert daemon.level is Level.PROBLEM


def test_a_file_that_is_no_journal_is_a_problem(tmp_path):
    who = patient(tmp_path)
    who.paths.journal.write_text("not a database")
    who.paths.journal.chmod(0o600)

    (one,) = found("journal", who)

    assert one.level is Level.PROBLEM
    assert "is damaged: it is cut short" in one.said


def test_a_channel_whose_secret_is_missing_is_a_problem(tmp_path):
    who = configured(
        patient(tmp_path),
        '[notifications]\nntfy_topic = "t"\nntfy_token = {env = "NO_SUCH_TOKEN"}\n',
    )

    (one,) = found("notifications", who)

    assert one.level is Level.PROBLEM
    assert "NO_SUCH_TOKEN" in one.said


def test_a_secret_that_others_can_read_is_closed(tmp_path):
    secret = tmp_path / "token"
    secret.write_text("very secret")
    secret.chmod(0o644)
    who = configured(
        patient(tmp_path),
        f'[notifications]\nntfy_topic = "t"\nntfy_token = {{file = "{secret}"}}\n',
    )

    told, _ = found("notifications", who, mending=True)

    assert told.mended == f"{secret} has mode 600 now"
    assert "very secret" not in json.dumps([one.as_plain() for one in found("notifications", who)])


def test_a_hook_without_its_program_is_a_problem(tmp_path):
    who = configured(patient(tmp_path), '[hooks.backup]\nargv = ["/no/such/program"]\n')

    first, *_ = found("hooks", who)

    assert first.level is Level.PROBLEM
    assert "/no/such/program" in first.said


# ── the assistant ─────────────────────────────────────────────────────────────────────────────


def test_without_opencode_one_check_says_so_and_the_others_do_not_know(tmp_path):
    who = patient(tmp_path)

    assert levels("opencode", who) == [Level.PROBLEM]
    assert levels("login", who) == [Level.NOTE]
    assert levels("permissions", who) == [Level.NOTE]


def test_what_opencode_would_ask_for_is_told_and_what_it_always_asks_is_not(tmp_path):
    who = with_opencode(tmp_path)

    assert levels("opencode", who) == [Level.GOOD]
    (gates,) = found("permissions", who)
    assert gates.level is Level.WARNING
    assert gates.said.endswith("before: bash")


def test_nobody_logged_in_is_a_warning(tmp_path):
    (one,) = found("login", with_opencode(tmp_path))

    assert (one.level, one.fix) == (Level.WARNING, "opencode auth login")


def test_a_program_that_hangs_or_prints_nonsense_is_not_believed(tmp_path):
    program = tmp_path / "opencode"
    program.write_text("#!/bin/sh\necho '[[[ nonsense'\n")
    program.chmod(0o755)
    who = patient(tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")

    assert levels("opencode", who) == [Level.PROBLEM]
    assert levels("permissions", who) == [Level.NOTE]
    assert levels("login", who) == [Level.WARNING]


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        ([("bash", "*", "ask")], {"bash *"}),
        ([("bash", "*", "ask"), ("bash", "*", "allow")], set()),
        ([("bash", "rm *", "ask"), ("bash", "*", "allow")], set()),
        ([("bash", "*", "allow"), ("bash", "rm *", "ask")], {"bash rm *"}),
        ([("bash", "*", "ask"), ("*", "*", "allow")], set()),
        ([("*", "*", "ask")], {"* *"}),
        ([("", "", "ask"), (None, 3, "ask")], set()),
    ],
)
def test_of_several_rules_for_one_thing_the_last_holds(rules, asked):
    told = [dict(zip(("permission", "pattern", "action"), rule, strict=True)) for rule in rules]

    assert {f"{gate.permission} {gate.pattern}" for gate in gates_of(told)} == asked


# ── the night ─────────────────────────────────────────────────────────────────────────────────


def git(place: Path, *words: str) -> None:
    named = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
    named |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    environ: Mapping[str, str] = {**os.environ, **named, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *words], cwd=place, env=environ, check=True, capture_output=True)


def test_a_work_tree_is_clean_or_not_or_none(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    who = patient(tmp_path)
    here = Patient(paths=who.paths, environ=who.environ, here=project)
    assert levels("trees", here) == [Level.NOTE]

    git(project, "init", "-q")
    assert levels("trees", here) == [Level.GOOD]
    (project / "new.py").write_text("pass")

    (one,) = found("trees", here)
    assert one.level is Level.WARNING
    assert "1 uncommitted" in one.said
    git(project, "add", ".")
    git(project, "commit", "-qm", "all of it")
    assert levels("trees", here) == [Level.GOOD]


@pytest.mark.parametrize(
    ("service", "level", "fix"),
    [
        (Service(runs=False, lingers=None, next="install it"), Level.WARNING, "install it"),
        (Service(runs=True, lingers=False, next="linger"), Level.WARNING, "linger"),
        (Service(runs=True, lingers=True, next="status"), Level.GOOD, ""),
    ],
)
def test_a_daemon_that_nobody_starts_again_is_told(tmp_path, service, level, fix):
    who = patient(tmp_path)
    asked = Patient(paths=who.paths, environ=who.environ, here=tmp_path, service=lambda: service)

    (one,) = found("service", asked)

    assert (one.level, one.fix) == (level, fix)


def test_where_the_service_cannot_be_asked_about_it_says_why(tmp_path):
    (one,) = found("service", patient(tmp_path))

    assert one.level is Level.NOTE
    assert one.said.endswith("is not known here")


# ── how checks are asked ──────────────────────────────────────────────────────────────────────


def test_what_goes_wrong_in_asking_is_a_finding(tmp_path):
    def broken(_: Patient):
        raise JournalError("it is gone", "look for it")
        yield

    def unreadable(_: Patient):
        raise PermissionError(13, "Permission denied")
        yield

    who = patient(tmp_path)
    (first,) = look(Check(id="a", about="", look=broken), who)
    (second,) = look(Check(id="b", about="", look=unreadable), who)

    assert (first.check, first.level, first.fix) == ("a", Level.PROBLEM, "look for it")
    assert (second.check, second.level) == ("b", Level.WARNING)
    assert "permission denied" in second.said


def test_mending_that_fails_leaves_the_finding_and_says_so():
    def fail() -> str:
        raise OSError(30, "Read-only file system")

    told = mend(Finding(level=Level.PROBLEM, said="it is open", mend=fail))

    assert told.level is Level.PROBLEM
    assert "Read-only file system" in told.said


def test_every_check_belongs_to_a_command_and_is_documented():
    page = PAGE.read_text(encoding="utf-8")

    assert all(one.doctor or one.preflight for one in CHECKS)
    for one in CHECKS:
        commands = [name for name in ("doctor", "preflight") if getattr(one, name)]
        assert f"| `{one.id}` | {', '.join(commands)} | {one.about} |" in page, one.id

"""`policy test`: what a person sees of tests, and what a program does."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, environment, say

__all__ = ["say"]

POLICY = """\
version: 1
params:
  first: {type: duration, default: 15s}
rules:
  - id: limit
    when: stop.reason == 'rate_limit' and not stop.retrying
    do:
      - wait: {until: retry_after, else: {backoff: {first: 15s, max: 10m}}}
      - resume
    limit: {max: 3, per: 1h, then: [attention: {reason: "still throttled"}]}
default: {do: [attention: {reason: "no rule"}]}
"""

TESTS = """\
version: 1
tests:
  - name: it waits
    steps:
      - event: {reason: rate_limit, retry_after: 90s}
        expect: {rule: limit, next_in: 90s}
  - name: it tells apart
    each:
      - {reason: auth, rule: default}
      - {reason: crash, rule: default}
  - {name: later, todo: true}
"""


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night.yaml").write_text(POLICY)
    path = tmp_path / "night.test.yaml"
    path.write_text(TESTS)
    return path


def without_time(text: str) -> str:
    head, _, rest = text.partition(" · ")
    return head + rest[rest.find("of real time") :]


def test_tests_that_pass_are_listed_with_a_tick_each(say: Say, night: Path):
    said = say("policy", "test")

    assert said.code == 0
    assert without_time(said.out) == (
        "night.test.yaml (policy night.yaml)\n"
        "  ✔ it waits\n"
        "  ✔ it tells apart  (2 cases)\n"
        "  ○ later  (todo)\n"
        "\n"
        "2 passed, 0 failed, 1 todoof real time\n"
    )
    assert said.err == ""


def test_a_failing_test_shows_its_line_what_came_instead_and_its_timeline(say: Say, night: Path):
    night.write_text(TESTS.replace("next_in: 90s", "next_in: 60s..70s"))

    said = say("policy", "test")

    assert said.code == 1
    assert (
        "  ✘ it waits\n"
        "      night.test.yaml:6  next_in: expected 1m..1m10s, got 1m30s\n"
        "        t+0s         stop                        stopped: rate_limit, again in 1m30s\n"
        "        t+0s         rule     limit\n"
        "        t+0s         wait     limit              1m30s: the time the server named\n"
    ) in said.out
    assert "\n1 passed, 1 failed, 1 todo · " in said.out


def test_colours_are_for_terminals(say: Say, night: Path):
    assert "\x1b[" not in say("policy", "test").out
    assert "\x1b[32m✔" in say("policy", "test", FORCE_COLOR="1").out


def test_a_policy_stands_for_the_tests_beside_it(say: Say, night: Path):
    assert say("policy", "test", "night.yaml").out.startswith("night.test.yaml (policy night.yaml)")


def test_a_directory_means_all_tests_below_it(say: Say, night: Path):
    deeper = night.parent / "a" / "b"
    deeper.mkdir(parents=True)
    (deeper / "x.test.yaml").write_text(TESTS.replace("tests:", "policy: ../../night.yaml\ntests:"))
    hidden = night.parent / ".venv"
    hidden.mkdir()
    (hidden / "x.test.yaml").write_text("- broken")

    said = say("policy", "test")

    assert said.code == 0
    assert "a/b/x.test.yaml (policy night.yaml)" in said.out
    assert "4 passed" in said.out


def test_a_shipped_policy_can_be_tested_by_its_name(say: Say, night: Path):
    text = TESTS.replace("tests:", "policy: default\ntests:").replace(
        "rule: limit", "rule: throttled"
    )
    night.write_text(
        text.replace("next_in: 90s", "next_in: 90s..100s").replace("default}", "none}")
    )

    said = say("policy", "test", "-k", "waits")

    assert said.code == 0
    assert "1 passed, 0 failed ·" in said.out


def test_parameters_of_the_policy_are_set_by_the_test_file(say: Say, night: Path):
    (night.parent / "night.yaml").write_text(
        POLICY.replace(
            "retry_after, else: {backoff: {first: 15s, max: 10m}}", "retry_after, else: 5m"
        ).replace("stop.retrying", "stop.retry_after > params.first")
    )
    text = TESTS.replace("tests:", "set: {first: 80s}\ntests:").replace(
        "rule: limit", "rule: default"
    )
    night.write_text(text.replace("next_in: 90s", "status: attention"))

    assert say("policy", "test").code == 0


@pytest.mark.parametrize("options", [(), ("-k", "nothing of that name")])
def test_that_nothing_was_run_is_a_failure_unless_it_is_allowed(say: Say, night: Path, options):
    night.write_text("version: 1\ntests: [{name: later, todo: true}]\n")

    assert say("policy", "test", *options).code == 1
    assert "error: no test was run" in say("policy", "test", *options).err
    assert say("policy", "test", *options, "--allow-empty").code == 0


def test_a_test_file_that_cannot_be_used_is_told_with_places_and_the_others_are_run(
    say: Say, night: Path
):
    (night.parent / "bad.test.yaml").write_text(
        "version: 1\npolicy: night.yaml\ntests: [{nam: x}]\n"
    )

    said = say("policy", "test")

    assert said.code == 5
    assert "bad.test.yaml:3:10: error[T201]: unknown key 'nam' in a test" in said.err
    assert "= help: did you mean 'name'?" in said.err
    assert "2 passed" in said.out


@pytest.mark.parametrize(
    ("policy", "said_of"),
    [
        (
            "policy: nowhere.yaml\n",
            ":2:9: error[T203]: there is no policy 'nowhere.yaml' beside it",
        ),
        ("", ":1:1: error[T202]: it names no policy, and there is no x.yaml beside it"),
    ],
)
def test_a_policy_that_is_not_there_is_told(say: Say, night: Path, policy, said_of):
    (night.parent / "x.test.yaml").write_text(
        f"version: 1\n{policy}tests: [{{name: x, todo: true}}]\n"
    )

    said = say("policy", "test", "x.test.yaml")

    assert said.code == 5
    assert f"x.test.yaml{said_of}" in said.err


def test_the_mistakes_of_a_policy_are_told_as_validate_tells_them(say: Say, night: Path):
    (night.parent / "night.yaml").write_text(POLICY.replace("stop.reason", "stop.resaon"))

    said = say("policy", "test")

    assert said.code == 5
    assert "night.yaml:6:11: error[E009]: unknown fact 'stop.resaon'" in said.err


@pytest.mark.parametrize("path", ["nowhere", "other.txt"])
def test_a_path_without_tests_is_told_with_a_way_out(say: Say, night: Path, path):
    (night.parent / "other.txt").write_text("hello\n")

    said = say("policy", "test", path)

    assert said.code == 5
    assert "hint: " in said.err


def test_coverage_names_what_was_never_seen_with_its_line(say: Say, night: Path):
    said = say("policy", "test", "--coverage")

    assert said.code == 0
    assert (
        "coverage of night.yaml\n"
        "  limit   █████░░░░░  55%  night.yaml:5: never saw stop.retrying true\n"
        "                           step 2 'resume' was never begun\n"
        "                           its limit was never reached\n"
        "                           step limit.then 'attention' was never begun\n"
        "  default ██████████ 100%\n"
        "  total   7/11 = 63.6%\n"
    ) in said.out


def test_too_little_coverage_is_a_failure(say: Say, night: Path):
    said = say("policy", "test", "--fail-under", "64")

    assert said.code == 1
    assert "error: night.yaml: 63.6% covered, less than 64%" in said.err
    assert say("policy", "test", "--fail-under", "63").code == 0


def test_programs_get_the_same_as_json(say: Say, night: Path):
    night.write_text(TESTS.replace("reason: auth, rule: default", "reason: auth, rule: limit"))

    said = say("policy", "test", "--json", "--coverage")
    told = json.loads(said.out)

    assert said.code == 1
    assert (told["schema_version"], told["passed"], told["failed"], told["todo"]) == (1, 1, 1, 1)
    (file,) = told["files"]
    assert (file["file"], file["policy"]) == ("night.test.yaml", "night.yaml")
    failing = file["tests"][1]["cases"][0]
    assert failing["label"] == "reason: auth"
    (failure,) = failing["failures"]
    assert {key: failure[key] for key in ("line", "col", "key", "expected", "got")} == {
        "line": 9,
        "col": 30,
        "key": "rule",
        "expected": "limit",
        "got": "default",
    }
    assert failing["timeline"][0]["text"] == "stopped: auth"
    assert told["coverage"][0]["rules"][0]["missing"][0] == "never saw stop.retrying true"


def test_update_writes_what_was_seen_and_keeps_everything_else(say: Say, night: Path):
    text = TESTS.replace("next_in: 90s}", "next_in: 10s}   # seconds")
    night.write_text(text)
    night.chmod(0o640)

    said = say("policy", "test", "--update")

    assert said.code == 0
    assert "updated 1 value in night.test.yaml\n" in said.err
    assert night.read_text() == text.replace("next_in: 10s", "next_in: 1m30s")
    assert night.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in night.parent.iterdir() if path.is_file()) == [
        "night.test.yaml",
        "night.yaml",
    ]


def test_update_leaves_a_file_alone_in_which_everything_passes(say: Say, night: Path):
    before = night.stat()

    said = say("policy", "test", "--update")

    assert said.err == ""
    assert (night.stat().st_mtime_ns, night.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("other", ["--json", "--update"])
def test_watching_goes_with_neither_json_nor_update(say: Say, night: Path, other):
    assert say("policy", "test", "--watch", other).code == 2


@pytest.mark.parametrize("where", ["night.yaml", "team.yaml"])
def test_watching_runs_again_when_a_policy_is_saved_and_ends_with_ctrl_c(night: Path, where: str):
    if where == "team.yaml":
        (night.parent / "night.yaml").write_text("version: 1\nextends: [./team.yaml]\nrules: []\n")
        (night.parent / where).write_text(POLICY)
    command = [sys.executable, "-m", "palingenesis", "policy", "test", "--watch"]
    with subprocess.Popen(
        command,
        cwd=night.parent,
        env={**os.environ, **environment(night.parent), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as watching:
        assert watching.stdout is not None
        seen = []
        for line in watching.stdout:
            seen.append(line)
            if "waiting for a change" not in line:
                continue
            if sum("waiting for a change" in one for one in seen) > 1:
                break
            (night.parent / where).write_text(
                POLICY.replace("wait: {until", "wait: {jitter: 9s, until")
            )
        watching.send_signal(signal.SIGINT)
        code = watching.wait(timeout=20)

    assert code == 130
    assert [line.strip() for line in seen if "it waits" in line] == ["✔ it waits", "✘ it waits"]

"""`policy validate`: several files, a pipe, and forms for other programs."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Say, in_a_process, say
from tests.policy.texts import with_do, with_when

__all__ = ["say"]

GOOD = with_do("[finish]")
WARNED = with_do("[new-session]")
BAD = with_when("stop.resaon == 'x'")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    found = {}
    for name, text in {"good": GOOD, "warned": WARNED, "bad": BAD}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        found[name] = str(tmp_path / f"{name}.yaml")
    return found


def test_several_files_are_all_checked_and_one_bad_one_is_enough(say: Say, files: dict[str, str]):
    said = say("policy", "validate", files["bad"], files["good"], "default")

    assert said.code == 5
    assert f"{files['bad']}: 1 error" in said.out
    assert f"{files['good']}: valid · 1 rule" in said.out
    assert "default: valid" in said.out


@pytest.mark.parametrize(
    ("name", "flags", "code"),
    [("good", ["--strict"], 0), ("warned", [], 0), ("warned", ["--strict"], 1),
     ("bad", ["--strict"], 5)],
)  # fmt: skip
def test_a_warning_fails_only_when_it_is_asked_for(
    say: Say, files: dict[str, str], name: str, flags: list[str], code: int
):
    assert say("policy", "validate", files[name], *flags).code == code


def test_what_is_piped_in_is_checked_beside_files(tmp_path: Path, files: dict[str, str]):
    done = in_a_process(tmp_path, "policy", "validate", "-", files["good"], input=BAD)

    assert done.returncode == 5
    assert "-:4:11: error[E009]" in done.stdout
    assert f"{files['good']}: valid" in done.stdout


def test_there_is_only_one_standard_input(say: Say):
    assert say("policy", "validate", "-", "-").code == 2


def test_json_has_one_entry_a_file(say: Say, files: dict[str, str]):
    document = json.loads(say("policy", "validate", files["good"], files["bad"], "--json").out)
    good, bad = document["files"]

    assert (document["schema_version"], document["valid"]) == (1, False)
    assert (good["file"], good["valid"], good["rules"]) == (files["good"], True, ["one"])
    assert (bad["valid"], bad["digest"]) == (False, None)
    assert [one["code"] for one in bad["diagnostics"]] == ["E009"]


def test_github_gets_one_command_a_problem_and_nothing_else(say: Say, files: dict[str, str]):
    said = say("policy", "validate", files["bad"], files["warned"], "--github")

    assert said.code == 5
    assert [line.split(" ")[0] for line in said.out.splitlines()] == ["::error", "::warning"]


def test_code_scanning_gets_sarif(say: Say, files: dict[str, str]):
    said = say("policy", "validate", files["bad"], files["good"], "--sarif")
    (run,) = json.loads(said.out)["runs"]

    assert said.code == 5
    assert [one["ruleId"] for one in run["results"]] == ["E009"]


def test_a_file_that_cannot_be_read_is_told_before_anything_is_checked(
    say: Say, files: dict[str, str]
):
    said = say("policy", "validate", files["good"], "missing.yaml")

    assert said.code == 5
    assert said.out == ""
    assert said.err.startswith("error: cannot read missing.yaml")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version: 1\ntests: []\n", "a file of tests: palingenesis policy test"),
        ("version: 1\nstory: [died]\n", "a scenario: palingenesis policy simulate"),
    ],
)
def test_a_file_of_another_kind_is_answered_with_the_command_for_it(
    say: Say, tmp_path: Path, text: str, hint: str
):
    (tmp_path / "other.yaml").write_text(text)

    said = say("policy", "validate", str(tmp_path / "other.yaml"))

    assert said.code == 5
    assert said.err == f"hint: this is {hint} {tmp_path / 'other.yaml'}\n"


def test_a_policy_with_mistakes_gets_no_such_hint(say: Say, files: dict[str, str]):
    assert say("policy", "validate", files["bad"]).err == ""


def test_a_rule_with_another_id_than_before_is_told(say: Say, files: dict[str, str]):
    renamed = Path(files["good"]).with_name("renamed.yaml")
    text = Path(files["good"]).read_text(encoding="utf-8")
    renamed.write_text(text.replace("id: one", "id: won"), encoding="utf-8")

    said = say("policy", "validate", str(renamed), "--against", files["good"], "--strict")

    assert said.code == 1
    assert "rule 'one' is called 'won' now: its counters begin anew" in said.err
    assert say("policy", "validate", str(renamed), "--against", files["bad"]).code == 5


def test_channels_are_those_of_the_configuration_where_there_is_one(say: Say, tmp_path: Path):
    file = tmp_path / "p.yaml"
    file.write_text(
        "version: 1\nrules: []\ndefault: {do: [notify: {message: hi, channels: [ntfi]}]}\n"
    )
    without = say("policy", "validate", str(file))
    (tmp_path / "c").mkdir(mode=0o700)
    (tmp_path / "c" / "config.toml").write_text('[notifications]\nntfy_topic = "night"\n')

    configured = say("policy", "validate", str(file))

    assert "warning" not in without.out
    assert "warning[L131]: no channel 'ntfi' is configured" in configured.out
    assert "did you mean 'ntfy'?" in configured.out

"""`doctor` and `preflight` as they are typed."""

import json
from pathlib import Path

from tests.cli.test_commands import Say, say

__all__ = ["say"]


def test_doctor_tells_every_finding_with_its_way_out_and_fails_for_a_problem(say: Say):
    said = say("doctor", PATH="/usr/bin:/bin")

    assert said.code == 1
    assert "✘ daemon         the daemon is not running\n" in said.out
    assert "→ palingenesis daemon start\n" in said.out
    assert said.out.splitlines()[-1].startswith("2 problems, ")
    assert said.err == ""


def test_doctor_mends_what_it_offers_to_mend(say: Say, tmp_path: Path):
    (tmp_path / "c").mkdir()
    policy = tmp_path / "c" / "policy.yaml"
    policy.write_text("version: 1\nrules: []\ndefault: {do: [attention]}\n")
    policy.chmod(0o666)

    first = say("doctor", PATH="/usr/bin:/bin")
    assert "others can change it" in first.out
    assert first.out.splitlines()[-1] == "palingenesis doctor --fix mends some of it"
    mended = say("doctor", "--fix", PATH="/usr/bin:/bin")

    assert f"{policy} has mode 600 now" in mended.out
    assert policy.stat().st_mode & 0o777 == 0o600


def test_preflight_says_no_go_and_names_its_checks(say: Say):
    said = say("preflight", "--skip", "memory", PATH="/usr/bin:/bin")

    assert said.code == 1
    assert said.out.splitlines()[-1] == "no-go: 2 problems in the way"
    assert " memory " not in said.out

    wrong = say("preflight", "--skip", "nonsense")
    assert wrong.code == 2
    assert "no check named 'nonsense' (one of: clock, configuration, " in wrong.err


def test_both_speak_json(say: Say):
    health = json.loads(say("doctor", "--json", PATH="/usr/bin:/bin").out)
    night = json.loads(say("preflight", "--json", PATH="/usr/bin:/bin").out)

    assert (health["schema_version"], health["ok"], night["go"]) == (1, False, False)
    assert {"check", "level", "said", "fix", "fixable", "fixed"} == set(health["findings"][0])
    assert "folders" in {one["check"] for one in health["findings"]}
    assert "proof" in {one["check"] for one in night["findings"]}

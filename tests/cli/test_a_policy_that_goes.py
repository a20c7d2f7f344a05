"""A policy file that is refused and taken away, adopted and taken away, and what `status` says."""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.cli.real import Home, a_home

SHIPPED = Path(__file__).parents[2] / "policies" / "default.yaml"
GOOD = "version: 1\nrules: []\ndefault: {do: [attention]}\n"


def policy_of(home: Home) -> dict[str, object]:
    return dict(json.loads(home.say("status", "--json").stdout)["policy"])


def until(holds: Callable[[], bool]) -> None:
    end = monotonic() + 30
    while not holds():
        assert monotonic() < end
        sleep(0.1)


@pytest.mark.e2e
def test_status_is_true_of_a_policy_file_that_comes_and_goes(tmp_path: Path):
    with a_home(tmp_path) as home:
        home.start()
        own = tmp_path / "c" / "policy.yaml"
        own.parent.mkdir(mode=0o700, exist_ok=True)
        shipped = policy_of(home)

        own.write_text("version: 1\n")
        until(lambda: bool(policy_of(home)["stale"]))
        refused = policy_of(home)
        assert shipped["path"] == str(SHIPPED)
        assert (refused["path"], refused["refused"]) == (str(SHIPPED), str(own))
        assert f"refused, {SHIPPED} stays in force: {own}:1:1: error" in home.say("status").stdout
        own.unlink()
        until(lambda: policy_of(home) == shipped)

        own.write_text(GOOD)
        until(lambda: policy_of(home)["path"] == str(own) and policy_of(home)["name"] == "policy")
        adopted = policy_of(home)
        own.unlink()
        until(lambda: policy_of(home)["stale"] == [f"the file is gone: {own}"])
        assert policy_of(home) == {**adopted, "stale": [f"the file is gone: {own}"]}

        own.write_text(GOOD)
        until(lambda: policy_of(home) == adopted)

        own.write_text("version: 1\n")
        until(lambda: bool(policy_of(home)["stale"]))
        edited = policy_of(home)
        assert (edited["path"], edited["refused"]) == (str(own), str(own))
        assert "refused, what the file said before stays in force" in home.say("health").stdout


@pytest.mark.e2e
def test_after_a_restart_status_still_knows_the_file_of_the_policy_in_force(tmp_path: Path):
    with a_home(tmp_path) as home:
        own, other = tmp_path / "c" / "policy.yaml", tmp_path / "c" / "night.yaml"
        own.parent.mkdir(mode=0o700, exist_ok=True)
        own.write_text(GOOD)
        other.write_text("version: 1\n")
        for file in (own, other):
            file.chmod(0o600)
        home.start()
        (tmp_path / "c" / "config.toml").write_text('[policy]\npath = "night.yaml"\n')
        (tmp_path / "c" / "config.toml").chmod(0o600)
        home.say("daemon", "stop")
        home.start()

        told = policy_of(home)

        assert (told["path"], told["refused"]) == (str(own), str(other))
        assert told["origin"] == "[policy] path in config.toml"

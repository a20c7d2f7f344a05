"""A policy file that is refused and taken away, adopted and taken away, and what `status` says."""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.cli.real import Home, a_home

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

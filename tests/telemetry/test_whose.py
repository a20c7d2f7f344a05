"""Who we are to a collector."""

import pytest

from palingenesis import __version__
from palingenesis.telemetry.whose import labels, resource


def test_a_collector_learns_who_sends_and_what_the_environment_adds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=night%20shift, broken,service.name=other")

    told = resource("palingenesis")

    assert told["team"] == "night shift"
    assert told["service.name"] == "palingenesis"
    assert told["service.version"] == __version__
    assert (told["host.name"], told["user.name"]) == (labels()["host"], labels()["user"])

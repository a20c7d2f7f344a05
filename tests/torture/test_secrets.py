"""The short form of `python -m tests.torture.secrets`."""

import base64

import pytest

from tests.torture.secrets import Planted, Round, planted, play
from tests.torture.standing_in import stand_in


@pytest.mark.e2e
def test_no_planted_secret_comes_out_anywhere_in_a_night():
    with stand_in() as opencode:
        night = play(opencode, seed=1)

    assert night.hits == []
    assert night.redacted > 50
    assert len(night.sinks) > 25
    assert any(sink.startswith("telemetry: /v1/logs") for sink in night.sinks)


def test_the_search_finds_a_secret_however_it_is_written():
    secrets = planted(1)
    secret = secrets["bearer token"]
    for written in (
        secret,
        secret.encode().hex(),
        base64.b64encode(b"ab" + secret.encode()).decode(),
        f"{secret[:15]} | {secret[15:]}",
    ):
        result = Round(1)
        result.search("here", f"x {written} y".encode(), Planted({"it": secret}))
        assert len(result.hits) == 1

"""The stand-in does what the real OpenCode was seen to do."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.bench import STAND_IN, Bench
from tests.live.contract import ACTS, SIGHTINGS, Story, play

FAST = {"PALINGENESIS_STAND_IN_SPEED": "10"}
CASES = [
    pytest.param(name, story, id=story.__name__) for name, _, stories in ACTS for story in stories
]


@pytest.fixture(scope="module")
def benches() -> Iterator[dict[str, Bench]]:
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(Bench(STAND_IN, config=config, environment=FAST))
            for name, config, _ in ACTS
        }
        for bench in opened.values():
            bench.settled_s = 0.25
        yield opened


@pytest.mark.parametrize(("act", "story"), CASES)
def test_the_stand_in_keeps_the_contract(benches: dict[str, Bench], act: str, story: Story):
    sightings = json.loads(SIGHTINGS.read_text(encoding="utf-8"))

    assert play(benches[act], story) == sightings[story.__name__]

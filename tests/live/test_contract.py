"""The real OpenCode does what `sightings.json` says; the stand-in is held to the same file.

With PALINGENESIS_RECORD=1 the file is written anew from the real one.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.bench import Bench
from tests.live.contract import ACTS, SIGHTINGS, Story, play

CASES = [
    pytest.param(name, story, id=story.__name__) for name, _, stories in ACTS for story in stories
]


@pytest.fixture(scope="module")
def benches(opencode: Path) -> Iterator[dict[str, Bench]]:
    """One server per act, started when its first story is played."""
    configs = {name: config for name, config, _ in ACTS}
    with ExitStack() as stack:

        class Opening(dict[str, Bench]):
            def __missing__(self, name: str) -> Bench:
                bench = stack.enter_context(Bench((opencode,), config=configs[name]))
                self[name] = bench
                return bench

        yield Opening()


@pytest.mark.parametrize(("act", "story"), CASES)
def test_opencode_keeps_the_contract(benches: dict[str, Bench], act: str, story: Story):
    sightings = json.loads(SIGHTINGS.read_text(encoding="utf-8"))

    seen = play(benches[act], story)

    if os.environ.get("PALINGENESIS_RECORD") == "1":
        sightings[story.__name__] = seen
        SIGHTINGS.write_text(json.dumps(sightings, indent=1) + "\n", encoding="utf-8")
    assert seen == sightings[story.__name__]

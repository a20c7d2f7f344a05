"""Many nights: percentiles, comparisons on the same nights, and the same bytes anywhere."""

import os
import subprocess
import sys

import pytest

from palingenesis.simulation.nights import draw, paired, percentile, seed_of, spread_of, spreads
from palingenesis.simulation.performance import perform
from palingenesis.simulation.summary import summary_of
from palingenesis.simulation.typical import TYPICAL
from tests.simulation.nights import policy_of, scenario_of, shipped

TYPICAL_NIGHT = scenario_of(TYPICAL)
GIVES_UP = """
version: 1
rules:
  - id: done
    when: stop.reason == 'completed' and (work.state == 'absent' or work.done)
    do: [finish]
default: {do: [attention]}
"""


def test_percentiles_are_the_nearest_ranks():
    numbers = [1.0, 2.0, 3.0, 4.0]

    assert [percentile(numbers, point) for point in (5, 25, 50, 75, 95)] == [1, 1, 2, 3, 4]
    assert percentile([7.0], 50) == 7


def test_bins_hold_every_night_once():
    spread = spread_of("x", "", [0.0, 1.0, 1.0, 10.0])

    assert sum(spread.bins) == 4
    assert (spread.bins[0], spread.bins[-1]) == (1, 1)
    assert (spread.least, spread.most, spread.mean) == (0.0, 10.0, 3.0)


def test_one_night_of_many_can_be_played_alone():
    drawn = list(draw(shipped(), TYPICAL_NIGHT, nights=3, seed="7"))

    alone = summary_of(perform(shipped(), TYPICAL_NIGHT, seed=seed_of("7", 2)))

    assert drawn[1].seed == "7/2"
    assert drawn[1].numbers[0] == sum(alone.stops.values())
    assert drawn[1].numbers[6] == alone.steps


def test_no_typical_night_breaks_an_invariant_under_the_default_policy():
    drawn = list(draw(shipped(), TYPICAL_NIGHT, nights=60, seed="7"))

    assert [one.seed for one in drawn if not one.is_good] == []
    stops = next(spread for spread in spreads(drawn) if spread.name == "stops")
    assert 15 <= stops.points[2] <= 60, "a typical night has some dozens of stops"


def test_a_policy_compared_with_itself_differs_in_nothing():
    drawn = list(draw(shipped(), TYPICAL_NIGHT, nights=5, seed="1"))

    for one in paired(drawn, list(draw(shipped(), TYPICAL_NIGHT, nights=5, seed="1"))):
        assert (one.better, one.worse, one.same) == (0, 0, 5)


def test_a_policy_that_gives_up_works_fewer_hours_on_the_same_nights():
    drawn = list(draw(shipped(), TYPICAL_NIGHT, nights=10, seed="1"))
    others = list(draw(policy_of(GIVES_UP), TYPICAL_NIGHT, nights=10, seed="1"))

    told = {one.name: one for one in paired(drawn, others)}

    assert told["hours worked"].after < told["hours worked"].before
    assert told["hours worked"].worse >= 8
    assert told["handed over"].better == 0


@pytest.mark.parametrize("options", [("--nights", "4"), ("7/42",)])
def test_the_same_seed_tells_the_same_bytes_in_another_process(options, tmp_path):
    command = [sys.executable, "-m", "palingenesis", "policy", "simulate", "typical", "--json"]
    many = options if options[0] == "--nights" else ("--seed", options[0])
    said = []
    for hash_seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "HOME": str(tmp_path)}
        ran = subprocess.run(
            [*command, *many], capture_output=True, check=True, env=environ, timeout=120
        )
        said.append(ran.stdout)

    assert said[0] == said[1]
    assert len(said[0]) > 1000

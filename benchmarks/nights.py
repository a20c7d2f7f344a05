"""How many closed-loop nights a minute and core: the world, the kernel, invariants, the summary.

The floor is the kernel alone: the very same events handed to bare `step` calls, in the same run.
Times are of the processor, so neighbours disturb them less.

    python -m benchmarks.nights [NIGHTS]
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import tell_machine

from palingenesis import shipped
from palingenesis.core.events import Event
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.index import indexed
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.simulation.nights import Drawn, draw, seed_of
from palingenesis.simulation.performance import perform
from palingenesis.simulation.scenario import Scenario, read_scenario
from palingenesis.simulation.typical import TYPICAL

TWENTY = """\
version: 1
world:
  until: 10h
  agents: [{id: opencode, retries: false}]
  sessions: [{id: a, turns: 10000, turn: {takes: 6m..14m}}]
  failures:
    - {what: network, per-hour: 0.7}
    - {what: rate_limit, per-hour: 0.7, retry_after: 30s}
    - {what: server_error, per-hour: 0.4}
    - {what: output_limit, per-hour: 0.3}
"""
"""One session and about twenty stops."""


def main() -> None:
    nights = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    tell_machine()
    policy = default()
    for name, text in (("twenty stops", TWENTY), ("typical", TYPICAL)):
        scenario = read_scenario(text).scenario
        assert scenario is not None
        list(draw(policy, scenario, nights=5, seed="warm"))
        begun = time.process_time()
        drawn = list(draw(policy, scenario, nights=nights, seed="7"))
        took_s = time.process_time() - begun
        stops = sum(one.numbers[0] for one in drawn)
        floor_s = floor_of(policy, scenario, drawn)
        print(
            f"{name:13} {nights / took_s * 60:7.0f} nights a minute and core"
            f"  {stops / nights:5.1f} stops, {sum(one.turns for one in drawn) / nights:5.0f} turns,"
            f" {took_s / nights * 1000:5.1f} ms a night"
            f"  bare step {floor_s / nights * 1000:5.1f} ms  x{took_s / floor_s:.2f}"
        )


def floor_of(policy: Policy, scenario: Scenario, drawn: Sequence[Drawn]) -> float:
    """Seconds that `step` alone needs for the events of the same nights."""
    quick = indexed(policy)
    recorded: list[list[Event]] = []
    for number in range(1, len(drawn) + 1):
        played = perform(quick, scenario, seed=seed_of("7", number))
        recorded.append([happening.event for happening in played.past])
    begun = time.process_time()
    for events in recorded:
        world = World()
        for event in events:
            world = step(world, event, quick).world
    return time.process_time() - begun


def default() -> Policy:
    compiled = compile_text(
        Path(shipped.policy()).read_bytes(),
        name="default",
        schema=shipped.schema("policy").read_text(encoding="utf-8"),
    )
    assert compiled.policy is not None
    return compiled.policy


if __name__ == "__main__":
    main()

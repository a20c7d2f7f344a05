"""What to try first, where there is no time for all of it: what was tried least.

A bug may show only where two things meet, such as a hook and a policy that knows it. So nights
come in an order in which pairs of ingredients that were seldom together come first, and in each of
them the daemon dies at the kinds of boundaries at which it seldom died.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from tests.torture.night.script import script_of

_AMONG: Final = 200
"""The next night is the best of so many."""


def varied(first: int) -> Iterator[int]:
    """Seeds without an end, the most unlike those before them first."""
    tried: Counter[tuple[str, str]] = Counter()
    pool = {seed: ingredients(seed) for seed in range(first, first + _AMONG)}
    following = first + _AMONG
    while True:
        best = max(pool, key=lambda seed: (_novelty(pool[seed], tried), -seed))
        tried.update(pool.pop(best))
        pool[following] = ingredients(following)
        following += 1
        yield best


def _novelty(pairs: frozenset[tuple[str, str]], tried: Counter[tuple[str, str]]) -> float:
    return sum(1.0 / (1 + tried[pair]) ** 2 for pair in pairs)


def ingredients(seed: int) -> frozenset[tuple[str, str]]:
    """Every two things that meet in a night: its policy, what stops sessions, what goes wrong."""
    script = script_of(seed)
    house = script.house()
    found = {f"policy {script.policy}"}
    found |= {f"command {name}" for name, _ in house.commands.values()}
    found |= {f"fate {fate}" for fate in [*house.fates.values(), *house.signal_fates.values()]}
    found |= {
        f"{name} {args[:1]}"
        for _, _, _, name, args in house.heap
        if name not in {"wake", "command"}
    }
    beats = [beat for talk in house.talks.values() for beat in talk.script]
    found |= {f"{beat.kind} {beat.reason}" for beat in beats}
    return frozenset(combinations(sorted(found), 2))


def least_tried(names: Sequence[str], most: int, tried: Counter[str]) -> list[int]:
    """The places of so many names, of those first that were tried least; they are counted."""
    left = dict(enumerate(names))
    chosen = []
    while left and len(chosen) < most:
        best = min(left, key=lambda place: tried[left[place]])
        tried[left.pop(best)] += 1
        chosen.append(best)
    return chosen

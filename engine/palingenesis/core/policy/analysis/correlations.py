"""Correlations: what facts never say together, as boxes that no night ever reaches.

Without them an example could have a stop reason on progress, or more crashes in ten minutes than
in the hour around them. Each line is read off the code that makes the facts (`kernel.snapshot`,
`kernel.deciding`, the sensors); what that code does not guarantee is not used here.
"""

from collections.abc import Iterator
from typing import Final

from palingenesis.core.policy.analysis.axes import Axis
from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.policy.analysis.space import Space
from palingenesis.core.policy.terms import Count

STOP_EVENTS: Final = frozenset({"stopped", "action_failed"})
"""The events that a stop is told with; with any other, the last stop is the past."""

TOGETHER: Final = (
    ("stop.reason", "stop.confidence", "stop.message", "stop.retrying"),
    ("block.kind", "block.age", "block.tool"),
    ("episode.first_reason", "episode.age"),
    ("action.kind", "action.error"),
    (
        "agent.kind",
        "agent.name",
        "agent.way",
        "agent.up",
        "agent.restarts",
        "agent.retrying",
        "agent.version",
        "agent.supported",
    ),
)
"""Facts that are known together or not at all."""

_PARTS: Final = {
    "stop.": "stop.reason",
    "block.": "block.kind",
}
"""Facts of a group are known only if its first one is."""

_ONLY_WITH: Final = {
    "work.done": ("work.state", "valid"),
    "work.steps_completed": ("work.state", "valid"),
    "work.steps_total": ("work.state", "valid"),
}
"""Known only while another fact has this value."""

_ON_EVENT: Final = {
    "stop.": STOP_EVENTS,
    "block.": frozenset({"blocked"}),
    "action.": frozenset({"action_failed"}),
}
"""Facts of a group are known only with these events."""

_ALWAYS_ON: Final = {"block.": "blocked", "action.": "action_failed"}
"""Where some fact of the group is always known; a stop may be missing when a stall is reopened."""

_NO_TROUBLE: Final = frozenset({"completed", "user_abort", "user_exit"})
"""Stops that begin no episode."""


def impossible(space: Space, counts: list[Count], budget: Budget) -> list[int]:
    """Boxes that no facts of a real session lie in."""
    found = [*_by_event(space), *_by_group(space), *_by_value(space), *_by_episode(space)]
    found += _by_count(space, counts)
    return space.joined([box for box in found if box], budget)


def _by_event(space: Space) -> Iterator[int]:
    for key, axis in space.axes.items():
        group = f"{key.partition('.')[0]}."
        if group not in _ON_EVENT or not axis.unknown:
            continue
        event = space.axes["event"]
        others = event.known & ~event.among(_ON_EVENT[group])
        yield _both(space, event, others, axis, axis.known)
        if group in _ALWAYS_ON and any(key in names for names in TOGETHER):
            yield _both(space, event, event.among({_ALWAYS_ON[group]}), axis, axis.unknown)


def _by_group(space: Space) -> Iterator[int]:
    for names in TOGETHER:
        here = [space.axes[name] for name in names if name in space.axes]
        for axis in here[1:]:
            yield _both(space, here[0], here[0].known, axis, axis.unknown)
            yield _both(space, here[0], here[0].unknown, axis, axis.known)
    for group, leader in _PARTS.items():
        first = space.axes.get(leader)
        for key, axis in space.axes.items():
            if first is not None and key.startswith(group) and key != leader:
                yield _both(space, first, first.unknown, axis, axis.known)


def _both(space: Space, one: Axis, mask: int, other: Axis, with_: int) -> int:
    return space.meet(space.box(one.key, mask), space.box(other.key, with_))


def _by_value(space: Space) -> Iterator[int]:
    state = space.axes.get("work.state")
    for name, (leader, value) in _ONLY_WITH.items():
        if state is not None and name in space.axes and leader == state.key:
            axis = space.axes[name]
            other = state.known & ~state.among({value})
            yield _both(space, state, other, axis, axis.known)
    done = space.axes.get("work.done")
    if state is not None and done is not None:
        yield _both(space, state, state.among({"valid"}), done, done.unknown)
    one, its = space.axes.get("stop.retrying"), space.axes.get("agent.retrying")
    if one is not None and its is not None:
        yield _both(space, one, one.among({True}), its, its.among({False}))
        yield _both(space, one, one.among({False}), its, its.among({True}))


def _by_episode(space: Space) -> Iterator[int]:
    first = space.axes.get("episode.first_reason")
    if first is not None:
        yield space.box(first.key, first.among(_NO_TROUBLE))
    leader = first or space.axes.get("episode.age")
    if leader is None:
        return
    attempts = space.axes.get("episode.attempts")
    if attempts is not None:
        some = sum(
            1 << index
            for index, cell in enumerate(attempts.cells)
            if isinstance(cell.sample, int) and cell.sample > 0
        )
        yield _both(space, leader, leader.unknown, attempts, some)


def _by_count(space: Space, counts: list[Count]) -> Iterator[int]:
    """A shorter window never holds more than a longer one."""
    for one in counts:
        for other in counts:
            if one.what != other.what or one.window >= other.window:
                continue
            short, long = space.axes[one.key], space.axes[other.key]
            for index, cell in enumerate(long.cells):
                most = _most(cell.sample, cell.high, is_gap=cell.is_gap)
                if most is not None:
                    above = sum(
                        1 << at
                        for at, inner in enumerate(short.cells)
                        if isinstance(inner.sample, int) and inner.sample > most
                    )
                    yield _both(space, short, above, long, 1 << index)


def _most(sample: object, high: object, *, is_gap: bool) -> int | None:
    """The greatest whole number of a cell; None: there is none."""
    if not is_gap:
        return sample if isinstance(sample, int) else None
    return high - 1 if isinstance(high, int) else None

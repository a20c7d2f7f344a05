"""Differences: for which facts two policies do different things, whatever their texts look like.

Both are laid out in one space. Where a rule of one decides and a rule of the other does, and they
lead to different steps, the facts that are left of both are a difference. Each is made as large as
it can be, so that a moved threshold reads as one range and not as twenty boxes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Step
from palingenesis.core.policy.analysis.budget import Budget, SpentError
from palingenesis.core.policy.analysis.chart import Chart, Survey, decides, survey
from palingenesis.core.policy.analysis.regions import Boxes
from palingenesis.core.policy.analysis.witness import Witness, describe, in_short
from palingenesis.core.policy.decide import DEFAULT, DEFAULT_EVENTS
from palingenesis.core.policy.model import Cap, Limit, Mode, Policy, Rule

PLENTY: Final = 50_000_000
_MOST_REGIONS: Final = 6
"""Regions of one difference that are told; there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one policy does: `rule` is `default` when no rule decides, "" when nothing is done."""

    rule: str
    steps: tuple[Step, ...] = ()
    limit: Limit | None = None
    delay: timedelta | None = None
    line: int = 0

    @property
    def outcome(self) -> tuple[object, ...]:
        """Everything that is done."""
        return self.steps, self.limit, self.delay


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Facts for which it is so: as a condition, and without what is usual anyway."""

    where: str
    short: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One pair of outcomes. `more`: there are further regions than these."""

    before: Side
    after: Side
    regions: tuple[Region, ...]
    example: Witness
    more: bool = False
    aside: bool = False
    """It is about a rule that only observes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Something beside the rules that is different."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All differences; `whole` is False if it would have cost too much to find them all."""

    differences: tuple[Difference, ...]
    settings: tuple[Setting, ...]
    whole: bool = True

    @property
    def same(self) -> bool:
        """Whether it was shown that both do the same."""
        return self.whole and not self.differences and not self.settings


def semantic_diff(
    before: Policy,
    after: Policy,
    *,
    looks: int = PLENTY,
    tick: Callable[[], None] | None = None,
) -> Comparison:
    """Compare what two policies do, over all facts."""
    settings = tuple(_settings(before, after))
    found: list[Difference] = []
    whole = True
    try:
        both = survey([before, after], (), Budget(looks, tick))
        one, other = Chart(before, both), Chart(after, both)
        for difference in _differences(one, other, both):
            found.append(difference)  # noqa: PERF402 - what came before the end of the budget counts
    except SpentError:
        whole = False
    return Comparison(differences=tuple(found), settings=settings, whole=whole)


# ── beside the rules ──────────────────────────────────────────────────────────────────────────


def _settings(before: Policy, after: Policy) -> Iterator[Setting]:
    for name in ("healthy_after", "verify_within", "stall_after"):
        one, other = (show_duration(getattr(policy, name)) for policy in (before, after))
        if one != other:
            yield Setting(name=name.replace("_", "-"), before=one, after=other)
    if before.mode is not after.mode:
        yield Setting(name="mode", before=before.mode, after=after.mode)
    caps = {cap.what: cap for cap in before.caps}, {cap.what: cap for cap in after.caps}
    for what in dict.fromkeys([*caps[0], *caps[1]]):
        first, second = caps[0].get(what), caps[1].get(what)
        if first != second:
            yield Setting(name=f"limits.{what}", before=_cap(first), after=_cap(second))


def _cap(cap: Cap | None) -> str:
    if cap is None:
        return "none"
    return f"{cap.most} per {show_duration(cap.per)}" + (" with 'then'" if cap.then else "")


# ── the rules ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """Where a side decides: its boxes, without what is taken before it."""

    side: Side
    boxes: Boxes
    taken: Boxes


def _differences(one: Chart, other: Chart, both: Survey) -> Iterator[Difference]:
    others = list(_grounds(other))
    for first in _grounds(one):
        for second in others:
            if first.side.outcome != second.side.outcome:
                here = both.space.meets(first.boxes, second.boxes, both.budget)
                off = [*first.taken, *second.taken]
                yield from _difference(first.side, second.side, here, off, both)
    yield from _asides(one, other, both)


def _grounds(chart: Chart) -> Iterator[_Ground]:
    policy, space = chart.policy, chart.space
    for index, rule in enumerate(policy.rules):
        if decides(rule) and chart.boxes[index]:
            yield _Ground(side=_side(rule), boxes=chart.boxes[index], taken=chart.taken(index))
    event = space.axes["event"]
    answered = event.among(DEFAULT_EVENTS)
    default = Side(rule=DEFAULT, steps=policy.default)
    yield _Ground(side=default, boxes=[space.box("event", answered)], taken=chart.taken(None))
    silent = [space.box("event", event.whole & ~answered)]
    yield _Ground(side=Side(rule=""), boxes=silent, taken=chart.taken(None))


def _side(rule: Rule) -> Side:
    return Side(rule=rule.id, steps=rule.steps, limit=rule.limit, delay=rule.delay, line=rule.line)


def _difference(
    before: Side,
    after: Side,
    here: Sequence[int],
    off: Boxes,
    both: Survey,
    *,
    aside: bool = False,
) -> Iterator[Difference]:
    """The facts of `here` that lie beside `off`, as one difference; nothing if there are none."""
    found: list[int] = []
    example: Witness | None = None
    for box in here:
        while len(found) <= _MOST_REGIONS:
            known = [*both.impossible, *off, *found]
            piece = both.space.outside([box], known, both.budget)
            if not piece:
                break
            if example is None:
                example = both.example(box, off)
            found.append(both.widest(piece, box, off))
    if example is not None:
        joined = both.space.joined(found[:_MOST_REGIONS], both.budget)
        regions = [
            Region(where=describe(both.space, box), short=in_short(both.space, box))
            for box in joined
        ]
        yield Difference(
            before=before,
            after=after,
            regions=tuple(dict.fromkeys(regions)),
            example=example,
            more=len(found) > _MOST_REGIONS,
            aside=aside,
        )


# ── rules that only observe ───────────────────────────────────────────────────────────────────


def _asides(one: Chart, other: Chart, both: Survey) -> Iterator[Difference]:
    """Observing rules are compared with the one of the same id, or else of the same steps."""
    for index, rule in _observers(one):
        where = _only_here(one, index, other, _twin(rule, other))
        yield from _sides(where, _side(rule), Side(rule=""), both)
    for index, rule in _observers(other):
        where = _only_here(other, index, one, _twin(rule, one))
        yield from _sides(where, Side(rule=""), _side(rule), both)


def _observers(chart: Chart) -> Iterator[tuple[int, Rule]]:
    for index, rule in enumerate(chart.policy.rules):
        if rule.observes and rule.mode is Mode.ENFORCE:
            yield index, rule


def _twin(rule: Rule, chart: Chart) -> int | None:
    same = [(at, one) for at, one in _observers(chart) if _side(one).outcome == _side(rule).outcome]
    named = [at for at, one in same if one.id == rule.id]
    return named[0] if named else same[0][0] if same else None


def _only_here(
    chart: Chart, index: int, other: Chart, twin: int | None
) -> Iterator[tuple[Boxes, Boxes]]:
    """Where a rule observes and its twin in the other policy does not: boxes, and what is off."""
    boxes, taken = chart.boxes[index], chart.taken(index)
    if twin is None:
        yield boxes, taken
        return
    yield boxes, [*taken, *other.boxes[twin]]
    yield chart.space.meets(boxes, other.taken(twin), chart.survey.budget), taken


def _sides(
    where: Iterator[tuple[Boxes, Boxes]], before: Side, after: Side, both: Survey
) -> Iterator[Difference]:
    for boxes, off in where:
        yield from _difference(before, after, boxes, off, both, aside=True)

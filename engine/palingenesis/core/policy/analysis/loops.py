"""Loops: rules that make the session go on, and could do so for ever.

A rule *goes on* if one of its courses makes the session work again without a person's word. What
can end the row of its decisions:

- its limit, or a limit of the whole policy, if what that leads to does not go on itself, and the
  tries follow one another closely enough to reach it;
- counting: with every `count()`, `episode.attempts` and `agent.restarts` at its greatest, the rule
  is not true any more, or an earlier rule decides;
- nothing, and rightly so: the provider said "not now" (`rate_limit`, `quota`, `overloaded`, or the
  assistant itself tries again), and the plan waits before it goes on. Such limits pass;
- the kernel's rails: three prompts in a row that achieved nothing (`safety.UNPRODUCTIVE_MAX`), and
  no prompt while a person is asked something. The first ends neither what the provider refuses,
  nor outages; both end no plan that prompts nobody.

A failed action is answered once by the kernel, so a plan that answers one does not go round.
"""

from collections.abc import Iterator
from typing import Final

from palingenesis.core.plans import Delegate, word_of
from palingenesis.core.policy.analysis.chart import Chart
from palingenesis.core.policy.analysis.deeds import (
    COUNTED,
    PROMPTS,
    Course,
    alone,
    courses,
    goes_on,
    limited,
    waits_before,
)
from palingenesis.core.policy.analysis.regions import Boxes
from palingenesis.core.policy.model import Rule
from palingenesis.core.values import NOBODY_ANSWERED, NOT_NOW

_COUNTERS: Final = ("episode.attempts", "agent.restarts")
_RAILED: Final = frozenset({"stalled", "blocked"})
"""Events after which the rails end every plan that prompts, whatever the last stop was."""


def runs_on(chart: Chart, rule: Rule) -> Iterator[tuple[Boxes, Course]]:
    """Where a rule would go on for ever if it decided there, and how; nothing if it cannot."""
    if _is_limited(rule):
        return
    space, budget = chart.space, chart.survey.budget
    for course in courses(rule):
        if not goes_on(course.steps) or _is_capped(chart, course):
            continue
        here = [_saturated(chart)]
        waits = waits_before(course.steps) or any(
            isinstance(step, Delegate) for step in course.steps
        )
        if waits:
            here = space.meets(here, _not_refused(chart), budget)
        yield here, course


def _is_limited(rule: Rule) -> bool:
    """Whether a limit of the rule ends the row, and the tries are close enough to reach it."""
    limit = rule.limit
    if limit is None or goes_on(limited(rule).steps):
        return False
    return alone(waits_before(rule.steps), limit.most) < limit.per


def _is_capped(chart: Chart, course: Course) -> bool:
    """Whether a limit of the whole policy ends the row."""
    return any(
        any(word in COUNTED[cap.what] for word in course.words)
        and not goes_on(cap.then)
        and alone(waits_before(course.steps), cap.most) < cap.per
        for cap in chart.policy.caps
    )


def railed(chart: Chart, rule: Rule) -> Boxes:
    """Where the kernel's rails end what a rule would do for ever."""
    prompts = all(
        any(word_of(step) in PROMPTS for step in course.steps)
        for course in courses(rule)
        if goes_on(course.steps)
    )
    if not prompts:
        return []
    space = chart.space
    event, reason = space.axes["event"], space.axes["stop.reason"]
    goes_by = {str(one) for one in (*NOT_NOW, *NOBODY_ANSWERED)}
    others = reason.whole & ~reason.among(goes_by)
    stopped = space.meet(
        space.box(event.key, event.among({"stopped"})), space.box(reason.key, others)
    )
    return [stopped, space.box(event.key, event.among(_RAILED))]


def _saturated(chart: Chart) -> int:
    """Every counter at its greatest, and any event but one that the kernel answers once."""
    space = chart.space
    event = space.axes["event"]
    box = space.box(event.key, event.whole & ~event.among({"action_failed"}))
    for key, axis in space.axes.items():
        if key.startswith("count(") or key in _COUNTERS:
            top = axis.known.bit_length() - 1
            box = space.meet(box, space.box(key, 1 << top))
    return box


def _not_refused(chart: Chart) -> Boxes:
    """Stops that are no "not now" of the provider."""
    space = chart.space
    reason = space.axes["stop.reason"]
    others = reason.whole & ~reason.among({str(one) for one in NOT_NOW})
    box = space.box(reason.key, others)
    retrying = space.axes.get("stop.retrying")
    if retrying is not None:
        box = space.meet(box, space.box(retrying.key, retrying.whole & ~retrying.among({True})))
    return [box]

"""Loops: rules that make the session go on, and could do so for ever.

A rule *goes on* if one of its courses makes the session work again without a person's word. What
can end the row of its decisions:

- its limit, if what the limit leads to does not go on itself;
- counting: with every `count()`, `episode.attempts` and `agent.restarts` at its greatest, the rule
  is not true any more, or an earlier rule decides;
- nothing, and rightly so: the provider said "not now" (`rate_limit`, `quota`, `overloaded`, or the
  assistant itself tries again), and the plan waits before it goes on. Such limits pass;
- the kernel's rail: three prompts in a row that achieved nothing (`safety.UNPRODUCTIVE_MAX`). It
  ends neither what the provider refuses, nor outages, nor plans that prompt nobody.

A failed action is answered once by the kernel, so a plan that answers one does not go round.
"""

from collections.abc import Iterator
from typing import Final

from palingenesis.core.plans import Delegate, word_of
from palingenesis.core.policy.analysis.chart import Chart
from palingenesis.core.policy.analysis.deeds import PROMPTS, courses, goes_on, limited, waits_before
from palingenesis.core.policy.analysis.regions import Boxes
from palingenesis.core.policy.model import Rule
from palingenesis.core.safety import OUTAGES, PROVIDER_REFUSED

_COUNTERS: Final = ("episode.attempts", "agent.restarts")
_RAILED: Final = frozenset({"stopped", "stalled"})
"""Events after which the rail of fruitless prompts counts."""


def runs_on(chart: Chart, rule: Rule) -> Iterator[Boxes]:
    """Where a rule would go on for ever if it decided there; nothing if it cannot."""
    if rule.limit is not None and not goes_on(limited(rule).steps):
        return
    space, budget = chart.space, chart.survey.budget
    for course in courses(rule):
        if not goes_on(course.steps):
            continue
        here = [_saturated(chart)]
        waits = waits_before(course.steps) or any(
            isinstance(step, Delegate) for step in course.steps
        )
        if waits:
            here = space.meets(here, _not_refused(chart), budget)
        yield here


def railed(chart: Chart, rule: Rule) -> Boxes:
    """Where the kernel's rail ends what a rule would do for ever."""
    prompts = all(
        any(word_of(step) in PROMPTS for step in course.steps)
        for course in courses(rule)
        if goes_on(course.steps)
    )
    if not prompts:
        return []
    space = chart.space
    event, reason = space.axes["event"], space.axes["stop.reason"]
    goes_by = {str(one) for one in (*PROVIDER_REFUSED, *OUTAGES)}
    others = reason.whole & ~reason.among(goes_by)
    both = space.meet(space.box(event.key, event.among(_RAILED)), space.box(reason.key, others))
    stalled = space.box(event.key, event.among({"stalled"}))
    return [both, stalled]


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
    others = reason.whole & ~reason.among({str(one) for one in PROVIDER_REFUSED})
    box = space.box(reason.key, others)
    retrying = space.axes.get("stop.retrying")
    if retrying is not None:
        box = space.meet(box, space.box(retrying.key, retrying.whole & ~retrying.among({True})))
    return [box]

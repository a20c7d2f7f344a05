"""Lint of reach: rules that never decide, or decide the same, and conditions that never change."""

from collections.abc import Iterator
from typing import Final

from palingenesis.core.policy.analysis.chart import Chart, decides
from palingenesis.core.policy.analysis.places import At, Remark
from palingenesis.core.policy.analysis.space import EMPTY
from palingenesis.core.policy.diagnostics import Grade
from palingenesis.core.policy.model import Rule
from palingenesis.core.policy.terms import AllOf, AnyOf, Literal, Term

_NAMED: Final = 3
"""Earlier rules that are named where they share the blame."""


def reach(chart: Chart) -> Iterator[Remark]:
    """L101 never true · L102 unreachable · L103 the same as another."""
    survey, space = chart.survey, chart.space
    for index, rule in enumerate(chart.policy.rules):
        boxes = chart.boxes[index]
        if space.outside(boxes, survey.impossible, survey.budget) == EMPTY:
            yield _never(chart, index)
        elif chart.is_dead(index):
            yield _unreachable(chart, index, rule)


def _never(chart: Chart, index: int) -> Remark:
    rule = chart.policy.rules[index]
    reason = "no facts can make its condition true"
    if chart.boxes[index]:
        events = ", ".join(sorted(rule.events))
        reason = f"what it asks for is never known together with the event ({events})"
    return Remark(
        code="L101",
        severity=Grade.WARNING,
        message=f"rule '{rule.id}' can never match: {reason}",
        help="correct the condition, or remove the rule",
        at=At(rule=rule),
    )


def _unreachable(chart: Chart, index: int, rule: Rule) -> Remark:
    space, survey = chart.space, chart.survey
    before = [
        at
        for at in range(index)
        if decides(chart.policy.rules[at])
        and space.meets(chart.boxes[at], chart.boxes[index], survey.budget)
    ]
    alone = next((at for at in before if _covers(chart, at, index)), None)
    if alone is not None and _covers(chart, index, alone):
        return _same(chart.policy.rules[alone], rule)
    blamed = [alone] if alone is not None else before
    named = [chart.policy.rules[at] for at in blamed[:_NAMED]]
    names = " and ".join(f"'{one.id}'" for one in named)
    more = " and others" if len(blamed) > _NAMED else ""
    return Remark(
        code="L102",
        severity=Grade.WARNING,
        message=f"rule '{rule.id}' is unreachable: every case it matches is taken by {names}{more}",
        help="move it up, or narrow the earlier rule",
        at=At(rule=rule),
        related=tuple(("decides instead", At(rule=one)) for one in named),
    )


def _covers(chart: Chart, outer: int, inner: int) -> bool:
    off = [*chart.survey.impossible, *chart.boxes[outer]]
    return chart.space.outside(chart.boxes[inner], off, chart.survey.budget) == EMPTY


def _same(first: Rule, rule: Rule) -> Remark:
    does = "and does the same" if first.steps == rule.steps else "so it never decides"
    return Remark(
        code="L103",
        severity=Grade.WARNING,
        message=f"rule '{rule.id}' has the same condition as '{first.id}' before it, {does}",
        help="remove one of them",
        at=At(rule=rule),
        related=(("the same condition", At(rule=first)),),
    )


# ── overlaps ──────────────────────────────────────────────────────────────────────────────────


def overlaps(chart: Chart) -> Iterator[Remark]:
    """L104: two rules that are true for the same facts and do different things."""
    rules, space, survey = chart.policy.rules, chart.space, chart.survey
    for index, rule in enumerate(rules):
        for at in range(index):
            first = rules[at]
            if not decides(first) or not decides(rule) or outcome(first) == outcome(rule):
                continue
            for box in space.meets(chart.boxes[at], chart.boxes[index], survey.budget):
                example = survey.example(box, [])
                if example is not None:
                    yield _overlap(first, rule, str(example))
                    break


def outcome(rule: Rule) -> tuple[object, ...]:
    """Everything that a rule does once it decides."""
    return rule.steps, rule.limit, rule.delay


def _overlap(first: Rule, rule: Rule, example: str) -> Remark:
    return Remark(
        code="L104",
        severity=Grade.NOTE,
        message=f"'{first.id}' and '{rule.id}' are both true for: {example}",
        help=f"'{first.id}' stands first and decides; that is fine if it was meant",
        at=At(rule=rule),
        related=(("decides", At(rule=first)),),
    )


# ── the default ───────────────────────────────────────────────────────────────────────────────


def left_to_default(chart: Chart) -> Iterator[Remark]:
    """L105: stop reasons that no rule decides in any case."""
    space = chart.space
    reason = space.axes["stop.reason"]
    stopped = space.box("event", space.axes["event"].among({"stopped"}))
    left = []
    for index, cell in enumerate(reason.cells):
        here = space.meet(stopped, space.box(reason.key, 1 << index))
        ruled = any(
            next(chart.left(at, [here]), None) is not None
            for at, rule in enumerate(chart.policy.rules)
            if decides(rule) and "stopped" in rule.events
        )
        if cell.sample is not None and not ruled:
            left.append(str(cell.sample))
    if left:
        yield Remark(
            code="L105",
            severity=Grade.NOTE,
            message=f"stop reasons left to the default: {', '.join(left)}",
            help="that is fine if 'default:' does what you want for them",
            at=At(key="default"),
        )


# ── constant conditions ───────────────────────────────────────────────────────────────────────


def constants(chart: Chart) -> Iterator[Remark]:
    """L106: parts of a condition that are true, or not true, whatever the facts."""
    for index, rule in enumerate(chart.policy.rules):
        if rule.when is None or not chart.boxes[index]:
            continue
        event = chart.space.axes["event"]
        events = chart.space.box("event", event.among(rule.events))
        asked = rule.file == ""
        for at, part in enumerate(rule.when.parts if asked else ()):
            yield from _constant(chart, rule, at, part.term, events, in_or=False)


def _constant(
    chart: Chart, rule: Rule, part: int, term: Term, events: int, *, in_or: bool
) -> Iterator[Remark]:
    space, survey = chart.space, chart.survey
    true = survey.regions.of(term)
    whole = space.outside([events], [*true, *survey.impossible], survey.budget) == EMPTY
    if whole:
        by_itself = space.outside([space.full], true, survey.budget) == EMPTY
        yield _says(rule, part, term, "is always true here", by_itself=by_itself)
        return
    here = space.meets([events], true, survey.budget)
    if in_or and space.outside(here, survey.impossible, survey.budget) == EMPTY:
        yield _says(rule, part, term, "is never true here", by_itself=not true)
        return
    if isinstance(term, AllOf | AnyOf):
        for inner in term.terms:
            alternative = isinstance(term, AnyOf)
            yield from _constant(chart, rule, part, inner, events, in_or=alternative)


def _says(rule: Rule, part: int, term: Term, what: str, *, by_itself: bool) -> Remark:
    assert rule.when is not None, "a part stands in a condition"
    text = rule.when.parts[part].text[term.start : term.end]
    plain = by_itself or isinstance(term, Literal)
    return Remark(
        code="L106",
        severity=Grade.WARNING if plain else Grade.NOTE,
        message=f"rule '{rule.id}': '{text}' {what}",
        help="leave it out" if plain else "with these events it makes no difference",
        at=At(rule=rule, part=part, term=term),
    )

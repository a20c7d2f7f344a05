"""Lint of plans: limits that cannot be reached, retries that cannot help or never end."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Ask, Backoff, Resume, Retry, Step, Wait, word_of
from palingenesis.core.policy.analysis.chart import Chart, decides
from palingenesis.core.policy.analysis.correlations import STOP_EVENTS
from palingenesis.core.policy.analysis.deeds import (
    GOES_ON,
    alone,
    courses,
    goes_on,
    limited,
    waits_before,
)
from palingenesis.core.policy.analysis.loops import runs_on
from palingenesis.core.policy.analysis.places import At, Remark
from palingenesis.core.policy.analysis.regions import Boxes
from palingenesis.core.policy.diagnostics import Grade
from palingenesis.core.policy.model import Rule

_ZERO: Final = timedelta(0)
SURE: Final = 0.6
"""From this confidence on a reason is good enough for a step that cannot be taken back."""

_BY_ANOTHER_MODEL: Final = frozenset({"auth", "billing", "refused", "model_not_found"})
_BY_LESS_TEXT: Final = frozenset({"request_too_large", "context_exhausted"})
_BY_PERSON: Final = frozenset({"user_exit", "user_abort"})


def plans(chart: Chart) -> Iterator[Remark]:
    """L110 to L115, L117 and L121, rule by rule."""
    for index, rule in enumerate(chart.policy.rules):
        if decides(rule):
            yield from _limit(rule)
            yield from _upside_down(rule)
            yield from _in_vain(chart, index, rule)
            yield from _against_her(chart, index, rule)
            yield from _for_ever(chart, index, rule)
            yield from _unsure(chart, index, rule)
    yield from _restarts(chart)


def _remark(
    rule: Rule, code: str, message: str, advice: str, key: str = "id", *, note: bool = False
) -> Remark:
    return Remark(
        code=code,
        severity=Grade.NOTE if note else Grade.WARNING,
        message=f"rule '{rule.id}': {message}",
        help=advice,
        at=At(rule=rule, key=key),
    )


# ── limits ────────────────────────────────────────────────────────────────────────────────────


def _limit(rule: Rule) -> Iterator[Remark]:
    if rule.limit is None:
        return
    waits = waits_before(rule.steps)
    most, per = rule.limit.most, rule.limit.per
    taken = alone(waits, most)
    if taken >= per:
        message = (
            f"its limit of {most} per {show_duration(per)} cannot be reached: "
            f"the waits alone take {show_duration(taken)}"
        )
        advice = f"raise 'per' above {show_duration(taken)}, or lower 'max'"
        yield _remark(rule, "L110", message, advice, "limit")
        return
    for wait in waits:
        span = _otherwise(wait)
        if span >= per:
            message = (
                f"without a time from the server it waits {show_duration(span)}, "
                f"but its limit forgets after {show_duration(per)}"
            )
            yield _remark(rule, "L112", message, "raise 'per' above the wait", "limit")


def _upside_down(rule: Rule) -> Iterator[Remark]:
    """L117: a ladder whose first wait is cut to its longest."""
    waits = [step for course in courses(rule) for step in course.steps if isinstance(step, Wait)]
    ladders = [one for wait in waits for one in (wait.backoff, wait.otherwise)]
    for ladder in ladders:
        if isinstance(ladder, Backoff) and ladder.first > ladder.longest:
            longest = show_duration(ladder.longest)
            message = (
                f"a backoff begins with {show_duration(ladder.first)}, "
                f"but no wait of it is longer than its max: each takes {longest}"
            )
            advice = f"raise 'max', or write 'for: {longest}' if that is meant"
            yield _remark(rule, "L117", message, advice, "do")
            return


def _otherwise(wait: Wait) -> timedelta:
    """How long a wait is at least, where the server names no time."""
    if wait.until is None:
        return _ZERO
    other = wait.otherwise
    span = other.first if isinstance(other, Backoff) else other or _ZERO
    return span if wait.longest is None else min(span, wait.longest)


def _restarts(chart: Chart) -> Iterator[Remark]:
    """L111: rules that restart for the same reason count their restarts apart."""
    key = "stop.reason"
    seen: list[tuple[Rule, int]] = []
    for rule, boxes in zip(chart.policy.rules, chart.boxes, strict=True):
        restarts = any("restart" in course.words for course in courses(rule))
        if not (restarts and decides(rule)):
            continue
        reasons = 0
        for box in boxes:
            reasons |= chart.space.mask(box, key)
        for first, others in seen:
            if others & reasons:
                yield Remark(
                    code="L111",
                    severity=Grade.NOTE,
                    message=f"'{first.id}' and '{rule.id}' restart for the same reason, "
                    "and their limits count apart: the restarts add up",
                    help="a 'restarts' limit of the whole policy counts them together",
                    at=At(rule=rule),
                    related=(("restarts too", At(rule=first)),),
                )
                break
        seen.append((rule, reasons))


# ── retries ───────────────────────────────────────────────────────────────────────────────────


def _in_vain(chart: Chart, index: int, rule: Rule) -> Iterator[Remark]:
    """L113: going on after a stop that the same request would meet again."""
    for course in courses(rule):
        bad = _not_cured(course.steps)
        found = _reasons(chart, index, bad, calm=True) if bad else []
        if found:
            message = f"it goes on after {', '.join(found)}, which trying again does not cure"
            advice = "leave such stops to a person, or change what was wrong before: "
            advice += "another model, a new session, an 'ask'"
            yield _remark(rule, "L113", message, advice)
            return


def _not_cured(steps: Sequence[Step]) -> frozenset[str]:
    """The hopeless reasons that are still hopeless when the plan goes on; none if it does not."""
    left = _BY_ANOTHER_MODEL | _BY_LESS_TEXT
    for step in steps:
        word = word_of(step)
        if isinstance(step, Ask):
            return frozenset()
        if word == "switch-model" or (isinstance(step, Resume | Retry) and step.model):
            left -= _BY_ANOTHER_MODEL
        if word in {"new-session", "compact"}:
            left -= _BY_LESS_TEXT
        if word in GOES_ON:
            return left
    return frozenset()


def _against_her(chart: Chart, index: int, rule: Rule) -> Iterator[Remark]:
    """L114: going on after the person stopped it."""
    for course in courses(rule):
        gate = next((n for n, step in enumerate(course.steps) if isinstance(step, Ask)), None)
        if not GOES_ON & {*course.words[:gate]}:
            continue
        found = _reasons(chart, index, _BY_PERSON, calm=False)
        if found:
            message = f"it goes on after {' and '.join(found)}: the person stopped it on purpose"
            advice = "put a rule with 'stand-down' for these reasons above it"
            yield _remark(rule, "L114", message, advice)
            return


def _reasons(chart: Chart, index: int, wanted: frozenset[str], *, calm: bool) -> list[str]:
    """The reasons among some for which a rule decides; `calm`: the assistant does not retry."""
    space = chart.space
    reason, event = space.axes["stop.reason"], space.axes["event"]
    here = [space.box("event", event.among(STOP_EVENTS))]
    retrying = space.axes.get("stop.retrying")
    if calm and retrying is not None:
        quiet = retrying.whole & ~retrying.among({True})
        here = [space.meet(here[0], space.box(retrying.key, quiet))]
    found = []
    for at, cell in enumerate(reason.cells):
        if cell.sample in wanted:
            within = space.meets(here, [space.box(reason.key, 1 << at)], chart.survey.budget)
            if next(chart.left(index, within), None) is not None:
                found.append(str(cell.sample))
    return found


def _for_ever(chart: Chart, index: int, rule: Rule) -> Iterator[Remark]:
    """L115: nothing in the policy ends it."""
    if rule.limit is not None and not goes_on(limited(rule).steps):
        return  # whether it can be reached is another question
    if any(next(chart.left(index, within), None) for within, _ in runs_on(chart, rule)):
        message = "it goes on again and again, and nothing in the policy makes it give up"
        advice = "add 'limit: {max: 5, per: 1h, then: [attention]}', or end it by count()"
        yield _remark(rule, "L115", message, advice, "do")


# ── doubt ─────────────────────────────────────────────────────────────────────────────────────


def _unsure(chart: Chart, index: int, rule: Rule) -> Iterator[Remark]:
    """L121: a step that cannot be taken back, on a reason that may be a guess."""
    words = {
        word for course in courses(rule) for word in course.words if _is_final(course.words, word)
    }
    if not words:
        return
    space = chart.space
    here: Boxes = [space.box("event", space.axes["event"].among(STOP_EVENTS))]
    reason = space.axes["stop.reason"]
    doubtful = reason.known & ~reason.among({"crash"})  # a dead process is seen, not guessed
    here = space.meets(here, [space.box(reason.key, doubtful)], chart.survey.budget)
    sure = space.axes.get("stop.confidence")
    if sure is not None:
        unsure = sum(1 << at for at, cell in enumerate(sure.cells) if _below(cell.sample, cell.low))
        here = space.meets(here, [space.box(sure.key, unsure)], chart.survey.budget)
    if next(chart.left(index, here), None) is not None:
        listed = " and ".join(sorted(words))
        message = f"{listed} cannot be taken back, and the reason may be a guess"
        advice = f"add 'and stop.confidence >= {SURE:.0%}'"
        yield _remark(rule, "L121", message, advice, note=True)


def _is_final(words: Sequence[str], word: str) -> bool:
    if word == "new-session":
        return "snapshot" not in words[: words.index(word)]
    return word in {"stop", "restart", "compact"}


def _below(sample: object, low: object) -> bool:
    if isinstance(low, float):
        return low < SURE
    return isinstance(sample, float) and sample < SURE

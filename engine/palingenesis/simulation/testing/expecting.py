"""Expectations: what a test asks for, and what was seen instead."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.effects import Notify
from palingenesis.core.facts import show_duration
from palingenesis.core.policy.decide import Outcome
from palingenesis.core.policy.explain import explain
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.values import Status
from palingenesis.core.world import Session
from palingenesis.simulation.testing import keys
from palingenesis.simulation.testing.keys import NONE, Key, Shape
from palingenesis.simulation.testing.model import (
    Expected,
    Notice,
    Notices,
    Range,
    Wanted,
    to_the_second,
)
from palingenesis.simulation.testing.observing import Seen
from palingenesis.simulation.testing.values import Values
from palingenesis.simulation.testing.writing import Written, flow, quote_if_needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What there is to see at the end of a step."""

    at: datetime
    session: Session | None
    step: Seen
    seen: Seen
    policy: Policy
    pending: datetime | None
    """When what is pending falls due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One expectation held against what was seen."""

    expected: Expected
    passed: bool
    wanted: str
    got: str
    written: Written | None = field(default=None, repr=False)
    """What `--update` would write in its place; None: nothing can be written."""
    done: tuple[str, ...] = ()
    """What was done in the step, for an expectation of that."""


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def read_expected(table: Table | None, values: Values) -> tuple[Expected, ...]:
    """The expectations of a step."""
    found = []
    for name, node in table.entries if table is not None else ():
        key = keys.EXPECT.get(name.text)
        if key is None:
            continue
        if isinstance(node, Scalar) and node.value is None:
            blank = _BLANK.get(key.shape)
            found.append(Expected(key=name.text, wanted=blank, blank=True, node=node))
        else:
            found.append(Expected(key=name.text, wanted=_read(key, node, values), node=node))
    return tuple(found)


_BLANK: Final[Mapping[Shape, Wanted]] = {
    Shape.ACTIONS: (),
    Shape.RULES: (),
    Shape.RANGES: (),
    Shape.NOTICES: Notices(wanted=(), exact=True),
}
"""What a blank of a shape is taken for; None otherwise."""


def _read(key: Key, node: Node, values: Values) -> Wanted:
    match key.shape:
        case Shape.WORD:
            return values.word(node, key.words)
        case Shape.ACTION:
            word = values.word(node, (*keys.ACTIONS, NONE), NONE)
            return None if word == NONE else word
        case Shape.ACTIONS:
            return values.words(node, keys.ACTIONS, "this")
        case Shape.RULES:
            return values.words(node, None, "this")
        case Shape.RANGE:
            nothing = isinstance(node, Scalar) and node.text == NONE
            return None if nothing else values.range(node)
        case Shape.RANGES:
            return tuple(values.range(item) for item in values.items(node, "'waits'"))
        case Shape.NOTICES:
            return _notices(node, values)
        case _:
            return values.optional(node, "this")


def _notices(node: Node, values: Values) -> Notices:
    items = node.items if isinstance(node, Listing) else (node,)
    return Notices(
        wanted=tuple(_notice(item, values) for item in items), exact=isinstance(node, Listing)
    )


def _notice(node: Node, values: Values) -> Notice:
    if isinstance(node, Scalar):
        return Notice(message=node.text)
    table = values.table(node, keys.NOTICE, "a notification")
    if table is None:
        return Notice()
    severity = table.get("severity")
    return Notice(
        message=values.text(table.get("message"), "'message'"),
        title=values.text(table.get("title"), "'title'"),
        severity=values.word(severity, keys.NOTICE["severity"].words),
    )


# ── checking ──────────────────────────────────────────────────────────────────────────────────


def check(expected: Expected, sight: Sight) -> Checked:
    """Hold one expectation against what was seen."""
    checked = _CHECKS[expected.key](expected, sight)
    if not expected.blank:
        return checked
    return replace(checked, passed=False, wanted="something that is still blank")


def _word(expected: Expected, got: str | None) -> Checked:
    shown = NONE if got is None else got
    return Checked(
        expected=expected,
        passed=expected.wanted == got,
        wanted=NONE if expected.wanted is None else str(expected.wanted),
        got=shown,
        written=Written(text=quote_if_needed(shown)),
    )


def _list(expected: Expected, got: list[str]) -> Checked:
    wanted = expected.wanted
    assert isinstance(wanted, tuple)
    return Checked(
        expected=expected,
        passed=list(wanted) == got,
        wanted=flow(str(one) for one in wanted),
        got=flow(got),
        written=Written(items=tuple(quote_if_needed(one) for one in got)),
    )


def _rule(expected: Expected, sight: Sight) -> Checked:
    decided = sight.step.decided
    return _word(expected, decided[-1].rule if decided else None)


def _rules(expected: Expected, sight: Sight) -> Checked:
    return _list(expected, [one.rule for one in sight.step.decided])


def _status(expected: Expected, sight: Sight) -> Checked:
    status = sight.session.status if sight.session is not None else Status.DETACHED
    return _word(expected, status.value)


def _did(expected: Expected, sight: Sight) -> Checked:
    done = [one.word for one in sight.step.done]
    return replace(_list(expected, done), done=tuple(done))


def _did_last(expected: Expected, sight: Sight) -> Checked:
    done = sight.seen.done
    return _word(expected, done[-1].word if done else None)


def _never_did(expected: Expected, sight: Sight) -> Checked:
    assert isinstance(expected.wanted, tuple)
    done = dict.fromkeys(one.word for one in sight.seen.done if one.word in expected.wanted)
    return Checked(
        expected=expected,
        passed=not done,
        wanted=f"never {flow(str(one) for one in expected.wanted)}",
        got=flow(done),
    )


def _waits(expected: Expected, sight: Sight) -> Checked:
    wanted, got = expected.wanted, sight.seen.waits
    assert isinstance(wanted, tuple)
    same = len(wanted) == len(got)
    pairs = zip(wanted, got, strict=False)
    shown = [_span(span) for span in got]
    return Checked(
        expected=expected,
        passed=same and all(isinstance(one, Range) and one.holds(span) for one, span in pairs),
        wanted=flow(str(one) for one in wanted),
        got=flow(shown),
        written=Written(items=tuple(shown)),
    )


def _next_in(expected: Expected, sight: Sight) -> Checked:
    left = sight.pending - sight.at if sight.pending is not None else None
    wanted = expected.wanted
    passed = left is None if wanted is None else False
    if isinstance(wanted, Range) and left is not None:
        passed = wanted.holds(left)
    got = NONE if left is None else _span(left)
    return Checked(
        expected=expected,
        passed=passed,
        wanted=NONE if wanted is None else str(wanted),
        got=got,
        written=Written(text=got),
    )


def _notified(expected: Expected, sight: Sight) -> Checked:
    wanted, told = expected.wanted, sight.step.told
    assert isinstance(wanted, Notices)
    if wanted.exact:
        pairs = zip(wanted.wanted, told, strict=False)
        passed = len(wanted.wanted) == len(told) and all(_fits(*pair) for pair in pairs)
    else:
        passed = all(any(_fits(one, notify) for notify in told) for one in wanted.wanted)
    got = flow(f"{one.severity}: {one.message}" for one in told)
    return Checked(
        expected=expected,
        passed=passed,
        wanted=flow(_shown(one) for one in wanted.wanted)
        if wanted.exact
        else _shown(wanted.wanted[0]),
        got=got if told else "nobody was told",
        written=_notice_written(expected, told),
    )


def _fits(wanted: Notice, told: Notify) -> bool:
    return (
        wanted.message in told.message
        and wanted.title in told.title
        and wanted.severity in {"", told.severity.value}
    )


def _shown(notice: Notice) -> str:
    parts = (notice.severity, f"[{notice.title}]" if notice.title else "", notice.message)
    return " ".join(part for part in parts if part)


def _notice_written(expected: Expected, told: list[Notify]) -> Written | None:
    """The same kind of expectation, about what people were told."""
    node = expected.node
    if isinstance(node, Listing):
        return Written(items=tuple(_as_mapping(one) for one in told))
    if not told:
        return Written(text="[]")
    if isinstance(node, Scalar):
        return Written(text=quote_if_needed(told[-1].message))
    return Written(text=_as_mapping(told[-1]))


def _as_mapping(told: Notify) -> str:
    message = quote_if_needed(told.message)
    return f"{{severity: {told.severity.value}, message: {message}}}"


def _part(expected: Expected, got: str | None) -> Checked:
    wanted = expected.wanted
    passed = got is None if wanted is None else got is not None and str(wanted) in got
    shown = NONE if got is None else got
    return Checked(
        expected=expected,
        passed=passed,
        wanted=NONE if wanted is None else str(wanted),
        got=shown,
        written=Written(text=quote_if_needed(shown)),
    )


def _said(expected: Expected, sight: Sight) -> Checked:
    return _part(expected, sight.step.said[-1] if sight.step.said else None)


def _why(expected: Expected, sight: Sight) -> Checked:
    return _part(expected, (sight.session.outlook if sight.session else "") or None)


def _asked(expected: Expected, sight: Sight) -> Checked:
    session = sight.session
    asking = session is not None and session.status is Status.ASKING
    plan = session.plan if session is not None and asking else None
    return _part(expected, plan.because if plan is not None else None)


def _next_model(expected: Expected, sight: Sight) -> Checked:
    return _part(expected, sight.session.model if sight.session else None)


def _limits(expected: Expected, sight: Sight) -> Checked:
    step = sight.step
    spoke = (*step.decided, *step.observed, *step.shadowed)
    return _list(expected, [*(one.rule for one in spoke if one.limited), *step.capped])


def _observed(expected: Expected, sight: Sight) -> Checked:
    return _list(expected, [one.rule for one in sight.step.observed])


def _shadowed(expected: Expected, sight: Sight) -> Checked:
    return _list(expected, [one.rule for one in sight.step.shadowed])


def _unknown(expected: Expected, sight: Sight) -> Checked:
    made_on = [one for one in sight.step.decided if one.facts]
    unknown: list[str] = []
    if made_on:
        told = explain(sight.policy, made_on[-1].facts, _unused)
        reached = (one for one in told.considered if one.reached)
        unknown = [one.rule for one in reached if one.outcome is Outcome.UNKNOWN]
    return _list(expected, unknown)


def _unused(_rule: str, _window: timedelta) -> int:
    """Limits do not matter for what is unknown."""
    return 0


_CHECKS: Final[Mapping[str, Callable[[Expected, Sight], Checked]]] = {
    "rule": _rule,
    "rules": _rules,
    "status": _status,
    "did": _did,
    "did_last": _did_last,
    "never_did": _never_did,
    "waits": _waits,
    "next_in": _next_in,
    "notified": _notified,
    "said": _said,
    "why": _why,
    "asked": _asked,
    "next_model": _next_model,
    "limits": _limits,
    "observed": _observed,
    "shadowed": _shadowed,
    "decision_unknown": _unknown,
}


def _span(span: timedelta) -> str:
    return show_duration(to_the_second(span))

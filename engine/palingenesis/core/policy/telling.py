"""Telling: an explanation as text for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Final

from palingenesis.core.policy.decide import DEFAULT, Outcome
from palingenesis.core.policy.explain import (
    Considered,
    Expansion,
    Explanation,
    Reason,
    quoted,
    say_truth,
)
from palingenesis.core.policy.hanging import columns, hang
from palingenesis.core.policy.needs import Need, WhyNot, say_changes
from palingenesis.core.values import FactValue

WIDTH: Final = 100
"""Columns where nobody says how many there are."""

_MARKS: Final[Mapping[Outcome, str]] = {
    Outcome.DECIDES: "✔",
    Outcome.FALSE: "✘",
    Outcome.UNKNOWN: "?",
    Outcome.OTHER_EVENT: "·",
}
_INDENT: Final = "     "
_WHEN: Final = "when: "
_NAMES_MOST: Final = 20


def render(
    told: Explanation,
    *,
    miss: Need | None = None,
    then: str = "",
    every: bool = False,
    width: int = WIDTH,
) -> str:
    """Tell how a decision came about.

    Args:
        told: the explanation.
        miss: the nearest miss, told at its rule.
        then: the plan in words.
        every: write out all rules, not only the telling ones.
        width: columns of the terminal.
    """
    out: list[str] = []
    passed: list[str] = []
    for one in told.considered:
        if not one.reached and not every:
            continue
        at_length = every or _is_telling(one, told, miss)
        if not at_length:
            if one.outcome is Outcome.FALSE:
                passed.append(f"✘ {one.rule}")
            continue
        out += [*_listed(passed, width), *_told(one, told, miss, width)]
        passed = []
    out += _listed(passed, width)
    if told.rule == DEFAULT:
        said = "decides" if told.acts else "nothing is done: no rule for this event"
        out.append(f" ✔ {DEFAULT:<20} <- {said}")
    if then:
        out.append(f" then: {then}")
    return "\n".join(out) + "\n"


def render_why(told: Explanation, why: WhyNot, *, width: int = WIDTH) -> str:
    """Tell why a rule did not decide, and what would let it."""
    one = told.of(why.rule)
    assert one is not None, "the rule is one of the policy's"
    out = list(_told(one, told, None, width))
    if one.rule == told.rule:
        return "\n".join([*out, f"{_INDENT}it decides"]) + "\n"
    if one.aside:
        said = "observes and goes on" if one.aside == "observes" else "is in shadow mode"
        return "\n".join([*out, f"{_INDENT}it never decides: it {said}"]) + "\n"
    if one.outcome is Outcome.OTHER_EVENT:
        out.append(f"{_INDENT}it does not look at '{told.event}'")
        return "\n".join(out) + "\n"
    state = {
        Outcome.FALSE: "it is false",
        Outcome.UNKNOWN: f"it is neither true nor false: {', '.join(one.unknown)} not known",
        Outcome.DECIDES: "it is true",
    }[one.outcome]
    first = f", and {why.before} comes first" if why.before and why.before != DEFAULT else ""
    out.append(f"{_INDENT}{state}{first}")
    if why.need is not None:
        out.append(f"{_INDENT}it would decide with: {say_changes(why.need.changes)}")
    elif why.in_the_way:
        out.append(f"{_INDENT}it never decides here: {why.in_the_way} takes every '{told.event}'")
    else:
        out.append(f"{_INDENT}no change of facts was found that would let it decide")
    return "\n".join(out) + "\n"


def _is_telling(one: Considered, told: Explanation, miss: Need | None) -> bool:
    decides = one.rule == told.rule
    return decides or one.outcome is Outcome.UNKNOWN or _is_missed(one, miss) or _acts_aside(one)


def _is_missed(one: Considered, miss: Need | None) -> bool:
    return miss is not None and miss.rule == one.rule


def _acts_aside(one: Considered) -> bool:
    return bool(one.aside) and one.outcome is Outcome.DECIDES


def _listed(passed: list[str], width: int) -> Iterator[str]:
    """Rules that were passed over, as many on a line as fit, the last ones of very many."""
    left_out = len(passed) - _NAMES_MOST
    names = [f"({left_out} more)", *passed[-_NAMES_MOST:]] if left_out > 0 else passed
    row = ""
    for name in names:
        if row and columns(row) + columns(name) + 2 > width:
            yield f" {row}"
            row = ""
        row = f"{row}  {name}" if row else name
    if row:
        yield f" {row}"


def _told(one: Considered, told: Explanation, miss: Need | None, width: int) -> Iterator[str]:
    decides = one.rule == told.rule
    remark = "   <- decides" if decides else ""
    if decides and told.limited:
        remark += ", its limit is reached"
    if _acts_aside(one):
        remark = "   (observes)" if one.aside == "observes" else "   (shadow: recorded only)"
    if not one.reached:
        remark = "   (not reached)"
    place = f"{one.file or told.policy}:{one.line}" if one.line else ""
    yield f" {_MARKS[one.outcome]} {one.rule:<20} {place}{remark}".rstrip()
    if one.why and decides:
        yield f"{_INDENT}why: {one.why}"
    if one.outcome is Outcome.OTHER_EVENT:
        yield f"{_INDENT}listens to: {', '.join(one.events)}"
    for reason in one.reasons:
        yield from _reason(reason, width)
    if one.unknown:
        yield f"{_INDENT}unknown: {', '.join(one.unknown)}"
    if miss is not None and miss.rule == one.rule:
        yield f"{_INDENT}nearest miss: {say_changes(miss.changes)} and this rule would have decided"


def _reason(reason: Reason, width: int) -> Iterator[str]:
    prefix = _INDENT + _WHEN
    hung = hang(reason.text, reason.marks, cuts=reason.cuts, width=width - len(prefix))
    if hung is None:
        yield f"{prefix}{' '.join(reason.text.split())}"
        yield from _listing(reason)
        return
    yield f"{prefix}{hung[0]}"
    yield from (f"{' ' * len(prefix)}{row}" for row in hung[1:])
    for expansion in reason.defined:
        if not (expansion.single and any(expansion.text in row for row in hung)):
            yield from _expansion(expansion, width)


def _expansion(one: Expansion, width: int) -> Iterator[str]:
    prefix = f"{_INDENT}  {one.name}: "
    hung = hang(one.text, one.marks, cuts=one.cuts, width=width - columns(prefix))
    if hung is None:
        yield f"{prefix}{' '.join(one.text.split())} → {say_truth(one.truth)}"
        return
    yield f"{prefix}{hung[0]}"
    yield from (f"{' ' * columns(prefix)}{row}" for row in hung[1:])


def _listing(reason: Reason) -> Iterator[str]:
    """What does not fit under its expression: one comparison a line, with its values."""
    for finding in reason.findings:
        values = ", ".join(
            f"{name} = {_known(name, value)}" for name, value in finding.facts.items()
        )
        inside = f"{finding.named}: " if finding.named else ""
        truth = say_truth(finding.truth)
        yield f"{_INDENT}  {inside}{finding.text} → {truth}   ({values})"


def _known(name: str, value: str | None) -> str:
    if value is None:
        return "unknown"
    from_text: FactValue = value
    return quoted(name, from_text)

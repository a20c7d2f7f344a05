"""Checking the steps under a `do:` or `then:`, and writing them in their resolved form."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from palingenesis.core.facts import did_you_mean, show_duration
from palingenesis.core.policy.calendar_check import calendar_of
from palingenesis.core.policy.diagnostics import Findings, Grade
from palingenesis.core.policy.ground import Ground
from palingenesis.core.policy.messages import fill_params, placeholders, problem_with, unfinished
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, place_in
from palingenesis.core.policy.spelling import duration_text, resolve_expression, span_of
from palingenesis.core.policy.steps import ACTIONS, NEEDS_ONE, Form, Option
from palingenesis.core.policy.wait_check import check_span, check_wait, is_misspelt


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a list of steps is for, and so which groups of actions it may have."""

    groups: frozenset[str] | None
    """None: all of them."""
    said: str = ""
    """What is told about any other action."""
    help: str = ""


PLAN: Final = Role(groups=None)
OBSERVER: Final = Role(
    groups=frozenset({"observe"}),
    said="a rule with 'continue: true' only observes",
    help="allowed are notify, snapshot, log and run",
)
CAP: Final = Role(
    groups=frozenset({"observe", "end"}),
    said="when a limit of all rules is reached, nothing more is done to an agent",
    help="allowed are notify, snapshot, log, run, and one of stand-down, finish, attention",
)


def check_steps(node: Node | None, ground: Ground, role: Role = PLAN) -> list[dict[str, Any]]:
    """Check a list of steps."""
    if not isinstance(node, Listing):
        return []
    resolved: list[dict[str, Any]] = []
    seen: list[str] = []
    for item in node.items:
        name, key, options = _action(item)
        if name not in ACTIONS or key is None:
            continue
        if role.groups is not None and ACTIONS[name].group not in role.groups:
            ground.findings.add("S015", f"'{name}' here: {role.said}", key.span, role.help)
        _check_order(name, key, seen, ground.findings)
        seen.append(name)
        resolved.append({name: _options(name, key, options, ground)})
    return resolved


def _action(item: Node) -> tuple[str, Scalar | None, Table | None]:
    """Name, place and options of one step, written long or short; no name where it has no form."""
    if isinstance(item, Scalar):
        return item.text, item, None
    if isinstance(item, Table) and len(item.entries) == 1:
        key, options = item.entries[0]
        if isinstance(options, Table):
            return key.text, key, options
        if isinstance(options, Scalar) and options.value is None:
            return key.text, key, None
    return "", None, None


def _check_order(name: str, key: Scalar, seen: list[str], findings: Findings) -> None:
    end = next((word for word in seen if ACTIONS[word].ends), None)
    if end is not None and ACTIONS[name].ends:
        advice = "keep one of them, as the last step"
        findings.add("S007", f"'{name}' after '{end}': a plan ends once", key.span, advice)
    elif end is not None:
        message = f"'{name}' after '{end}' would never run"
        findings.add("S007", message, key.span, f"put '{end}' last")
    elif name == "new-session" and "snapshot" not in seen:
        message = "new-session without an earlier snapshot"
        advice = "one is made anyway; write '- snapshot' before it to say so"
        findings.add("L116", message, key.span, advice, severity=Grade.WARNING)


def _options(name: str, key: Scalar, table: Table | None, ground: Ground) -> dict[str, Any]:
    entries = table.entries if table is not None else ()
    known = ACTIONS[name].options
    if name in NEEDS_ONE:
        _check_one_of(key, table, NEEDS_ONE[name], ground.findings)
    found: dict[str, Any] = {}
    for option, node in entries:
        if option.text in known:
            value = _value(known[option.text], node, ground)
            if value is not None:
                found[option.text] = value
            _check_configured(option.text, node, ground)
    if name == "wait":
        check_wait(key, table, ground.findings)
        if found.get("until") == "calendar_end" and "calendar" not in found:
            given = table.get("calendar") if table is not None else None
            if given is None:
                names = ground.calendars.names
                found["calendar"] = calendar_of(None, key.span, names, ground.findings)
    elif name == "ask" and table is not None:
        check_span("an answer", table.get("timeout"), ground.findings)
    return found


def _value(option: Option, node: Node, ground: Ground) -> Any:
    """One option in its resolved form; None where fault has been found with it."""
    calendars, findings = ground.calendars.names, ground.findings
    if option.form is Form.DURATION:
        return duration_text(node)
    if option.form is Form.TEXTS and isinstance(node, Listing):
        return [item.text for item in node.items if isinstance(item, Scalar)]
    if option.form is Form.BACKOFF:
        return _backoff(node, findings)
    if option.form is Form.SPAN and isinstance(node, Table):
        return {"backoff": _backoff(node.get("backoff"), findings)}
    if option.form is Form.SPAN:
        return duration_text(node)
    if option.form is Form.CALENDAR:
        return calendar_of(node, node.span, calendars, findings)
    if option.form is Form.QUIET:
        return _quiet(node, ground)
    if option.form is Form.CONDITION:
        condition = resolve_expression(node, ground.scope, findings)
        return None if condition is None else condition.text
    if not isinstance(node, Scalar):
        return None
    if option.form is Form.MESSAGE:
        return _message(node, ground)
    return node.text


def _quiet(node: Node, ground: Ground) -> dict[str, Any] | None:
    """Always with its calendar; None where it says what happens anyway."""
    word = node.get("do") if isinstance(node, Table) else node
    named = node.get("calendar") if isinstance(node, Table) else None
    if not isinstance(word, Scalar) or (word.text == "send" and named is None):
        return None
    calendar = calendar_of(named, node.span, ground.calendars.names, ground.findings)
    return None if word.text == "send" else {"calendar": calendar, "do": word.text}


_SHORTEST_RUNG: Final = timedelta(seconds=1)


def _backoff(node: Node | None, findings: Findings) -> dict[str, Any] | None:
    if not isinstance(node, Table):
        return None
    factor = node.get("factor")
    first = node.get("first")
    span = span_of(first)
    if first is not None and span is not None and span < _SHORTEST_RUNG:
        message = f"a ladder cannot begin with {show_duration(span)}"
        findings.add("S014", message, first.span, "1s is the shortest")
    found: dict[str, Any] = {
        "first": duration_text(node.get("first")),
        "max": duration_text(node.get("max")),
    }
    if isinstance(factor, Scalar):
        found["factor"] = factor.value
    return found


_MOST_UNFINISHED: Final = 8
"""More of them in one text help nobody."""


def _message(node: Scalar, ground: Ground) -> str:
    for one in placeholders(node.text):
        problem = problem_with(one.name, ground.texts)
        if problem is not None:
            place = place_in(ground.findings.source, node, one.start, one.end)
            ground.findings.add("E019", problem[0], place, problem[1])
    for start, end in unfinished(node.text)[:_MOST_UNFINISHED]:
        place = place_in(ground.findings.source, node, start, end)
        advice = "close it with '}', or write $${ for the characters ${"
        ground.findings.add("E019", "a placeholder that is not closed", place, advice)
    return fill_params(node.text, ground.texts)


def _check_one_of(
    key: Scalar, table: Table | None, ways: tuple[str, ...], findings: Findings
) -> None:
    given = [way for way in ways if table is not None and table.get(way) is not None]
    if len(given) == 1 or (not given and is_misspelt(key.text, table, ways)):
        return
    listed = f"{', '.join(ways[:-1])} or {ways[-1]}"
    if given:
        shown = " and ".join(f"'{way}'" for way in given)
        findings.add("S012", f"{key.text} has {shown}", key.span, f"keep one of {listed}")
    else:
        message = f"{key.text} needs one of {listed}"
        example = "wait: {for: 5m}" if key.text == "wait" else "switch-model: {to: provider/model}"
        findings.add("S012", message, key.span, f"as in {example}")


def _check_configured(option: str, node: Node, ground: Ground) -> None:
    """Names of the configuration: a warning, because that may change without the policy."""
    outside = ground.outside
    kind, known = {
        "model": ("model", outside.models),
        "to": ("model", outside.models),
        "chain": ("model", outside.models),
        "channels": ("channel", outside.channels),
        "hook": ("hook", outside.hooks),
    }.get(option, ("", None))
    if known is None:
        return
    for name in _scalars(node):
        if name.text not in known:
            advice = did_you_mean(name.text, known) or _there_are(kind, known)
            message = f"no {kind} '{name.text[:80]}' is configured"
            ground.findings.add("L131", message, name.span, advice, severity=Grade.WARNING)


def _there_are(kind: str, known: frozenset[str]) -> str:
    if not known:
        return f"there is none yet: see [{kind}s] in docs/reference/configuration.md"
    return f"there are: {', '.join(sorted(known)[:12])}"


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _scalars(item)

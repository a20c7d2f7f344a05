"""Checking the steps under a `do:` or `then:`, and writing them in their resolved form."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from palingenesis.core.facts import show_duration
from palingenesis.core.policy.diagnostics import Findings, Grade
from palingenesis.core.policy.messages import fill_params, placeholders, problem_with
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, place_in
from palingenesis.core.policy.spelling import duration_text, span_of
from palingenesis.core.policy.steps import ACTIONS, LONGEST_WAIT, Form, Option


def check_steps(
    node: Node | None, params: Mapping[str, str], findings: Findings
) -> list[dict[str, Any]]:
    """Check a list of steps; `params` are the parameters' values as text."""
    if not isinstance(node, Listing):
        return []
    resolved: list[dict[str, Any]] = []
    seen: list[str] = []
    for item in node.items:
        name, key, options = _action(item)
        if name not in ACTIONS or key is None:
            continue
        _check_order(name, key, seen, findings)
        seen.append(name)
        resolved.append({name: _options(name, key, options, params, findings)})
    return resolved


def _action(item: Node) -> tuple[str, Scalar | None, Table | None]:
    """Name, place and options of one step, written long or short."""
    if isinstance(item, Scalar):
        return item.text, item, None
    if isinstance(item, Table) and len(item.entries) == 1:
        key, options = item.entries[0]
        return key.text, key, options if isinstance(options, Table) else None
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


def _options(
    name: str,
    key: Scalar,
    table: Table | None,
    params: Mapping[str, str],
    findings: Findings,
) -> dict[str, Any]:
    entries = table.entries if table is not None else ()
    known = ACTIONS[name].options
    if name == "wait":
        _check_wait(key, table, findings)
    elif name == "switch-model":
        _check_one_of(key, table, ("to", "chain"), findings)
    found: dict[str, Any] = {}
    for option, node in entries:
        if option.text in known:
            value = _value(known[option.text], node, params, findings)
            if value is not None:
                found[option.text] = value
    return found


def _value(option: Option, node: Node, params: Mapping[str, str], findings: Findings) -> Any:
    """One option in its resolved form; None where the schema has found fault with it."""
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
    if not isinstance(node, Scalar):
        return None
    if option.form is Form.MESSAGE:
        return _message(node, params, findings)
    return node.text


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


def _message(node: Scalar, params: Mapping[str, str], findings: Findings) -> str:
    for one in placeholders(node.text):
        problem = problem_with(one.name, params)
        if problem is not None:
            place = place_in(findings.source, node, one.start, one.end)
            findings.add("E019", problem[0], place, problem[1])
    return fill_params(node.text, params)


_WAYS: Final = ("for", "until", "backoff")


def _check_wait(key: Scalar, table: Table | None, findings: Findings) -> None:
    _check_one_of(key, table, _WAYS, findings)
    if table is None:
        return
    other = table.key("else")
    if other is not None and table.get("until") is None:
        advice = "'else' says how long when 'until' names no instant"
        findings.add("S012", "'else' without 'until'", other.span, advice)
    if table.get("until") is not None and other is None:
        advice = "add 'else: 5h' or 'else: {backoff: {first: 15m, max: 1h}}'"
        message = "'until' without 'else': the server may name no instant"
        findings.add("S012", message, key.span, advice)
    for node in _spans(table):
        span = span_of(node)
        if span is not None and span > LONGEST_WAIT:
            message = f"a wait of {show_duration(span)} is longer than 8d"
            findings.add("S014", message, node.span, "write 8d; then it is tried again")


def _spans(table: Table) -> list[Node]:
    """Every duration that a wait may last."""
    found = [table.get(name) for name in ("for", "else", "max")]
    other = table.get("else")
    for backoff in (
        table.get("backoff"),
        other.get("backoff") if isinstance(other, Table) else None,
    ):
        if isinstance(backoff, Table):
            found += [backoff.get("first"), backoff.get("max")]
    return [node for node in found if node is not None]


def _check_one_of(
    key: Scalar, table: Table | None, ways: tuple[str, ...], findings: Findings
) -> None:
    given = [way for way in ways if table is not None and table.get(way) is not None]
    if len(given) == 1:
        return
    listed = f"{', '.join(ways[:-1])} or {ways[-1]}"
    if given:
        shown = " and ".join(f"'{way}'" for way in given)
        findings.add("S012", f"{key.text} has {shown}", key.span, f"keep one of {listed}")
    else:
        message = f"{key.text} needs one of {listed}"
        example = "wait: {for: 5m}" if key.text == "wait" else "switch-model: {to: provider/model}"
        findings.add("S012", message, key.span, f"as in {example}")

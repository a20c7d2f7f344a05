"""Checking: nodes -> every diagnostic in one run, and the resolved form of the policy.

The shape is checked against the schema (`structure`); here stands what a schema cannot say: names
that must exist, expressions, placeholders, the order of steps, waits that are too long.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from palingenesis.core.policy.build import TIMINGS
from palingenesis.core.policy.definitions import Names, read_names
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.plan_check import check_steps
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.policy.spelling import duration_text, resolve_expression, span_of
from palingenesis.core.policy.structure import check_structure

_RESERVED_IDS: Final = frozenset({"default", "kernel", "operator"})


def check(
    root: Node, findings: Findings, *, name: str, schema: str, params: Mapping[str, str]
) -> dict[str, Any]:
    """Check a document. The resolved form is only whole if no error was found.

    Args:
        root: the document.
        findings: where diagnostics go.
        name: the policy's name, kept in the resolved form.
        schema: text of policy.schema.json.
        params: values that replace the defaults of `params:`, as text.
    """
    check_structure(root, schema, findings)
    resolved: dict[str, Any] = {"version": 1, "name": name}
    if not isinstance(root, Table):
        return resolved
    names = read_names(root, params, findings)
    if names.resolved:
        resolved["define"] = names.resolved
    for key in TIMINGS:
        text = duration_text(root.get(key))
        if text is not None:
            resolved[key] = text
    resolved["rules"] = _rules(root.get("rules"), names, findings)
    default = root.get("default")
    steps = default.get("do") if isinstance(default, Table) else None
    resolved["default"] = {"do": check_steps(steps, names.texts, findings)}
    return resolved


def _rules(node: Node | None, names: Names, findings: Findings) -> list[dict[str, Any]]:
    if not isinstance(node, Listing):
        return []
    seen: dict[str, Scalar] = {}
    found = []
    for rule in node.items:
        if findings.refused and findings.full:
            break
        if isinstance(rule, Table):
            _check_id(rule.get("id"), seen, findings)
            found.append(_rule(rule, names, findings))
    return found


def _check_id(node: Node | None, seen: dict[str, Scalar], findings: Findings) -> None:
    if not isinstance(node, Scalar):
        return
    if node.text in _RESERVED_IDS:
        advice = "decisions that no rule made carry this name"
        findings.add("S006", f"a rule cannot be called '{node.text}'", node.span, advice)
    elif node.text in seen:
        first = [("first used here", seen[node.text].span)]
        advice = "ids are unique: decisions are explained by them"
        findings.add("S006", f"a second rule '{node.text}'", node.span, advice, related=first)
    else:
        seen[node.text] = node


def _rule(rule: Table, names: Names, findings: Findings) -> dict[str, Any]:
    identity = rule.get("id")
    start = identity.span.start if identity is not None else rule.span.start
    resolved: dict[str, Any] = {
        "id": identity.text if isinstance(identity, Scalar) else "",
        "line": findings.source.place(start)[0],
        "event": _events(rule.get("event")),
    }
    why = rule.get("why")
    if isinstance(why, Scalar):
        resolved["why"] = why.text
    when = rule.get("when")
    if when is not None:
        resolved["when"] = _when(when, names, findings)
    delay = duration_text(rule.get("for"))
    if delay is not None:
        resolved["for"] = delay
    resolved["do"] = check_steps(rule.get("do"), names.texts, findings)
    limit = rule.get("limit")
    if isinstance(limit, Table):
        resolved["limit"] = _limit(limit, names, findings)
    return resolved


def _events(node: Node | None) -> list[str]:
    if isinstance(node, Scalar):
        return [node.text]
    if isinstance(node, Listing):
        return sorted({item.text for item in node.items if isinstance(item, Scalar)})
    return ["stopped"]


def _when(node: Node, names: Names, findings: Findings) -> list[str]:
    items = node.items if isinstance(node, Listing) else (node,)
    found = (resolve_expression(item, names.scope, findings) for item in items)
    return [one.text for one in found if one is not None]


def _limit(node: Table, names: Names, findings: Findings) -> dict[str, Any]:
    most = node.get("max")
    resolved: dict[str, Any] = {
        "max": most.value if isinstance(most, Scalar) else 1,
        "per": duration_text(node.get("per")) or "1h",
    }
    per = node.get("per")
    span = span_of(per)
    if per is not None and span is not None and not _SHORTEST_WINDOW <= span <= _LONGEST_WINDOW:
        findings.add("S014", "a window is between 1s and 30d", per.span)
    then = node.get("then")
    if then is not None:
        resolved["then"] = check_steps(then, names.texts, findings)
    return resolved


_SHORTEST_WINDOW: Final = timedelta(seconds=1)
_LONGEST_WINDOW: Final = timedelta(days=30)

"""Checking: nodes -> every diagnostic in one run, and the resolved form of the policy.

The shape is checked against the schema (`structure`); here stands what a schema cannot say: names
that must exist, expressions, placeholders, the order of steps, waits that are too long.
"""

from collections.abc import Mapping
from typing import Any, Final

from palingenesis.core.policy.build import TIMINGS
from palingenesis.core.policy.calendar_check import read_calendars, with_days
from palingenesis.core.policy.definitions import read_names
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.ground import Ground
from palingenesis.core.policy.inherit import assemble
from palingenesis.core.policy.outside import Outside
from palingenesis.core.policy.plan_check import check_steps
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.policy.rule_check import check_rule
from palingenesis.core.policy.spelling import duration_text
from palingenesis.core.policy.statements import check_caps, check_never
from palingenesis.core.policy.structure import check_structure

_RESERVED_IDS: Final = frozenset({"default", "kernel", "operator"})


def check(
    root: Node,
    findings: Findings,
    *,
    name: str,
    schema: str,
    params: Mapping[str, str],
    outside: Outside,
) -> dict[str, Any]:
    """Check a document. The resolved form is only whole if no error was found.

    Args:
        root: the document.
        findings: where diagnostics go.
        name: the policy's name, kept in the resolved form.
        schema: text of policy.schema.json.
        params: values that replace the defaults of `params:`, as text.
        outside: what the policy may refer to.
    """
    check_structure(root, schema, findings)
    if not isinstance(root, Table):
        return {}
    whole = assemble(root, schema, outside, findings)
    return resolve(whole, findings, name=name, params=params, outside=outside)


def resolve(
    root: Table, findings: Findings, *, name: str, params: Mapping[str, str], outside: Outside
) -> dict[str, Any]:
    """Check a document that has everything in it which it inherits, and write its resolved form."""
    resolved: dict[str, Any] = {"version": 1, "name": name}
    calendars = read_calendars(root, outside, findings)
    names = read_names(root, params, calendars.names, findings)
    ground = Ground(names=names, calendars=calendars, outside=outside, findings=findings)
    mode = root.get("mode")
    if isinstance(mode, Scalar) and mode.text != "enforce":
        resolved["mode"] = mode.text
    if names.resolved:
        resolved["define"] = names.resolved
    for key in TIMINGS:
        text = duration_text(root.get(key))
        if text is not None:
            resolved[key] = text
    resolved |= check_caps(root.get("limits"), ground) | check_never(root.get("never"), ground)
    resolved["rules"] = _rules(root.get("rules"), ground)
    default = root.get("default")
    steps = default.get("do") if isinstance(default, Table) else None
    resolved["default"] = {"do": check_steps(steps, ground)}
    return resolved | _times(resolved, ground)


def _times(resolved: Mapping[str, Any], ground: Ground) -> dict[str, Any]:
    """The calendars, and the tables of the zones that they and the budget's days need."""
    calendars = ground.calendars
    if _asks(resolved, "budget."):
        with_days(calendars, ground.outside, ground.findings)
    found: dict[str, Any] = {}
    if calendars.resolved:
        found["calendars"] = calendars.resolved
    if calendars.zone:
        found["time-zone"] = calendars.zone
    if calendars.zones:
        found["zones"] = calendars.zones
    return found


def _asks(plain: object, word: str) -> bool:
    """Whether a word stands anywhere in the texts of the resolved form."""
    if isinstance(plain, str):
        return word in plain
    if isinstance(plain, Mapping):
        return any(_asks(value, word) for value in plain.values())
    return isinstance(plain, list) and any(_asks(value, word) for value in plain)


def _rules(node: Node | None, ground: Ground) -> list[dict[str, Any]]:
    if not isinstance(node, Listing):
        return []
    seen: dict[str, Scalar] = {}
    found = []
    for rule in node.items:
        if ground.findings.refused and ground.findings.full:
            break
        assert isinstance(rule, Table), "the others were left out when it was assembled"
        _check_id(rule.get("id"), seen, ground.findings)
        found.append(check_rule(rule, ground))
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

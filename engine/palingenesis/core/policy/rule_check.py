"""Checking one rule, and writing it in its resolved form."""

from datetime import timedelta
from typing import Any, Final

from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.ground import Ground
from palingenesis.core.policy.matching import absolute, problem_with_glob
from palingenesis.core.policy.plan_check import OBSERVER, PLAN, Role, check_steps
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.policy.spelling import duration_text, resolve_expression, span_of


def check_rule(rule: Table, ground: Ground) -> dict[str, Any]:
    """Check a rule; its id is the business of whoever knows the other ones."""
    identity = rule.get("id")
    start = identity.span.start if identity is not None else rule.span.start
    place = ground.findings.source.place(start)
    resolved: dict[str, Any] = {
        "id": identity.text if isinstance(identity, Scalar) else "",
        "line": place.line,
        "event": texts_of(rule.get("event"), otherwise="stopped"),
    }
    if place.file:
        resolved["file"] = place.file
    for key in ("why", "mode"):
        node = rule.get(key)
        if isinstance(node, Scalar) and (key, node.text) != ("mode", "enforce"):
            resolved[key] = node.text
    match = rule.get("match")
    if isinstance(match, Table):
        resolved["match"] = _match(match, ground)
    when = rule.get("when")
    if when is not None:
        resolved["when"] = _when(when, ground)
    role = _role(rule, ground.findings)
    if role is OBSERVER:
        resolved["continue"] = True
    delay = duration_text(rule.get("for"))
    if delay is not None:
        resolved["for"] = delay
    resolved["do"] = check_steps(rule.get("do"), ground, role)
    limit = rule.get("limit")
    if isinstance(limit, Table):
        resolved["limit"] = check_limit(limit, ground, role)
    return resolved


def _role(rule: Table, findings: Findings) -> Role:
    goes_on = rule.get("continue")
    if not isinstance(goes_on, Scalar) or goes_on.value is not True:
        return PLAN
    delay = rule.key("for")
    if delay is not None:
        message = "'for' in a rule with 'continue: true': it observes at once"
        findings.add("S012", message, delay.span, "leave one of them out")
    return OBSERVER


def texts_of(node: Node | None, otherwise: str = "") -> list[str]:
    """One word or a list of them, each once, in a fixed order."""
    if isinstance(node, Scalar):
        return [node.text]
    if isinstance(node, Listing):
        return sorted({item.text for item in node.items if isinstance(item, Scalar)})
    return [otherwise] if otherwise else []


def _when(node: Node, ground: Ground) -> list[str]:
    items = node.items if isinstance(node, Listing) else (node,)
    found = (resolve_expression(item, ground.scope, ground.findings) for item in items)
    return [one.text for one in found if one is not None]


def _match(node: Table, ground: Ground) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    agents = texts_of(node.get("agent"))
    if agents:
        found["agent"] = agents
    projects = node.get("project")
    globs = projects.items if isinstance(projects, Listing) else (projects,)
    paths = {_glob(one, ground) for one in globs if isinstance(one, Scalar)}
    if paths:
        found["project"] = sorted(paths)
    return found


def _glob(node: Scalar, ground: Ground) -> str:
    path = absolute(node.text, ground.outside.home)
    if not path:
        shown = node.text[:60]
        message = f"'{shown}' is not the path of a folder"
        advice = "begin it with / or ~/, as in ~/work/*"
        if node.text.startswith("~") and not ground.outside.home:
            advice = "it is not known here which home '~' is: write the whole path"
        ground.findings.add("S017", message, node.span, advice)
        return ""
    problem = problem_with_glob(path)
    if problem:
        advice = "match a folder further up, with /** at the end"
        ground.findings.add("S017", f"cannot use this path: {problem}", node.span, advice)
    return path


def check_limit(node: Table, ground: Ground, role: Role) -> dict[str, Any]:
    """Check `{max, per, then}`; `role` says which steps `then` may have."""
    most = node.get("max")
    resolved: dict[str, Any] = {
        "max": most.value if isinstance(most, Scalar) else 1,
        "per": duration_text(node.get("per")) or "1h",
    }
    per = node.get("per")
    span = span_of(per)
    if per is not None and span is not None and not _SHORTEST_WINDOW <= span <= _LONGEST_WINDOW:
        ground.findings.add("S014", "a window is between 1s and 30d", per.span)
    then = node.get("then")
    if then is not None:
        resolved["then"] = check_steps(then, ground, role)
    return resolved


_SHORTEST_WINDOW: Final = timedelta(seconds=1)
_LONGEST_WINDOW: Final = timedelta(days=30)

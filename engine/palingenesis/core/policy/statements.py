"""Checking what a policy says about all its rules: `limits:` and `never:`."""

from typing import Any

from palingenesis.core.policy.ground import Ground
from palingenesis.core.policy.model import CAPS
from palingenesis.core.policy.plan_check import CAP
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.policy.rule_check import check_limit, texts_of
from palingenesis.core.policy.spelling import resolve_expression


def check_caps(node: Node | None, ground: Ground) -> dict[str, Any]:
    """The resolved `limits:`, if there are any."""
    if not isinstance(node, Table):
        return {}
    entries = {key.text: value for key, value in node.entries if isinstance(value, Table)}
    found = {what: check_limit(entries[what], ground, CAP) for what in CAPS if what in entries}
    return {"limits": found} if found else {}


def check_never(node: Node | None, ground: Ground) -> dict[str, Any]:
    """The resolved `never:`, if there are any."""
    items = node.items if isinstance(node, Listing) else ()
    found: list[dict[str, Any]] = []
    for number, item in enumerate(items, start=1):
        if isinstance(item, Table):
            found.append(_statement(item, number, ground))
            _check_id(item, found, ground)
    return {"never": found} if found else {}


def _check_id(item: Table, found: list[dict[str, Any]], ground: Ground) -> None:
    identity = item.get("id")
    if any(one["id"] == found[-1]["id"] for one in found[:-1]):
        place = identity.span if identity is not None else item.span
        message = f"a second statement '{found[-1]['id']}'"
        ground.findings.add("S006", message, place, "give it another 'id:'")


def _statement(item: Table, number: int, ground: Ground) -> dict[str, Any]:
    identity = item.get("id")
    place = ground.findings.source.place(item.span.start)
    resolved: dict[str, Any] = {
        "id": identity.text if isinstance(identity, Scalar) else f"never-{number}",
        "line": place.line,
        "do": texts_of(item.get("do")),
    }
    if place.file:
        resolved["file"] = place.file
    for key in ("without", "why"):
        node = item.get(key)
        if isinstance(node, Scalar):
            resolved[key] = node.text
    when = item.get("when")
    condition = (
        resolve_expression(when, ground.scope, ground.findings) if when is not None else None
    )
    if condition is not None:
        resolved["when"] = condition.text
    return resolved

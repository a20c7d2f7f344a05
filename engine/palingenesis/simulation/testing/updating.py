"""Updating: what was seen is written over what was expected, and nothing else is touched.

The text is patched where the failing values stand, so that comments, order and layout survive.
A value that was seen differently in several repetitions, and one that is a promise rather than an
observation (`never_did`), stay as they are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.simulation.testing.expecting import Checked
from palingenesis.simulation.testing.running import TestResult
from palingenesis.simulation.testing.writing import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The new text, how many values were written, and how many could not be."""

    text: str
    written: int
    left: int


def update(text: str, results: Iterable[TestResult], *, only_blank: bool = False) -> Updated:
    """Write what was seen over every expectation that failed; or only where nothing stands yet."""
    patches: list[tuple[int, int, str]] = []
    left = 0
    for checks in _by_place(results):
        if all(one.passed for one in checks) or (only_blank and not checks[0].expected.blank):
            continue
        seen = {one.written for one in checks}
        value = checks[0].written
        if len(seen) > 1 or value is None:
            left += 1
            continue
        patches.append(_patch(text, checks[0].expected.node, value))
    for start, end, new in sorted(patches, reverse=True):
        text = text[:start] + new + text[end:]
    return Updated(text=text, written=len(patches), left=left)


def _by_place(results: Iterable[TestResult]) -> Iterator[list[Checked]]:
    """The checks of each expectation; one in a step that is repeated is checked several times."""
    found: dict[int, list[Checked]] = {}
    for test in results:
        for one in (it for case in test.cases for it in case.checked):
            found.setdefault(id(one.expected.node), []).append(one)
    yield from found.values()


def _patch(text: str, node: Node, value: Written) -> tuple[int, int, str]:
    start, end = node.span.start, _end(text, node)
    if start == end:  # nothing stands there
        return start, end, f" {value.as_flow()}"
    if isinstance(node, Listing) and text[start] == "-" and value.items:
        indent = " " * (start - (text.rfind("\n", 0, start) + 1))
        return start, end, f"\n{indent}".join(f"- {item}" for item in value.items)
    if isinstance(node, Scalar) and text[start] in "|>" and text[end - 1] == "\n":
        return start, end, value.as_flow() + "\n"
    return start, end, value.as_flow()


def _end(text: str, node: Node) -> int:
    """Where a value ends; YAML lets one without brackets end only where the next key begins."""
    match node:
        case Listing(items=items) if items and text[node.span.start] != "[":
            return _end(text, items[-1])
        case Table(entries=entries) if entries and text[node.span.start] != "{":
            return _end(text, entries[-1][1])
        case _:
            return node.span.end

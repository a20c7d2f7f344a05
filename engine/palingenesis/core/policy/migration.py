"""Migration: a policy of an earlier version of the language, in the words of this one.

Version 1 is the first that was published. Before it there were drafts, without a version, with
version 0 or with the same 1; every word of theirs that changed is no word of version 1, so that it
can be exchanged without a doubt. The changes are patches: comments, quotes and layout stay.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from palingenesis.core.policy.diagnostics import Diagnostic, Findings, Span
from palingenesis.core.policy.patches import Patch, patched
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, place_in, read
from palingenesis.core.policy.schema import policy_schema
from palingenesis.core.policy.steps import ACTIONS
from palingenesis.core.policy.structure import is_step

VERSION: Final = 1
"""The language that is read today."""

FACTS: Final = {
    f"plan.{name}": f"work.{name}"
    for name in ("state", "done", "steps_completed", "steps_total", "step", "next_file")
}
"""Facts that were called otherwise in the drafts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One word that is exchanged, and the line it stands in."""

    line: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """The text in the words of today and what was changed; None where it cannot be read."""

    text: str | None
    changes: tuple[Change, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def migrated(data: str | bytes) -> Migrated:
    """A policy file in the words of this version. Never raises because of what is in it."""
    root, findings = read(data)
    if isinstance(root, Table) and not findings.refused:
        _check_version(root, findings)
    if not isinstance(root, Table) or findings.refused:
        return Migrated(text=None, diagnostics=findings.in_order())
    text = findings.source.text
    patches = [*_version(root, text), *_words(root, (), findings)]
    changes = tuple(
        Change(
            line=findings.source.place(one.span.start).line,
            before=text[one.span.start : one.span.end],
            after=one.text.rstrip("\n"),
        )
        for one in sorted(patches, key=lambda one: one.span.start)
    )
    return Migrated(text=patched(text, patches), changes=changes)


def _check_version(root: Table, findings: Findings) -> None:
    version = root.get("version")
    if isinstance(version, Scalar) and isinstance(version.value, int) and version.value > VERSION:
        message = f"version {version.value} is newer than what this palingenesis reads ({VERSION})"
        findings.add("S013", message, version.span, "use a newer palingenesis")


def _version(root: Table, text: str) -> Iterator[Patch]:
    version = root.get("version")
    if version is None and root.entries and text[root.span.start] != "{":
        first = root.entries[0][0].span.start
        yield Patch(Span(first, first), f"version: {VERSION}\n")
    elif isinstance(version, Scalar) and version.text in _EARLIER and version.value != VERSION:
        yield Patch(version.span, str(VERSION))


_EARLIER: Final = frozenset({"0", "0.1", str(VERSION)})
"""What a draft may say; the present version in quotes is a text, and a slip."""


def _words(node: Node, path: tuple[str | int, ...], findings: Findings) -> Iterator[Patch]:
    match node:
        case Table(entries=entries):
            for key, value in entries:
                yield from _key(node, key, path)
                yield from _words(value, (*path, key.text), findings)
        case Listing(items=items):
            for index, item in enumerate(items):
                yield from _words(item, (*path, index), findings)
        case Scalar():
            yield from _text(node, path, findings)


def _key(table: Table, key: Scalar, path: tuple[str | int, ...]) -> Iterator[Patch]:
    """A key that is written otherwise today; names that the author gave are left alone."""
    if path and path[-1] in _NAMED and len(path) == 1:
        return
    word = key.text
    if word == "hold" and len(path) == _OF_A_RULE and path[0] == "rules":
        word = "for"
    elif word.replace("_", "-") in _DASHED:
        word = word.replace("_", "-")
    if word != key.text and table.get(word) is None:
        yield Patch(key.span, word)


_NAMED: Final = frozenset({"params", "define", "calendars"})
_OF_A_RULE: Final = 2


def _dashed(schema: Any) -> Iterator[str]:
    """Every key with a dash that a schema knows."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _dashed(inner)
    elif isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from (name for name in properties if "-" in name)
        for inner in schema.values():
            yield from _dashed(inner)


_DASHED: Final = frozenset({*_dashed(policy_schema()), *(name for name in ACTIONS if "-" in name)})


def _text(node: Scalar, path: tuple[str | int, ...], findings: Findings) -> Iterator[Patch]:
    if is_step(path) and "_" in node.text and node.text.replace("_", "-") in ACTIONS:
        yield Patch(node.span, node.text.replace("_", "-"))
    pattern = _IN_EXPRESSION if _is_expression(path) else _IN_MESSAGE
    for found in pattern.finditer(node.text):
        name = found["fact"]
        if name is not None:
            place = place_in(findings.source, node, found.start("fact"), found.end("fact"))
            if findings.source.text[place.start : place.end] == name:
                yield Patch(place, FACTS[name])


def _is_expression(path: tuple[str | int, ...]) -> bool:
    words = [step for step in path if isinstance(step, str)]
    return words[:1] == ["define"] or words[-1:] in (["when"], ["for-condition"])


_FACT: Final = rf"(?P<fact>{'|'.join(map(re.escape, sorted(FACTS, reverse=True)))})(?![\w.])"
_IN_EXPRESSION: Final = re.compile(rf"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![\w.]){_FACT}""")
_IN_MESSAGE: Final = re.compile(rf"\$\$\{{|\$\{{\s*{_FACT}\s*\}}")

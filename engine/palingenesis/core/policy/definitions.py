"""Definitions: the names that a policy gives to values (`params`) and to conditions (`define`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import FACTS, Kind, did_you_mean, parse_kind
from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.policy.functions import FUNCTIONS
from palingenesis.core.policy.kinds import CALLED, show_literal
from palingenesis.core.policy.lexing import lex
from palingenesis.core.policy.read import Node, Scalar, Table
from palingenesis.core.policy.spelling import resolve_expression
from palingenesis.core.policy.terms import Named
from palingenesis.core.values import FactValue

_RESERVED: Final = frozenset(
    {*FACTS, *FUNCTIONS, "params", "and", "or", "not", "in", "is", "if", "else", "true", "false"}
)
_DEEPEST: Final = 16


@dataclass(slots=True)
class Names:
    """What was defined: for expressions (`scope`), for messages (`texts`), and resolved."""

    scope: Scope = field(default_factory=Scope)
    texts: dict[str, str] = field(default_factory=dict)
    resolved: list[dict[str, str]] = field(default_factory=list)


def read_names(
    root: Table, given: Mapping[str, str], calendars: frozenset[str], findings: Findings
) -> Names:
    """Read `params:` and `define:`; `given` replaces defaults of parameters."""
    params = _params(root, given, findings)
    texts = {name: str(show_literal(*value)) for name, value in params.items()}
    defines: dict[str, Named | None] = {}
    names = Names(scope=Scope(defines=defines, params=params, calendars=calendars), texts=texts)
    table = root.get("define")
    if isinstance(table, Table):
        _Definitions(table, names, defines, findings).read()
    return names


def _params(
    root: Table, given: Mapping[str, str], findings: Findings
) -> dict[str, tuple[Kind, FactValue]]:
    table = root.get("params")
    entries = table.entries if isinstance(table, Table) else ()
    found = {key.text: _param(key, node, given, findings) for key, node in entries}
    place = table.span if table is not None else Span(0, 1)
    for name in given:
        if name not in found:
            advice = did_you_mean(name, found)
            findings.add("E014", f"unknown parameter '{name}' was set from outside", place, advice)
    return {name: value for name, value in found.items() if value is not None}


def _param(
    key: Scalar, node: Node, given: Mapping[str, str], findings: Findings
) -> tuple[Kind, FactValue] | None:
    kind, default = (
        (node.get("type"), node.get("default")) if isinstance(node, Table) else (None,) * 2
    )
    if not isinstance(kind, Scalar) or not isinstance(default, Scalar):
        return None
    if kind.text not in {kind.value for kind in CALLED} or kind.text == Kind.ENUM:
        return None
    what = f"parameter '{key.text}'"
    try:
        value = parse_kind(Kind(kind.text), default.text, what=what)
    except InvalidConfigError as problem:
        findings.add("S010", problem.message, default.span, problem.hint)
        return None
    if key.text in given:
        try:
            value = parse_kind(Kind(kind.text), given[key.text], what=what)
        except InvalidConfigError as problem:
            findings.add("S010", f"set from outside: {problem.message}", key.span, problem.hint)
    return Kind(kind.text), value


class _Definitions:
    """Reads conditions in the order they need one another, not of the file."""

    def __init__(
        self, table: Table, names: Names, found: dict[str, Named | None], findings: Findings
    ) -> None:
        self.entries = {key.text: (key, value) for key, value in table.entries}
        self.names = names
        self.found = found
        self.findings = findings
        self.depths: dict[str, int] = {}

    def read(self) -> None:
        """Read all of them; broken ones are remembered as None."""
        for name, (key, _) in self.entries.items():
            if name in _RESERVED:
                advice = "choose another name"
                self.findings.add("E015", f"'{name}' has a meaning already", key.span, advice)
                self.found[name] = None
        for name in self.entries:
            self._one(name, ())

    def _one(self, name: str, path: tuple[str, ...]) -> None:
        if name in self.found:
            return
        key, node = self.entries[name]
        self.found[name] = None
        if not isinstance(node, Scalar):
            return
        used = _words(node.text) & self.entries.keys()
        for other in sorted(used):
            if other in {*path, name}:
                circle = " → ".join(
                    [*path[path.index(other) if other in path else 0 :], name, other]
                )
                self._refuse(key, f"'{name}' is defined by itself: {circle}")
                return
            if len(path) >= _DEEPEST:
                break
            self._one(other, (*path, name))
        depth = 1 + max((self.depths.get(other, 0) for other in used), default=0)
        self.depths[name] = depth
        if depth > _DEEPEST or len(path) >= _DEEPEST:
            self._refuse(key, f"definitions use one another more than {_DEEPEST} deep")
            return
        resolved = resolve_expression(node, self.names.scope, self.findings)
        if resolved is None or resolved.reading.term is None:
            return
        text = resolved.text
        term = resolved.reading.term
        self.found[name] = Named(start=0, end=len(text), name=name, term=term, text=text)
        self.names.resolved.append({"name": name, "when": text})

    def _refuse(self, key: Scalar, message: str) -> None:
        advice = "write one of them out"
        self.findings.add("E015", message, key.span, advice)


def _words(text: str) -> set[str]:
    """The plain words of an expression; texts in quotes do not count."""
    if len(text) > _LONGEST:
        return set()
    found: list[str] = re.findall(r"(?<![\w.])[a-z][a-z0-9_]*(?![\w.])", lex(text).python)
    return set(found)


_LONGEST: Final = 600

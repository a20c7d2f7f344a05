"""Inheriting: a policy that extends others -> one document with everything written into it.

Theory of operation: the files are read behind one another into one source, so that every node still
knows where it stands, and their mappings are merged before anything but their shape is checked.
What is checked, compiled and journaled is one policy; nothing of `extends:` is left in it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from palingenesis.core.facts import did_you_mean
from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.outside import Outside
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, read_beside
from palingenesis.core.policy.structure import check_structure

DEEPEST: Final = 8
"""Policies that extend one another in a row."""
MOST_FILES: Final = 32
_BUILTIN: Final = "builtin:"

_NAMED: Final = ("params", "calendars", "define", "limits")
"""Mappings from names: a nearer file wins name by name."""
_JOINED: Final = ("rules", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inherited:
    """A document that another one extends, whole."""

    root: Table
    on_top: bool


def assemble(root: Table, schema: str, outside: Outside, findings: Findings) -> Table:
    """A document with what it extends written into it; problems become diagnostics.

    Args:
        root: the document, whose shape has been checked.
        schema: text of policy.schema.json, for the others.
        outside: loads them.
        findings: where diagnostics go.
    """
    return _Assembly(schema, outside, findings).whole(root, ("",))


def assemble_upon(
    beneath: Table, root: Table, schema: str, outside: Outside, findings: Findings
) -> Table:
    """The same, with one more document beneath: one that is inherited without being named."""
    return _Assembly(schema, outside, findings).whole(root, ("",), beneath)


class _Assembly:
    """Reads every file once, and merges from the bottom up."""

    def __init__(self, schema: str, outside: Outside, findings: Findings) -> None:
        self.schema = schema
        self.outside = outside
        self.findings = findings
        self.read: set[str] = set()

    def whole(self, root: Table, path: tuple[str, ...], beneath: Table | None = None) -> Table:
        """A document with its ancestors; `path` are the files that lead to it, itself last."""
        extends = root.get("extends")
        items = extends.items if isinstance(extends, Listing) else ()
        found = [one for item in items for one in self._inherited(item, path)]
        if beneath is not None:
            found.append(_Inherited(root=beneath, on_top=False))
        self._check_names(root, found)
        rules = _Rules(root, found, self.findings)
        return _merged(root, found, rules.joined())

    def _inherited(self, item: Node, path: tuple[str, ...]) -> Iterator[_Inherited]:
        position = item.get("position") if isinstance(item, Table) else None
        named = item.get("use") if isinstance(item, Table) else item
        root = self._load(named, path) if isinstance(named, Scalar) else None
        if root is not None:
            on_top = isinstance(position, Scalar) and position.text == "top"
            yield _Inherited(root=root, on_top=on_top)

    def _load(self, named: Scalar, path: tuple[str, ...]) -> Table | None:
        if not isinstance(named.value, str) or not named.text or "://" in named.text:
            return None  # the schema has said so
        if named.text.startswith(_BUILTIN) and "@" not in named.text:
            return None
        loaded = self.outside.load(named.text, path[-1])
        if loaded.text is None:
            self._refuse(named, loaded.problem, loaded.help or self._similar(named.text))
            return None
        if loaded.name in path:
            circle = " → ".join(one or "this file" for one in (*path, loaded.name))
            self._refuse(named, f"the files extend one another: {circle}", "leave one out")
            return None
        if len(path) > DEEPEST or len(self.read) >= MOST_FILES:
            most = f"{DEEPEST} deep" if len(path) > DEEPEST else f"{MOST_FILES} files"
            self._refuse(named, f"more than {most} are extended", "write some of them as one")
            return None
        if loaded.name in self.read:
            return None  # it is inherited already, by another way
        self.read.add(loaded.name)
        root = read_beside(loaded.text, loaded.name, self.findings)
        if root is None:
            return None
        check_structure(root, self.schema, self.findings, fragment=True)
        return self.whole(root, (*path, loaded.name)) if isinstance(root, Table) else None

    def _check_names(self, root: Table, found: list[_Inherited]) -> None:
        """A name that nothing uses and that is nearly an inherited one was meant to be that one."""
        for kind in ("params", "calendars", "define"):
            far = [node for one in found if isinstance(node := one.root.get(kind), Table)]
            inherited = {key.text for node in far for key, _ in node.entries}
            near = root.get(kind)
            for key, _ in near.entries if isinstance(near, Table) else ():
                advice = "" if key.text in inherited else did_you_mean(key.text, inherited)
                if advice and not self._is_used(key.text):
                    message = f"nothing uses '{key.text[:40]}', and it overrides nothing"
                    self.findings.add("S019", message, key.span, advice)

    def _is_used(self, name: str) -> bool:
        """Whether a name stands anywhere beside its declaration."""
        found = re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self.findings.source.text)
        return next(islice(found, 1, None), None) is not None

    def _refuse(self, named: Scalar, message: str, advice: str) -> None:
        self.findings.add("S018", message, named.span, advice)

    def _similar(self, name: str) -> str:
        if not name.startswith(_BUILTIN):
            return "the path is relative to the file that names it"
        presets = sorted(f"{_BUILTIN}{preset}" for preset in self.outside.presets())
        listed = f"there are: {', '.join(presets)}" if presets else "none ships"
        return did_you_mean(name, presets) or listed


def _merged(root: Table, found: list[_Inherited], rules: Listing) -> Table:
    """One document; nearer files win, and among equals the one that is named first."""
    documents = [root, *(one.root for one in found)]
    entries: dict[str, tuple[Scalar, Node]] = {}
    for document in documents:
        for key, node in document.entries:
            if key.text == "extends" or key.text in _JOINED:
                continue
            known = entries.get(key.text)
            if known is None:
                entries[key.text] = (key, node)
            elif key.text in _NAMED and isinstance(known[1], Table) and isinstance(node, Table):
                entries[key.text] = (known[0], _with_names(known[1], node))
    for name in _JOINED:
        word = _key_of(name, documents)
        if word is not None:
            entries[name] = (word, rules if name == "rules" else _joined(documents, name))
    return Table(tuple(entries.values()), root.span)


def _key_of(name: str, documents: list[Table]) -> Scalar | None:
    return next((key for one in documents if (key := one.key(name)) is not None), None)


def _with_names(near: Table, far: Table) -> Table:
    own = {key.text for key, _ in near.entries}
    more = tuple(entry for entry in far.entries if entry[0].text not in own)
    return Table((*near.entries, *more), near.span)


def _joined(documents: list[Table], name: str) -> Listing:
    lists = [node for one in documents if isinstance(node := one.get(name), Listing)]
    span = lists[0].span if lists else documents[0].span
    return Listing(tuple(item for one in lists for item in one.items), span)


class _Rules:
    """The rules of a document among those that it inherits."""

    def __init__(self, root: Table, found: list[_Inherited], findings: Findings) -> None:
        self.own = _rules_of(root)
        self.found = found
        self.findings = findings
        self.span = root.span
        self.inherited: dict[str, Table] = {}
        for one in found:
            for rule in _rules_of(one.root):
                self.inherited.setdefault(_id_of(rule), rule)

    def joined(self) -> Listing:
        """Inherited ones that want to be on top, own ones, the other inherited ones.

        A rule that overrides takes the place of the one it overrides: a changed limit must not
        change what is tried first.
        """
        overriding = {_id_of(rule): rule for rule in self.own if self._overrides(rule)}
        above = [one for one in self.found if one.on_top]
        below = [one for one in self.found if not one.on_top]
        done = {_id_of(rule) for rule in self.own} - overriding.keys()
        rules = [
            *self._taken(above, overriding, done),
            *(rule for rule in self.own if overriding.get(_id_of(rule)) is not rule),
            *self._taken(below, overriding, done),
        ]
        return Listing(tuple(rules), self.span)

    def _taken(
        self, documents: list[_Inherited], overriding: Mapping[str, Table], done: set[str]
    ) -> Iterator[Table]:
        for rule in (rule for one in documents for rule in _rules_of(one.root)):
            name = _id_of(rule)
            own = overriding.get(name)
            if own is None and name not in done:
                yield rule
            elif own is not None and name not in done:
                done.add(name)
                yield from _overridden(own, rule)

    def _overrides(self, rule: Table) -> bool:
        """Whether an own rule stands for an inherited one; says what is wrong with that."""
        name, way = _id_of(rule), rule.get("override")
        identity = rule.key("id") or rule
        place = value.span if (value := rule.get("id")) is not None else identity.span
        inherited = self.inherited.get(name)
        if way is None:
            if inherited is not None:
                self._clash(name, place, inherited)
            return False
        if inherited is None:
            if isinstance(way, Scalar) and name:
                advice = did_you_mean(name, self.inherited) or "remove 'override:'"
                message = f"no rule '{name}' is inherited"
                self.findings.add("S019", message, place, advice)
            return False
        self._check_keys(rule, way)
        return True

    def _clash(self, name: str, place: Span, inherited: Table) -> None:
        identity = inherited.get("id")
        related = [("inherited from here", identity.span)] if identity is not None else []
        advice = "add 'override: merge' (or replace, or off), or choose another id"
        self.findings.add("S019", f"a rule '{name}' is inherited", place, advice, related=related)

    def _check_keys(self, rule: Table, way: Node) -> None:
        if not isinstance(way, Scalar):
            return
        if way.text == "replace" and rule.get("do") is None:
            advice = "say what to do, or write 'override: merge' to change some keys only"
            self.findings.add("S005", "'do' is missing here", way.span, advice)
        if way.text == "off":
            for key, _ in rule.entries:
                if key.text not in {"id", "why", "override"}:
                    message = f"'{key.text[:40]}' in a rule that is left out"
                    advice = "remove it, or write 'override: merge'"
                    self.findings.add("S019", message, key.span, advice)


def _rules_of(root: Table) -> list[Table]:
    rules = root.get("rules")
    items = rules.items if isinstance(rules, Listing) else ()
    return [item for item in items if isinstance(item, Table)]


def _id_of(rule: Table) -> str:
    identity = rule.get("id")
    return identity.text if isinstance(identity, Scalar) else ""


def _overridden(own: Table, inherited: Table) -> Iterator[Table]:
    """What is left of an inherited rule after an own one has spoken."""
    way = own.get("override")
    word = way.text if isinstance(way, Scalar) else ""
    if word == "off":
        return
    entries = tuple(entry for entry in own.entries if entry[0].text != "override")
    if word == "merge":
        names = {key.text for key, _ in entries}
        entries += tuple(entry for entry in inherited.entries if entry[0].text not in names)
    yield replace(own, entries=entries)

"""The grammar of a scenario file: shapes and values that the reader and the schema are made from.

A *kind* says what may stand somewhere: a leaf (one scalar, with its parser), a shape (a mapping
with named keys), many of a kind, or facts. The same tables read a file, write its JSON Schema and
hold the reference page, so the three cannot drift apart.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import FACTS, did_you_mean, parse
from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.read import Listing, Node, Scalar, Table

MOST_ITEMS: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One scalar. `parse` raises InvalidConfigError with the way out."""

    name: str
    parse: Callable[[str], object]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One word out of a closed set."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A mapping from facts to values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """A list of a kind; one alone needs no list."""

    of: "Kind"
    least: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A mapping from free names to a kind."""

    of: "Kind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a shape."""

    name: str
    of: "Kind"
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A mapping with named keys. A bare scalar stands for the key `alone`, where there is one.

    `bare` words may stand alone in place of `{word: }`; of the keys in `either` at most one.
    """

    what: str
    keys: tuple[Key, ...]
    alone: str = ""
    bare: tuple[str, ...] = ()
    either: tuple[str, ...] = ()

    def key(self, name: str) -> Key | None:
        """The key with a name."""
        return next((key for key in self.keys if key.name == name), None)


Kind = Leaf | Words | Facts | Many | Named | Shape


@dataclass(slots=True)
class Given:
    """What a shape was given: values by key, and where each of them stands."""

    span: Span
    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Scalars as they were written."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key."""
        return self.values.get(name, default)

    def place(self, name: str) -> Span:
        """Where the value of a key stands."""
        return self.spans.get(name, self.span)

    def only(self, *names: str) -> dict[str, Any]:
        """The values of these keys, as far as they are given."""
        return {name.replace("-", "_"): self.values[name] for name in names if name in self.values}


class Reader:
    """Reads nodes by their kinds and says everything that is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def shape(self, node: Node, shape: Shape) -> Given | None:
        """A mapping with its known keys; None when it is no mapping at all."""
        if isinstance(node, Scalar) and shape.alone and node.value is not None:
            key = shape.key(shape.alone)
            assert key is not None, "`alone` names one of the keys"
            given = Given(node.span)
            self._put(given, key, node)
            return given
        if isinstance(node, Scalar) and (node.text in shape.bare or node.value is None):
            values = {node.text: Given(node.span)} if node.text in shape.bare else {}
            return Given(node.span, values, dict.fromkeys(values, node.span))
        if not isinstance(node, Table):
            self.say("S101", f"{shape.what} is a mapping", node.span)
            return None
        given = Given(node.span)
        names = tuple(key.name for key in shape.keys)
        for name, value in node.entries:
            known = shape.key(name.text)
            if known is None:
                advice = did_you_mean(name.text, names)
                self.say("S101", f"unknown key '{name.text}' in {shape.what}", name.span, advice)
            else:
                self._put(given, known, value)
        self._held(given, shape, node)
        return given

    def _held(self, given: Given, shape: Shape, node: Table) -> None:
        for key in shape.keys:
            if key.required and node.get(key.name) is None:
                self.say("S102", f"{shape.what} needs '{key.name}'", node.span, key.doc)
        chosen = [name for name, _ in node.entries if name.text in shape.either]
        for extra in chosen[1:]:
            message = f"a second thing happens in one line: '{extra.text}'"
            self.say("S101", message, extra.span, "write a line of its own for it")

    def _put(self, given: Given, key: Key, node: Node) -> None:
        value = self.value(node, key.of)
        if value is not None:
            given.values[key.name] = value
            given.spans[key.name] = node.span
            if isinstance(node, Scalar):
                given.texts[key.name] = node.text

    def value(self, node: Node, kind: Kind) -> Any:
        """The value of a node; None when it is none, which has been said then."""
        match kind:
            case Leaf():
                return self._leaf(node, kind)
            case Words():
                return self._word(node, kind.words)
            case Facts():
                return self._facts(node)
            case Many():
                return self._many(node, kind)
            case Named():
                return self._named(node, kind)
            case Shape():
                return self.shape(node, kind)

    def _leaf(self, node: Node, leaf: Leaf) -> object:
        if not isinstance(node, Scalar):
            self.say("S103", f"{leaf.name} stands here, no list or mapping", node.span)
            return None
        return self._parsed(lambda: leaf.parse(node.text), node)

    def _parsed(self, make: Callable[[], object], node: Node) -> object:
        try:
            return make()
        except InvalidConfigError as error:
            self.say("S103", error.message, node.span, error.hint)
            return None

    def _word(self, node: Node, words: tuple[str, ...]) -> str | None:
        text = node.text if isinstance(node, Scalar) else ""
        if text in words:
            return text
        advice = did_you_mean(text, words) or f"one of: {', '.join(words)}"
        self.say("S103", f"'{text[:40]}' is not allowed here", node.span, advice)
        return None

    def _facts(self, node: Node) -> dict[str, object]:
        if not isinstance(node, Table):
            self.say("S101", "facts is a mapping", node.span)
            return {}
        facts: dict[str, object] = {}
        for name, value in node.entries:
            if name.text not in FACTS:
                advice = did_you_mean(name.text, FACTS)
                self.say("S101", f"unknown key '{name.text}' in facts", name.span, advice)
                continue
            text = value.text if isinstance(value, Scalar) else ""
            parsed = self._parsed(lambda n=name.text, t=text: parse(n, t), value)  # type: ignore[misc]
            if parsed is not None:
                facts[name.text] = parsed
        return facts

    def _many(self, node: Node, kind: Many) -> list[Any]:
        items = node.items if isinstance(node, Listing) else (node,)
        if len(items) > MOST_ITEMS:
            self.say("S103", f"more than {MOST_ITEMS} of these", items[MOST_ITEMS].span)
        if len(items) < kind.least:
            self.say("S102", "at least one of these is needed", node.span)
        read = (self.value(item, kind.of) for item in items[:MOST_ITEMS])
        return [value for value in read if value is not None]

    def _named(self, node: Node, kind: Named) -> dict[str, Any]:
        if not isinstance(node, Table):
            self.say("S101", "this is a mapping", node.span)
            return {}
        read = ((name.text, self.value(value, kind.of), value) for name, value in node.entries)
        return {name: (value, at.span) for name, value, at in read if value is not None}

    def say(self, code: str, message: str, span: Span, advice: str = "") -> None:
        """Note a mistake."""
        self.findings.add(code, message, span, advice)


# ── the JSON Schema ───────────────────────────────────────────────────────────────────────────


def schema_of(kind: Kind, doc: str = "") -> dict[str, Any]:
    """The JSON Schema of a kind."""
    described = {"description": doc} if doc else {}
    match kind:
        case Leaf():
            return {**described, **kind.schema}
        case Words():
            return {**described, "enum": list(kind.words)}
        case Facts():
            facts = {name: {"description": fact.doc} for name, fact in sorted(FACTS.items())}
            return {
                **described,
                "type": "object",
                "properties": facts,
                "additionalProperties": False,
            }
        case Many():
            one = schema_of(kind.of)
            listed: dict[str, Any] = {"type": "array", "items": one, "maxItems": MOST_ITEMS}
            if kind.least:
                return {**described, **listed, "minItems": kind.least}
            return {**described, "anyOf": [listed, one]}
        case Named():
            return {
                **described,
                "type": "object",
                "additionalProperties": schema_of(kind.of),
            }
        case Shape():
            return {**described, **_schema_of_shape(kind)}


def _schema_of_shape(shape: Shape) -> dict[str, Any]:
    mapping: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: schema_of(key.of, key.doc) for key in shape.keys},
        "additionalProperties": False,
    }
    required = [key.name for key in shape.keys if key.required]
    if required:
        mapping["required"] = required
    others: list[dict[str, Any]] = []
    if shape.alone:
        key = shape.key(shape.alone)
        assert key is not None, "`alone` names one of the keys"
        others.append(schema_of(key.of))
    if shape.bare:
        others.append({"enum": list(shape.bare)})
    if not shape.keys:
        return {"anyOf": [mapping, {"type": "null"}]}
    return {"anyOf": [mapping, *others]} if others else mapping


def keys_in(kind: Kind, path: str = "") -> Iterator[tuple[str, Key]]:
    """Every key of a kind and of all kinds inside it, with its path."""
    match kind:
        case Shape():
            for key in kind.keys:
                place = f"{path}.{key.name}" if path else key.name
                yield place, key
                yield from keys_in(key.of, place)
        case Many() | Named():
            yield from keys_in(kind.of, path)
        case _:
            return

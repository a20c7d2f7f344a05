"""Reading: YAML text -> nodes that know where they stand. Never raises, whatever the bytes.

Theory of operation: libyaml's *events* are walked and composed here, because PyYAML's own composer
is YAML 1.1 (`no` is False, `1:30` is 90), lets the last of two equal keys win, and its C version
crashes on deep nesting. Scalars follow the core schema of YAML 1.2, except that a number with
leading zeros stays text. Anchors, aliases, merge keys and tags are refused: what a file says should
be visible where it is said.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Never

from palingenesis.core.policy.diagnostics import Findings, Grade, Source, Span

if TYPE_CHECKING:
    import yaml

LARGEST: Final = 256 * 1024
"""Bytes of a policy."""
DEEPEST: Final = 24
"""Lists and mappings inside one another."""
MOST_ENTRIES: Final = 1000
"""Entries of one list or mapping."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value; `text` as it was written, without quotes."""

    text: str
    value: str | int | float | bool | None
    span: Span
    quoted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A YAML sequence."""

    items: tuple["Node", ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A YAML mapping, in the order of the file."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    span: Span

    def get(self, key: str) -> "Node | None":
        """The value of a key."""
        return next((value for name, value in self.entries if name.text == key), None)

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((name for name, _ in self.entries if name.text == key), None)


Node = Scalar | Listing | Table


def read(data: str | bytes) -> tuple[Node | None, Findings]:
    """Read one YAML document; the node is None where nothing usable was found."""
    text, findings = _decode(data)
    if text is None or findings.refused:
        return None, findings
    return _compose(text, findings, 0), findings


def read_beside(data: str | bytes, name: str, findings: Findings) -> Node | None:
    """Read another file behind what `findings` tells about, so that spans are places in it."""
    text, found = _decode(data)
    first = findings.source.append(name, found.source.text)
    for one in found.found:
        findings.add_at(one, name)
    if text is None or found.refused:
        return None
    return _compose(text, findings, first)


def _compose(text: str, findings: Findings, first: int) -> Node | None:
    try:
        return _Composer(findings, first).document(text)
    except _RefusedError:
        return None


def _decode(data: str | bytes) -> tuple[str | None, Findings]:
    """Bytes -> text that libyaml can read; says what is wrong with it otherwise."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "replace"))
    start = Span(0, 1)
    if size > LARGEST:
        findings = Findings(Source(""))
        shown = f"{size // 1024} KiB"
        findings.add("Y003", f"the file has {shown}; {LARGEST // 1024} KiB are allowed", start)
        return None, findings
    text = data
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as problem:
            good = data[: problem.start]
            assert isinstance(good, bytes)
            findings = Findings(Source(good.decode("utf-8", "replace")))
            place = Span(len(findings.source.text), len(findings.source.text) + 1)
            findings.add("Y002", "this is not UTF-8", place, "save the file as UTF-8")
            return None, findings
    marked = text.startswith("\ufeff")
    text = text.removeprefix("\ufeff")
    findings = Findings(Source(text))
    if marked:
        advice = "save the file as UTF-8 without a byte order mark"
        note = "the file begins with a byte order mark"
        findings.add("Y004", note, start, advice, severity=Grade.WARNING)
    strange = _UNPRINTABLE.search(text)
    if strange is not None:
        what = f"the character U+{ord(strange[0]):04X} is not allowed"
        findings.add("Y002", what, Span(*strange.span()), "remove it")
    return text, findings


_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class _RefusedError(Exception):
    """Reading cannot go on; the reason is among the findings."""


class _Composer:
    """Turns events into nodes."""

    def __init__(self, findings: Findings, first: int) -> None:
        """Take where diagnostics go, and the index that the text's first character has there."""
        self.findings = findings
        self.first = first

    def span(self, event: Any) -> Span:
        """Where an event stands."""
        return Span(self.first + event.start_mark.index, self.first + event.end_mark.index)

    def spot(self, at: int) -> Span:
        """One character of the text."""
        return Span(self.first + at, self.first + at + 1)

    def document(self, text: str) -> Node:
        """The one document of a text."""
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        events: Any = yaml.parse(text, Loader=loader)
        try:
            node = self._walk(events, yaml)
        except yaml.MarkedYAMLError as problem:
            self._syntax(problem, text)
        except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as problem:
            self._refuse("Y001", f"cannot read this as YAML: {problem}"[:200], self.spot(0))
        finally:
            events.close()
        return node

    def _walk(self, events: "Iterator[yaml.Event]", yaml: Any) -> Node:
        node: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    advice = "keep one policy per file; remove '---'"
                    self._refuse("Y008", "a second document begins here", self.span(event), advice)
                node = self._node(next(events), events, yaml, 0)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            advice = "the shortest policy has 'version: 1', 'rules: []' and 'default:'"
            self._refuse("Y009", "the file is empty", self.spot(0), advice)
        return node

    def _node(self, event: Any, events: "Iterator[yaml.Event]", yaml: Any, depth: int) -> Node:
        span = self.span(event)
        if isinstance(event, yaml.AliasEvent):
            self._alias(f"alias '*{event.anchor}' is not allowed", span)
            return Scalar("", None, span, quoted=False)
        if event.anchor is not None:
            self._alias(f"anchor '&{event.anchor}' is not allowed", span)
        if event.tag is not None:
            advice = "remove it; quotes make a text"
            self.findings.add("Y007", f"tag '{event.tag}' is not allowed", span, advice)
        if isinstance(event, yaml.ScalarEvent):
            quoted = event.style in {"'", '"', "|", ">"}
            value = event.value if quoted else _core_value(event.value)
            return Scalar(event.value, value, span, quoted=quoted)
        if depth >= DEEPEST:
            message = f"nested deeper than {DEEPEST} lists and mappings"
            self._refuse("Y003", message, span)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._listing(span, events, yaml, depth)
        return self._table(span, events, yaml, depth)

    def _listing(
        self, span: Span, events: "Iterator[yaml.Event]", yaml: Any, depth: int
    ) -> Listing:
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            self._count(len(items), "list", event)
            items.append(self._node(event, events, yaml, depth + 1))
        return Listing(tuple(items), Span(span.start, max(span.end, self.span(event).end)))

    def _table(self, span: Span, events: "Iterator[yaml.Event]", yaml: Any, depth: int) -> Table:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Span] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._count(len(entries), "mapping", event)
            key = self._node(event, events, yaml, depth + 1)
            value = self._node(next(events), events, yaml, depth + 1)
            if not isinstance(key, Scalar):
                self.findings.add("Y011", "a key must be a plain word", key.span)
            elif key.text == "<<" and not key.quoted:
                self._alias("a merge key '<<' is not allowed", key.span)
            elif key.text in seen:
                first = [("first defined here", seen[key.text])]
                advice = "remove one of them"
                message = f"duplicate key '{_short(key.text)}'"
                self.findings.add("Y005", message, key.span, advice, related=first)
            else:
                seen[key.text] = key.span
                entries.append((key, value))
        return Table(tuple(entries), Span(span.start, max(span.end, self.span(event).end)))

    def _count(self, entries: int, what: str, event: Any) -> None:
        """Read no further when there is too much, or too much wrong already."""
        if entries >= MOST_ENTRIES:
            self._refuse("Y003", f"a {what} of more than {MOST_ENTRIES} entries", self.span(event))
        if self.findings.full:
            raise _RefusedError

    def _alias(self, message: str, span: Span) -> None:
        advice = "write it out, or give a condition a name with 'define:'"
        self.findings.add("Y006", message, span, advice)

    def _refuse(self, code: str, message: str, span: Span, advice: str = "") -> Never:
        self.findings.add(code, message, span, advice)
        raise _RefusedError

    def _syntax(self, problem: "yaml.MarkedYAMLError", text: str) -> Never:
        mark = problem.problem_mark or problem.context_mark
        at = min(mark.index, len(text)) if mark is not None else 0
        said = (problem.problem or "unreadable").split(" (")[0]
        if "maximum nesting depth" in said:  # PyYAML 6.0.4 refuses before we count
            message = f"nested deeper than {DEEPEST} lists and mappings"
            self._refuse("Y003", message, self.spot(at))
        if text[at : at + 1] == "\t":
            advice = "indent with spaces"
            self._refuse("Y010", "a tab cannot indent YAML", self.spot(at), advice)
        related = []
        if problem.context and problem.context_mark and problem.context_mark.index != at:
            begun = problem.context_mark.index
            related = [(problem.context, self.spot(begun))]
        advice = _syntax_advice(said, text, at)
        message = f"cannot read this as YAML: {said}"
        self.findings.add("Y001", message, self.spot(at), advice, related=related)
        raise _RefusedError


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


_SHORT: Final = 40


def _syntax_advice(said: str, text: str, at: int) -> str:
    if said.startswith("mapping values"):
        return "a text with ': ' inside needs quotes; or the indentation is wrong"
    if said.startswith("found unexpected end of stream"):
        return "a quote is not closed"
    if said.startswith("did not find expected ',' or"):
        return "a bracket is not closed, or a comma is missing"
    if text[at : at + 1] in tuple("%@`"):
        return f"a text cannot begin with '{text[at]}': put it in quotes"
    if said.startswith("did not find expected key"):
        return (
            "check the indentation; an expression that begins with a quote needs quotes around it"
        )
    return ""


_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,18}(?:[eE][-+]?[0-9]{1,2})?|[eE][-+]?[0-9]{1,2})"
)
_WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def _core_value(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means in YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def place_in(source: Source, scalar: Scalar, start: int, end: int) -> Span:
    """Where characters `start` to `end` of a scalar's value stand in the source.

    Exact for plain, quoted, folded and literal texts; the whole scalar if quoting hides the place.
    """
    text = source.text
    at = scalar.span.start
    if scalar.quoted:
        header = text.find("\n", at) if text[at : at + 1] in {"|", ">"} else at
        at = max(header, at) + 1
    places: list[int] = []
    for char in scalar.text:
        if char.isspace():
            places.append(at)
            continue
        found = text.find(char, at, scalar.span.end)
        if found < 0:
            return scalar.span
        places.append(found)
        at = found + 1
    places.append(at)
    begin = places[min(start, len(places) - 1)]
    last = places[min(max(end, start + 1), len(places)) - 1] if end <= len(scalar.text) else at
    return Span(begin, max(last + 1, begin + 1))

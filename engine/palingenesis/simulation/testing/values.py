"""Single values of a test file: read where they stand, or told why not."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import FACTS, did_you_mean, parse, parse_duration
from palingenesis.core.policy.calendars import Zones
from palingenesis.core.policy.diagnostics import Findings, Grade
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.values import FactValue
from palingenesis.simulation.testing.facts import how, settable
from palingenesis.simulation.testing.keys import NONE, Key
from palingenesis.simulation.testing.model import START, Range

_SHORT: Final = 40
_LOCAL: Final = re.compile(r"(\S+(?: \d\d:\d\d\S*)?) ([A-Za-z]\S*)")


class Values:
    """Reads values, and says everything that is wrong with them."""

    def __init__(self, findings: Findings, zones: Zones) -> None:
        self._findings = findings
        self._zones = zones

    def say(
        self, code: str, message: str, node: Node, advice: str = "", *, grade: Grade = Grade.ERROR
    ) -> None:
        """Note a problem where it stands."""
        self._findings.add(code, message, node.span, advice, severity=grade)

    def table(self, node: Node | None, known: Mapping[str, Key], what: str) -> Table | None:
        """A mapping; its unknown keys are told."""
        table = self.mapping(node, what)
        for name, _ in table.entries if table is not None else ():
            if name.text not in known:
                self.unknown(name, known, f"key '{_short(name.text)}' in {what}")
        return table

    def unknown(self, node: Scalar, known: Iterable[str], what: str) -> None:
        """Tell of a word that is not one of those known."""
        words = tuple(known)
        advice = did_you_mean(node.text, words) or f"one of: {', '.join(words)}"
        self.say("T201", f"unknown {what}", node, advice)

    def mapping(self, node: Node | None, what: str) -> Table | None:
        """A mapping."""
        if isinstance(node, Table):
            return node
        if node is not None:
            self.say("T204", f"{what} is a mapping, not {_called(node)}", node)
        return None

    def items(self, node: Node | None, what: str) -> tuple[Node, ...]:
        """The entries of a list."""
        if isinstance(node, Listing):
            return node.items
        if node is not None:
            self.say("T204", f"{what} is a list, not {_called(node)}", node)
        return ()

    def text(self, node: Node | None, what: str) -> str:
        """A text."""
        if isinstance(node, Scalar):
            return node.text
        if node is not None:
            self.say("T204", f"{what} is a text, not {_called(node)}", node)
        return ""

    def word(self, node: Node | None, words: Iterable[str], default: str = "") -> str:
        """One word of a closed set."""
        if node is None:
            return default
        known, text = tuple(words), self.text(node, "this")
        if text not in known:
            advice = did_you_mean(text, known) or f"one of: {', '.join(known)}"
            self.say("T203", f"'{_short(text)}' is not allowed here", node, advice)
            return default
        return text

    def words(self, node: Node, words: Iterable[str] | None, what: str) -> tuple[str, ...]:
        """A list of words; None: any. A single word is a list of one."""
        items = (node,) if isinstance(node, Scalar) else self.items(node, what)
        if words is None:
            return tuple(self.text(item, "this") for item in items)
        return tuple(self.word(item, words) for item in items)

    def flag(self, node: Node | None) -> bool:
        """True or false."""
        if node is None:
            return False
        if not isinstance(node, Scalar) or not isinstance(node.value, bool):
            self.say("T203", "this is true or false", node)
            return False
        return node.value

    def whole(self, node: Node | None, default: int, *, low: int, high: int) -> int:
        """A whole number."""
        if node is None:
            return default
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.say("T203", f"this is a whole number from {low} to {high}", node)
            return default
        return value

    def span(self, node: Node | None) -> timedelta:
        """A duration."""
        if node is None:
            return timedelta(0)
        parsed = self._parsed(partial(parse_duration, self.text(node, "a duration")), node)
        return parsed if isinstance(parsed, timedelta) else timedelta(0)

    def ratio(self, node: Node) -> None:
        """A share, as in 80%."""
        self._parsed(partial(parse, "stop.confidence", self.text(node, "a ratio")), node)

    def range(self, node: Node) -> Range:
        """A duration, or two with `..` in between."""
        low, dots, high = self.text(node, "a duration").partition("..")
        first = self._parsed(partial(parse_duration, low.strip()), node)
        last = self._parsed(partial(parse_duration, high.strip()), node) if dots else first
        if not isinstance(first, timedelta) or not isinstance(last, timedelta):
            return Range(low=timedelta(0), high=timedelta(0))
        if first > last:
            self.say("T203", "the range ends before it begins", node, "the shorter span is first")
        return Range(low=first, high=last)

    def instant(self, node: Node | None) -> datetime:
        """An instant: ISO 8601 with an offset, or a local time and its time zone."""
        if node is None:
            return START
        text = self.text(node, "an instant")
        local = _LOCAL.fullmatch(text)
        try:
            at = datetime.fromisoformat(local[1] if local else text)
        except ValueError:
            at = None
        if at is not None and local is not None and at.tzinfo is None:
            return self._local(at, local[2], node)
        if at is None or at.tzinfo is None or local is not None:
            advice = "write it with its zone: 2026-02-05T02:00:00Z, or 2026-02-05 02:00 UTC"
            self.say("T203", f"'{_short(text)}' is not an instant", node, advice)
            return START
        return at.astimezone(UTC)

    def _local(self, wall: datetime, name: str, node: Node) -> datetime:
        zone = self._zones(name)
        if zone is None:
            self.say("T203", f"there is no time zone '{_short(name)}'", node, "as in Europe/Berlin")
            return START
        found = zone.instants(wall)
        if not found:
            advice = "the clocks are put forward over it: write another time"
            self.say("T203", f"there is no such time that night in {name}", node, advice)
            return START
        return found[0]

    def facts(
        self, node: Node | None, *, at_start: bool = False, blocked: bool = False
    ) -> dict[str, FactValue | None]:
        """Facts and their values; `unknown` makes a fact unknown.

        `at_start`: those of `given:`. `blocked`: those of the question asked in the same step too.
        """
        found: dict[str, FactValue | None] = {}
        table = self.mapping(node, "'given'" if at_start else "'set'")
        for name, value in table.entries if table is not None else ():
            if name.text not in FACTS:
                advice = did_you_mean(name.text, settable(at_start=at_start))
                self.say("T206", f"unknown fact '{_short(name.text)}'", name, advice)
                continue
            asked = blocked and name.text.startswith("block.")
            advice = "" if asked else how(name.text, at_start=at_start)
            if advice:
                self.say("T207", f"'{name.text}' cannot be set: the kernel knows it", name, advice)
                continue
            text = self.text(value, name.text)
            if text == "unknown" and not at_start:
                found[name.text] = None
                continue
            parsed = self._parsed(partial(parse, name.text, text), value)
            if parsed is not None:
                found[name.text] = parsed
        return found

    def optional(self, node: Node, what: str) -> str | None:
        """A text, or `none`, which is None."""
        text = self.text(node, what)
        return None if text == NONE else text

    def _parsed(self, make: Callable[[], FactValue], node: Node) -> FactValue | None:
        try:
            return make()
        except InvalidConfigError as error:
            self.say("T203", error.message, node, error.hint)
            return None


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _called(node: Node) -> str:
    match node:
        case Listing():
            return "a list"
        case Table():
            return "a mapping"
        case Scalar(value=None):
            return "nothing"
        case _:
            return "a single value"

"""A scenario: what happens in a rehearsal, read from a YAML file.

version: 1
world:
  at: 2026-02-05T02:00:00Z          # when the night begins
  given: {work.state: valid}        # facts the session starts with
  on: {restart: fails}              # effects that fail, or have `no-effect`
story:
  - stopped: {reason: rate_limit, retry_after: 90s}
  - after: 3m
    stopped: {reason: crash}
    repeat: 6
    every: 170s
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import FACTS, did_you_mean, parse, parse_duration
from palingenesis.core.policy.diagnostics import Diagnostic, Findings
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, read
from palingenesis.core.values import BlockKind, FactValue, StopReason, Way
from palingenesis.simulation.rehearsal import Answers

START: Final = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)
MOST_STEPS: Final = 2_000

EFFECTS: Final = ("resume", "retry", "new-session", "compact", "restart", "interrupt", "snapshot")
_TOP: Final = ("version", "world", "story")
_WORLD: Final = ("at", "way", "seed", "given", "on")
_KINDS: Final = (
    "stopped",
    "silent",
    "blocked",
    "unblocked",
    "prompted",
    "died",
    "up",
    "paused",
    "resumed",
)
_STEP: Final = ("after", "repeat", "every", "set", *_KINDS)
_STOPPED: Final = ("reason", "retry_after", "message", "http_status", "retrying", "words")
_BLOCKED: Final = ("kind", "text", "tool")
_ADVICE: Final = {
    "Y008": "keep one scenario per file; remove '---'",
    "Y009": "the shortest scenario has 'version: 1' and 'story: [died]'",
}
"""Ways out that are others than a policy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happens:
    """One line of the story: `after` so much time, something happens, `repeat` times."""

    after: timedelta = timedelta(0)
    repeat: int = 1
    every: timedelta = timedelta(0)
    facts: dict[str, FactValue] = field(default_factory=dict)
    kind: str = ""
    """One of `_KINDS`; empty: only time passes, or facts change."""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole rehearsal."""

    at: datetime = START
    way: Way = Way.MANAGED
    seed: str = "rehearsal"
    given: dict[str, FactValue] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    story: tuple[Happens, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A scenario, None if there is an error, and all diagnostics."""

    scenario: Scenario | None
    diagnostics: tuple[Diagnostic, ...]


def read_scenario(text: str | bytes) -> Read:
    """Read a scenario file. Never raises because of what is in it."""
    root, findings = read(text)
    if root is None:
        told = (replace(one, help=_ADVICE.get(one.code, one.help)) for one in findings.in_order())
        return Read(scenario=None, diagnostics=tuple(told))
    scenario = _Reader(findings).scenario(root)
    good = None if findings.refused else scenario
    return Read(scenario=good, diagnostics=findings.in_order())


class _Reader:
    """Turns nodes into a scenario and says everything that is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def scenario(self, root: Node) -> Scenario:
        top = self._table(root, _TOP, "a scenario")
        version = top.get("version") if top else None
        if not isinstance(version, Scalar) or version.value != 1:
            self._say("S102", "a scenario begins with 'version: 1'", version or root)
        world = top.get("world") if top else None
        story = top.get("story") if top else None
        if not isinstance(story, Listing) or not story.items:
            self._say("S102", "a scenario needs a 'story' with at least one line", story or root)
            story = None
        table = self._table(world, _WORLD, "'world'") if world is not None else None
        return Scenario(
            at=self._instant(table.get("at") if table else None),
            way=Way(self._word(table.get("way") if table else None, [*Way], "managed")),
            seed=_text(table.get("seed") if table else None) or "rehearsal",
            given=self._facts(table.get("given") if table else None),
            answers=self._answers(table.get("on") if table else None),
            story=tuple(self._steps(story)) if story else (),
        )

    def _steps(self, story: Listing) -> Iterator[Happens]:
        for item in story.items[:MOST_STEPS]:
            if isinstance(item, Scalar) and item.text in _KINDS:
                yield Happens(kind=item.text)
                continue
            table = self._table(item, _STEP, "a line of the story")
            if table is not None:
                yield self._step(table)

    def _step(self, table: Table) -> Happens:
        kinds = [name for name, _ in table.entries if name.text in _KINDS]
        for extra in kinds[1:]:
            advice = "write a line of its own for it"
            self._say("S101", f"a second thing happens in one line: '{extra.text}'", extra, advice)
        kind = kinds[0].text if kinds else ""
        repeat = table.get("repeat")
        times = repeat.value if isinstance(repeat, Scalar) else 1
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST_STEPS:
            self._say("S103", "'repeat' is a number from 1 to 2000", repeat or table)
            times = 1
        return Happens(
            after=self._span(table.get("after")),
            repeat=times,
            every=self._span(table.get("every")),
            facts=self._facts(table.get("set")),
            kind=kind,
            options=self._options(kind, table.get(kind)) if kind else {},
        )

    def _options(self, kind: str, node: Node | None) -> dict[str, str]:
        known = {"stopped": _STOPPED, "blocked": _BLOCKED, "died": ("signal", "exit_code")}
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return {}
        table = self._table(node, known.get(kind, ()), f"'{kind}'")
        if table is None:
            return {}
        options = {name.text: _text(value) for name, value in table.entries}
        if kind == "stopped":
            self._word(table.get("reason"), [*StopReason], "unknown")
            self._span(table.get("retry_after"))
            self._whole(table.get("http_status"))
        if kind == "blocked":
            self._word(table.get("kind"), [*BlockKind], "permission")
        if kind == "died":
            self._whole(table.get("exit_code"))
        return options

    def _answers(self, node: Node | None) -> Answers:
        if node is None:
            return Answers()
        table = self._table(node, EFFECTS, "'on'")
        fails: set[str] = set()
        no_effect: set[str] = set()
        for name, value in table.entries if table else ():
            word = self._word(value, ["fails", "no-effect"], "fails")
            (fails if word == "fails" else no_effect).add(name.text)
        return Answers(fails=frozenset(fails), no_effect=frozenset(no_effect))

    def _facts(self, node: Node | None) -> dict[str, FactValue]:
        if node is None:
            return {}
        table = self._table(node, tuple(FACTS), "facts")
        facts: dict[str, FactValue] = {}
        for name, value in table.entries if table else ():
            if name.text in FACTS:
                parsed = self._parsed(partial(parse, name.text, _text(value)), value)
                if parsed is not None:
                    facts[name.text] = parsed
        return facts

    # ── values ────────────────────────────────────────────────────────────────────────────────

    def _table(self, node: Node | None, known: tuple[str, ...], what: str) -> Table | None:
        if not isinstance(node, Table):
            if node is not None:
                self._say("S101", f"{what} is a mapping", node)
            return None
        for name, _ in node.entries:
            if name.text not in known:
                advice = did_you_mean(name.text, known)
                self._say("S101", f"unknown key '{name.text}' in {what}", name, advice)
        return node

    def _parsed(self, make: Callable[[], FactValue], node: Node) -> FactValue | None:
        try:
            return make()
        except InvalidConfigError as error:
            self._say("S103", error.message, node, error.hint)
            return None

    def _span(self, node: Node | None) -> timedelta:
        if node is None:
            return timedelta(0)
        parsed = self._parsed(lambda: parse_duration(_text(node)), node)
        return parsed if isinstance(parsed, timedelta) else timedelta(0)

    def _whole(self, node: Node | None) -> None:
        if node is not None and not _text(node).isdigit():
            self._say("S103", f"'{_text(node)[:40]}' is not a whole number", node)

    def _instant(self, node: Node | None) -> datetime:
        if node is None:
            return START
        try:
            at = datetime.fromisoformat(_text(node))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            advice = "write it with its zone, as in 2026-02-05T02:00:00Z"
            self._say("S103", f"'{_text(node)[:40]}' is not an instant", node, advice)
            return START
        return at.astimezone(UTC)

    def _word(self, node: Node | None, words: list[str], default: str) -> str:
        if node is None:
            return default
        text = _text(node)
        if text not in words:
            advice = did_you_mean(text, words) or f"one of: {', '.join(words)}"
            self._say("S103", f"'{text[:40]}' is not allowed here", node, advice)
            return default
        return text

    def _say(self, code: str, message: str, node: Node, advice: str = "") -> None:
        self._findings.add(code, message, node.span, advice)


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""

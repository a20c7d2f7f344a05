"""Reading a test file: YAML -> tests, or every mistake in it with its place and the way out.

version: 1
policy: night.yaml
tests:
  - name: waits as long as the provider says
    steps:
      - event: {kind: stopped, reason: rate_limit, retry_after: 90s}
        expect: {rule: throttled, status: waiting, next_in: 90s..100s}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from palingenesis.core.facts import did_you_mean
from palingenesis.core.policy.calendars import Zones, only_utc
from palingenesis.core.policy.decide import DEFAULT
from palingenesis.core.policy.diagnostics import Diagnostic, Findings
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, read
from palingenesis.core.values import FactValue
from palingenesis.simulation.testing import keys
from palingenesis.simulation.testing.expecting import read_expected
from palingenesis.simulation.testing.happening import read_event
from palingenesis.simulation.testing.keys import DUE, EFFECTS, NONE, WAYS, Shape
from palingenesis.simulation.testing.model import SEED, Case, Read, Step, Test, TestFile
from palingenesis.simulation.testing.values import Values

MOST_TESTS: Final = 2_000
MOST_STEPS: Final = 2_000
LONGEST: Final = timedelta(days=30)
_ADVICE: Final = {
    "Y008": "keep one test file per file; remove '---'",
    "Y009": "the shortest test file has 'version: 1' and 'tests: [{name: …, todo: true}]'",
}
"""Ways out that are others than a policy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What a test begins with, unless it says otherwise."""

    at: datetime
    given: Mapping[str, FactValue | None]
    on: Mapping[str, str]
    assistant: str


def read_tests(text: str | bytes, zones: Zones = only_utc) -> Read:
    """Read a test file. Never raises because of what is in it."""
    root, findings = read(text)
    if root is None:
        told = (replace(one, help=_ADVICE.get(one.code, one.help)) for one in findings.in_order())
        return Read(file=None, diagnostics=tuple(told))
    file = _Reader(findings, zones).file(root)
    good = None if findings.refused else file
    return Read(file=good, diagnostics=findings.in_order())


def is_test_file(text: str | bytes) -> bool:
    """Whether a YAML text has the key that makes it a test file."""
    root, _ = read(text)
    return isinstance(root, Table) and root.get("tests") is not None


class _Reader:
    """Turns nodes into tests."""

    def __init__(self, findings: Findings, zones: Zones) -> None:
        self._findings = findings
        self._values = Values(findings, zones)
        self._names: dict[str, Node] = {}

    def file(self, root: Node) -> TestFile:
        values = self._values
        top = values.table(root, keys.FILE, "a test file")
        if top is None:
            return TestFile(findings=self._findings)
        version, tests, policy = top.get("version"), top.get("tests"), top.get("policy")
        if not isinstance(version, Scalar) or version.value != 1:
            values.say("T202", "a test file begins with 'version: 1'", version or _first(top))
        start = _Start(
            at=values.instant(top.get("at")),
            given=values.facts(top.get("given"), at_start=True),
            on=self._on(top.get("on")),
            assistant=self._assistant(top, "modelled"),
        )
        items = values.items(tests, "'tests'")
        if not items and (tests is None or isinstance(tests, Listing)):
            advice = "as in tests: [{name: …, todo: true}]"
            values.say("T202", "there is no test in it", tests or _first(top), advice)
        if len(items) > MOST_TESTS:
            values.say("T202", f"more than {MOST_TESTS} tests", items[MOST_TESTS])
        return TestFile(
            policy=values.text(policy, "'policy'"),
            policy_node=policy,
            params=self._params(top.get("set")),
            tests=tuple(self._tests(items[:MOST_TESTS], start)),
            text=self._findings.source.text,
            findings=self._findings,
        )

    def _tests(self, items: tuple[Node, ...], start: _Start) -> Iterator[Test]:
        for item in items:
            table = self._values.table(item, keys.TEST, "a test")
            if table is not None:
                yield self._test(table, start)

    def _test(self, table: Table, start: _Start) -> Test:
        values = self._values
        todo = values.flag(table.get("todo"))
        steps, each = table.get("steps"), table.get("each")
        if steps is not None and each is not None:
            key = table.key("each") or table
            values.say("T202", "a test has 'steps' or 'each', not both", key)
        if steps is None and each is None and not todo:
            advice = "or mark it with 'todo: true'"
            values.say("T202", "a test needs 'steps' or 'each'", _first(table), advice)
        at = table.get("at")
        cases = tuple(self._rows(each)) if each is not None else (self._case(steps),)
        return Test(
            name=self._name(table),
            line=self._findings.source.place(_first(table).span.start).line,
            at=values.instant(at) if at is not None else start.at,
            seed=values.text(table.get("seed"), "'seed'") or SEED,
            assistant=self._assistant(table, start.assistant),
            given={**start.given, **values.facts(table.get("given"), at_start=True)},
            on={**start.on, **self._on(table.get("on"))},
            cases=cases,
            todo=todo,
        )

    def _assistant(self, table: Table, otherwise: str) -> str:
        words = keys.TEST["assistant"].words
        return self._values.word(table.get("assistant"), words, otherwise)

    def _name(self, table: Table) -> str:
        node = table.get("name")
        name = self._values.text(node, "'name'")
        if not name or node is None:
            self._values.say("T202", "a test needs a 'name'", node or _first(table))
        elif name in self._names:
            first = [("the first one", self._names[name].span)]
            message = f"a second test with the name '{name[:60]}'"
            self._findings.add("T208", message, node.span, "say what differs", related=first)
        else:
            self._names[name] = node
        return name

    def _case(self, steps: Node | None) -> Case:
        items = self._values.items(steps, "'steps'")
        if isinstance(steps, Listing) and not items:
            self._values.say("T202", "a test needs at least one step", steps)
        tables = (self._values.table(item, keys.STEP, "a step") for item in items[:MOST_STEPS])
        return Case(steps=tuple(self._step(table) for table in tables if table is not None))

    def _step(self, table: Table) -> Step:
        values = self._values
        event = read_event(table.get("event"), values)
        expect, repeat, advance = (table.get(key) for key in ("expect", "repeat", "advance"))
        due = isinstance(advance, Scalar) and advance.text == DUE
        if not table.entries:
            values.say("T202", "there is nothing in this step", table)
        is_blocked = event is not None and event.kind == "blocked"
        expected = values.table(expect, keys.EXPECT, "'expect'")
        return Step(
            on=self._on(table.get("on")),
            facts=values.facts(table.get("set"), blocked=is_blocked),
            answer=values.word(table.get("answer"), keys.STEP["answer"].words),
            event=event,
            advance=self._advance(None if due else advance),
            due=due,
            repeat=values.whole(repeat, 1, low=1, high=MOST_STEPS),
            expected=read_expected(expected, values),
            node=table,
        )

    def _advance(self, node: Node | None) -> timedelta:
        span = self._values.span(node)
        if node is not None and span > LONGEST:
            self._values.say("T203", "a step is at most 30d long", node, "write several steps")
            return timedelta(0)
        return span

    def _rows(self, each: Node) -> Iterator[Case]:
        items = self._values.items(each, "'each'")
        if isinstance(each, Listing) and not items:
            self._values.say("T202", "a table needs at least one row", each)
        for item in items[:MOST_STEPS]:
            table = self._values.table(item, keys.ROW, "a row of 'each'")
            if table is not None:
                yield self._row(table)

    def _row(self, table: Table) -> Case:
        """One row: an event and its expectations in one mapping, sorted out by their keys."""
        values = self._values
        event = read_event(_part(table, keys.EVENT), values)
        expected = read_expected(_part(table, keys.EXPECT), values)
        if event is None or not expected:
            what = "says nothing that happens" if event is None else "expects nothing"
            values.say("T202", f"this row {what}", table, "as in {reason: auth, rule: credentials}")
        is_blocked = event is not None and event.kind == "blocked"
        facts = values.facts(table.get("set"), blocked=is_blocked)
        step = Step(facts=facts, event=event, expected=expected, node=table)
        told = [
            f"{key.text}: {value.text}"
            for key, value in table.entries
            if key.text in keys.EVENT and isinstance(value, Scalar)
        ]
        return Case(steps=(step,), label=", ".join(told))

    def _on(self, node: Node | None) -> dict[str, str]:
        found: dict[str, str] = {}
        table = self._values.mapping(node, "'on'")
        for name, value in table.entries if table is not None else ():
            if name.text not in EFFECTS:
                self._values.unknown(name, EFFECTS, f"action '{name.text[:40]}'")
                continue
            found[name.text] = self._values.word(value, WAYS, WAYS[0])
        return found

    def _params(self, node: Node | None) -> Mapping[str, str]:
        table = self._values.mapping(node, "'set'")
        entries = table.entries if table is not None else ()
        return MappingProxyType(
            {name.text: self._values.text(value, name.text) for name, value in entries}
        )


def _part(table: Table, known: Mapping[str, object]) -> Table | None:
    """The entries of a row that belong to one of its two halves."""
    entries = tuple((key, value) for key, value in table.entries if key.text in known)
    return Table(entries, table.span) if entries else None


def _first(table: Table) -> Node:
    """Where a mapping begins, to point at."""
    return table.entries[0][0] if table.entries else table


_SPOKE: Final = (NONE, DEFAULT, "operator")
"""What may stand for a rule beside the policy's own ids."""


def check_against(file: TestFile, policy: Policy) -> tuple[Diagnostic, ...]:
    """All diagnostics of a file, with those about rules that its policy does not have."""
    values = Values(file.findings, only_utc)
    rules = tuple(rule.id for rule in policy.rules)
    caps = tuple(cap.what for cap in policy.caps)
    steps = (step for test in file.tests for case in test.cases for step in case.steps)
    for one in (expected for step in steps for expected in step.expected):
        if keys.EXPECT[one.key].shape in {Shape.RULE, Shape.RULES}:
            also = caps if one.key == "limits" else _SPOKE
            _check_rules(one.node, (*rules, *also), values)
    return file.findings.in_order()


def _check_rules(node: Node, known: tuple[str, ...], values: Values) -> None:
    for item in node.items if isinstance(node, Listing) else (node,):
        if isinstance(item, Scalar) and item.text not in known:
            advice = did_you_mean(item.text, known) or f"one of: {', '.join(known[:_NAMED])}"
            values.say("T205", f"the policy has no rule '{item.text[:40]}'", item, advice)


_NAMED: Final = 12
"""Rules that a message lists at most."""

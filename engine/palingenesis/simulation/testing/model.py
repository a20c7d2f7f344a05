"""A test file as it was read: frozen, and every value knows where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.policy.diagnostics import Diagnostic, Findings
from palingenesis.core.policy.read import Node
from palingenesis.core.values import FactValue

START: Final = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)
"""When a test begins that does not say when: a Thursday night."""
SEED: Final = "rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A span of time, or all between two of them, both included."""

    low: timedelta
    high: timedelta

    def holds(self, span: timedelta) -> bool:
        """Whether a span is in it, to the second."""
        return self.low <= to_the_second(span) <= self.high

    def __str__(self) -> str:
        low = show_duration(self.low)
        return low if self.low == self.high else f"{low}..{show_duration(self.high)}"


def to_the_second(span: timedelta) -> timedelta:
    """A span as people tell it: rounded to seconds, and to milliseconds below one."""
    seconds = span.total_seconds()
    return timedelta(seconds=round(seconds) if abs(seconds) >= 1 else round(seconds, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is looked for in a notification; "" is not looked for."""

    message: str = ""
    title: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """`exact`: they are all that people were told, in this order; else each was told somewhen."""

    wanted: tuple[Notice, ...]
    exact: bool


Wanted = str | None | tuple[str, ...] | Range | tuple[Range, ...] | Notices
"""What an expectation asks for, by the shape of its key; None is written `none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One expectation: `node` is its value in the file."""

    key: str
    wanted: Wanted
    blank: bool = False
    """Nothing stands there yet: it never holds, and `--update` fills it in."""
    node: Node = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happens:
    """One event: its kind, and its options as they were written."""

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)
    node: Node = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a test. `due`: time passes until what is pending falls due."""

    on: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, FactValue | None] = field(default_factory=dict)
    answer: str = ""
    event: Happens | None = None
    advance: timedelta = timedelta(0)
    due: bool = False
    repeat: int = 1
    expected: tuple[Expected, ...] = ()
    node: Node = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is run with one fresh session: a test's steps, or one row of its table."""

    steps: tuple[Step, ...]
    label: str = ""
    """What tells a row from the others; "" for a test with steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test."""

    name: str
    line: int
    at: datetime = START
    seed: str = SEED
    assistant: str = "modelled"
    given: Mapping[str, FactValue | None] = field(default_factory=dict)
    on: Mapping[str, str] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    todo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A whole test file; `policy` is "" when it names none."""

    policy: str = ""
    policy_node: Node | None = field(default=None, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[Test, ...] = ()
    text: str = field(default="", repr=False)
    findings: Findings = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A test file, None if there is an error, and all diagnostics."""

    file: TestFile | None
    diagnostics: tuple[Diagnostic, ...]

"""Running tests: every test with a fresh session, every expectation held against what was seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from palingenesis.core.policy.diagnostics import Source
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.read import Node
from palingenesis.simulation.testing.coverage import Observation
from palingenesis.simulation.testing.expecting import Checked, Sight, check
from palingenesis.simulation.testing.model import Case, Step, Test, TestFile
from palingenesis.simulation.testing.stage import Stage
from palingenesis.simulation.timeline import Line, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that was not as expected, and where that stands."""

    line: int
    col: int
    key: str
    """The key of the expectation; "" when a step could not be played."""
    expected: str
    got: str
    at: datetime
    turn: int = 0
    """Which repetition of a step, from 1; 0 for a step that is taken once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How one case of a test ended."""

    label: str
    start: datetime
    failures: tuple[Failure, ...]
    checked: tuple[Checked, ...] = field(repr=False)
    observations: tuple[Observation, ...] = field(repr=False)
    timeline: tuple[Line, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """How one test ended: `passed`, `failed` or `todo`."""

    name: str
    line: int
    outcome: str
    cases: tuple[CaseResult, ...] = ()


def run(file: TestFile, policy: Policy, *, named: str = "") -> tuple[TestResult, ...]:
    """Run the tests of a file whose name contains a text, upper and lower case being the same."""
    source = Source(file.text)
    wanted = (test for test in file.tests if named.casefold() in test.name.casefold())
    return tuple(_run_test(test, policy, source) for test in wanted)


def observations(results: Iterable[TestResult]) -> Sequence[Observation]:
    """Everything that was observed in these tests."""
    return [one for test in results for case in test.cases for one in case.observations]


def _run_test(test: Test, policy: Policy, source: Source) -> TestResult:
    if test.todo:
        return TestResult(name=test.name, line=test.line, outcome="todo")
    cases = tuple(_run_case(case, test, policy, source) for case in test.cases)
    failed = any(case.failures for case in cases)
    outcome = "failed" if failed else "passed"
    return TestResult(name=test.name, line=test.line, outcome=outcome, cases=cases)


def _run_case(case: Case, test: Test, policy: Policy, source: Source) -> CaseResult:
    stage = Stage(policy, test)
    failures: list[Failure] = []
    checked: list[Checked] = []
    for step in case.steps:
        for turn in range(step.repeat):
            trouble = stage.play(step)
            number = turn + 1 if step.repeat > 1 else 0
            if trouble:
                node = step.event.node if step.event is not None else step.node
                place = _place(source, node)
                failures.append(_failure(place, "", "this step", trouble, stage, number))
            for one in _checks(step, stage, policy):
                checked.append(one)
                if not one.passed:
                    place = _place(source, one.expected.node)
                    key = one.expected.key
                    failures.append(_failure(place, key, one.wanted, one.got, stage, number))
    return CaseResult(
        label=case.label,
        start=test.at,
        failures=tuple(failures),
        checked=tuple(checked),
        observations=tuple(stage.observations()),
        timeline=tuple(told(stage.past)) if failures else (),
    )


def _checks(step: Step, stage: Stage, policy: Policy) -> Iterable[Checked]:
    if not step.expected:
        return ()
    sight = Sight(
        at=stage.now,
        session=stage.session,
        step=stage.watching.step,
        seen=stage.watching.seen,
        policy=policy,
        pending=stage.pending(),
    )
    return [check(expected, sight) for expected in step.expected]


def _place(source: Source, node: Node) -> tuple[int, int]:
    place = source.place(node.span.start)
    return place.line, place.col


def _failure(
    place: tuple[int, int], key: str, expected: str, got: str, stage: Stage, turn: int
) -> Failure:
    line, col = place
    return Failure(line=line, col=col, key=key, expected=expected, got=got, at=stage.now, turn=turn)

"""What came of tests, as text for people and as JSON for programs."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.core.facts import show_duration
from palingenesis.runtime.foreign_text import plain
from palingenesis.simulation.testing.coverage import Coverage, OfRule, percent
from palingenesis.simulation.testing.running import CaseResult, Failure, TestResult
from palingenesis.surfaces.cli.policy_suite import Ran, Suite

if TYPE_CHECKING:
    from palingenesis.simulation.timeline import Line

_MARKS = {"passed": ("✔", "green"), "failed": ("✘", "red"), "todo": ("○", "yellow")}
_BAR = 10
_WIDE = 300
_SHOWN_LINES = 60
"""The end of a timeline that is shown."""
_SHOWN_CASES = 5
"""Failing rows of one table that are shown in full."""


def lines_of(ran: Ran) -> Iterator[str]:
    """One test file: its tests, and all about those that failed."""
    policy = f" (policy {_shown(ran.policy_path)})" if ran.policy_path is not None else ""
    yield click.style(f"{_shown(ran.path)}{policy}", bold=True)
    for test in ran.results:
        mark, color = _MARKS[test.outcome]
        cases = f"  ({len(test.cases)} cases)" if len(test.cases) > 1 else ""
        todo = "  (todo)" if test.outcome == "todo" else ""
        yield f"  {click.style(mark, fg=color)} {plain(test.name, _WIDE)}{cases}{todo}"
        if test.outcome == "failed":
            yield from _failing(ran, test)


def _failing(ran: Ran, test: TestResult) -> Iterator[str]:
    failing = [case for case in test.cases if case.failures]
    for case in failing[:_SHOWN_CASES]:
        for failure in case.failures:
            yield f"      {_failure(ran.path, failure, case)}"
        left_out = len(case.timeline) - _SHOWN_LINES
        if left_out > 0:
            yield f"        … {left_out} earlier lines"
        for line in case.timeline[-_SHOWN_LINES:]:
            yield f"        {_line(line, case)}".rstrip()
    if len(failing) > _SHOWN_CASES:
        yield f"      and {len(failing) - _SHOWN_CASES} more cases"


def _failure(path: Path, failure: Failure, case: CaseResult) -> str:
    place = click.style(f"{_shown(path)}:{failure.line}", bold=True)
    turn = f" (repetition {failure.turn})" if failure.turn else ""
    label = f" ({plain(case.label)})" if case.label else ""
    if not failure.key:
        return f"{place}{turn}{label}  {failure.expected} cannot be played: {failure.got}"
    expected, got = plain(failure.expected, _WIDE), plain(failure.got, _WIDE)
    return f"{place}{turn}{label}  {failure.key}: expected {expected}, got {got}"


def _line(line: "Line", case: CaseResult) -> str:
    offset = f"t+{_span(line.at - case.start)}"
    return f"{offset:<12} {line.word:<8} {plain(line.rule):<18} {plain(line.text, _WIDE)}"


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return show_duration(timedelta(seconds=round(seconds) if seconds >= 1 else round(seconds, 1)))


def summary(suite: Suite, took_s: float) -> str:
    """One line: how many tests ended how, and how long it really took."""
    counted = [f"{suite.count('passed')} passed", f"{suite.count('failed')} failed"]
    if suite.count("todo"):
        counted.append(f"{suite.count('todo')} todo")
    took = f"{took_s * 1000:.0f} ms" if took_s < 1 else f"{took_s:.1f} s"
    return f"{', '.join(counted)} · {took} of real time"


# ── coverage ──────────────────────────────────────────────────────────────────────────────────


def coverage_lines(path: Path, coverage: Coverage) -> Iterator[str]:
    """The coverage of one policy, rule after rule, with everything that is missing."""
    yield click.style(f"coverage of {_shown(path)}", bold=True)
    width = max(len(one.rule) for one in coverage.rules)
    for one in coverage.rules:
        share = percent(one.seen, len(one.pieces))
        color = "green" if not one.missing else "yellow" if one.seen else "red"
        bar = click.style(_bar(share), fg=color)
        yield f"  {plain(one.rule):<{width}} {bar} {int(share):>3}%{_first_missing(path, one)}"
        for missing in _other_missing(one):
            yield f"  {'':<{width}} {'':<{_BAR}}       {plain(missing, _WIDE)}"
    share = percent(coverage.seen, coverage.pieces)
    yield f"  {'total':<{width}} {coverage.seen}/{coverage.pieces} = {share:.1f}%"
    if coverage.inherited:
        word = "rule is" if coverage.inherited == 1 else "rules are"
        yield f"  {coverage.inherited} inherited {word} covered by the tests where they come from"


def _first_missing(path: Path, one: OfRule) -> str:
    if not one.missing:
        return ""
    place = f"{plain(one.file) or path.name}:{one.line}: " if one.line else ""
    more = len(one.missing) - 1 if _never_fired(one) else 0
    counted = f"  (+{more} more)" if more else ""
    return f"  {place}{plain(one.missing[0], _WIDE)}{counted}"


def _other_missing(one: OfRule) -> tuple[str, ...]:
    """What else is missing; of a rule that never fired that is no news."""
    return () if _never_fired(one) else one.missing[1:]


def _never_fired(one: OfRule) -> bool:
    return any(piece.kind == "rule" and not piece.seen for piece in one.pieces)


def _bar(share: float) -> str:
    full = int(share * _BAR / 100)
    return "█" * full + "░" * (_BAR - full)


# ── for programs ──────────────────────────────────────────────────────────────────────────────


def plain_file(ran: Ran) -> dict[str, object]:
    """One test file as plain data."""
    from dataclasses import asdict

    return {
        "file": str(ran.path),
        "policy": str(ran.policy_path) if ran.policy_path is not None else None,
        "digest": ran.policy.digest if ran.policy is not None else None,
        "diagnostics": [{**asdict(one), "file": str(ran.blamed)} for one in ran.diagnostics],
        "tests": [_plain_test(test) for test in ran.results],
    }


def _plain_test(test: TestResult) -> dict[str, object]:
    return {
        "name": test.name,
        "line": test.line,
        "outcome": test.outcome,
        "cases": [
            {
                "label": case.label,
                "failures": [
                    {
                        "line": one.line,
                        "col": one.col,
                        "key": one.key,
                        "expected": one.expected,
                        "got": one.got,
                        "at": one.at.isoformat(),
                        "repetition": one.turn,
                    }
                    for one in case.failures
                ],
                "timeline": [
                    {"at": it.at.isoformat(), "word": it.word, "rule": it.rule, "text": it.text}
                    for it in case.timeline
                ],
            }
            for case in test.cases
        ],
    }


def plain_coverage(path: Path, coverage: Coverage) -> dict[str, object]:
    """The coverage of one policy as plain data."""
    return {
        "policy": str(path),
        "seen": coverage.seen,
        "pieces": coverage.pieces,
        "percent": percent(coverage.seen, coverage.pieces),
        "inherited": coverage.inherited,
        "rules": [
            {
                "rule": one.rule,
                "line": one.line,
                "file": one.file or str(path),
                "seen": one.seen,
                "pieces": len(one.pieces),
                "percent": percent(one.seen, len(one.pieces)),
                "missing": list(one.missing),
            }
            for one in coverage.rules
        ],
    }


def _shown(path: Path | None) -> str:
    """A path as it is said: seen from here, if it is below."""
    if path is None:
        return ""
    try:
        return plain(str(path.resolve().relative_to(Path.cwd())), _WIDE)
    except (ValueError, OSError):
        return plain(str(path), _WIDE)

"""The page about rails tells the numbers that hold."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.core import safety

PAGE = (Path(__file__).parents[2] / "docs/reference/rails.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([^|]+) \| (.*) \|$", PAGE, flags=re.MULTILINE))


def span(length: timedelta) -> str:
    if length >= timedelta(days=1):
        return f"{length.days} days"
    return f"{length.seconds // 60} minutes"


HOOKS_AND_BACKUPS = "hooks of rules, and backups beside what they decide"
NUMBERS = {
    "prompts to one session": f"{safety.PROMPTS_PER_HOUR} an hour",
    "prompts to all sessions": f"{safety.PROMPTS_PER_HOUR_IN_ALL} an hour",
    "new sessions": f"{safety.NEW_SESSIONS_PER_HOUR_IN_ALL} an hour",
    "prompts that achieve nothing": f"{safety.UNPRODUCTIVE_MAX} in a row",
    "another driver": f"after {safety.DRIVEN_AFTER} stops in a row; we act {span(safety.YIELD)}",
    "restarts of one server": f"{safety.RESTARTS_MAX} within {span(safety.RESTARTS_WITHIN)}",
    "restarts of all servers": f"{safety.RESTARTS_PER_HOUR_IN_ALL} an hour",
    "notices of rules": f"{safety.NOTICES_PER_HOUR_IN_ALL} an hour",
    HOOKS_AND_BACKUPS: f"{safety.HOOKS_PER_HOUR_IN_ALL} an hour each",
    "looking again": f"after {safety.REOPEN_MIN.seconds} seconds at the earliest",
    "the longest wait": span(safety.WAIT_MAX),
}


@pytest.mark.parametrize("rail", NUMBERS)
def test_a_rail_has_the_number_that_the_page_tells(rail: str):
    assert NUMBERS[rail] in ROWS[rail]


def test_the_spans_in_between_are_told_too():
    assert f"every {span(safety.PROBE)} instead" in ROWS["prompts that achieve nothing"]
    assert f"one every {span(safety.BREAKER)}" in ROWS["restarts of one server"]
    assert safety.EARLY_PROBES_PER_HOUR == 1
    assert "once an hour" in ROWS["the provider's word"]
    assert safety.BACKUPS_PER_HOUR_IN_ALL == safety.HOOKS_PER_HOUR_IN_ALL

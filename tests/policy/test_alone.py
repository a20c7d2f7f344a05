"""A policy that is compiled with nothing around it, and what is told of what is not there."""

from datetime import UTC, datetime, time
from typing import Any

import pytest

from palingenesis.core.policy.analysis.difference import semantic_diff
from palingenesis.core.policy.calendars import UTC_ZONE, Calendar
from palingenesis.core.policy.compile import Compiled
from palingenesis.core.policy.outside import NOTHING, Loaded, Outside
from palingenesis.core.policy.project import Project, compile_project
from palingenesis.core.policy.renaming import renamed_ids, said_of
from tests.policy.texts import END, HERE, SCHEMA, compiled, outside, policy, rules

ONE = "rules: [{id: a, do: [finish]}]\n" + END

MISSING = {
    "extends: [./team.yaml]": ("S018", "'./team.yaml' cannot be extended here"),
    "extends: [builtin:essentials@1]": ("S018", "'builtin:essentials@1' cannot be extended here"),
    "time-zone: Europe/Berlin": (
        "S016",
        "the time zone 'Europe/Berlin' cannot be looked up: there is no time-zone data",
    ),
}


@pytest.mark.parametrize("line", MISSING)
def test_without_an_outside_nothing_of_it_is_found_and_that_is_said(line: str) -> None:
    result = compiled(f"version: 1\n{line}\n{ONE}", NOTHING)

    assert [(one.code, one.message) for one in result.diagnostics] == [MISSING[line]]


def test_without_presets_the_advice_is_that_none_ships() -> None:
    (found,) = compiled(f"version: 1\nextends: [builtin:a@1]\n{ONE}", NOTHING).diagnostics

    assert found.help == "none ships"


def test_a_home_that_is_not_known_is_said_so() -> None:
    text = f"version: 1\nrules: [{{id: a, match: {{project: ~/x}}, do: [finish]}}]\n{END}"

    (found,) = compiled(text, NOTHING).diagnostics

    assert (found.code, found.help) == (
        "S017", "it is not known here which home '~' is: write the whole path"
    )  # fmt: skip


def test_a_policy_that_needs_nothing_is_the_same_without_an_outside() -> None:
    result = compiled(f"version: 1\n{ONE}", NOTHING)

    assert result.policy == policy(f"version: 1\n{ONE}")


def project(text: str, own: str | None, around: Outside = HERE) -> Compiled:
    base = Loaded(name="/home/ada/policy.yaml", text=own)
    asked = Project(directory="/srv", text=text, trusted=True)
    return compile_project(asked, base, schema=SCHEMA, params={}, outside=around)


@pytest.mark.parametrize("text", ["{", "- a list\n"])
def test_a_projects_policy_that_is_none_is_told_and_not_used(text: str) -> None:
    found = project(text, f"version: 1\n{ONE}")

    assert found.policy is None
    assert found.diagnostics


@pytest.mark.parametrize("own", [None, "- a list\n"])
def test_upon_a_policy_that_is_none_no_projects_policy_is_used(own: str | None) -> None:
    assert project("version: 1\nrules: []\n", own).policy is None


def test_what_the_persons_policy_extends_is_looked_for_beside_it_and_not_beside_the_project() -> (
    None
):
    asked: list[tuple[str, str]] = []
    files = outside({"./team.yaml": f"version: 1\n{ONE}"})

    def load(name: str, by: str) -> Loaded:
        asked.append((name, by))
        return files.load(name, by)

    around: dict[str, Any] = {"home": files.home, "zones": files.zones}
    own = "version: 1\nextends: [./team.yaml]\nrules: []\n" + END
    found = project("version: 1\nrules: []\n", own, Outside(load=load, **around))

    assert found.policy is not None
    assert asked == [("./team.yaml", "/home/ada/policy.yaml")]


def test_a_calendar_without_days_is_never_open() -> None:
    never = Calendar(name="n", days=frozenset(), start=time(1), end=time(2), zone=UTC_ZONE)

    assert never.opens(datetime(2026, 3, 1, tzinfo=UTC)) is None


def test_a_rule_with_another_id_begins_to_count_anew() -> None:
    old, new = (policy(rules(f"  - {{id: {word}, do: [resume]}}\n")) for word in ("a", "b"))

    assert [said_of(*pair) for pair in renamed_ids(old, new)] == [
        "rule 'a' is called 'b' now: its counters begin anew"
    ]


def regions(when: str) -> list[str]:
    """Where a policy with one condition differs from one that never finishes."""
    one, other = (
        policy(rules(f'  - {{id: a, when: "{text}", do: [finish]}}\n')) for text in (when, "false")
    )
    return [it.short for found in semantic_diff(other, one).differences for it in found.regions]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("contains(stop.message, 'day')", "stop.message contains day"),
        ("stop.model not in ('a', 'b')", "stop.model not in ('a', 'b')"),
        ("stop.model == 'a'", "stop.model == 'a'"),
    ],
)
def test_a_difference_by_a_text_reads_as_the_condition_does(when: str, told: str) -> None:
    assert regions(when) == [f"event == 'stopped' and {told}"]

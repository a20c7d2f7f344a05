"""The nights of the field, played under every policy that ships; each must end well."""

import pytest

from palingenesis.core.policy.index import indexed
from palingenesis.simulation.performance import perform
from palingenesis.simulation.summary import Summary, summary_of
from palingenesis.simulation.timeline import told
from tests.simulation.nights import ROOT, policy_of, scenario_of, shipped

SCENARIOS = sorted((ROOT / "examples" / "scenarios").glob("*.yaml"))
POLICIES = sorted(p.stem for p in (ROOT / "policies").glob("*.yaml") if "." not in p.stem)
WRONG = """
version: 1
rules: [{id: always, event: [stopped, action_failed], do: [resume]}]
default: {do: [attention]}
"""


def broken(summary: Summary) -> list[str]:
    breaches = [f"{breach.name}: {breach.text}" for breach in summary.breaches]
    failed = [f"{f.key}: {f.expected}, not {f.found}" for f in summary.findings if not f.holds]
    return breaches + failed


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_night_of_the_field_ends_well_under_the_default_policy(path):
    scenario = scenario_of(path.read_text(encoding="utf-8"))

    summary = summary_of(perform(shipped(), scenario, remember=False))

    assert broken(summary) == []
    assert scenario.setting is None or summary.findings, "a night of the field has expectations"


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "default"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_no_night_of_the_field_breaks_an_invariant_under_any_shipped_policy(path, name):
    scenario = scenario_of(path.read_text(encoding="utf-8"))

    summary = summary_of(perform(shipped(name), scenario, remember=False))

    assert summary.breaches == ()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_no_night_of_the_field_breaks_an_invariant_under_a_policy_that_always_resumes(path):
    scenario = scenario_of(path.read_text(encoding="utf-8"))

    summary = summary_of(perform(policy_of(WRONG), scenario, remember=False))

    assert summary.breaches == ()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_indexed_policy_tells_the_same_night_as_the_evaluator_of_record(path):
    scenario = scenario_of(path.read_text(encoding="utf-8"))

    plain = perform(shipped(), scenario)
    quick = perform(indexed(shipped()), scenario)

    assert list(told(quick.past)) == list(told(plain.past))


def test_every_scenario_begins_with_words_about_what_happened():
    assert [path.name for path in SCENARIOS if not path.read_text().startswith("# ")] == []
    assert len(SCENARIOS) >= 20

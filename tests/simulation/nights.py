"""Nights for tests: the shipped default policy, and scenarios as text."""

from functools import cache
from pathlib import Path

from palingenesis import shipped as shipping
from palingenesis.core.policy.calendars import Zone
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.runtime.outside import outside_of
from palingenesis.simulation.performance import Performance, perform
from palingenesis.simulation.scenario import Scenario, read_scenario
from palingenesis.simulation.summary import Summary, summary_of

ROOT = Path(__file__).parents[2]
SCHEMA = (ROOT / "schemas" / "policy.schema.json").read_text(encoding="utf-8")

BERLIN = Zone(
    name="Europe/Berlin",
    changes=(1711846800, 1729990800, 1743296400, 1761440400, 1774746000, 1792890000, 1806195600),
    offsets=(7200, 3600, 7200, 3600, 7200, 3600, 7200),
)
"""From the spring of 2024 to the spring of 2027."""
NEW_YORK = Zone(
    name="America/New_York",
    changes=(1710054000, 1730613600, 1741503600, 1762063200, 1772953200, 1793512800, 1805007600),
    offsets=(-14400, -18000, -14400, -18000, -14400, -18000, -14400),
)


def zones(name: str) -> Zone | None:
    """The zones that scenarios in tests may name."""
    utc = Zone(name="UTC", changes=(0,), offsets=(0,))
    return {"": utc, "UTC": utc, "Europe/Berlin": BERLIN, "America/New_York": NEW_YORK}.get(name)


@cache
def policy_of(text: str, name: str = "test") -> Policy:
    around = outside_of(None, presets=shipping.presets(), environ={})
    compiled = compile_text(text, name=name, schema=SCHEMA, outside=around.outside)
    assert compiled.policy is not None, compiled.diagnostics
    return compiled.policy


def shipped(name: str = "default") -> Policy:
    return policy_of((ROOT / "policies" / f"{name}.yaml").read_text(encoding="utf-8"), name)


def scenario_of(text: str) -> Scenario:
    found = read_scenario(text, zones=zones)
    assert found.scenario is not None, found.diagnostics
    assert found.diagnostics == ()
    return found.scenario


def night(text: str, policy: Policy | None = None, seed: str | None = None) -> Performance:
    return perform(policy or shipped(), scenario_of(text), seed=seed)


def morning(text: str, policy: Policy | None = None) -> Summary:
    return summary_of(night(text, policy))

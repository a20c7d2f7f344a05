"""Small policies for the kernel's stories, in their resolved form: no file, no YAML."""

from dataclasses import replace
from typing import Any

from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Mode, Policy, Rule

LADDER = {"first": "15s", "factor": 2, "max": "10m"}
WAIT = {"wait": {"until": "retry_after", "else": {"backoff": LADDER}}}


def rule(id_: str, when: str, *do: Any, **options: Any) -> dict[str, Any]:
    steps = [step if isinstance(step, dict) else {step: {}} for step in do]
    return {"id": id_, "when": [when] if when else [], "do": steps, **options}


def policy(*rules: dict[str, Any], default: Any = None, **options: Any) -> Policy:
    default = default or [{"attention": {"reason": "no rule matched"}}]
    resolved = {"version": 1, "name": "test", "rules": list(rules), "default": {"do": default}}
    return build(resolved | options)


def with_rule(of: Policy, id_: str, **changes: Any) -> Policy:
    """The policy with one rule changed: `mode`, `observes`."""
    changed = [replace(one, **changes) if one.id == id_ else one for one in of.rules]
    return replace(of, rules=tuple[Rule, ...](changed))


def shadow(of: Policy) -> Policy:
    return replace(of, mode=Mode.SHADOW, digest=f"{of.digest} in shadow")


RATE = rule("rate", "stop.reason in ('rate_limit', 'overloaded')", WAIT, {"resume": {}})
QUOTA = rule("quota", "stop.reason == 'quota'", WAIT, {"resume": {}})
CRASH = rule(
    "crash",
    "stop.reason == 'crash'",
    {"wait": {"backoff": {"first": "2s", "factor": 3, "max": "2m"}}},
    {"restart": {}},
    {"resume": {}},
)
CONTEXT = rule("context", "stop.reason == 'context_exhausted'", {"new-session": {}})
DONE = rule("done", "stop.reason == 'completed' and work.state == 'absent'", {"finish": {}})
NIGHT = policy(RATE, QUOTA, CRASH, CONTEXT, DONE)
STUBBORN = policy(rule("always", "", {"resume": {}}, event=["stopped", "blocked", "action_failed"]))
"""A policy that resumes whatever happens: what the rails are for."""

"""What it costs to be told the truth about a policy: validate, lint and prove.

    python -m benchmarks.analysis [COUNT]

Of whole commands the processor time counts, so that a busy machine says the same as a quiet one;
their floor is a bare interpreter that imports nothing; that of a proof is reading
the policy's conditions once more (parsing them, as `build` does). Figures to reach: validate and
lint of the default policy at most 150 ms above the bare interpreter; a proof at most 50 ms for the
default policy and for 25 rules, and 500 ms for 200.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import gettempdir
from typing import Any

from benchmarks.figures import tell_machine, tell_percentiles

from palingenesis import shipped
from palingenesis.core.facts import STOP_REASONS
from palingenesis.core.policy.analysis.difference import semantic_diff
from palingenesis.core.policy.analysis.lint import lint
from palingenesis.core.policy.analysis.prove import prove
from palingenesis.core.policy.build import build
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy

NEVER = [
    {"id": "never-1", "do": ["resume"], "when": "stop.reason == 'user_exit'"},
    {"id": "never-2", "do": ["new-session"], "without": "snapshot"},
    {"id": "never-3", "do": ["act"], "when": "known(block.kind)"},
]


def made(count: int) -> Policy:
    """A policy whose rules meet: reasons, thresholds, counts, who and where."""
    rules = [_rule(number) for number in range(count)]
    return build(
        {
            "version": 1,
            "name": f"{count} rules",
            "rules": rules,
            "default": {"do": [{"attention": {}}]},
            "never": NEVER,
        }
    )


def _rule(number: int) -> dict[str, Any]:
    reasons = [STOP_REASONS[(number * step + step) % len(STOP_REASONS)] for step in (1, 5)]
    when = [f"stop.reason in ('{reasons[0]}', '{reasons[1]}')"]
    when.append(f"default(session.context_used, 0%) > {number * 37 % 95}%")
    if number % 3 == 0:
        when.append(f"count({reasons[0]}, 1h) >= {number % 7} or stop.retry_after > {number}m")
    if number % 4 == 0:
        when.append(
            f"not (session.cost > ${number % 40}) and session.messages < {number * 10 + 10}"
        )
    if number % 5 == 0:
        when.append("agent.way == 'managed' and known(work.step)")
    if number % 6 == 0:
        when.append(f"contains(stop.message, 'part{number % 4}')")
    return {
        "id": f"rule-{number}",
        "line": number + 1,
        "event": ["stopped", "stalled"] if number % 9 == 0 else ["stopped"],
        "when": when,
        "do": [{"snapshot": {}}, {"wait": {"for": f"{number % 50 + 1}s"}}, {"resume": {}}],
        "limit": {"max": 5, "per": "1h"},
    }


def default() -> tuple[Policy, bytes]:
    text = shipped.policy().read_bytes()
    schema = shipped.schema("policy").read_text(encoding="utf-8")
    policy = compile_text(text, name="default", schema=schema).policy
    assert policy is not None
    return policy, text


_CACHE = str(Path(gettempdir()) / "palingenesis-benchmark-bytecode")
"""Cold means a new process, not one that compiles its own source, as some settings ask for."""


def process(*words: str) -> Callable[[], float]:
    """Starts a whole process; gives the processor time that it took, in ms."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPYCACHEPREFIX"] = _CACHE

    def run() -> float:
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], capture_output=True, check=False, env=environ)
        after = getrusage(RUSAGE_CHILDREN)
        spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return spent_s * 1_000

    return run


def timed(rows: dict[str, Callable[[], object]], count: int) -> dict[str, list[float]]:
    """Each in turn, so that the machine's moods touch all of them."""
    spans: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(count):
        for name, action in rows.items():
            began = time.perf_counter()
            action()
            spans[name].append((time.perf_counter() - began) * 1_000)
    return spans


def main(count: int) -> None:
    tell_machine()
    rows = {
        "bare": process("-c", "pass"),
        "palingenesis policy validate default": process(
            "-m", "palingenesis", "policy", "validate", "default"
        ),
        "palingenesis policy lint default": process("-m", "palingenesis", "policy", "lint"),
    }
    for action in rows.values():
        action()  # so that the bytecode is there
    spans: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(count):
        for name, action in rows.items():
            spans[name].append(action())
    for name in list(rows)[1:]:
        above = [one - bare for one, bare in zip(spans[name], spans["bare"], strict=True)]
        tell_percentiles(
            f"{name}, processor time above the bare interpreter",
            above,
            spans["bare"],
            "ms",
            target=(50, 150.0),
            percents=(0, 50, 95),
            against="bare",
        )
    policy, text = default()
    for one, most in ((policy, 50.0), (made(25), 50.0), (made(200), 500.0)):
        name = f"{one.name}, {len(one.rules)} rules"
        spans = timed(
            {
                f"prove {name}": lambda one=one: prove(one),  # type: ignore[misc]
                "floor": lambda one=one: build(one.resolved),  # type: ignore[misc]
            },
            count,
        )
        said = spans[f"prove {name}"]
        tell_percentiles(f"prove {name}", said, spans["floor"], "ms", target=(50, most))
    other = build({**policy.resolved, "healthy-after": "20m"})
    spans = timed(
        {
            "lint default": lambda: lint(policy, text),
            "diff default": lambda: semantic_diff(policy, other),
            "floor": lambda: build(policy.resolved),
        },
        count,
    )
    tell_percentiles("lint default, in the process", spans["lint default"], spans["floor"], "ms")
    tell_percentiles("diff of two that nearly agree", spans["diff default"], spans["floor"], "ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)

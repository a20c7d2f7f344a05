"""When a decision has to come to its prompt, worked out anew from the plan that it wrote down."""

from typing import Any, Final, NamedTuple

from tests.torture.night.evidence import PROMPTS, Decided, Plain

_LONGEST_S: Final = 8 * 86400.0
_EFFECT_S: Final = 600.0
"""An effect that goes before has three tries of three minutes, and another effect before it."""


class Expected(NamedTuple):
    """Seconds after the decision."""

    earliest: float
    latest: float


def expected_of(decided: Decided) -> Expected | None:
    """When the first prompt of its plan is due; None: there is none, or a person or another
    program decides when."""
    earliest = latest = 0.0
    for step in decided.plain["plan"]:
        match step["is"]:
            case kind if kind in PROMPTS:
                snapshot = _EFFECT_S if kind == "NewSession" else 0.0
                return Expected(earliest, latest + snapshot)
            case "Wait" if not step.get("condition"):
                base, jitter = _wait(step, decided.plain, earliest)
                earliest, latest = earliest + base, latest + base + jitter
            case "Notify" | "Log" | "SwitchModel":
                continue
            case "Restart" | "Interrupt" | "Snapshot" | "Run":
                latest += _EFFECT_S
            case _:
                return None
    return None


def _wait(step: Plain, decision: Plain, passed: float) -> tuple[float, float]:
    named = _seconds(decision["facts"].get("stop.retry_after"))
    if decision["facts"].get("stop.implausible"):
        named = None
    if named is not None:
        named = max(named - passed, 0.0)
    base = None
    if step.get("until") in {"retry_after", "reset"}:
        base = named
    if base is None:
        base = _span(step, int(decision["tries"]))
    if named is not None:
        base = max(base, named)  # a time that the server named is a floor
    longest = min(_seconds(step.get("longest")) or _LONGEST_S, _LONGEST_S)
    jitter = _seconds(step.get("jitter")) or 0.0
    return min(base, longest), min(base + jitter, longest) - min(base, longest)


def _span(step: Plain, tries: int) -> float:
    for name in ("span", "backoff", "otherwise"):
        chosen = step.get(name)
        if chosen is None:
            continue
        if isinstance(chosen, dict) and "first" in chosen:
            first, longest = _seconds(chosen["first"]) or 0.0, _seconds(chosen["longest"]) or 0.0
            return min(first * float(chosen["factor"]) ** min(tries, 60), longest)
        return _seconds(chosen) or 0.0
    return 0.0


def _seconds(value: Any) -> float | None:
    if isinstance(value, dict):
        value = value.get("duration_s")
    return float(value) if isinstance(value, int | float) else None

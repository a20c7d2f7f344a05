"""When a decision has to come to its prompt, worked out anew from the plan that it wrote down."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from tests.torture.night.evidence import PROMPTS, Decided, Evidence, Plain

_LONGEST_S: Final = 8 * 86400.0
_RESET_S: Final = 300.0
"""A displayed time that is nearer is a pause, which is expected when it was asked for."""
_DRIFT_S_MAX: Final = 1800.0
_LIMITS: Final = frozenset({"rate_limit", "quota", "overloaded"})
_EFFECT_S: Final = 600.0
"""An effect that goes before has three tries of three minutes, and another effect before it."""


class Expected(NamedTuple):
    """Seconds after the decision."""

    earliest: float
    latest: float
    lead: float = 0.0
    """Of `latest`: until the last effect before the prompt is done; a wait after it begins then."""


def expected_of(decided: Decided) -> Expected | None:
    """When the first prompt of its plan is due; None: there is none, or a person or another
    program decides when."""
    earliest = latest = lead = 0.0
    for step in decided.plain["plan"]:
        match step["is"]:
            case kind if kind in PROMPTS:
                snapshot = _EFFECT_S if kind == "NewSession" else 0.0
                return Expected(earliest, latest + snapshot, lead)
            case "Wait" if not step.get("condition"):
                base, jitter = _wait(step, decided.plain, earliest)
                earliest, latest = earliest + base, latest + base + jitter
            case "Notify" | "Log" | "SwitchModel":
                continue
            case "Restart" | "Interrupt" | "Snapshot" | "Run":
                latest += _EFFECT_S
                lead = latest
            case _:
                return None
    return None


class _Refusal(NamedTuple):
    """A refusal for a limit: when it came and what reset it displays, by the machine's clock."""

    seq: int
    session: str
    reason: str
    at: datetime
    reset: datetime | None


def drift_of(evidence: Evidence, decided: Decided) -> float:
    """How many seconds later than displayed the reset of a decision may be expected.

    As late as one was at most that was displayed before for the same reason, and after which
    somebody was refused all the same.
    """
    came = [one for one in _refusals(evidence) if one.seq <= decided.line.seq]
    own = [one for one in came if one.session == decided.plain["session"]]
    is_limit = decided.plain["facts"].get("stop.reason") in _LIMITS
    if not is_limit or not own or not _displayed(own[-1]):
        return 0.0
    same = [one for one in came if one.reason == own[-1].reason]
    resets = [reset for one in same if (reset := _displayed(one)) and reset <= same[-1].at]
    late = [(own[-1].at - reset).total_seconds() for reset in resets]
    return min(max([0.0, *late]), _DRIFT_S_MAX)


def _refusals(evidence: Evidence) -> Iterator[_Refusal]:
    for line in evidence.lines:
        stop = line.event["stop"] if line.kind == "SessionStopped" else {}
        if stop.get("reason") in _LIMITS:
            at = datetime.fromisoformat(line.event["at"])
            reset = datetime.fromisoformat(stop["retry_at"]) if stop["retry_at"] else None
            yield _Refusal(line.seq, line.event["session"], stop["reason"], at, reset)


def _displayed(one: _Refusal) -> datetime | None:
    """The reset that it displays, if that is no mere pause."""
    is_reset = one.reset is not None and (one.reset - one.at).total_seconds() >= _RESET_S
    return one.reset if is_reset else None


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

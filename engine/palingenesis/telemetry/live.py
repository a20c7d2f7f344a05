"""What only a running daemon knows of itself: how quick it is, how large, what it could not write.

The latency of a decision is the time from the event, as its sensor stamped it, until its turn is
on the disk. It begins anew with every run; everything else that is counted comes from the journal.
"""

import resource
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from palingenesis.telemetry.metric import Distribution, Family, Kind, Metric, Sample

_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_STATUS: Final = Path("/proc/self/status")


class Latency:
    """How long decisions took since the start."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_S) + 1)
        self._total = timedelta(0)

    def took(self, span: timedelta) -> None:
        """One more; a clock that was set back makes it nothing."""
        span = max(span, timedelta(0))
        self._counts[bisect_left(_BOUNDS_S, span.total_seconds())] += 1
        self._total += span

    @property
    def distribution(self) -> Distribution:
        """All of them."""
        return Distribution(
            bounds=_BOUNDS_S, counts=tuple(self._counts), total=self._total.total_seconds()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the daemon knows at one moment."""

    version: str
    latency: Distribution
    journal_bytes: int
    journal_is_written: bool
    waiting: int
    """Events that were not taken yet."""
    exported: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What left by OpenTelemetry, by signal and by what became of it."""


def _metric(name: str, kind: Kind, told: str, labels: Mapping[str, str] | None = None) -> Metric:
    return Metric(name=name, kind=kind, help=told, labels=labels or {}, live=True)


_INFO: Final = _metric(
    "palingenesis_build_info", Kind.GAUGE, "The version that runs; always 1.",
    {"version": "of palingenesis"},
)  # fmt: skip
_LATENCY: Final = _metric(
    "palingenesis_decision_latency_seconds",
    Kind.HISTOGRAM,
    "From an event until the decision about it is on the disk, since the start.",
)
_BYTES: Final = _metric(
    "palingenesis_journal_bytes", Kind.GAUGE, "What the journal takes on the disk."
)
_WRITTEN: Final = _metric(
    "palingenesis_journal_writable", Kind.GAUGE, "Whether the journal can be written."
)
_WAITING: Final = _metric(
    "palingenesis_waiting_events", Kind.GAUGE, "Events that were not taken yet."
)
_EXPORTED: Final = _metric(
    "palingenesis_otlp_items_total",
    Kind.COUNTER,
    "What left by OpenTelemetry, since the start.",
    {
        "signal": "`traces`, `logs` or `metrics`",
        "result": "`sent`; `refused`: the collector will never take it; `skipped`: too far behind",
    },
)
_MEMORY: Final = _metric(
    "process_resident_memory_bytes", Kind.GAUGE, "What the daemon takes of the memory."
)
_CPU: Final = _metric(
    "process_cpu_seconds_total", Kind.COUNTER, "What the daemon has taken of the processors."
)

LIVE: Final = (_INFO, _LATENCY, _BYTES, _WRITTEN, _WAITING, _EXPORTED, _MEMORY, _CPU)
"""The metrics that are told by a running daemon only."""


def measured(live: Live) -> Iterator[Family]:
    """Their values."""
    yield _family(_INFO, Sample(value=1, labels={"version": live.version}))
    yield _family(_LATENCY, Sample(value=live.latency))
    yield _family(_BYTES, Sample(value=live.journal_bytes))
    yield _family(_WRITTEN, Sample(value=float(live.journal_is_written)))
    yield _family(_WAITING, Sample(value=live.waiting))
    sent = (
        Sample(value=number, labels={"signal": signal, "result": result})
        for (signal, result), number in live.exported.items()
    )
    yield _family(_EXPORTED, *sent)
    if (size := resident_bytes()) is not None:
        yield _family(_MEMORY, Sample(value=size))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield _family(_CPU, Sample(value=round(usage.ru_utime + usage.ru_stime, 3)))


def resident_bytes() -> int | None:
    """What this process takes of the memory; None where the system does not tell."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    return None


def _family(metric: Metric, *samples: Sample) -> Family:
    return Family(metric=metric, samples=samples)

"""Families as text: in Prometheus' exposition format 0.0.4, and as JSON."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from palingenesis.telemetry.metric import Distribution, Family, Sample

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SCHEMA_VERSION: Final = 1
_INFINITY: Final = "+Inf"


def as_prometheus(families: Iterable[Family], everywhere: Mapping[str, str]) -> str:
    """The text that Prometheus scrapes; `everywhere` are labels that every sample gets."""
    lines = [line for family in families for line in _family(family, everywhere)]
    return "".join(f"{line}\n" for line in lines)


def as_json(families: Iterable[Family], everywhere: Mapping[str, str]) -> dict[str, Any]:
    """The same as a document."""
    return {
        "schema_version": SCHEMA_VERSION,
        "labels": dict(everywhere),
        "metrics": [
            {
                "name": family.metric.name,
                "type": family.metric.kind.value,
                "help": family.metric.help,
                "samples": [
                    {"labels": dict(sample.labels), **_plain(sample.value)}
                    for sample in family.samples
                ],
            }
            for family in families
        ],
    }


def _plain(value: float | Distribution) -> dict[str, Any]:
    if not isinstance(value, Distribution):
        return {"value": value}
    buckets = {bound: number for bound, number in _cumulative(value) if bound != _INFINITY}
    return {"buckets": buckets, "sum": value.total, "count": value.count}


def _family(family: Family, everywhere: Mapping[str, str]) -> Iterator[str]:
    name = family.metric.name
    yield f"# HELP {name} {_escaped(family.metric.help, quotes=False)}"
    yield f"# TYPE {name} {family.metric.kind}"
    for sample in family.samples:
        yield from _sample(name, sample, everywhere)


def _sample(name: str, sample: Sample, everywhere: Mapping[str, str]) -> Iterator[str]:
    labels, value = {**everywhere, **sample.labels}, sample.value
    if not isinstance(value, Distribution):
        yield f"{name}{_labels(labels)} {_number(value)}"
        return
    for bound, number in _cumulative(value):
        yield f"{name}_bucket{_labels({**labels, 'le': bound})} {number}"
    yield f"{name}_sum{_labels(labels)} {_number(value.total)}"
    yield f"{name}_count{_labels(labels)} {value.count}"


def _cumulative(value: Distribution) -> Iterator[tuple[str, int]]:
    so_far = 0
    for bound, number in zip((*map(_number, value.bounds), _INFINITY), value.counts, strict=True):
        so_far += number
        yield bound, so_far


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _labels(labels: Mapping[str, str]) -> str:
    told = ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(text: str, *, quotes: bool) -> str:
    safe = text.encode("utf-8", "replace").decode().replace("\\", r"\\").replace("\n", r"\n")
    return safe.replace('"', r"\"") if quotes else safe

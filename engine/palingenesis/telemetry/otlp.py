"""Spans, lines and metrics in OpenTelemetry's own form (OTLP): the one door to that library.

The messages are made directly. The library's own pipeline of providers, processors and exporters
would keep a queue and threads for each signal, hold up the end of the process by ten seconds for
each when a collector is dead, and tell of success when there was none; the journal is our queue.
Importing this takes some 6 MB, so it is imported only where telemetry is switched on.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import (
    LogRecord,
    ResourceLogs,
    ScopeLogs,
    SeverityNumber,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as points
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from palingenesis import __version__
from palingenesis.telemetry.lines import Line
from palingenesis.telemetry.metric import Distribution, Family, Kind, Sample
from palingenesis.telemetry.trace import Attributes, Span

_SCOPE: Final = InstrumentationScope(name="palingenesis", version=__version__)
_UNITS: Final = {"seconds": "s", "bytes": "By"}
_CUMULATIVE: Final = points.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


class Encoding:
    """Makes the messages of one service.

    Args:
        resource: who we are, as attributes.
    """

    def __init__(self, resource: Mapping[str, str]) -> None:
        self._resource = Resource(attributes=_attributes(resource))

    def traces(self, spans: Iterable[Span]) -> bytes:
        """A request that hands spans over."""
        told = ScopeSpans(scope=_SCOPE, spans=[_span(span) for span in spans])
        whole = ResourceSpans(resource=self._resource, scope_spans=[told])
        return ExportTraceServiceRequest(resource_spans=[whole]).SerializeToString()

    def logs(self, lines: Iterable[Line], seen: datetime) -> bytes:
        """A request that hands log records over; `seen` is when we read them."""
        told = ScopeLogs(scope=_SCOPE, log_records=[_line(line, _nanos(seen)) for line in lines])
        whole = ResourceLogs(resource=self._resource, scope_logs=[told])
        return ExportLogsServiceRequest(resource_logs=[whole]).SerializeToString()

    def metrics(
        self, families: Iterable[Family], *, since: datetime, at: datetime, whose: Attributes
    ) -> bytes:
        """A request that hands metrics over, as they are at that moment.

        Args:
            families: what is counted and measured.
            since: when counting began.
            at: now.
            whose: labels of every sample.
        """
        began, now = _nanos(since), _nanos(at)
        told = points.ScopeMetrics(
            scope=_SCOPE,
            metrics=[_metric(family, began, now, whose) for family in families if family.samples],
        )
        whole = points.ResourceMetrics(resource=self._resource, scope_metrics=[told])
        return ExportMetricsServiceRequest(resource_metrics=[whole]).SerializeToString()

    def refused(self, signal: str, answer: bytes) -> int:
        """How many items a collector did not take that answered that all is well.

        Raises:
            ValueError: the answer makes no sense.
        """
        try:
            match signal:
                case "traces":
                    spans = ExportTraceServiceResponse.FromString(answer)
                    return spans.partial_success.rejected_spans
                case "logs":
                    logs = ExportLogsServiceResponse.FromString(answer)
                    return logs.partial_success.rejected_log_records
                case _:
                    metrics = ExportMetricsServiceResponse.FromString(answer)
                    return metrics.partial_success.rejected_data_points
        except DecodeError as error:
            raise ValueError("not the answer of a collector") from error


def _span(span: Span) -> SpanMessage:
    kind = SpanMessage.SpanKind.SPAN_KIND_CLIENT if span.calls else (
        SpanMessage.SpanKind.SPAN_KIND_INTERNAL
    )  # fmt: skip
    failed = Status(code=Status.StatusCode.STATUS_CODE_ERROR, message=_clean(span.failure))
    return SpanMessage(
        trace_id=bytes.fromhex(span.place.trace),
        span_id=bytes.fromhex(span.place.span),
        parent_span_id=bytes.fromhex(span.parent),
        name=span.name,
        kind=kind,
        start_time_unix_nano=_nanos(span.began),
        end_time_unix_nano=_nanos(span.ended),
        attributes=_attributes(span.attributes),
        events=[
            SpanMessage.Event(
                time_unix_nano=_nanos(note.at),
                name=note.name,
                attributes=_attributes(note.attributes),
            )
            for note in span.notes
        ],
        status=failed if span.failure else Status(),
    )


def _line(line: Line, seen: int) -> LogRecord:
    place = line.place
    return LogRecord(
        time_unix_nano=_nanos(line.at),
        observed_time_unix_nano=seen,
        severity_number=SeverityNumber.ValueType(line.severity),
        severity_text=line.severity.name,
        event_name=line.event,
        body=_value(line.body),
        attributes=_attributes(line.attributes),
        trace_id=bytes.fromhex(place.trace) if place is not None else b"",
        span_id=bytes.fromhex(place.span) if place is not None else b"",
    )


def _metric(family: Family, began: int, now: int, whose: Attributes) -> points.Metric:
    metric = family.metric
    message = points.Metric(name=metric.name, description=metric.help, unit=_unit(metric.name))
    if metric.kind is Kind.HISTOGRAM:
        held = [_histogram(sample, began, now, whose) for sample in family.samples]
        message.histogram.CopyFrom(
            points.Histogram(data_points=held, aggregation_temporality=_CUMULATIVE)
        )
        return message
    numbers = [_number(sample, began, now, whose) for sample in family.samples]
    if metric.kind is Kind.GAUGE:
        message.gauge.CopyFrom(points.Gauge(data_points=numbers))
        return message
    message.sum.CopyFrom(
        points.Sum(data_points=numbers, aggregation_temporality=_CUMULATIVE, is_monotonic=True)
    )
    return message


def _number(sample: Sample, began: int, now: int, whose: Attributes) -> points.NumberDataPoint:
    assert not isinstance(sample.value, Distribution)
    return points.NumberDataPoint(
        attributes=_attributes({**whose, **sample.labels}),
        start_time_unix_nano=began,
        time_unix_nano=now,
        as_double=sample.value,
    )


def _histogram(
    sample: Sample, began: int, now: int, whose: Attributes
) -> points.HistogramDataPoint:
    value = sample.value
    assert isinstance(value, Distribution)
    return points.HistogramDataPoint(
        attributes=_attributes({**whose, **sample.labels}),
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=value.count,
        sum=value.total,
        bucket_counts=value.counts,
        explicit_bounds=value.bounds,
    )


def _unit(name: str) -> str:
    words = name.removesuffix("_total").split("_")
    return _UNITS.get(words[-1], "1")


def _attributes(held: Attributes | Mapping[str, str]) -> Sequence[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in held.items()]


def _value(value: str | float | bool) -> AnyValue:  # noqa: FBT001  an attribute may be a truth
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=_clean(value))


def _clean(text: str) -> str:
    """Text that protobuf takes: half of a surrogate pair is none."""
    return text.encode("utf-8", "replace").decode()


def _nanos(at: datetime) -> int:
    """Nanoseconds since 1970, exactly."""
    whole = int(at.replace(microsecond=0).timestamp())
    return max(whole * 1_000_000_000 + at.microsecond * 1_000, 0)

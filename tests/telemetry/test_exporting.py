"""What leaves by OpenTelemetry: whole, in order, behind the journal, and never in its way."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.core.errors import InvalidConfigError
from palingenesis.telemetry.catalogue import families
from palingenesis.telemetry.exporting import BEHIND_MAX, ROUND, Exporting, Measured
from palingenesis.telemetry.lines import line_of
from palingenesis.telemetry.otlp import Encoding
from palingenesis.telemetry.sending import (
    GrpcSender,
    HttpSender,
    LaterError,
    NeverError,
    Sender,
    is_installed,
    make_sender,
    read_headers,
    why_impossible,
)
from palingenesis.telemetry.whose import resource
from palingenesis.wire.redaction import forget, redact
from tests.core.life import SES, START, alive, ended, passed, stopped
from tests.core.policies import NIGHT
from tests.telemetry.collector import Collector, attributes, collecting
from tests.telemetry.recorded import RecordedLife

LIMIT = (stopped("rate_limit", retry_after=90), passed(90), ended("resume"), alive)
WHOSE = {"host": "vm", "user": "ada"}


class Hurried:
    """A clock on which nothing has to be waited for; notes for how long it was asked to."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001 if seconds < 60 else 3600)


@dataclass
class Answering:
    """A way to a collector that answers as it is told."""

    answers: list[Exception | bytes] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    async def send(self, signal: str, message: bytes) -> bytes:
        self.sent.append(signal)
        answer = self.answers.pop(0) if self.answers else b""
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as here:
        yield here


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "otlp.json"


def exporting(
    life: RecordedLife, sender: Sender, kept: Path, clock: Hurried | None = None, begin: int = 0
) -> Exporting:
    def measure() -> Measured:
        found = families(life.world, seq=len(life.entries), at=life.now)
        return Measured(families=list(found), since=START, whose=WHOSE)

    return Exporting(
        read=life.read,
        newest=lambda: len(life.entries),
        measure=measure,
        messages=Encoding(resource("palingenesis")),
        sender=sender,
        clock=clock or Hurried(),
        kept=kept,
        begin=begin,
    )


@asynccontextmanager
async def watched(one: Exporting) -> AsyncIterator[None]:
    task = asyncio.ensure_future(one.watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


def sent_until_the_end(one: Exporting, life: RecordedLife) -> None:
    async def play() -> None:
        async with watched(one):
            await until(lambda: one.cursor == len(life.entries))

    asyncio.run(play())


# ── what is sent ──────────────────────────────────────────────────────────────────────────────


def test_a_collector_gets_traces_logs_and_metrics_that_it_can_decode(
    collector: Collector, kept: Path
):
    life = RecordedLife(NIGHT).play(*LIMIT)

    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept), life)

    spans, lines, metrics = collector.spans(), collector.lines(), collector.metrics()
    whole = spans[-1]
    assert [span.name for span in spans] == [
        "stop", "decide", "wait", "effect resume", "verify", "episode",
    ]  # fmt: skip
    assert len(whole.trace_id) == 16
    assert len(whole.span_id) == 8
    assert whole.start_time_unix_nano == int(START.timestamp()) * 10**9
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 90 * 10**9
    assert attributes(whole)["gen_ai.conversation.id"] == SES
    assert {span.parent_span_id for span in spans[:-1]} == {whole.span_id}
    assert len(lines) == len(life.entries)
    stop = next(line for line in lines if line.event_name == "palingenesis.session_stopped")
    assert stop.severity_text == "WARN"
    assert (stop.trace_id, stop.span_id) == (whole.trace_id, whole.span_id)
    stops = {
        attributes(point)["reason"]: point.as_double
        for point in metrics["palingenesis_stops_total"].sum.data_points
    }
    assert stops["rate_limit"] == 1
    assert metrics["palingenesis_stops_total"].sum.is_monotonic
    waits = metrics["palingenesis_wait_seconds"]
    assert waits.unit == "s"
    (point,) = waits.histogram.data_points
    assert (point.count, point.sum) == (1, 90)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert attributes(point) == WHOSE


def test_it_says_who_it_is(collector: Collector, kept: Path):
    life = RecordedLife(NIGHT)

    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept), life)

    path, message = next(one for one in collector.taken if one[0] == "/v1/logs")
    (held,) = message.resource_logs
    assert path == "/v1/logs"
    assert attributes(held.resource)["service.name"] == "palingenesis"
    assert {"host.name", "user.name", "service.version"} <= attributes(held.resource).keys()
    assert collector.headers[0]["content-type"] == "application/x-protobuf"


def test_more_than_a_round_is_sent_in_rounds_and_in_order(collector: Collector, kept: Path):
    life = RecordedLife(NIGHT).play(*([alive] * (2 * ROUND + 5)))

    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept), life)

    seqs = [attributes(line)["palingenesis.journal.seq"] for line in collector.lines()]
    assert seqs == list(range(1, len(life.entries) + 1))
    assert collector.asked.count("/v1/logs") == 3


def test_the_next_run_goes_on_where_this_one_was_also_in_the_middle_of_trouble(
    collector: Collector, kept: Path
):
    life = RecordedLife(NIGHT).play(*LIMIT[:2])
    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept), life)
    life.play(*LIMIT[2:])
    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept, begin=99), life)

    assert [span.name for span in collector.spans()] == [
        "stop", "decide", "wait", "effect resume", "verify", "episode",
    ]  # fmt: skip
    assert len({span.trace_id for span in collector.spans()}) == 1
    assert len(collector.lines()) == len(life.entries)


def test_switched_on_it_begins_with_what_happens_from_then_on(collector: Collector, kept: Path):
    life = RecordedLife(NIGHT).play(*LIMIT)
    before = len(life.entries)
    life.play(alive)

    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept, begin=before), life)

    assert len(collector.lines()) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"seq": 999, "since": 1}', '{"seq": -1, "since": 0}']
)
def test_a_cursor_that_makes_no_sense_is_none(collector: Collector, kept: Path, text: str):
    kept.write_text(text)
    life = RecordedLife(NIGHT).play(alive)
    begin = len(life.entries) - 1

    sent_until_the_end(exporting(life, HttpSender(collector.url, {}), kept, begin=begin), life)

    assert len(collector.lines()) == 1


# ── when the collector is in no good mood ─────────────────────────────────────────────────────


def test_what_cannot_be_taken_now_is_sent_again_with_more_and_more_patience(kept: Path):
    clock, sender = Hurried(), Answering([b""] + [LaterError("busy")] * 4)
    life = RecordedLife(NIGHT).play(alive)
    one = exporting(life, sender, kept, clock)

    sent_until_the_end(one, life)

    patience = [seconds for seconds in clock.slept if seconds < 60]
    assert patience == sorted(patience)
    assert patience[:2] == [1.0, 2.0]
    assert one.counts["logs", "sent"] == len(life.entries)
    assert one.counts["logs", "refused"] == 0


def test_a_collector_that_names_a_time_is_asked_then(kept: Path):
    clock = Hurried()
    sender = Answering([LaterError("busy", timedelta(seconds=42))] * 2)
    life = RecordedLife(NIGHT).play(alive)

    sent_until_the_end(exporting(life, sender, kept, clock), life)

    assert 42.0 in clock.slept


@pytest.mark.parametrize("mood", ["refuses", "fails", "nonsense"])
def test_what_will_never_be_taken_is_dropped_counted_and_told_once(
    collector: Collector, kept: Path, caplog, mood: str
):
    collector.mood = mood
    life = RecordedLife(NIGHT).play(*([alive] * (ROUND + 5)))
    one = exporting(life, HttpSender(collector.url, {}), kept)

    sent_until_the_end(one, life)

    assert one.counts["logs", "refused"] == len(life.entries)
    assert one.counts["logs", "sent"] == 0
    said = [record.getMessage() for record in caplog.records if "logs" in record.getMessage()]
    assert len(said) == 1
    assert collector.asked.count("/v1/logs") == 2


def test_a_collector_that_takes_only_a_part_is_not_asked_again(collector: Collector, kept: Path):
    collector.mood = "part"
    life = RecordedLife(NIGHT).play(*LIMIT)
    one = exporting(life, HttpSender(collector.url, {}), kept)

    sent_until_the_end(one, life)

    assert one.counts["traces", "refused"] == 1
    assert one.counts["traces", "sent"] == 5


def test_a_collector_that_comes_later_gets_everything(kept: Path):
    life = RecordedLife(NIGHT).play(*LIMIT)

    async def play() -> list[str]:
        with collecting() as gone:
            url = gone.url
        one = exporting(life, HttpSender(url, {}), kept)
        async with watched(one):
            await until(lambda: "" in one._told)
            with collecting(int(url.rpartition(":")[2])) as back:
                await until(lambda: one.cursor == len(life.entries))
                return [span.name for span in back.spans()]

    assert asyncio.run(play())[-1] == "episode"


def test_a_cursor_that_is_too_far_behind_is_moved_up_and_that_is_counted(kept: Path):
    life = RecordedLife(NIGHT).play(alive)
    template = life.entries[-1]
    count = BEHIND_MAX + 500
    one = exporting(life, Answering(), kept)
    life.entries = [replace(template, seq=number) for number in range(1, count + 1)]

    sent_until_the_end(one, life)

    assert one.counts["logs", "skipped"] > 0
    assert one.counts["logs", "sent"] + one.counts["logs", "skipped"] == count


def test_an_entry_that_breaks_something_is_left_out_and_the_rest_is_sent(kept: Path, caplog):
    life = RecordedLife(NIGHT).play(*([alive] * (ROUND + 5)))
    one = exporting(life, Answering(), kept)
    broken = [life.read]

    def read(after: int, limit: int):
        if broken:
            broken.pop()
            raise ZeroDivisionError
        return life.read(after, limit)

    one._read = read

    sent_until_the_end(one, life)

    assert one.counts["logs", "sent"] == len(life.entries) - ROUND
    assert "telemetry leaves out" in caplog.text


# ── the end ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mood", ["hangs", "busy", "fails", "refuses"])
def test_no_collector_holds_the_end_up(collector: Collector, kept: Path, mood: str):
    life = RecordedLife(NIGHT).play(*LIMIT)
    one = exporting(life, HttpSender(collector.url, {}), kept)

    async def play() -> float:
        async with watched(one):
            await until(lambda: one.cursor == len(life.entries))
            collector.mood = mood
            life.play(alive)
            one.notice()
            await until(lambda: len(collector.asked) > 3)
            began = time.monotonic()
        return time.monotonic() - began

    assert asyncio.run(play()) < 8  # a message that is not answered would take ten


def test_what_happened_last_is_sent_before_the_end(collector: Collector, kept: Path):
    life = RecordedLife(NIGHT)
    one = exporting(life, HttpSender(collector.url, {}), kept)

    async def play() -> None:
        async with watched(one):
            await until(lambda: one.cursor == len(life.entries))
            life.play(*LIMIT)  # and the end comes before it is noticed

    asyncio.run(play())

    assert [span.name for span in collector.spans()][-1] == "episode"
    assert json.loads(kept.read_text())["seq"] == len(life.entries)


def test_a_loop_with_a_collector_that_hangs_turns_as_fast_as_without(
    collector: Collector, kept: Path
):
    life = RecordedLife(NIGHT).play(*([alive] * 50))
    collector.mood = "hangs"

    async def slowest(one: Exporting | None) -> float:
        worst = 0.0
        for _ in range(200):
            began = time.monotonic()
            await asyncio.sleep(0)
            worst = max(worst, time.monotonic() - began)
            if one is not None:
                one.notice()
        return worst

    async def play() -> float:
        one = exporting(life, HttpSender(collector.url, {}), kept)
        async with watched(one):
            await until(lambda: bool(collector.asked))
            return await slowest(one)

    assert asyncio.run(play()) < 2  # on a machine that is busy; the collector hangs for a minute


# ── the way there ─────────────────────────────────────────────────────────────────────────────


def test_the_headers_of_the_environment_are_sent_and_kept_out_of_every_text(collector: Collector):
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20c2VjcmV0OnZhbHVl, x-scope=a"}

    async def play() -> None:
        sender = make_sender(f"{collector.url}/otlp", environ)
        with pytest.raises(NeverError):
            await sender.send("traces", b"")
        await sender.aclose()

    asyncio.run(play())

    try:
        assert collector.asked == ["/otlp/v1/traces"]
        assert collector.headers[0]["authorization"] == "Basic c2VjcmV0OnZhbHVl"
        assert collector.headers[0]["x-scope"] == "a"
        assert "c2VjcmV0OnZhbHVl" not in redact("it said Basic c2VjcmV0OnZhbHVl to me")
    finally:
        forget("Basic c2VjcmV0OnZhbHVl")


@pytest.mark.parametrize("text", ["nonsense", "=x", "a b=c", "a=b%0d%0ac: d", "a=\u00e4"])
def test_headers_that_make_no_sense_are_refused_and_not_repeated(text: str):
    with pytest.raises(InvalidConfigError) as caught:
        read_headers(text)

    assert text.strip("=") not in str(caught.value)


def test_it_is_not_asked_again_before_the_time_that_it_names(collector: Collector):
    collector.mood = "busy"

    async def play() -> None:
        sender = make_sender(collector.url, {})
        with pytest.raises(LaterError, match="answered 503"):
            await sender.send("traces", b"")
        await sender.aclose()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("endpoint", "there", "why"),
    [
        ("http://localhost:4318", {"opentelemetry.proto"}, ""),
        ("http://localhost:4317", {"opentelemetry.proto", "grpc"}, ""),
        ("http://localhost:4318", {"grpc"}, "pip install 'palingenesis[otlp]'"),
        ("http://localhost:4317", {"opentelemetry.proto"}, "use port 4318 (HTTP)"),
        ("http://localhost:4317", {"opentelemetry.proto"}, "palingenesis[otlp-grpc]"),
    ],
)
def test_what_is_missing_is_explained(endpoint: str, there: set[str], why: str):
    told = why_impossible(endpoint, there.__contains__)

    assert why in told
    assert bool(why) is bool(told)


def test_a_library_that_is_not_there_is_noticed_without_importing_it():
    assert is_installed("json.decoder")
    assert not is_installed("json.nothing")
    assert not is_installed("nothing_of_the_kind.below")


def test_by_grpc_it_says_the_same(kept: Path):
    import grpc
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as service

    taken = []

    class Logs(service.LogsServiceServicer):
        async def Export(self, request, context):  # noqa: N802  gRPC's own name
            taken.append((request, dict(context.invocation_metadata())))
            if len(taken) == 1:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
            if len(taken) == 3:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "never")
            return logs.ExportLogsServiceResponse()

    async def play() -> None:
        server = grpc.aio.server()
        service.add_LogsServiceServicer_to_server(Logs(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        sender = GrpcSender(f"http://127.0.0.1:{port}", {"x-scope": "a"})
        lines = [line_of(entry, None) for entry in RecordedLife(NIGHT).written]
        message = Encoding({"service.name": "x"}).logs(lines, START)
        with pytest.raises(LaterError, match="unavailable"):
            await sender.send("logs", message)
        assert await sender.send("logs", message) == b""
        with pytest.raises(NeverError, match="invalid argument"):
            await sender.send("logs", message)
        with pytest.raises(NeverError, match="unimplemented"):
            await sender.send("traces", b"")
        await sender.aclose()
        await server.stop(None)
        with pytest.raises(LaterError):
            await sender.send("logs", message)
        await sender.aclose()

    asyncio.run(play())

    request, headers = taken[1]
    assert len(request.resource_logs[0].scope_logs[0].log_records) > 1
    assert headers["x-scope"] == "a"

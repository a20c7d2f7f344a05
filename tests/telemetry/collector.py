"""A collector that takes what is sent to it, or does what collectors do at night.

    python -m tests.telemetry.collector [PORT]

It speaks OTLP over HTTP and decodes every message with opentelemetry-proto. `mood` is how it
answers: `well`, `refuses` (400), `fails` (500), `busy` (503), `hangs`, `nonsense`, or `part`:
all is well, and one item was not taken.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_KINDS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}
_STATUS = {"refuses": 400, "fails": 500, "busy": 503}


class Collector:
    """What it was sent, in order, and how it answers."""

    def __init__(self) -> None:
        self.mood = "well"
        self.asked: list[str] = []
        """Every path that was asked, also where nothing was taken."""
        self.headers: list[dict[str, str]] = []
        self.taken: list[tuple[str, Any]] = []
        self.released = threading.Event()
        self.url = ""

    def spans(self) -> list[Any]:
        return [
            span
            for path, message in self.taken
            if path == "/v1/traces"
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def lines(self) -> list[Any]:
        return [
            line
            for path, message in self.taken
            if path == "/v1/logs"
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for line in scope.log_records
        ]

    def metrics(self) -> dict[str, Any]:
        """The newest of each."""
        return {
            metric.name: metric
            for path, message in self.taken
            if path == "/v1/metrics"
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def attributes(of: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.asked.append(self.path)
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            if collector.mood == "hangs":
                collector.released.wait(60)
                return
            status = _STATUS.get(collector.mood, 200 if self.path in _KINDS else 404)
            answer = b""
            if status == 200:
                collector.taken.append((self.path, _KINDS[self.path].FromString(body)))
                answer = self._answer()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _answer(self) -> bytes:
            if collector.mood == "nonsense":
                return b"<html>"
            if collector.mood == "part" and self.path == "/v1/traces":
                part = ExportTraceServiceResponse()
                part.partial_success.rejected_spans = 1
                return part.SerializeToString()
            return b""

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            collector.released.set()
            server.shutdown()
            thread.join()


def main() -> None:
    """Print what comes in until interrupted."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 4318
    with collecting(port) as collector:
        print(f"collecting at {collector.url}", flush=True)
        told = 0
        while True:
            collector.released.wait(0.5)
            for path, message in collector.taken[told:]:
                print(path, MessageToDict(message), flush=True)
            told = len(collector.taken)


if __name__ == "__main__":
    main()

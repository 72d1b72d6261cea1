"""A collector of the tests: takes spans over OTLP/HTTP, decodes them with OpenTelemetry's messages, and can be away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Receiver:
    """What was received. `status` is what it answers; `refuses` how many spans of each request it says it left out."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.refuses = 0
        self.tried = 0
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Any]:
        """Every span that was taken, repeats included."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def by_id(self) -> dict[str, Any]:
        """The spans by trace and id; the same id with another content raises."""
        found: dict[str, Any] = {}
        for span in self.spans:
            key = f"{span.trace_id.hex()}/{span.span_id.hex()}"
            assert found.setdefault(key, span) == span, "one id, two spans"
        return found


@contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    """Be there while the block runs, at the same port as before."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.tried += 1
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = b""
            if receiver.status == 200:
                assert self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                receiver.requests.append(ExportTraceServiceRequest.FromString(body))
                said = ExportTraceServiceResponse()
                if receiver.refuses:
                    said.partial_success.rejected_spans = receiver.refuses
                    said.partial_success.error_message = "too old"
                answer = said.SerializeToString()
            self.send_response(receiver.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span as plain values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}

"""Spans as OTLP says them: the protobuf of one export, and what a collector answered. Needs the extra `otel`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cuga import __version__
from cuga.errors import BadInput
from cuga.projections.telemetry import Span
from cuga.projections.telemetry.span import Attribute

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

MEDIA = "application/x-protobuf"
SCOPE = "cuga.journal"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def must_be_there() -> None:
    """`BadInput` without the extra `otel`."""
    try:
        import opentelemetry.proto.trace.v1.trace_pb2  # noqa: F401
    except ImportError as missing:
        raise BadInput(
            f"spans cannot be sent: {missing.name} is not installed", mend="pip install 'cugar[otel]'"
        ) from missing


def request_of(spans: Iterable[Span], service: str = "cuga") -> bytes:
    """The body of one export."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(_attributes({"service.name": service, "service.version": __version__}))
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = SCOPE, __version__
    for span in spans:
        _put(scope.spans.add(), span)
    body: bytes = request.SerializeToString()
    return body


def refused_by(body: bytes) -> tuple[int, str]:
    """How many spans a collector that answered did not take, and why."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        said = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""  # it answered 2xx, which is what counts
    return said.rejected_spans, said.error_message


def _put(target: Any, span: Span) -> None:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
    from opentelemetry.proto.trace.v1.trace_pb2 import Status

    target.trace_id, target.span_id = bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id)
    target.parent_span_id = bytes.fromhex(span.parent_id)
    target.name = span.name
    target.kind = Wire.SPAN_KIND_CLIENT if span.is_client else Wire.SPAN_KIND_INTERNAL
    target.start_time_unix_nano, target.end_time_unix_nano = _nanoseconds(span.start), _nanoseconds(span.end)
    target.attributes.extend(_attributes(span.attributes))
    for moment in span.events:
        event = target.events.add()
        event.name, event.time_unix_nano = moment.name, _nanoseconds(moment.at)
        event.attributes.extend(_attributes(moment.attributes))
    target.dropped_events_count = span.dropped_events
    if span.error_type:
        target.status.code = Status.STATUS_CODE_ERROR
        target.status.message = span.error_type


def _attributes(said: Mapping[str, Attribute]) -> list[KeyValue]:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

    def value(of: Attribute) -> AnyValue:
        if isinstance(of, bool):
            return AnyValue(bool_value=of)
        if isinstance(of, int):
            return AnyValue(int_value=of)
        if isinstance(of, str):
            return AnyValue(string_value=of)
        return AnyValue(array_value=ArrayValue(values=[value(one) for one in of]))

    return [KeyValue(key=name, value=value(of)) for name, of in said.items()]


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1_000

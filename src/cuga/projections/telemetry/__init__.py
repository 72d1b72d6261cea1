"""What machines that watch are told: spans of a run, and counts over all runs. Folds of the journal like any other.

Nothing here names a person or holds what a call was given; who watches sees that and how things went.
"""

from cuga.projections.telemetry.counts import BOUNDS, CountsView, Histogram
from cuga.projections.telemetry.span import Span, SpanEvent, span_id_of, trace_id_of
from cuga.projections.telemetry.spans import RunSpans, spans_of

__all__ = [
    "BOUNDS",
    "CountsView",
    "Histogram",
    "RunSpans",
    "Span",
    "SpanEvent",
    "span_id_of",
    "spans_of",
    "trace_id_of",
]

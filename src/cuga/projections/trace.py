"""A run's trace: the ten canonical events as they happened, as objects and as mappings; or all of its events.

A read of the stream, nothing is kept. The set of names is closed: asking for another one, or finding one, raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, get_args

import msgspec

from cuga.errors import BadInput, RunNotFound
from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import ReadJournal, Stored
from cuga.model.event import CANONICAL, Event, RunEvent, RunFinished, RunStarted, name_of
from cuga.model.value import Value, encode

ALL_NAMES: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in get_args(RunEvent))
_TOP = ("type", "at", "by", "step", "v")

Scrub = Callable[[bytes], bytes]


class TraceEvent(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One event. What only its kind has is in `details`, and readable as `event.tool` or `event["tool"]` too.

    `details` holds every field of the event, defaults included, as JSON values.
    """

    name: str
    at: datetime
    trace_id: str
    run_id: str
    seq: int
    step: str = ""
    by: str = ""
    details: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.details[name]
        except KeyError:
            raise AttributeError(f"{self.name} has no {name}") from None

    def __getitem__(self, name: str) -> Any:
        if name in self.__struct_fields__:
            return getattr(self, name)
        return self.details[name]

    def __contains__(self, name: object) -> bool:
        return name in self.__struct_fields__ or name in self.details

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def get(self, name: str, default: Any = None) -> Any:
        """A field or a detail, or the default."""
        try:
            return self[name]
        except KeyError:
            return default

    def keys(self) -> tuple[str, ...]:
        """The names of fields and details, so that `dict(event)` gives them flat."""
        return tuple(dict.fromkeys((*self.__struct_fields__, *self.details)))

    @property
    def duration_ms(self) -> float | None:
        """How long the call took, of an event that ends one; else None."""
        took = self.details.get("duration_us")
        return None if took is None else took / 1000


class Trace(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The events of one run, in order."""

    run_id: str
    trace_id: str
    events: tuple[TraceEvent, ...]

    @property
    def duration_ms(self) -> float:
        """From the first event to the last."""
        if not self.events:
            return 0.0
        return (self.events[-1].at - self.events[0].at).total_seconds() * 1000

    @property
    def names(self) -> tuple[str, ...]:
        """The names in order, as a test or a person compares them."""
        return tuple(event.name for event in self.events)

    def only(
        self,
        *,
        names: Collection[str] = (),
        step: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
    ) -> Trace:
        """The events of these names, of a step, in a time (`since` <= at < `until`), after a number."""
        known(names)
        kept = tuple(
            event
            for event in self.events
            if (not names or event.name in names)
            and (not step or event.step == step)
            and (since is None or event.at >= since)
            and (until is None or event.at < until)
            and event.seq > after
        )
        return Trace(run_id=self.run_id, trace_id=self.trace_id, events=kept)

    def lines(self, scrub: Scrub | None = None) -> Iterator[bytes]:
        """One JSON object a line, without its end. `scrub` takes personal data and secrets out of the encoded bytes."""
        for event in self.events:
            body = encode(event)
            yield body if scrub is None else scrub(body)


def known(names: Iterable[str]) -> None:
    """`BadInput` when one of the names is not in the closed set."""
    if unknown := sorted(set(names) - set(ALL_NAMES)):
        raise BadInput(f"there is no event {', '.join(unknown)}", mend=f"the trace's events are {', '.join(CANONICAL)}")


def trace_event(stored: Stored, event: Event, trace_id: str) -> TraceEvent:
    """A stored event as the trace shows it."""
    return shown(event, stored.stream, stored.seq, trace_id)


def shown(event: Event, run_id: str, seq: int, trace_id: str) -> TraceEvent:
    """An event as the trace shows it."""
    fields = {name: _plain(getattr(event, name)) for name in event.__struct_fields__ if name not in _TOP}
    return TraceEvent(
        name=name_of(event),
        at=event.at,
        trace_id=trace_id,
        run_id=run_id,
        seq=seq,
        step=getattr(event, "step", ""),
        by=event.by,
        details=fields,
    )


def _plain(value: Any) -> Any:
    """JSON values of a field; stored JSON bytes are shown as what they say."""
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, Value):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return msgspec.to_builtins(value)


def trace_of(stored: Iterable[Stored], *, everything: bool = False, codec: Codec = PLAIN) -> Trace:
    """The trace of one stream: its canonical events, or with `everything` all of them."""
    run_id = trace_id = ""
    shown: list[TraceEvent] = []
    for one in stored:
        event = codec.decode(one.readable)
        run_id = one.stream
        if isinstance(event, RunStarted):
            trace_id = event.trace_id
        if everything or name_of(event) in CANONICAL:
            shown.append(trace_event(one, event, trace_id))
    return Trace(run_id=run_id, trace_id=trace_id, events=tuple(shown))


async def read_trace(journal: ReadJournal, run_id: str, *, everything: bool = False, codec: Codec = PLAIN) -> Trace:
    """The trace of a run as it stands; `RunNotFound`."""
    stored = await journal.read(run_id)
    if not stored:
        raise RunNotFound(run_id)
    return trace_of(stored, everything=everything, codec=codec)


async def follow_trace(
    journal: ReadJournal, run_id: str, *, everything: bool = False, after: int = 0, codec: Codec = PLAIN
) -> AsyncIterator[TraceEvent]:
    """The events of a run after a number, then each new one as it becomes durable, until the run has ended."""
    stored = await journal.read(run_id)
    if not stored:
        raise RunNotFound(run_id)
    trace_id = ""
    position = stored[-1].position
    ended = False
    for one in stored:
        event = codec.decode(one.readable)
        trace_id = event.trace_id if isinstance(event, RunStarted) else trace_id
        ended = ended or isinstance(event, RunFinished)
        if one.seq > after and (everything or name_of(event) in CANONICAL):
            yield trace_event(one, event, trace_id)
    if ended:
        return
    async for one in journal.feed(position, follow=True):
        if one.stream != run_id:
            continue
        event = codec.decode(one.readable)
        if everything or name_of(event) in CANONICAL:
            yield trace_event(one, event, trace_id)
        if isinstance(event, RunFinished):
            return

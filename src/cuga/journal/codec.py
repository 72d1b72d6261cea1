"""Events to stored bytes and back.

One encoder writes, one decoder over the closed set of events reads; an unknown name or a newer version raises. An older
shape is lifted to today's as it is read, and stored bytes are never rewritten. Known secrets are replaced here, before
anything is hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import msgspec

from cuga.errors import EventUnreadable, JournalFailed
from cuga.journal.port import Stored
from cuga.model.event import Event, RunEvent, name_of
from cuga.model.house_event import HouseEvent

Scrub = Callable[[bytes], bytes]
Fields = dict[str, msgspec.Raw]
Lift = Callable[[Fields], Fields]

LIFTS: Mapping[tuple[str, int], Lift] = {}  # (name, old v) -> its fields as v + 1 has them

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_in_order = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunEvent | HouseEvent).decode
_decode_fields = msgspec.json.Decoder(Fields).decode


class Codec:
    """Writes and reads events. `scrub` gets the encoded bytes and must answer bytes of the same JSON shape."""

    def __init__(self, scrub: Scrub | None = None, lifts: Mapping[tuple[str, int], Lift] = LIFTS) -> None:
        self._scrub = scrub
        self._lifts = lifts
        self._current: dict[str, int] = {}
        for name, old in lifts:
            self._current[name] = max(old + 1, self._current.get(name, 1))

    def encode(self, event: Event) -> bytes:
        """The bytes to store: about 0.4 us. Text that UTF-8 cannot carry is written with its escapes."""
        return self.encode_all((event,))[0][0]

    def encode_all(self, events: Sequence[Event]) -> tuple[list[bytes], Sequence[Event]]:
        """The bytes to store for the events of an append, and the events that they say: without known secrets."""
        if self._current:
            events = [self._at_version(event) for event in events]
        try:
            bodies = [*map(_encode, events)]
        except UnicodeEncodeError:
            bodies = [_encode(_readable(event)) for event in events]
        if self._scrub is None:
            return bodies, events
        clean = [*map(self._scrub, bodies)]
        if clean == bodies:
            return bodies, events
        return clean, [_as_cut(*pair) for pair in zip(clean, events, strict=True)]

    def _at_version(self, event: Event) -> Event:
        version = self._current.get(name_of(event), 1)
        return event if version == event.v else msgspec.structs.replace(event, v=version)

    def decode(self, body: bytes) -> Event:
        """The event of stored bytes, lifted to today's shape; `EventUnreadable` when this version cannot read it."""
        try:
            event = cast(Event, _decode(body))
        except msgspec.MsgspecError as error:
            return self._lifted(body, error)
        if event.v == 1 and not self._current:
            return event
        if event.v == self._current.get(name_of(event), 1):
            return event
        return self._lifted(body, None)

    def _lifted(self, body: bytes, cause: Exception | None) -> Event:
        try:
            fields = _decode_fields(body)
            name = msgspec.json.decode(fields["type"], type=str)
            version = msgspec.json.decode(fields.get("v", b"1"), type=int)
        except (msgspec.MsgspecError, KeyError) as error:
            raise EventUnreadable("the stored bytes are not an event") from error
        if (name, version) not in self._lifts:
            raise EventUnreadable(f"{name}, version {version}" + (f": {cause}" if cause else "")) from cause
        while (lift := self._lifts.get((name, version))) is not None:
            version += 1
            fields = lift(fields) | {"v": msgspec.Raw(str(version).encode())}
        try:
            return cast(Event, _decode(_encode_in_order(fields)))
        except msgspec.MsgspecError as error:
            raise EventUnreadable(f"{name}, lifted to version {version}: {error}") from error


def _as_cut(clean: bytes, event: Event) -> Event:
    try:
        return cast(Event, _decode(clean))
    except msgspec.MsgspecError as error:
        raise JournalFailed(f"removing a secret broke a {name_of(event)}: {error}") from error


def _readable(tree: object) -> object:
    """The same value with every lone surrogate written as its escape; payload bytes are left as they are."""
    if type(tree) is str:
        return tree.encode("utf-8", "backslashreplace").decode()
    if isinstance(tree, msgspec.Struct):
        fields = {name: _readable(getattr(tree, name)) for name in tree.__struct_fields__}
        return msgspec.structs.replace(tree, **fields)
    if isinstance(tree, dict):
        return {_readable(key): _readable(value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_readable(value) for value in tree)
    return tree


PLAIN = Codec()


def events_of(stored: Iterable[Stored], codec: Codec = PLAIN) -> list[Event]:
    """The events of what a journal gave, in its order."""
    decode = codec.decode
    return [decode(one.body) for one in stored]

"""Events to stored bytes and back.

One encoder writes, one decoder over the closed set of events reads; an unknown name or a newer version raises. An older
shape is lifted to today's as it is read, and stored bytes are never rewritten. Known secrets are replaced here and
personal data are sealed here, before anything is hashed; what is sealed is opened as it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from cuga.errors import EventUnreadable, JournalFailed
from cuga.journal.envelope import escaped
from cuga.journal.port import Index, Listed, OpenApproval, Refused, Stored
from cuga.journal.tombstone import is_tombstone, without_mark
from cuga.model.event import Event, RunEvent, name_of
from cuga.model.house_event import HouseEvent

Scrub = Callable[[bytes], bytes]
Fields = dict[str, msgspec.Raw]
Lift = Callable[[Fields], Fields]

LIFTS: Mapping[tuple[str, int], Lift] = {}  # (name, old v) -> its fields as v + 1 has them

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_in_order = msgspec.json.Encoder().encode
_decode: Callable[[bytes], Event] = msgspec.json.Decoder(RunEvent | HouseEvent).decode
_decode_fields = msgspec.json.Decoder(Fields).decode


SEALED = "sealed1:"  # what a text begins with that stands for a sealed one
_MARK = b'"sealed1:'
_KEYED = b"/~"  # what a keyed part of a claim's scope begins with


class KeysAway(JournalFailed):
    """Keys of personal data have to be fetched from a database first."""

    code = "keys_away"

    def __init__(self, fetch: Callable[[], object]) -> None:
        super().__init__("they are not at hand; try again when it answers")
        self.fetch = fetch  # waits for the database: in a thread. After it the same call goes on


class Personal(Protocol):
    """What seals personal data on its way into a book and opens it on its way out. Absent: nothing is sealed.

    Where keys lie in a database any of these may raise `KeysAway` on an event loop, which must not wait for one.
    """

    def concerns(self, stream: str, events: Sequence[Event]) -> bool:
        """Whether anything of these may be personal. Asked of every append, so it must be cheap."""
        ...

    def seal(self, stream: str, bodies: list[bytes], bound: str = "") -> list[bytes]:
        """The same JSON with sealed texts in the place of personal ones. They can be opened under the name that they
        are bound to, which is the stream's unless another is given."""
        ...

    def open(self, stream: str, body: bytes) -> bytes:
        """The same JSON with what the sealed texts stand for, or a word for what was erased."""
        ...

    def have_keys(self, bodies: Iterable[bytes]) -> None:
        """See to it that the keys of these are at hand, all of them at once."""
        ...

    def seal_text(self, stream: str, text: str) -> str:
        """One text, sealed if it is personal."""
        ...

    def open_text(self, stream: str, text: str) -> str:
        """One text, opened if it is sealed."""
        ...

    def keyed(self, events: Sequence[Event]) -> Sequence[Event]:
        """The same events with scopes of claims that name nobody, and are the same for the same person."""
        ...

    def scope(self, scope: str) -> str:
        """A scope as the book has it."""
        ...

    def named(self, scope: str) -> str:
        """A scope as the rules have it, from how the book has it."""
        ...


class Codec:
    """Writes and reads events. `scrub` gets the encoded bytes and must answer bytes of the same JSON shape."""

    def __init__(
        self,
        scrub: Scrub | None = None,
        lifts: Mapping[tuple[str, int], Lift] = LIFTS,
        personal: Personal | None = None,
    ) -> None:
        self._scrub = scrub
        self.personal = personal
        self._lifts = lifts
        self._current = {name: 1 + max(old for one, old in lifts if one == name) for name, _ in lifts}

    def encode(self, event: Event) -> bytes:
        """The bytes to store: about 0.4 us. Text that UTF-8 cannot carry is written with its escapes."""
        return self.encode_all((event,))[0][0]

    def encode_all(self, events: Sequence[Event], stream: str = "") -> tuple[list[bytes], Sequence[Event]]:
        """The bytes to store for the events of an append, and the events that the claims are taken from: without known
        secrets, and with scopes as the book has them."""
        personal = self.personal
        if personal is None:
            return self._encode_all(events)
        is_watched = personal.concerns(stream, events)
        bodies, said = self._encode_all(personal.keyed(events))  # of every run: what happens once has one scope
        if is_watched or _MARK in b"".join(bodies):
            bodies = [_still_reads(body) for body in personal.seal(stream, bodies)]
        return bodies, said

    def _encode_all(self, events: Sequence[Event]) -> tuple[list[bytes], Sequence[Event]]:
        if self._current:
            events = [self._at_version(event) for event in events]
        try:
            bodies = [*map(_encode, events)]
        except UnicodeEncodeError:
            bodies = [_encode(_readable(event)) for event in events]
        if self._scrub is None or self._scrub(whole := b"[%b]" % b",".join(bodies)) == whole:
            return bodies, events  # as nearly all: to look through them at once is quicker
        clean = [*map(self._scrub, bodies)]
        if clean == bodies:
            return bodies, events
        return clean, [*map(_as_cut, clean, events)]

    def _at_version(self, event: Event) -> Event:
        version = self._current.get(name_of(event), 1)
        return event if version == event.v else msgspec.structs.replace(event, v=version)

    # --- what is sealed, beside the events ---------------------------------------------------------------------------
    def seal_index(self, stream: str, index: Index) -> Index:
        """The rows of an append as they are stored."""
        personal = self.personal
        if personal is None or not personal.concerns(stream, ()):
            return index
        seal, run = personal.seal_text, index.run
        if run is not None:
            run = msgspec.structs.replace(run, goal=seal(stream, run.goal), reason=seal(stream, run.reason))
        cards = {
            name: card and msgspec.structs.replace(card, digest=seal(stream, card.digest))
            for name, card in index.approvals.items()
        }
        return msgspec.structs.replace(index, run=run, approvals=cards)

    def seal_blob(self, stream: str, body: bytes) -> bytes:
        """Bytes that a run keeps out of line, as they are stored: their name is the digest of these."""
        if self.personal is None or not (self.personal.concerns(stream, ()) or _MARK in body):
            return body
        return self.personal.seal(stream, [body], BLOBS)[0]

    def open_blob(self, body: bytes) -> bytes:
        """The same bytes as they are read."""
        return body if self.personal is None or _MARK not in body else self.personal.open(BLOBS, body)

    def open_all(self, found: list[Stored]) -> list[Stored]:
        """What was read, each with its readable bytes beside the stored ones where those differ."""
        if self.personal is not None and (closed := [one.body for one in found if _MARK in one.body]):
            self.personal.have_keys(closed)
        return [self._opened(one) if _is_closed(one.body) else one for one in found]

    def _opened(self, one: Stored) -> Stored:
        body = without_mark(one.body)
        if self.personal is not None and body is one.body:
            body = self.personal.open(one.stream, body)
        return msgspec.structs.replace(one, opened=body)

    def open_listed(self, found: list[Listed]) -> list[Listed]:
        """Lines of runs, opened."""
        personal = self.personal
        if personal is None:
            return found
        return [
            msgspec.structs.replace(
                one,
                row=msgspec.structs.replace(
                    one.row,
                    goal=personal.open_text(one.run_id, one.row.goal),
                    reason=personal.open_text(one.run_id, one.row.reason),
                ),
            )
            if one.row.goal.startswith(SEALED) or one.row.reason.startswith(SEALED)
            else one
            for one in found
        ]

    def open_cards(self, found: list[OpenApproval]) -> list[OpenApproval]:
        """Lines of open approvals, opened."""
        personal = self.personal
        if personal is None:
            return found
        return [
            msgspec.structs.replace(one, digest=personal.open_text(one.run_id, one.digest))
            if one.digest.startswith(SEALED)
            else one
            for one in found
        ]

    def scope(self, scope: str) -> str:
        """A claim's scope as the book has it."""
        return scope if self.personal is None else self.personal.scope(scope)

    def used(self, read: Callable[[str], int]) -> Callable[[str], int]:
        """What a scope of the book holds; what was claimed before scopes were keyed counts with it."""
        before = self.used_before(read)
        return read if before is None else lambda scope: read(scope) + before(scope)

    def used_before(self, read: Callable[[str], int]) -> Callable[[str], int] | None:
        """What was claimed of a scope of the book before scopes were keyed; None: none of them is."""
        personal = self.personal
        if personal is None:
            return None

        def before(scope: str) -> int:
            named = personal.named(scope)
            return read(named) if named != scope else 0

        return before

    def refused(self, held: Refused) -> Refused:
        """A refusal in the words of the rules."""
        if self.personal is None:
            return held
        claim = msgspec.structs.replace(held.claim, scope=self.personal.named(held.claim.scope))
        return msgspec.structs.replace(held, claim=claim)

    # --- reading -----------------------------------------------------------------------------------------------------
    def decode(self, body: bytes) -> Event:
        """The event of stored bytes, lifted to today's shape; `EventUnreadable` when this version cannot read it."""
        try:
            event = _decode(body)
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
            return _decode(_encode_in_order(fields))
        except msgspec.MsgspecError as error:
            raise EventUnreadable(f"{name}, lifted to version {version}: {error}") from error


def _is_closed(body: bytes) -> bool:
    return _MARK in body or _KEYED in body or is_tombstone(body)


def _still_reads(body: bytes) -> bytes:
    try:
        _decode(body)
    except msgspec.MsgspecError as error:
        raise JournalFailed(f"sealing personal data broke an event: {error}") from error
    return body


def _as_cut(clean: bytes, event: Event) -> Event:
    try:
        return _decode(clean)
    except msgspec.MsgspecError as error:
        raise JournalFailed(f"removing a secret broke a {name_of(event)}: {error}") from error


def _readable(tree: object) -> object:
    """The same value with every lone surrogate written as its escape; payload bytes are left as they are."""
    if type(tree) is str:
        return escaped(tree)
    if isinstance(tree, msgspec.Struct):
        fields = {name: _readable(getattr(tree, name)) for name in tree.__struct_fields__}
        return msgspec.structs.replace(tree, **fields)
    if isinstance(tree, dict):
        return {_readable(key): _readable(value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_readable(value) for value in tree)
    return tree


BLOBS = "blob"  # what bytes out of line are bound to when they are sealed: they belong to no one stream
PLAIN = Codec()


def events_of(stored: Iterable[Stored], codec: Codec = PLAIN) -> list[Event]:
    """The events of what a journal gave, in its order."""
    decode = codec.decode
    return [decode(one.readable) for one in stored]

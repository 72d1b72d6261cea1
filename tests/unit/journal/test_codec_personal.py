"""What is personal is sealed in events, rows, cards and bytes out of line, and opened again wherever they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.contract.journals import AT, card, claiming, closed, row, said
from tests.postgres import database

from cuga.errors import JournalFailed
from cuga.journal.codec import BLOBS, SEALED, Codec, KeysAway
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Committed, Index, Listed, Refused, Stored
from cuga.journal.postgres import Address, PostgresJournal
from cuga.journal.sqlite import SqliteJournal
from cuga.journal.tombstone import tombstone
from cuga.model.event import Annotation, Claim, Event, ToolCallError


class Mirror:
    """Seals the word `eve` of the streams that concern somebody, and says so."""

    def __init__(self) -> None:
        self.fetched: list[bytes] = []

    def concerns(self, stream: str, events: Sequence[Event]) -> bool:
        return stream == "r1" or any(isinstance(one, Annotation) and one.by == "eve" for one in events)

    def seal(self, stream: str, bodies: list[bytes], bound: str = "") -> list[bytes]:
        mark = f'"sealed1:{bound or stream}:'.encode()
        return [body.replace(b'"eve', mark) for body in bodies]

    def open(self, stream: str, body: bytes) -> bytes:
        return body.replace(f'"sealed1:{stream}:'.encode(), b'"eve')

    def have_keys(self, bodies: Iterable[bytes]) -> None:
        self.fetched += bodies

    def seal_text(self, stream: str, text: str) -> str:
        return f"{SEALED}{stream}:{text}"

    def open_text(self, stream: str, text: str) -> str:
        return text.removeprefix(f"{SEALED}{stream}:")

    def keyed(self, events: Sequence[Event]) -> Sequence[Event]:
        return [*map(self._keyed, events)]

    def _keyed(self, event: Event) -> Event:
        match event:
            case Annotation(step=step):
                return replace(event, step=step.replace("eve", "~k"))
            case ToolCallError(claims=claims):
                return replace(event, claims=tuple(replace(one, scope=self.scope(one.scope)) for one in claims))
        return event

    def scope(self, scope: str) -> str:
        return scope.replace("eve", "~k")

    def named(self, scope: str) -> str:
        return scope.replace("~k", "eve")


@pytest.fixture
def codec() -> Codec:
    return Codec(personal=Mirror())


def stored(body: bytes, stream: str = "r1") -> Stored:
    return Stored(position=1, stream=stream, seq=1, body=body, hash=bytes(32))


def test_events_are_sealed_where_they_concern_somebody_and_their_claims_are_keyed_everywhere(codec: Codec) -> None:
    words = [Annotation(at=AT, text="eve is here", step="send/eve")]
    bodies, said_of = codec.encode_all(words, "r1")
    assert b'"sealed1:r1: is here"' in bodies[0] and said_of == [replace(words[0], step="send/~k")]
    bodies, said_of = codec.encode_all(words, "r2")
    assert b'"eve is here"' in bodies[0] and said_of[0].step == "send/~k"
    bodies, _ = codec.encode_all([replace(words[0], by="eve")], "r2")
    assert b'"text":"sealed1:r2: is here"' in bodies[0]
    bodies, _ = codec.encode_all([*words, Annotation(at=AT, text="sealed1:old")], "r2")  # carried over from elsewhere
    assert b'"sealed1:r2: is here"' in bodies[0] and b'"sealed1:old"' in bodies[1]
    assert Codec().encode_all(words, "r1") == ([Codec().encode(words[0])], words)


def test_what_sealing_breaks_is_not_stored(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec.personal, "seal", lambda _stream, bodies, _bound="": [body[:-1] for body in bodies])
    with pytest.raises(JournalFailed, match="sealing personal data broke an event: "):
        codec.encode_all(said("a"), "r1")


def test_rows_and_cards_of_a_run_are_sealed_and_opened(codec: Codec) -> None:
    index = Index(run=row().run, approvals={**card("a1", "r1").approvals, **closed("a2").approvals})
    sealed = codec.seal_index("r1", index)
    assert sealed is not None and sealed.run is not None and index.run is not None
    assert sealed.run == replace(index.run, goal="sealed1:r1:win", reason="sealed1:r1:because")
    asked = index.approvals["a1"]
    assert asked is not None
    assert sealed.approvals == {"a1": replace(asked, digest="sealed1:r1:d"), "a2": None}
    assert codec.seal_index("r2", index) is index
    assert codec.seal_index("r1", Index()) == Index() and Codec().seal_index("r1", index) is index
    lines = [Listed(run_id="r1", version=1, row=one) for one in (
        sealed.run, replace(index.run, reason="sealed1:r1:so"), replace(index.run, goal="sealed1:r1:lose"), index.run,
    )]  # fmt: skip
    opened = codec.open_listed(lines)
    assert [(one.row.goal, one.row.reason) for one in opened] == [
        ("win", "because"), ("win", "so"), ("lose", "because"), ("win", "because"),
    ]  # fmt: skip
    assert opened[3] is lines[3] and opened[0] == Listed(run_id="r1", version=1, row=index.run)
    cards = [one for one in (sealed.approvals["a1"], asked) if one is not None]
    assert codec.open_cards(cards) == [asked, asked] and codec.open_cards(cards)[1] is asked
    assert Codec().open_cards(cards) is cards and Codec().open_listed(lines) is lines


def test_bytes_out_of_line_are_bound_to_no_stream(codec: Codec) -> None:
    assert codec.seal_blob("r1", b'{"to":"eve"}') == b'{"to":"sealed1:blob:"}'
    assert codec.seal_blob("r2", b'{"to":"eve"}') == b'{"to":"eve"}'
    assert codec.seal_blob("r2", b'["sealed1:blob:","eve"]') == b'["sealed1:blob:","sealed1:blob:"]'
    assert codec.open_blob(b'{"to":"sealed1:blob:"}') == b'{"to":"eve"}'
    assert codec.open_blob(b'{"to":"eve"}') == b'{"to":"eve"}' and BLOBS == "blob"
    plain = Codec()
    assert plain.seal_blob("r1", b'"eve"') == b'"eve"' and plain.open_blob(b'"sealed1:blob:"') == b'"sealed1:blob:"'


def test_what_is_read_is_opened_and_the_keys_for_it_are_fetched_at_once(codec: Codec) -> None:
    mirror = codec.personal
    assert isinstance(mirror, Mirror)
    event = Annotation(at=AT, text="gone")
    body = Codec().encode(event)
    tomb = tombstone(body, event)
    found = [
        stored(body),
        stored(b'{"text":"sealed1:r1:"}'),
        stored(b'{"scope":"send/~k"}'),
        stored(b'{"text":"sealed1:r2:"}', "r2"),
        stored(tomb),
    ]
    opened = codec.open_all(found)
    assert [one.body for one in opened] == [one.body for one in found] and opened[0] is found[0]
    assert [one.readable for one in opened[1:4]] == [b'{"text":"eve"}', b'{"scope":"send/~k"}', b'{"text":"eve"}']
    assert b'"was"' not in opened[4].readable and opened[4].readable.startswith(b'{"type":"annotation"')
    assert mirror.fetched == [found[1].body, found[3].body]
    mirror.fetched.clear()
    assert codec.open_all([found[0], found[4]])[1].readable == opened[4].readable and mirror.fetched == []
    assert Codec().open_all(found)[1].readable == found[1].body


def test_keys_that_are_away_can_be_fetched_by_whoever_asked(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_bodies: Iterable[bytes]) -> None:
        raise KeysAway(fetched.clear)

    fetched = ["not yet"]
    monkeypatch.setattr(codec.personal, "have_keys", away)
    with pytest.raises(KeysAway) as refusal:
        codec.open_all([stored(b'{"text":"sealed1:r1:"}')])
    refusal.value.fetch()
    assert fetched == []


def test_scopes_are_the_books_inside_and_the_rules_outside(codec: Codec) -> None:
    held = {"send/~k": 2, "send/eve": 3, "day": 4}
    used = codec.used(lambda scope: held.get(scope, 0))
    assert [used("send/~k"), used("day"), codec.scope("send/eve")] == [5, 4, "send/~k"]
    assert Codec().used(held.__getitem__)("send/~k") == 2 and Codec().scope("send/eve") == "send/eve"
    refused = Refused(claim=Claim(scope="send/~k", amount=1, limit=1), used=1)
    assert codec.refused(refused) == Refused(claim=Claim(scope="send/eve", amount=1, limit=1), used=1)
    assert Codec().refused(refused) is refused


def memory(_directory: Path, **options: Any) -> MemoryJournal:
    return MemoryJournal(**options)


def sqlite(directory: Path, **options: Any) -> SqliteJournal:
    return SqliteJournal(directory / "journal.db", prefill=False, **options)


def postgres(directory: Path, **options: Any) -> PostgresJournal:
    return PostgresJournal(Address.of(database(), f"k{abs(hash(directory)):x}"), **options)


@pytest.mark.parametrize("home", [sqlite, postgres])
async def test_what_was_claimed_before_scopes_were_keyed_counts_with_what_is_claimed_since(
    home: Callable[..., SqliteJournal | PostgresJournal], tmp_path: Path
) -> None:
    before = home(tmp_path)
    await before.append("r2", 0, claiming(("send/eve", 1, 1)))
    await before.close()
    journal = home(tmp_path, personal=Mirror())
    assert await journal.append("r3", 0, claiming(("send/eve", 1, 2), ("day", 1, 9))) == Committed(version=1)
    refused = Refused(claim=Claim(scope="send/eve", amount=1, limit=2), used=2)
    assert await journal.append("r3", 1, claiming(("send/eve", 1, 2))) == refused
    assert (await journal.version("r3"), await journal.used("send/eve"), await journal.used("day")) == (1, 2, 1)
    assert await journal.append("r3", 1, claiming(("send/eve", -1, 0))) == Committed(version=2)
    assert await journal.append("r2", 1, claiming(("send/eve", -1, 0), ("day", 1, 9))) == Committed(version=2)
    assert await journal.append("r3", 2, said("no claim")) == Committed(version=3)
    await journal.close()
    again = home(tmp_path, personal=Mirror())
    assert (await again.used("send/eve"), await again.used("day")) == (0, 2)
    assert (await again.verify(), await again.rebuild_claims()) == ([], {})
    assert await again.append("r3", 3, claiming(("send/eve", 1, 1))) == Committed(version=4)
    assert await again.used("send/eve") == 1
    await again.close()


@pytest.mark.parametrize("home", [memory, sqlite])
async def test_what_a_book_keeps_beside_its_events_is_sealed_in_it_and_read_in_the_clear(
    home: Callable[..., MemoryJournal | SqliteJournal], tmp_path: Path
) -> None:
    journal = home(tmp_path, personal=Mirror())
    asks = Index(run=row().run, approvals=card("a1", "r1").approvals)
    await journal.append("r1", 0, [Annotation(at=AT, text="eve")], index=asks, blobs=[b'"sealed1:blob:"'])
    (listed,), (asked,) = await journal.runs(tenant="local"), await journal.open_approvals(tenant="local")
    assert (listed.row.goal, listed.row.reason, asked.digest) == ("win", "because", "d")
    assert [one.readable for one in await journal.read("r1")] == [Codec().encode(Annotation(at=AT, text="eve"))]
    await journal.close()
    if isinstance(journal, SqliteJournal):
        text = journal.path.read_bytes()
        assert b"sealed1:r1:because" in text and b"sealed1:r1:win" in text and b'"digest":"sealed1:r1:d"' in text

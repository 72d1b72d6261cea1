"""What a witness believes, keeps and refuses; whoever asks, and however many at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.postgres import fresh_database
from tests.tlog import ORIGIN, Log

from cuga.errors import BadInput, CheckpointForked, CheckpointStale, CugaError, NotAllowed, NotFound
from cuga.journal.checkpoint import cosigned_at, cosigned_line, read_verifier_key, signed_part
from cuga.orchestrator.keeping.sealing import holds
from cuga.orchestrator.keeping.sealing.keys import cosigner_from
from cuga.witness import Seen, Shelf, ShelfFile, Witness, read_request
from cuga.witness.request import MAX_BYTES

KEY = cosigner_from("cuga/fedcba9876543210/witness", b"w" * 32)
NOW = 1_800_000_000


@pytest.fixture(params=["file", "postgres"])
def shelves(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Shelf]]:
    """Opens one place again and again, as processes do."""
    opened: list[Shelf] = []

    def file() -> Shelf:
        return ShelfFile(tmp_path / "witness.db")

    make: Callable[[], Shelf] = file
    if request.param == "postgres":
        from cuga.journal.postgres import Address
        from cuga.witness.shelf_postgres import ShelfTables

        address = Address.of(fresh_database())

        def tables() -> Shelf:
            return ShelfTables(address.connect_now)

        make = tables

    def open() -> Shelf:
        opened.append(make())
        return opened[-1]

    yield open
    for one in opened:
        one.close()


def witness_on(shelf: Shelf, *logs: Log) -> Witness:
    trusted: dict[str, list[str]] = {}
    for log in logs:
        trusted.setdefault(log.origin, []).append(log.word)
    return Witness(shelf, KEY, lambda origin: trusted.get(origin, ()), holds)


def test_what_is_answered_is_kept_and_says_when_it_was_seen(shelves: Callable[[], Shelf]) -> None:
    log = Log().grow(7)
    line = witness_on(shelves(), log).add(log.request(0), NOW)
    note = log.note() + line.encode()
    assert cosigned_at(note, *read_verifier_key(KEY.word, b"\x04"), holds) == NOW
    assert cosigned_at(note.replace(b"\n7\n", b"\n8\n"), KEY.name, KEY.public, holds) is None
    (seen,) = shelves().all()
    assert (seen.origin, seen.epoch, seen.size, seen.since, seen.at) == (ORIGIN, 1, 7, NOW, NOW)
    assert seen.note == note


def test_a_journal_that_grew_is_followed_and_the_same_again_is_no_news(shelves: Callable[[], Shelf]) -> None:
    log, shelf = Log().grow(3), shelves()
    one = witness_on(shelf, log)
    one.add(log.request(0), NOW)
    for size in (4, 11, 64, 100):
        old = len(log.leaves)
        log.grow(size - old)
        one.add(log.request(old), NOW + size)
        one.add(log.request(size), NOW + size + 1)  # the answer was lost: it is asked again
    (seen,) = shelf.all()
    assert (seen.size, seen.since, seen.at) == (100, NOW, NOW + 101)


@pytest.mark.parametrize(
    ("lie", "refused", "size"),
    [
        ("another size", CheckpointStale, 8),
        ("older", CheckpointStale, 8),
        ("cut proof", CheckpointForked, None),
        ("another history", CheckpointForked, None),
        ("another root of this size", CheckpointForked, None),
        ("an epoch that is over", CheckpointStale, None),
        ("another key", NotAllowed, None),
        ("a broken signature", NotAllowed, None),
        ("a stranger", NotFound, None),
    ],
)
def test_what_does_not_go_on_is_refused_and_changes_nothing(
    lie: str, refused: type[CugaError], size: int | None, tmp_path: Path
) -> None:
    log, shelf = Log(epoch=2).grow(8), ShelfFile(tmp_path / "witness.db")
    one = witness_on(shelf, log)
    one.add(log.request(0), NOW)
    before = shelf.all()
    forked = Log(epoch=2).grow(5).grow(9, salt=1)
    longer = Log(epoch=2).grow(14)
    stranger = Log("cuga/ffffffffffffffff").grow(2)
    lies = {
        "another size": longer.request(7),
        "older": log.request(5, 6),
        "cut proof": read_request(longer.request(8).body().replace(b"old 8\n", b"old 8\n", 1)),
        "another history": forked.request(8),
        "another root of this size": Log(epoch=2).grow(7).grow(1, salt=1).request(8),
        "an epoch that is over": Log(epoch=1).grow(20).request(0),
        "another key": Log(seed=b"x" * 32, epoch=2).grow(14).request(8),
        "a broken signature": longer.request(8),
        "a stranger": stranger.request(0),
    }
    request = lies[lie]
    if lie == "cut proof":
        request = type(request)(old=8, proof=request.proof[:-1], note=request.note)
    if lie == "a broken signature":
        request = type(request)(old=8, proof=request.proof, note=request.note.replace(b"events 14", b"events 15"))
    with pytest.raises(refused) as caught:
        one.add(request, NOW + 1)
    assert caught.value.facts.get("size") == size
    assert shelf.all() == before


def test_a_house_that_was_restored_begins_a_line_of_its_own_and_the_old_one_stays(
    shelves: Callable[[], Shelf],
) -> None:
    log, shelf = Log().grow(9), shelves()
    one = witness_on(shelf, log)
    one.add(log.request(0), NOW)
    restored = Log(epoch=2).grow(4)
    one.add(restored.request(0), NOW + 5)
    one.add(restored.grow(3).request(4), NOW + 6)
    assert [(seen.epoch, seen.size, seen.since) for seen in shelf.all()] == [(1, 9, NOW), (2, 7, NOW + 5)]
    with pytest.raises(CheckpointStale, match="epoch 1 is over"):
        one.add(log.grow(1).request(9), NOW + 7)


def test_what_was_seen_moves_with_the_house_and_is_left_nowhere_else(
    shelves: Callable[[], Shelf], tmp_path: Path
) -> None:
    before = ShelfFile(tmp_path / "moved.db")
    for log in (Log().grow(9), Log(epoch=2).grow(4), Log("cuga/1111111111111111").grow(2)):
        witness_on(before, log).add(log.request(0), NOW)
    known, shelf = before.all(), shelves()
    assert len(known) == 3
    shelf.take_over(before)
    assert shelf.all() == known and before.all() == []
    shelf.take_over(before)
    assert shelf.all() == known, "nothing takes the place of something"
    before.take_over(shelf)
    assert before.all() == known and shelf.all() == []
    assert (tmp_path / "moved.db").stat().st_mode & 0o077 == 0
    before.close()


def test_of_all_signatures_only_those_that_hold_are_kept(tmp_path: Path) -> None:
    log, shelf = Log().grow(3), ShelfFile(tmp_path / "witness.db")
    request = log.request(0)
    foreign = cosigned_line(request.note, 1, "somebody/else", b"p" * 32, lambda _: b"s" * 64).encode()
    witness_on(shelf, log).add(type(request)(old=0, proof=(), note=request.note + foreign), NOW)
    (seen,) = shelf.all()
    assert b"somebody/else" not in seen.note and seen.note.count("— ".encode()) == 2


def test_a_place_takes_no_step_back_whoever_was_faster(shelves: Callable[[], Shelf]) -> None:
    """What a slower process judged on what it had read a moment ago is not kept."""
    shelf = shelves()

    def seen(size: int, epoch: int = 1, origin: str = ORIGIN) -> Seen:
        return Seen(origin, epoch, size, Log(origin, epoch=epoch).grow(size).note(), NOW, NOW)

    first, faster = seen(4), seen(9)
    assert shelf.move(None, first)
    assert not shelf.move(None, seen(5)), "there is a first one"
    assert shelf.move(first, faster)
    assert not shelf.move(first, seen(12)), "what was read is not there any more"
    assert not shelf.move(faster, seen(8)), "that is behind"
    assert shelf.move(faster, seen(2, epoch=3))
    assert not shelf.move(faster, seen(1, epoch=2)), "a newer epoch has begun"
    assert shelf.newest(ORIGIN) == seen(2, epoch=3)
    assert shelf.move(None, seen(1, origin="cuga/1111111111111111"))
    assert shelf.newest("cuga/2222222222222222") is None
    assert [(one.origin[-4:], one.epoch, one.size) for one in shelves().all()] == [
        ("cdef", 1, 9), ("cdef", 3, 2), ("1111", 1, 1)
    ]  # fmt: skip


def test_many_at_once_never_take_it_back(shelves: Callable[[], Shelf]) -> None:
    """Several processes on one place, each with a view of its own of what is known, as houses that were copied."""
    log = Log().grow(60)
    witness_on(shelves(), log).add(log.request(0, 10), NOW)
    kept: list[int] = []
    seen: list[int] = []
    turn = threading.Lock()

    def ask(number: int) -> None:
        luck = random.Random(number)
        one = witness_on(shelves(), log)
        for _ in range(40):
            size = luck.randint(10, 60)
            old = luck.choice([seen[-1] if seen else 10, luck.randint(10, size)])
            try:
                one.add(log.request(min(old, size), size), NOW)
            except CheckpointStale as stale:
                with turn:
                    seen.append(int(stale.facts["size"]))  # type: ignore[call-overload]
            else:
                kept.append(size)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept, "nobody got through"
    assert [one.size for one in shelves().all()] == [max([10, *kept])]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old\n\n",
        b"old 01\n\n",
        b"old -1\n\n",
        b"new 1\n\n",
        b"old 1\nnot base64\n\n",
        b"old 1\n" + b"A" * 43 + b"=\n",
        b"old 0\n\nno note",
        b"old 4\n\n" + Log().grow(3).note(),
        b"old 0\n\n" + Log().grow(3).note(size=0),
        b"old 0\n\n" + Log().grow(3).note(position=2),
        b"old 0\n\n" + Log().grow(3).note(epoch=0),
        b"old 0\n\n" + Log().grow(3).note(epoch=1 << 63),
        b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + Log().grow(3).note(),
        b"old 0\n\n" + Log().grow(3).note() + b"x" * MAX_BYTES,
        b"old 0\n\n" + signed_part(Log().grow(3).note()),
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_request(body)


def test_a_request_is_read_as_it_was_written() -> None:
    request = Log().grow(13).request(6)
    assert read_request(request.body()) == request

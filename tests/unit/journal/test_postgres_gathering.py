"""How appends gather for Postgres: one that is alone goes at once and in its own words, many leave in good time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from tests.contract.journals import claiming, row, said
from tests.cutting import AFTER, BEFORE, Cutter
from tests.postgres import database, fresh_schema

from cuga.errors import JournalFailed
from cuga.journal.checkpoint import Kept
from cuga.journal.codec import events_of
from cuga.journal.port import Committed, Conflict, Refused, Unknown
from cuga.journal.postgres import Address, PostgresJournal, gathering, line, writer
from cuga.journal.postgres.line import Line, Statement
from cuga.model.event import Claim

ALONE = gathering.ALONE_AFTER + 4
TRY = Statement(name=b"try", text=b"select octet_length($1::bytea), pg_sleep($2::text::float)")


@pytest.fixture
def address() -> Address:
    return Address.of(database(), fresh_schema())


@pytest.fixture
async def journal(address: Address) -> AsyncIterator[PostgresJournal]:
    opened = PostgresJournal(address)
    yield opened
    await opened.close()


async def alone(journal: PostgresJournal, stream: str = "r1") -> int:
    """Append one after another until the next one goes at once; the version that the stream then has."""
    for version in range(ALONE):
        assert await journal.append(stream, version, claiming(("day", 1, 100))) == Committed(version=version + 1)
    return ALONE


def asked_of(journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The statements that are sent from here on."""
    asked: list[bytes] = []
    send, ask = Line.send, Line.ask

    def sent(self: Line, statement: Statement, values: list[bytes | None], heard: line.Heard) -> None:
        asked.append(statement.name)
        send(self, statement, values, heard)

    async def waited(self: Line, statement: Statement, values: list[bytes | None]) -> object:
        asked.append(statement.name)
        return await ask(self, statement, values)

    monkeypatch.setattr(Line, "send", sent)
    monkeypatch.setattr(Line, "ask", waited)
    return asked


# --- one that is alone -----------------------------------------------------------------------------------------------
async def test_who_is_alone_is_on_the_way_before_the_turn_ends(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await alone(journal)
    asked = asked_of(journal, monkeypatch)
    appending = asyncio.ensure_future(journal.append("r1", version, claiming(("day", 1, 100))))
    await asyncio.sleep(0)
    assert asked == [b"append"]
    assert await appending == Committed(version=version + 1)
    assert await journal.append("r1", version + 1, said("a"), index=row()) == Committed(version=version + 2)
    assert asked == [b"append", b"appends"]  # what changes more than its stream is weighed with all it brings
    assert await journal.used("day") == ALONE + 1
    assert await journal.verify() == []


async def test_who_is_alone_is_told_of_a_rival_and_of_a_scope_without_room(
    address: Address, journal: PostgresJournal
) -> None:
    version = await alone(journal)
    rival = PostgresJournal(address)
    assert await rival.append("r1", version, said("theirs")) == Committed(version=version + 1)
    assert await journal.append("r1", version, said("ours")) == Conflict(version=version + 1)
    refused = await journal.append("r1", version + 1, claiming(("day", 1, ALONE)))
    assert refused == Refused(claim=Claim(scope="day", amount=1, limit=ALONE), used=ALONE)
    assert await journal.append("r1", version + 1, claiming(("week", 1, 1))) == Committed(version=version + 2)
    assert (await journal.used("day"), await journal.used("week")) == (ALONE, 1)
    assert events_of(await journal.read("r1"))[version] == said("theirs")[0]
    assert await journal.verify() == []
    await rival.close()


@pytest.mark.parametrize("fate", [BEFORE, AFTER])
async def test_who_is_alone_on_a_line_that_is_lost_at_the_commit_is_neither_lost_nor_doubled(fate: str) -> None:
    async with Cutter() as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        version = await alone(journal)
        cutter.next = [fate, fate]
        assert await journal.append("r1", version, claiming(("day", 1, 100))) == Committed(version=version + 1)
        assert (cutter.cuts, await journal.used("day")) == (2, ALONE + 1)
        assert journal.lost == 2
        assert await journal.verify() == []
        await journal.close()


async def test_what_an_outage_leaves_open_of_who_is_alone_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Cutter() as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        version = await alone(journal)
        monkeypatch.setattr(writer, "PATIENCE_S", 0.2)
        cutter.stalls = True  # the commit arrives, its answer does not
        appending = asyncio.ensure_future(journal.append("r1", version, said("a")))
        await asyncio.sleep(0.2)
        cutter.away()
        cutter.stalls = False
        assert isinstance(await appending, Unknown)
        cutter.refuses = False
        assert await journal.version("r1") == version + 1
        await journal.close()


async def test_a_book_that_was_moved_takes_nothing_more_from_who_is_alone(
    address: Address, journal: PostgresJournal
) -> None:
    version = await alone(journal)
    with address.connect_now() as connection:
        connection.execute("insert into fact (name, value) values ('moved', 1)")
    with pytest.raises(JournalFailed, match="was moved into a file"):
        await journal.append("r1", version, said("a"))
    assert await journal.version("r1") == version


async def test_nothing_is_committed_that_fails_behind_its_own_answer(
    address: Address, journal: PostgresJournal
) -> None:
    """What is checked at the commit alone fails when the statement has answered already."""
    version = await alone(journal)
    with address.connect_now() as connection:
        connection.execute(
            "create function never() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$"
        )
        connection.execute(
            "create constraint trigger never after insert on journal deferrable initially deferred "
            "for each row execute function never()"
        )
    with pytest.raises(JournalFailed, match="not today"):
        await journal.append("r1", version, said("a"))
    assert await journal.version("r1") == version


async def test_checkpoints_and_company_find_their_place_beside_who_is_alone(journal: PostgresJournal) -> None:
    version = await alone(journal)
    kept = Kept(size=1, position=1, note=b"note", peaks=(bytes(32),))
    answers = await asyncio.gather(
        journal.append("r1", version, said("a")), journal.keep_checkpoint(kept), journal.append("r2", 0, said("b")),
        journal.append("r1", version + 1, said("c")), journal.append("r3", 0, said("d")),
    )  # fmt: skip
    assert answers == [
        Committed(version=version + 1), None, Committed(version=1), Committed(version=version + 2), Committed(version=1)
    ]  # fmt: skip
    assert await journal.checkpoint() == kept
    appending = asyncio.ensure_future(journal.append("r2", 1, said("e")))
    await asyncio.sleep(0)
    await journal.close()  # what was let in is stored first
    assert await appending == Committed(version=2)


# --- many at once ----------------------------------------------------------------------------------------------------
async def test_of_many_who_append_in_one_turn_the_first_are_sent_before_the_last_have_decided(address: Address) -> None:
    points: list[str] = []
    journal = PostgresJournal(address, on_point=points.append)
    assert await journal.append("warm", 0, said("a")) == Committed(version=1)
    points.clear()
    many = 3 * gathering.AT_ONCE
    answers = await asyncio.gather(*(journal.append(f"r{number}", 0, said("a")) for number in range(many)))
    assert answers == [Committed(version=1)] * many
    assert points.index("commit.begin") == gathering.AT_ONCE  # so many were admitted before it
    assert journal.commits >= 3
    assert await journal.verify() == []
    await journal.close()


async def test_a_busy_loop_notices_that_a_batch_is_stored_and_sends_the_next(address: Address) -> None:
    points: list[str] = []

    def noted(point: str) -> None:
        points.append(point)
        if point == "append.admitted":
            time.sleep(0.002)  # what an append is decided in, by a machine on which the loop has much to do

    journal = PostgresJournal(address, on_point=noted)
    assert await journal.append("warm", 0, said("a")) == Committed(version=1)
    points.clear()
    many = 6 * gathering.AT_ONCE
    answers = await asyncio.gather(*(journal.append(f"r{number}", 0, said("a")) for number in range(many)))
    assert answers == [Committed(version=1)] * many
    sent = [at for at, point in enumerate(points) if point == "commit.begin"]
    admitted = [points[:at].count("append.admitted") for at in sent]
    assert admitted[:3] == [gathering.AT_ONCE * (turn + 1) for turn in range(3)]  # all of it in one turn of the loop
    assert await journal.verify() == []
    await journal.close()


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_nothing_is_sent_ahead_of_a_batch_that_failed(address: Address, end: str) -> None:
    points: list[str] = []
    holder, other = address.connect_now(), address.connect_now()
    held_up = (
        "select $1 = any(pg_blocking_pids(pid)) and {end}(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    )

    def noted(point: str) -> None:
        points.append(point)
        if len(points) == gathering.AT_ONCE + 10:
            while (True,) not in other.execute(held_up.format(end=end), (holder.info.backend_pid,)).fetchall():
                time.sleep(0.01)
            time.sleep(0.2)  # its end has come by the next look
            holder.execute("rollback")

    journal = PostgresJournal(address, on_point=noted)
    assert await journal.append("warm", 0, said("a")) == Committed(version=1)
    points.clear()
    holder.execute("begin; lock table book")  # so the first batch is long on its way
    many = 4 * gathering.AT_ONCE
    answers = await asyncio.gather(*(journal.append(f"r{number}", 0, said("a")) for number in range(many)))
    assert answers == [Committed(version=1)] * many
    assert points[gathering.AT_ONCE + 1 : many + 1] == ["append.admitted"] * (many - gathering.AT_ONCE)
    assert journal.lost == (end == "pg_terminate_backend")
    assert await journal.verify() == []
    await journal.close()
    holder.close()
    other.close()


async def test_a_batch_in_which_some_are_in_conflict_stores_the_others(
    address: Address, journal: PostgresJournal
) -> None:
    rival = PostgresJournal(address)
    names = [f"r{number:02}" for number in range(40)]
    await asyncio.gather(*(journal.append(name, 0, said("a")) for name in names))
    await asyncio.gather(*(rival.append(name, 1, said("b")) for name in names[::3]))
    answers = await asyncio.gather(*(journal.append(name, 1, claiming(("day", 1, 100))) for name in names))
    lost = set(names[::3])
    assert answers == [Conflict(version=2) if name in lost else Committed(version=2) for name in names]
    assert await journal.used("day") == len(names) - len(lost)
    assert await journal.verify() == []
    await rival.close()


# --- the line itself -------------------------------------------------------------------------------------------------
async def lined(address: Address, patience_s: float = 30.0) -> Line:
    return Line(await address.connect(), patience_s)


async def test_what_is_larger_than_the_socket_takes_is_sent_bit_by_bit(address: Address) -> None:
    one = await lined(address)
    found = await asyncio.gather(*(one.ask(TRY, [b"x" * size, b"0"]) for size in (1, 20_000_000, 3)))
    assert [int.from_bytes(each.get_value(0, 0) or b"", "big") for each in found] == [1, 20_000_000, 3]
    await one.close()


async def test_a_line_without_an_answer_is_given_up(address: Address) -> None:
    one = await lined(address, 0.3)
    await one.ask(TRY, [b"", b"0"])
    with pytest.raises(TimeoutError):
        await one.ask(TRY, [b"", b"2"])
    with pytest.raises(psycopg.OperationalError):
        await one.ask(TRY, [b"", b"0"])
    assert one.closed and not one.knows(TRY)
    await one.close()


async def test_a_line_that_nobody_waits_at_any_more_is_closed(address: Address) -> None:
    one = await lined(address)
    asking = asyncio.ensure_future(one.ask(TRY, [b"", b"2"]))
    await asyncio.sleep(0.2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert one.closed


async def test_a_server_that_ends_the_connection_is_noticed_before_it_is_asked(address: Address) -> None:
    one = await lined(address)
    assert not one.knows(TRY)
    await one.ask(TRY, [b"", b"0"])
    assert one.knows(TRY)
    with address.connect_now() as connection:
        connection.execute("select pg_terminate_backend($1)", (one._pg.backend_pid,))
    async with asyncio.timeout(5):
        while not one.closed:
            await asyncio.sleep(0.01)
    told: list[object] = []
    hear: Callable[[object], None] = told.append
    one.send(TRY, [b"", b"0"], hear)
    assert [type(each) for each in told] == [psycopg.OperationalError]


async def test_what_the_server_refuses_leaves_the_line_open(address: Address) -> None:
    one = await lined(address)
    broken = Statement(name=b"broken", text=b"select nothing from nowhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await one.ask(broken, [])
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await one.ask(TRY, [b"", b"no number"])
    assert len((await one.ask(TRY, [b"", b"0"])).get_value(0, 0) or b"") == 4
    await one.close()


async def test_a_server_that_talks_nonsense_is_listened_to_no_longer(address: Address) -> None:
    async with Cutter() as cutter:
        one = await lined(Address.of(cutter.address, address.schema))
        await one.ask(TRY, [b"", b"0"])
        asking = asyncio.ensure_future(one.ask(TRY, [b"", b"5"]))
        await asyncio.sleep(0.1)
        cutter.interject(b"Z\0\0\0\0")  # a message that is shorter than its own length
        with pytest.raises(psycopg.OperationalError, match="synchronization"):
            await asking
        assert one.closed
        await one.close()


class _Mute:
    """A connection that nothing can be written to any more."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def flush(self) -> int:
        raise psycopg.OperationalError("the socket is gone")


async def test_a_line_that_cannot_be_written_to_is_lost_and_who_waits_is_told(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await lined(address)
    await one.ask(TRY, [b"", b"0"])
    monkeypatch.setattr(one, "_pg", _Mute(one._pg))
    with pytest.raises(psycopg.OperationalError, match="the socket is gone"):
        await one.ask(TRY, [b"", b"0"])
    assert one.closed and not one.knows(TRY)
    await one.close()

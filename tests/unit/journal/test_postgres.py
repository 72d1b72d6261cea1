"""What the journal in Postgres does beyond the contract: rivals in other processes, lost connections, outages."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import psycopg
import pytest
from tests.contract.journals import card, claiming, row, said
from tests.cutting import AFTER, BEFORE, Cutter
from tests.postgres import database, fresh_schema

from cuga.errors import BadInput, JournalCorrupt, JournalFailed, RunNotFound
from cuga.journal.checkpoint import Kept
from cuga.journal.claims import Ledger
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Committed, Conflict, Refused, Stored, Unknown
from cuga.journal.postgres import Address, PostgresJournal, binding, gathering, migrate, writer
from cuga.journal.postgres.batch import Head, Item
from cuga.journal.postgres.line import Statement
from cuga.journal.seal import verify
from cuga.journal.statements import migrations
from cuga.journal.tombstone import tombstone
from cuga.model.event import Claim, Status


@pytest.fixture
def address() -> Address:
    return Address.of(database(), fresh_schema())


@pytest.fixture
async def journal(address: Address) -> AsyncIterator[PostgresJournal]:
    opened = PostgresJournal(address)
    yield opened
    await opened.close()


@pytest.fixture
async def rival(address: Address) -> AsyncIterator[PostgresJournal]:
    opened = PostgresJournal(address)
    yield opened
    await opened.close()


def sql(address: Address, query: str, *values: object) -> list[tuple[object, ...]]:
    with address.connect_now() as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


# --- several processes -----------------------------------------------------------------------------------------------
async def test_of_two_processes_on_one_version_one_is_committed(
    journal: PostgresJournal, rival: PostgresJournal
) -> None:
    for version in range(20):
        answers = await asyncio.gather(
            journal.append("r1", version, said("ours")), rival.append("r1", version, said("theirs"))
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Committed", "Conflict"]
    assert verify("r1", await journal.read("r1"), length=20) is None


async def test_what_another_process_appended_is_known_after_the_conflict(
    journal: PostgresJournal, rival: PostgresJournal
) -> None:
    await journal.append("r1", 0, said("a"))
    await rival.append("r1", 1, said("b"))
    assert await journal.append("r1", 1, said("x")) == Conflict(version=2)
    assert await journal.append("r1", 2, said("c")) == Committed(version=3)
    assert await rival.append("r1", 2, said("x")) == Conflict(version=3)
    assert await rival.append("r1", 0, said("x")) == Conflict(version=3)
    assert events_of(await rival.read("r1")) == said("a", "b", "c")


async def test_two_who_append_to_a_stream_that_is_not_known_here_look_it_up_once(
    journal: PostgresJournal, rival: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rival.append("r1", 0, said("a"))
    await journal.open()
    asked: list[str] = []
    head = journal._reader.head

    def looked_up(stream: str) -> Awaitable[Head]:
        asked.append(stream)
        return head(stream)

    monkeypatch.setattr(journal._reader, "head", looked_up)
    answers = await asyncio.gather(*(journal.append("r1", 1, said(text)) for text in "bc"))
    assert (answers, asked) == ([Committed(version=2), Conflict(version=2)], ["r1"])


async def test_who_read_further_than_it_believes_may_append_there(
    journal: PostgresJournal, rival: PostgresJournal
) -> None:
    await journal.append("r1", 0, said("a"))
    await rival.append("r1", 1, said("b"))
    assert await journal.append("r1", 2, said("c")) == Committed(version=3)
    assert await journal.append("r1", 7, said("c")) == Conflict(version=3)


async def test_what_was_queued_behind_a_conflict_is_a_conflict_too_and_spoils_nobody(
    journal: PostgresJournal, rival: PostgresJournal
) -> None:
    await journal.append("r1", 0, said("a"))
    await rival.append("r1", 1, said("b"))
    answers = await asyncio.gather(
        journal.append("r1", 1, claiming(("day", 5, 9))), journal.append("r2", 0, said("z")),
        journal.append("r1", 2, said("y")), journal.append("r3", 0, claiming(("day", 1, 9))),
    )  # fmt: skip
    assert answers == [Conflict(version=2), Committed(version=1), Conflict(version=2), Committed(version=1)]
    assert await journal.used("day") == 1


async def test_what_was_queued_behind_a_refusal_is_a_conflict(journal: PostgresJournal) -> None:
    answers = await asyncio.gather(
        journal.append("r1", 0, claiming(("a", 1, 9), ("day", 5, 4))), journal.append("r1", 1, said("y"))
    )
    assert answers == [Refused(claim=Claim(scope="day", amount=5, limit=4), used=0), Conflict(version=0)]
    assert (await journal.used("a"), await journal.used("day"), await journal.read("r1")) == (0, 0, [])
    assert await journal.append("r1", 0, said("y")) == Committed(version=1)


async def test_the_ledger_of_the_database_answers_as_the_one_in_memory(journal: PostgresJournal) -> None:
    memory = MemoryJournal()
    cases = [
        [("day", 3, 5)], [("day", 0, 2)], [("day", 0, 3)], [("day", -1, 0)], [("day", 0, 0), ("x", 1, 1)],
        [("day", 1, 9), ("day", 2, 3)], [("x", 1, 1), ("day", 0, 9)], [("day", 2, 9), ("day", -1, 0), ("x", 1, 1)],
        [("x", 1, 1)], [("day", -9, 0)], [("day", 5, 1)], [("odd \x00 \ud800", 1, 1)], [("odd \x00 \ud800", 1, 1)],
    ]  # fmt: skip
    version = 0
    for claims in cases:
        answers = [await one.append("r1", version, claiming(*claims)) for one in (memory, journal)]
        assert answers[0] == answers[1], claims
        version += isinstance(answers[0], Committed)
    assert await journal.used("day") == await memory.used("day")
    assert isinstance(Ledger(lambda _: 3).reserve([Claim(scope="day", amount=0, limit=2)]), Refused)


WORKER = """
import asyncio, json, sys
sys.path.insert(0, ".")
from tests.contract.journals import claiming
from cuga.journal.port import Committed
from cuga.journal.postgres import Address, PostgresJournal

async def main(text, schema, name, workers, wanted):
    journal = PostgresJournal(Address.of(text, schema))

    async def work(number):
        started = 0
        for _ in range(wanted):
            claims = claiming(("tenant/day", 1, 1000), ("user", 1, 700))
            answer = await journal.append(f"{name}-{number}", started, claims)
            started += isinstance(answer, Committed)
        return started

    print(json.dumps(sum(await asyncio.gather(*(work(number) for number in range(workers))))))
    await journal.close()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
"""


async def test_three_processes_of_64_workers_take_a_shared_budget_exactly(
    address: Address, journal: PostgresJournal
) -> None:
    await journal.open()
    paths = os.pathsep.join(path for path in sys.path if path)
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            WORKER,
            database(),
            address.schema,
            f"p{number}",
            "64",
            "5",
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": paths},
        )
        for number in range(3)
    ]
    started = [json.loads((await worker.communicate())[0]) for worker in workers]
    assert sum(started) == 700  # the tighter of the two scopes, and not one more
    assert (await journal.used("tenant/day"), await journal.used("user")) == (700, 700)
    assert await journal.verify() == []


async def test_a_feed_never_steps_over_a_late_committer(address: Address, journal: PostgresJournal) -> None:
    """A writer is held inside its transaction, with its position taken; what others append comes after it."""
    await journal.append("r0", 0, said("a"))
    seen: list[str] = []

    async def follow() -> None:
        async for event in journal.feed(follow=True):
            seen.append(f"{event.stream} {event.position}")

    following = asyncio.create_task(follow())
    held = await address.connect()
    await held.execute(b"begin")
    await held.execute(b"update book set last = last + 1")
    late = asyncio.create_task(journal.append("late", 0, said("b")))
    await asyncio.sleep(0.3)
    assert seen == ["r0 1"] and not late.done()
    await held.execute(
        b"with s as (insert into stream (name, version) values ('held', 1) returning pk) "
        b"insert into journal select 2, pk, 0, 1, '[{}]', '', 0 from s"
    )
    await held.execute(b"commit")
    assert await late == Committed(version=1)
    async with asyncio.timeout(5):
        while len(seen) < 3:
            await asyncio.sleep(0.02)
    assert seen == ["r0 1", "held 2", "late 3"]
    following.cancel()
    await held.close()


# --- connections that are lost ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("fate", [BEFORE, AFTER])
async def test_a_connection_lost_at_the_commit_neither_loses_nor_doubles(fate: str) -> None:
    async with Cutter() as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        await journal.append("r1", 0, said("a"))
        cutter.next = [fate, fate]
        answers = await asyncio.gather(
            journal.append("r1", 1, claiming(("day", 1, 5)), index=row()), journal.append("r1", 2, (), index=row()),
            journal.append("r2", 0, said("b"), blobs=[b"blob"]), journal.append("r3", 7, said("never")),
        )  # fmt: skip
        assert answers == [Committed(version=2), Committed(version=2), Committed(version=1), Conflict(version=0)]
        assert (await journal.used("day"), await journal.version("r1"), cutter.cuts) == (1, 2, 2)
        assert await journal.verify() == []
        await journal.close()


async def drops(appends: int, share: float, streams: int, seed: int = 0) -> None:
    async with Cutter(seed=seed, share=share) as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        told: dict[str, int] = {}

        async def work(number: int) -> None:
            stream, version = f"r{number}", 0
            while version < appends // streams:
                answer = await journal.append(stream, version, claiming(("day", 1, 1 << 40)))
                assert answer == Committed(version=version + 1)
                version = told[stream] = version + 1

        await asyncio.gather(*(work(number) for number in range(streams)))
        cutter.share = 0.0
        events = [event async for event in journal.feed()]
        assert len(events) == sum(told.values()) == appends == await journal.used("day")
        assert [event.position for event in events] == list(range(1, appends + 1))
        assert await journal.verify() == []
        assert cutter.cuts > 10 and journal.lost > 0
        print(f"{appends:,} appends to {streams} streams, seed {seed}: {cutter.cuts} cuts, none lost, none twice")
        await journal.close()


@pytest.mark.parametrize(("appends", "streams"), [(200, 1), (800, 20), (3_000, 100)])
async def test_hundreds_of_appends_through_a_line_that_drops_at_the_commit(
    monkeypatch: pytest.MonkeyPatch, appends: int, streams: int
) -> None:
    monkeypatch.setattr(writer, "PAUSE_S", 0.001)
    await drops(appends, 0.3, streams)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("streams", [20, 200])
async def test_10_000_appends_through_a_line_that_drops_at_the_commit(
    monkeypatch: pytest.MonkeyPatch, streams: int, seed: int
) -> None:
    monkeypatch.setattr(writer, "PAUSE_S", 0.001)
    await drops(10_000, 0.3, streams, seed)


async def test_who_waits_for_a_read_as_everything_is_ended_is_told(journal: PostgresJournal) -> None:
    await journal.append("r1", 0, said("a"))
    reading = asyncio.ensure_future(journal.read("r1"))
    while not journal._reader._reading or journal._reader._wanted:
        await asyncio.sleep(0)  # until the question is on its way
    for task in asyncio.all_tasks() - {asyncio.current_task(), reading}:
        task.cancel()  # as the end of a loop does
    with pytest.raises(JournalFailed, match="it is closed"):
        await reading
    assert events_of(await journal.read("r1")) == said("a")


async def test_an_outage_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Cutter() as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        await journal.append("r1", 0, said("a"))
        cutter.away()
        waiting = asyncio.ensure_future(journal.append("r1", 1, said("b")))
        await asyncio.sleep(0.6)
        assert not waiting.done() and journal.trouble
        cutter.refuses = False
        assert await waiting == Committed(version=2)
        assert journal.trouble == ""
        assert await journal.version("r1") == 2
        await journal.close()


async def test_after_a_long_outage_nobody_claims_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE_S", 0.3)
    async with Cutter() as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        await journal.append("r1", 0, said("a"))
        cutter.away()
        assert isinstance(await journal.append("r1", 1, said("b")), Unknown)  # it may have been on its way
        with pytest.raises(JournalFailed):
            await journal.append("r2", 0, said("b"))  # there was no connection to send it on
        with pytest.raises(JournalFailed):
            await journal.read("r1")
        cutter.refuses = False
        assert await journal.append("r1", 1, said("b")) == Committed(version=2)
        cutter.away()
        with pytest.raises(JournalFailed):
            await asyncio.wait_for(journal.keep_snapshot(b"rules"), 10)
        cutter.refuses = False
        await journal.close()


class _Fickle:
    """A database whose connection is lost at a commit, and which says something else when it is asked again."""

    closed = False

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def ask(self, *_: object) -> None:
        raise self.errors.pop(0)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("then", [psycopg.errors.QueryCanceled("too long"), psycopg.errors.InsufficientPrivilege("no")])
async def test_what_was_lost_at_the_commit_stays_unknown_whatever_is_said_later(
    then: Exception, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PAUSE_S", 0.05)
    lost = psycopg.OperationalError("the connection was lost")
    item = Item(
        stream="", expected=0, count=0, before=b"", hash=b"", body=b"",
        answer=asyncio.get_running_loop().create_future(), head=Head(""),
    )  # fmt: skip
    for errors, kind in (((lost, then), Unknown), ((then,), JournalFailed)):
        monkeypatch.setattr(writer, "PATIENCE_S", 0.04 if kind is Unknown else 0.0)
        line, fickle = _Fickle(*errors), writer.Writer(address, "full", lambda _: None)

        async def connect(line: _Fickle = line) -> _Fickle:
            return line

        monkeypatch.setattr(fickle, "connect", connect)
        (answer,) = await fickle.write([item])
        assert isinstance(answer, kind), (errors, answer)


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ANSWER_S", 0.2)
    monkeypatch.setattr(writer, "PATIENCE_S", 0.1)
    async with Cutter() as cutter:
        journal = PostgresJournal(Address.of(cutter.address, fresh_schema()))
        await journal.append("r1", 0, said("a"))
        cutter.stalls = True
        stalled = asyncio.ensure_future(journal.append("r1", 1, said("b")))
        await asyncio.sleep(0.3)
        cutter.stalls = False
        assert isinstance(await stalled, Unknown | Committed)
        await journal.close()


async def test_a_deadlock_or_a_statement_that_is_ended_is_tried_again(
    address: Address, journal: PostgresJournal
) -> None:
    await journal.append("r1", 0, said("a"))
    held = await address.connect()
    await held.execute(b"begin")
    await held.execute(b"update book set last = last")
    waiting = asyncio.ensure_future(journal.append("r1", 1, said("b")))
    await asyncio.sleep(0.1)
    await held.execute(
        b"select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'cuga writer' "
        b"and wait_event_type = 'Lock'"
    )
    await asyncio.sleep(0.1)
    await held.execute(b"commit")
    assert await waiting == Committed(version=2)
    await held.close()


async def test_a_batch_that_is_ended_again_and_again_was_surely_not_stored(
    address: Address, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.append("r1", 0, said("a"))
    monkeypatch.setattr(writer, "PATIENCE_S", 0.0)
    held = await address.connect()
    await held.execute(b"begin")
    await held.execute(b"update book set last = last")
    waiting = asyncio.ensure_future(journal.append("r1", 1, said("b")))
    await asyncio.sleep(0.1)
    await held.execute(
        b"select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'cuga writer' "
        b"and wait_event_type = 'Lock'"
    )
    with pytest.raises(JournalFailed):
        await waiting
    await held.close()


async def test_what_the_database_cannot_take_spoils_only_its_own_append(journal: PostgresJournal) -> None:
    answers = await asyncio.gather(
        journal.append("r1", 0, said("a")), journal.append("r2", 0, said("b"), index=row(tenant="nul \x00")),
        journal.append("r3", 0, said("c")), return_exceptions=True,
    )  # fmt: skip
    assert [type(answer).__name__ for answer in answers] == ["Committed", "JournalFailed", "Committed"]
    for name in ("", "nul \x00", "x" * 2000):
        with pytest.raises(BadInput):
            await journal.append(name, 0, said("a"))


async def test_a_cancelled_append_may_still_be_written(journal: PostgresJournal) -> None:
    await journal.open()
    appending = asyncio.ensure_future(journal.append("r1", 0, said("a")))
    await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await journal.append("r2", 0, said("b"))
    assert await journal.version("r1") == 1


async def test_a_full_queue_closes_the_door_until_some_is_stored(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.open()
    monkeypatch.setattr(gathering, "QUEUE_APPENDS", 3)
    monkeypatch.setattr(gathering, "BATCH_APPENDS", 2)
    monkeypatch.setattr(gathering, "REMEMBERED", 4)
    answers = await asyncio.gather(*(journal.append(f"r{number}", 0, said("a")) for number in range(20)))
    assert answers == [Committed(version=1)] * 20
    monkeypatch.setattr(gathering, "BATCH_BYTES", 10)
    answers = await asyncio.gather(*(journal.append(f"r{number}", 1, said("a")) for number in range(20)))
    assert answers == [Committed(version=2)] * 20


async def test_no_more_bytes_are_stored_together_than_a_batch_is_to_have(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.open()
    monkeypatch.setattr(gathering, "BATCH_BYTES", 10_000)
    large = "x" * 6_000
    answers = await asyncio.gather(
        *(journal.append(f"r{number}", 0, said(text)) for number, text in enumerate((large, large, large, "small")))
    )
    assert (answers, journal.commits) == ([Committed(version=1)] * 4, 3)
    assert [event.stream async for event in journal.feed()] == ["r0", "r1", "r2", "r3"]
    assert (journal.times.appends, sum(journal.times.bins)) == (4, 3)


async def test_while_the_database_stores_one_half_the_other_half_goes_on(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were all who wait answered at once, they would come back together, and each side would wait for the other."""
    await journal.open()
    send, under_way, met = journal._writer.send, 0, 0

    def watched(items: Sequence[Item], told: Callable[[object], None]) -> bool:
        nonlocal under_way
        under_way += 1
        assert under_way == 1  # one batch at a time: they are chained on each other

        def ended(found: object) -> None:
            nonlocal under_way
            under_way -= 1
            told(found)

        is_sent = send(items, ended)
        under_way -= not is_sent
        return is_sent

    monkeypatch.setattr(journal._writer, "send", watched)

    async def work(stream: str) -> None:
        nonlocal met
        for version in range(6):
            assert await journal.append(stream, version, said("a")) == Committed(version=version + 1)
            met += under_way

    await asyncio.gather(*(work(f"r{number}") for number in range(4 * gathering.EAGER)))
    assert met > gathering.EAGER  # answered while the next batch was on its way
    assert journal.commits < 6 * 4
    assert await journal.verify() == []
    met, before = 0, journal.commits
    await work("alone")
    assert (met, journal.commits - before) == (0, 6)


async def test_a_follower_sees_what_another_process_appends(journal: PostgresJournal, rival: PostgresJournal) -> None:
    seen = asyncio.Event()

    async def follow() -> None:
        async for _ in journal.feed(follow=True):
            seen.set()

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.1)
    await rival.append("r1", 0, said("a"))
    async with asyncio.timeout(2):
        await seen.wait()
    following.cancel()


async def test_a_follower_that_waits_for_its_turn_to_read_comes_to_an_end_with_the_journal(
    journal: PostgresJournal,
) -> None:
    await journal.append("r1", 0, said("a"))
    feed = journal.feed(follow=True)
    assert (await anext(feed)).seq == 1
    async with journal._feeder._turn:
        following = asyncio.ensure_future(anext(feed, None))
        await asyncio.sleep(0)  # it waits for its turn to read what is next
        await journal.close()
    assert await following is None


async def test_what_came_while_a_follower_read_is_not_slept_over(
    journal: PostgresJournal, rival: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.append("r1", 0, said("a"))
    page, found = journal._feeder.page, False

    async def overtaken(after: int, limit: int) -> list[Stored]:
        nonlocal found
        read = await page(after, limit)
        if not read and not found:  # before it can wait for news, somebody appends and another one here sees it
            found = True
            await rival.append("r1", 1, said("b"))
            assert [event.position async for event in journal.feed(after)] == [2]
        return read

    monkeypatch.setattr(journal._feeder, "page", overtaken)
    monkeypatch.setattr(binding, "POLL_S", 60)
    seen = []
    async with asyncio.timeout(10):
        async for event in journal.feed(follow=True):
            seen.append(event.position)
            if len(seen) == 2:
                break
    assert seen == [1, 2]


async def test_a_follower_outlives_an_outage() -> None:
    async with Cutter() as cutter:
        schema = fresh_schema()
        journal = PostgresJournal(Address.of(cutter.address, schema))
        direct = PostgresJournal(Address.of(database(), schema))
        await direct.append("r1", 0, said("a"))
        seen: list[int] = []

        async def follow() -> None:
            async for event in journal.feed(follow=True):
                seen.append(event.position)

        following = asyncio.create_task(follow())
        async with asyncio.timeout(20):
            while not seen:
                await asyncio.sleep(0.02)
        cutter.away()
        await asyncio.sleep(0.7)
        cutter.refuses = False
        await direct.append("r1", 1, said("b"))
        async with asyncio.timeout(5):
            while len(seen) < 2:
                await asyncio.sleep(0.02)
        following.cancel()
        await journal.close()
        await direct.close()


# --- tables ----------------------------------------------------------------------------------------------------------
async def test_migrations_are_made_once_and_known_by_their_sums(address: Address) -> None:
    made = await asyncio.gather(*(migrate(address) for _ in range(4)))
    assert sorted(map(len, made)) == [0, 0, 0, len(migrations("postgres"))]
    sql(address, "update migration set digest = 'other'")
    with pytest.raises(JournalFailed, match="not the one that was made"):
        await migrate(address)
    sql(address, "insert into migration (name, digest) values ('book/0999_later', '')")
    with pytest.raises(JournalFailed, match="newer version"):
        await migrate(address)


async def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    address = Address.of(f"postgresql://ada:hunter2secret@/nowhere?host={tmp_path}")
    journal = PostgresJournal(address)
    with pytest.raises(JournalFailed) as failed:
        await journal.append("r1", 0, said("a"))
    assert f"postgresql://ada@/nowhere?host={tmp_path}" in failed.value.message
    with pytest.raises(JournalFailed) as sync:
        address.connect_now()
    for text in (failed.value.message, sync.value.message, repr(address), repr(failed.value)):
        assert "hunter2secret" not in text
    await journal.close()
    with pytest.raises(JournalFailed):
        await journal.append("r1", 0, said("a"))


async def test_a_writer_that_cannot_connect_says_so(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(address)
    journal = PostgresJournal(address)

    async def refused() -> object:
        raise psycopg.OperationalError("too many clients")

    monkeypatch.setattr(journal._writer, "connect", refused)
    with pytest.raises(JournalFailed, match="too many clients"):
        await journal.open()
    await journal.close()


@pytest.mark.parametrize(
    "text", ["mysql://x", "postgresql://[::1", "postgresql://u:pw secret@h/d%zz", "postgresql://h/d?nonsense=1"]
)
def test_an_address_that_is_none_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        Address.of(text)
    assert "secret" not in refused.value.message


def test_an_address_is_shown_without_its_password() -> None:
    shown = Address.of("postgresql://ada:pw@db.example:6432/sales?sslmode=require").shown
    assert shown == "postgresql://ada@db.example:6432/sales?sslmode=require"
    assert Address.of("postgresql://db.example/sales").shown == "postgresql://db.example/sales"


def test_an_unknown_durability_is_refused(address: Address) -> None:
    with pytest.raises(JournalFailed):
        PostgresJournal(address, durability="perhaps")


async def test_the_durability_is_what_the_connection_is_set_to(address: Address) -> None:
    for durability, synchronous in (("full", "on"), ("process", "off")):
        journal = PostgresJournal(address, durability=durability)
        await journal.open()
        setting = Statement(name=b"setting", text=b"select current_setting('synchronous_commit')")
        found = await (await journal._writer.connect()).ask(setting, [])
        assert found.get_value(0, 0) == synchronous.encode()
        await journal.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_keep_every_text_is_refused(encoding: str) -> None:
    name = f"in_{encoding.lower()}_{fresh_schema()}"
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute(f"create database {name} template template0 encoding '{encoding}' locale 'C'".encode())
    journal = PostgresJournal(Address.of(database().replace("/postgres?", f"/{name}?")))
    for attempt in (journal.open(), asyncio.to_thread(journal.address.connect_now)):
        with pytest.raises(JournalFailed, match=encoding) as refused:
            await attempt
        assert "encoding 'UTF8'" in refused.value.next_step


async def test_no_connection_has_its_queries_compiled(address: Address) -> None:
    """Told how to walk, the planner believes that all is dear: a server that can compile would for 0.4 s each time."""
    connection = await address.connect(enable_sort="off")
    try:
        assert await (await connection.execute("show jit")).fetchone() == ("off",)
    finally:
        await connection.close()
    assert sql(address, "show jit") == [("off",)]


async def test_the_time_and_the_epoch_are_those_of_the_database(journal: PostgresJournal) -> None:
    assert abs((await journal.time()).timestamp() - __import__("time").time()) < 60
    assert journal.epoch == 1
    await journal.append("r1", 0, said("a"), index=card("a1", "r1"))
    assert await journal.versions(["r1", "never"]) == {"r1": 1}


# --- care ------------------------------------------------------------------------------------------------------------
FAULTS = {
    "update journal set events = '[]' where run = (select pk from stream where name = 'r1') and expected = 1": "edited",
    "delete from journal where run = (select pk from stream where name = 'r1') and expected = 1": "missing",
    "delete from journal where run = (select pk from stream where name = 'r1') and expected = 2": "truncated",
    "update stream set hash = 'x' where name = 'r1'": "edited",
    "update stream set version = 9, hash = 'x' where name = 'r2'": "truncated",
    "delete from stream where name = 'r1'": "missing",
    "update scope set used = 9": "claims_differ",
    "update blob set body = 'x' where body = 'blob'": "blob_altered",
    "update runs set version = 9": "truncated",
}


@pytest.mark.parametrize("damage", FAULTS)
async def test_damage_is_found_and_named(address: Address, journal: PostgresJournal, damage: str) -> None:
    for version in range(3):
        await journal.append("r1", version, claiming(("day", 1, 5)), index=row(Status.PARKED), blobs=[b"blob"])
    await journal.append("r2", 0, said("a"))
    assert await journal.verify() == []
    sql(address, damage)
    assert FAULTS[damage] in [fault.kind for fault in await journal.verify()]
    if "events" in damage:
        with pytest.raises(JournalCorrupt):
            await journal.read("r1")


async def test_claims_are_counted_again_from_the_streams(address: Address, journal: PostgresJournal) -> None:
    await journal.append("r1", 0, claiming(("day", 2, 5), ("week", 1, 9)))
    await journal.append("r1", 1, claiming(("week", -1, 9)))
    assert await journal.rebuild_claims() == {}
    sql(address, "update scope set used = 7 where name = 'day'")
    assert await journal.rebuild_claims() == {"day": (7, 2)}
    assert (await journal.used("day"), await journal.verify()) == (2, [])


async def test_care_that_fails_says_why(address: Address, journal: PostgresJournal) -> None:
    await journal.open()
    sql(address, "alter table scope rename to scope_gone")
    for work in (journal.verify(), journal.rebuild_claims(), journal.used("day")):
        with pytest.raises(JournalFailed, match="scope"):
            await work


async def test_a_feed_that_cannot_be_read_says_why_and_nothing_is_retired_by_halves(
    address: Address, journal: PostgresJournal
) -> None:
    await journal.append("r1", 0, said("a"), index=row())
    (before,) = await journal.read("r1")
    sql(address, "alter table runs rename to runs_gone")
    with pytest.raises(JournalFailed, match="runs"):
        await journal.retire({"r1": [tombstone(before.body, said("a")[0])]})
    assert await journal.read("r1") == [before]
    sql(address, "alter table journal rename to journal_gone")
    with pytest.raises(JournalFailed, match="journal"):
        await anext(journal.feed(follow=True))


# --- tenants ---------------------------------------------------------------------------------------------------------
async def test_a_reading_role_sees_its_tenant_and_nobody_else(address: Address, journal: PostgresJournal) -> None:
    for tenant in ("ours", "theirs"):
        await journal.append(f"run-{tenant}", 0, claiming((f"{tenant}/day", 1, 5)), index=row(tenant=tenant))
        await journal.append(
            f"run-{tenant}", 1, said("asks"), index=card(f"a-{tenant}", f"run-{tenant}", tenant=tenant)
        )
        await journal.append(f"house/{tenant}", 0, said("opened"), blobs=[tenant.encode()])
    role = f"reader_{address.schema}"
    sql(address, f"create role {role} login")
    sql(address, "select let_read($1::name, 'ours')", role)
    reading = Address.of(database().replace("postgres@", f"{role}@"), address.schema)
    assert sql(reading, "select name from stream order by name") == [("house/ours",), ("run-ours",)]
    assert sql(reading, "select count(*) from journal") == [(3,)]
    assert sql(reading, "select tenant from runs") == sql(reading, "select tenant from approval") == [("ours",)]
    for query in ("select * from blob", "select * from scope", "select * from reader", "delete from runs"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql(reading, query)
    assert sql(reading, "select set_config('row_security', 'on', false), tenant from runs") == [("on", "ours")]
    with reading.connect_now() as connection:
        connection.execute("set row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from runs")
    sql(address, "select end_read($1::name, 'ours')", role)
    assert sql(reading, "select name from stream") == []


async def test_listings_keep_tenants_apart(journal: PostgresJournal) -> None:
    for tenant in ("ours", "theirs"):
        await journal.append(f"run-{tenant}", 0, said("a"), index=row(Status.PARKED, tenant=tenant, wakes=1))
        await journal.append(f"run-{tenant}", 1, said("b"), index=card(f"a-{tenant}", f"run-{tenant}", tenant=tenant))
    assert [one.run_id for one in await journal.runs(tenant="ours", status=Status.PARKED)] == ["run-ours"]
    assert [one.approval_id for one in await journal.open_approvals(tenant="ours")] == ["a-ours"]


# --- small corners ---------------------------------------------------------------------------------------------------
async def test_a_connection_that_cannot_be_set_up_is_not_left_open(address: Address) -> None:
    with pytest.raises(psycopg.Error):
        await address.connect(no_such_setting_at_all="1")


async def test_a_checkpoint_is_kept_once_and_a_fault_is_told(address: Address, journal: PostgresJournal) -> None:
    await journal.append("r1", 0, said("a"))
    kept = Kept(size=1, position=1, note=b"note", peaks=(bytes(32),))
    await journal.keep_checkpoint(kept)
    await journal.keep_checkpoint(kept)
    assert await journal.checkpoint() == kept
    assert await journal.checkpoint(0) is None
    sql(address, "alter table checkpoint rename to checkpoint_gone")
    with pytest.raises(JournalFailed):
        await journal.keep_checkpoint(kept)


async def test_a_run_is_found_by_the_trace_that_its_caller_brought(journal: PostgresJournal) -> None:
    await journal.append("r1", 0, said("a"), index=row())
    await journal.append("r2", 0, said("a"), index=row(minutes=1))
    assert await journal.find_trace("t", tenant="local") == "r2"
    with pytest.raises(RunNotFound):
        await journal.find_trace("t", tenant="other")
    assert (await journal.server()).is_copy is False

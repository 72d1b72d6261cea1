"""What every journal does, wherever it keeps its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.contract.journals import AT, HOMES, Home, card, claiming, closed, row, said

from cuga.errors import ApprovalNotFound, BadInput, JournalFailed, NotFound, RunNotFound
from cuga.journal.checkpoint import Kept
from cuga.journal.codec import events_of
from cuga.journal.port import MAX_BLOB, Committed, Conflict, Journal, Refused
from cuga.journal.seal import verify
from cuga.journal.tombstone import RETIRED, is_tombstone, tombstone
from cuga.model.event import Annotation, Claim, Status, ToolCallComplete
from cuga.model.outcome import BlobRef
from cuga.model.value import digest_bytes


@pytest.fixture(params=list(HOMES))
def home(request: pytest.FixtureRequest) -> Home:
    return HOMES[request.param]


@pytest.fixture
async def journal(home: Home, tmp_path: Path) -> AsyncIterator[Journal]:
    opened = home(tmp_path)
    yield opened
    await opened.close()


# --- appending -------------------------------------------------------------------------------------------------------
async def test_an_append_on_the_version_it_was_decided_on_is_committed(journal: Journal) -> None:
    assert await journal.append("r1", 0, said("a", "b")) == Committed(version=2)
    assert await journal.append("r1", 2, said("c")) == Committed(version=3)
    assert await journal.version("r1") == 3


async def test_an_append_on_another_version_is_a_conflict_and_writes_nothing(journal: Journal) -> None:
    await journal.append("r1", 0, said("a", "b"))
    assert await journal.append("r1", 0, said("x")) == Conflict(version=2)
    assert await journal.append("r1", 3, said("x")) == Conflict(version=2)
    assert await journal.append("never", 1, said("x")) == Conflict(version=0)
    assert events_of(await journal.read("r1")) == said("a", "b")
    assert await journal.version("never") == 0


async def test_of_rivals_on_one_version_exactly_one_is_committed(journal: Journal) -> None:
    answers = await asyncio.gather(*(journal.append("r1", 0, said(str(rival))) for rival in range(20)))
    assert [answer for answer in answers if isinstance(answer, Committed)] == [Committed(version=1)]
    assert [answer for answer in answers if isinstance(answer, Conflict)] == [Conflict(version=1)] * 19
    assert len(await journal.read("r1")) == 1


async def test_appends_to_one_stream_may_be_queued_behind_each_other(journal: Journal) -> None:
    answers = await asyncio.gather(*(journal.append("r1", before, said(str(before))) for before in range(50)))
    assert answers == [Committed(version=number) for number in range(1, 51)]
    assert events_of(await journal.read("r1")) == said(*map(str, range(50)))


async def test_many_streams_at_once_keep_their_own_order(journal: Journal) -> None:
    async def write(stream: str) -> None:
        for before in range(0, 30, 3):
            assert await journal.append(stream, before, said("x", "y", "z")) == Committed(version=before + 3)

    streams = [f"r{number}" for number in range(60)]
    await asyncio.gather(*map(write, streams))
    for stream in streams:
        stored = await journal.read(stream)
        assert [event.seq for event in stored] == list(range(1, 31))
        assert verify(stream, stored, length=30) is None


async def test_a_batch_larger_than_any_statement_is_stored_whole(journal: Journal) -> None:
    assert await journal.append("r1", 0, said(*map(str, range(1777)))) == Committed(version=1777)
    assert events_of(await journal.read("r1")) == said(*map(str, range(1777)))


async def test_odd_text_is_stored_and_comes_back_readable(journal: Journal) -> None:
    await journal.append("r1", 0, said("nul \x00, emoji \U0001f600, half \ud83d", "x" * 300_000))
    half, long = events_of(await journal.read("r1"))
    assert isinstance(half, Annotation) and half.text == "nul \x00, emoji \U0001f600, half \\ud83d"
    assert isinstance(long, Annotation) and long.text == "x" * 300_000


async def test_known_secrets_are_gone_before_anything_is_hashed(home: Home, tmp_path: Path) -> None:
    journal = home(tmp_path, scrub=lambda body: body.replace(b"hunter2", b"***"))
    await journal.append("r1", 0, said("the password is hunter2"))
    await journal.append("r1", 1, claiming(("day/hunter2", 1, 5)))
    stored = await journal.read("r1")
    assert b"hunter2" not in b"".join(event.body for event in stored)
    assert verify("r1", stored) is None
    assert await journal.used("day/***") == 1
    await journal.close()


# --- claims ----------------------------------------------------------------------------------------------------------
async def test_a_claim_is_taken_with_its_events(journal: Journal) -> None:
    assert await journal.used("day") == 0
    assert await journal.append("r1", 0, claiming(("day", 3, 5))) == Committed(version=1)
    assert await journal.used("day") == 3


async def test_a_claim_that_does_not_fit_is_refused_and_writes_nothing(journal: Journal) -> None:
    await journal.append("r1", 0, claiming(("day", 3, 5)))
    refused = await journal.append("r1", 1, claiming(("other", 1, 9), ("day", 3, 5)))
    assert refused == Refused(claim=Claim(scope="day", amount=3, limit=5), used=3)
    assert (await journal.used("day"), await journal.used("other"), await journal.version("r1")) == (3, 0, 1)
    assert await journal.append("r1", 1, claiming(("day", 2, 5))) == Committed(version=2)


@pytest.mark.parametrize(
    "claim", [("day", 1 << 63, 5), ("day", 1, 1 << 63), ("day", 0, 1 << 64), ("day", -(1 << 64), 5)]
)
async def test_a_claim_that_no_book_can_count_is_refused_at_the_door(
    journal: Journal, claim: tuple[str, int, int]
) -> None:
    with pytest.raises(BadInput, match="day"):
        await journal.append("r1", 0, claiming(claim))
    with pytest.raises(BadInput, match="day"):
        await journal.append("r1", 0, claiming(("other", 1, 9), claim))
    assert (await journal.version("r1"), await journal.used("day"), await journal.used("other")) == (0, 0, 0)
    assert await journal.append("r1", 0, claiming(("day", 5, 5))) == Committed(version=1)


async def test_a_refusal_counts_what_is_queued_as_well(journal: Journal) -> None:
    answers = await asyncio.gather(*(journal.append(f"r{number}", 0, claiming(("send", 1, 1))) for number in range(5)))
    assert answers[0] == Committed(version=1)
    assert answers[1:] == [Refused(claim=Claim(scope="send", amount=1, limit=1), used=1)] * 4


async def test_what_is_given_back_can_be_taken_again(journal: Journal) -> None:
    await journal.append("r1", 0, claiming(("day", 5, 5)))
    assert await journal.append("r1", 1, claiming(("day", -2, 0))) == Committed(version=2)
    assert await journal.append("r1", 2, claiming(("day", 2, 5))) == Committed(version=3)
    assert isinstance(await journal.append("r1", 3, claiming(("day", 1, 5))), Refused)


async def test_several_claims_on_one_scope_count_by_their_sum_against_the_tightest_limit(journal: Journal) -> None:
    refused = await journal.append("r1", 0, claiming(("day", 2, 9), ("day", 2, 3)))
    assert refused == Refused(claim=Claim(scope="day", amount=2, limit=3), used=0)
    assert await journal.append("r1", 0, claiming(("day", 4, 9), ("day", -1, 0))) == Committed(version=1)
    assert await journal.used("day") == 3


async def test_64_workers_never_overdraw_one_daily_budget(journal: Journal) -> None:
    async def work(worker: int) -> int:
        started = 0
        for _ in range(40):
            answer = await journal.append(f"r{worker}", started, claiming(("day", 1, 1000)))
            started += isinstance(answer, Committed)
        return started

    assert sum(await asyncio.gather(*map(work, range(64)))) == 1000
    assert await journal.used("day") == 1000


# --- reading ---------------------------------------------------------------------------------------------------------
async def test_a_stream_is_read_from_any_version_on(journal: Journal) -> None:
    for version, texts in ((0, "ab"), (2, "c"), (3, "def"), (6, "gh")):
        await journal.append("r1", version, said(*texts))
    whole = await journal.read("r1")
    assert events_of(whole) == said(*"abcdefgh")
    assert [event.seq for event in whole] == list(range(1, 9))
    for after in range(9):
        assert await journal.read("r1", after=after) == whole[after:]
    assert await journal.read("r1", after=17) == []
    assert await journal.read("never") == []


async def test_the_feed_gives_all_streams_in_the_order_of_commits(journal: Journal) -> None:
    for version in range(3):
        await journal.append("r1", 2 * version, said("a", "A"))
        await journal.append("r2", version, said("b"))
    fed = [event async for event in journal.feed()]
    assert [(event.stream, event.seq) for event in fed] == [
        *(("r1", 1), ("r1", 2), ("r2", 1)), *(("r1", 3), ("r1", 4), ("r2", 2)), *(("r1", 5), ("r1", 6), ("r2", 3)),
    ]  # fmt: skip
    positions = [event.position for event in fed]
    assert positions == sorted(set(positions))
    for nth, position in enumerate(positions, 1):
        assert [event async for event in journal.feed(after=position)] == fed[nth:]


async def test_events_of_one_append_share_its_hash_and_no_others_do(journal: Journal) -> None:
    await journal.append("r1", 0, said("a", "b"))
    await journal.append("r1", 2, said("a", "b"))
    await journal.append("r2", 0, said("a", "b"))
    hashes = [event.hash for stream in ("r1", "r2") for event in await journal.read(stream)]
    assert [hashes.index(one) for one in hashes] == [0, 0, 2, 2, 4, 4]
    assert all(len(one) == 32 for one in hashes)


async def test_each_append_has_one_link_that_stands_where_its_last_event_does(journal: Journal) -> None:
    for stream, texts in (("r1", "a"), ("r2", "bcd"), ("r3", "ef")):
        await journal.append(stream, 0, said(*texts))
    ends = {one.hash: one.position async for one in journal.feed()}
    assert await journal.links() == [(position, link) for link, position in ends.items()]
    first, second, third = await journal.links()
    assert await journal.links(after=first[0]) == [second, third] and await journal.links(limit=1) == [first]


async def test_what_is_fed_from_the_middle_of_an_append_on_is_what_follows(journal: Journal) -> None:
    await journal.append("r1", 0, said(*map(str, range(300))))
    for number in range(300):
        await journal.append("r2", number, said(str(number)))
    fed = [event async for event in journal.feed()]
    assert len(fed) == 600
    assert [event async for event in journal.feed(after=fed[150].position)] == fed[151:]


async def test_a_follower_is_told_of_each_append_and_ends_with_the_journal(home: Home, tmp_path: Path) -> None:
    journal = home(tmp_path)
    seen: list[str] = []
    all_seen = asyncio.Event()

    async def follow() -> None:
        async for event in journal.feed(follow=True):
            seen.append(event.stream)
            if len(seen) == 1200:
                all_seen.set()

    following = asyncio.create_task(follow())
    for number in range(1200):
        await journal.append(f"r{number % 7}", number // 7, said("x"))
        if number % 400 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await all_seen.wait()
        await journal.close()
        await following
    assert seen == [f"r{number % 7}" for number in range(1200)]


async def test_a_follower_who_is_at_an_event_while_the_journal_is_closed_gets_no_other(journal: Journal) -> None:
    for version, text in enumerate("ab"):
        await journal.append("r1", version, said(text))
    seen = []
    async with asyncio.timeout(10):
        async for event in journal.feed(after=1, follow=True):
            seen.append(event.position)
            await journal.close()
    assert seen == [2]


async def test_a_follower_may_leave(journal: Journal) -> None:
    async def follow() -> None:
        async for _ in journal.feed(follow=True):
            pass

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert await journal.append("r1", 0, said("a")) == Committed(version=1)


# --- blobs -----------------------------------------------------------------------------------------------------------
async def test_a_blob_is_kept_with_the_append_and_found_by_its_digest(journal: Journal) -> None:
    body = b"x" * MAX_BLOB
    await journal.append("r1", 0, said("a"), blobs=[body, b"small"])
    assert await journal.blob(digest_bytes(body)) == body
    assert await journal.blob(digest_bytes(b"small")) == b"small"
    with pytest.raises(NotFound):
        await journal.blob(digest_bytes(b"never"))


async def test_a_blob_beyond_the_limit_is_refused_before_anything_is_written(journal: Journal) -> None:
    with pytest.raises(BadInput):
        await journal.append("r1", 0, claiming(("day", 1, 5)), blobs=[bytes(MAX_BLOB + 1)])
    assert (await journal.version("r1"), await journal.used("day")) == (0, 0)


async def test_without_personal_data_nothing_is_sealed(journal: Journal) -> None:
    assert await journal.sealed("r1", b'{"name":"Ann"}') == b'{"name":"Ann"}'


async def test_a_snapshot_is_kept_once(journal: Journal) -> None:
    digest = await journal.keep_snapshot(b"rules")
    assert await journal.keep_snapshot(b"rules") == digest == digest_bytes(b"rules")
    assert await journal.blob(digest) == b"rules"


# --- the tables beside the streams -----------------------------------------------------------------------------------
async def test_runs_are_listed_newest_first_page_by_page(journal: Journal) -> None:
    for number in range(5):
        await journal.append(f"r{number}", 0, said("a"), index=row(minutes=number // 2))
    await journal.append("theirs", 0, said("a"), index=row(tenant="other"))
    assert [one.run_id for one in await journal.runs(tenant="local")] == ["r4", "r3", "r2", "r1", "r0"]
    assert [one.run_id for one in await journal.runs(tenant="local", limit=2)] == ["r4", "r3"]
    assert [one.run_id for one in await journal.runs(tenant="local", before="r3", limit=2)] == ["r2", "r1"]
    assert [one.run_id for one in await journal.runs(tenant="other")] == ["theirs"]


async def test_a_listing_has_fifty_lines_unless_more_are_asked_for(journal: Journal) -> None:
    asked = [replace(row(minutes=n), approvals=card(f"a{n:02}", f"r{n}", minutes=n).approvals) for n in range(51)]
    await asyncio.gather(*(journal.append(f"r{n}", 0, said("a"), index=asked[n]) for n in range(51)))
    assert [one.run_id for one in await journal.runs(tenant="local")] == [f"r{n}" for n in range(50, 0, -1)]
    assert [one.run_id for one in await journal.open_approvals(tenant="local")] == [f"r{n}" for n in range(50)]
    assert len(await journal.runs(tenant="local", limit=60)) == 51
    assert len(await journal.open_approvals(tenant="local", limit=60)) == 51


async def test_a_listing_shows_the_newest_row_and_the_version_of_the_stream(journal: Journal) -> None:
    await journal.append("r1", 0, said("a"), index=row())
    parked = row(Status.PARKED, wakes=5)
    await journal.append("r1", 1, said("b"), index=parked)
    await journal.append("r1", 2, said("c"))
    (listed,) = await journal.runs(tenant="local", status=Status.PARKED)
    assert (listed.run_id, listed.version, listed.row) == ("r1", 3, parked.run)
    assert await journal.runs(tenant="local", status=Status.RUNNING) == []


async def test_an_append_without_events_may_write_the_tables_only(journal: Journal) -> None:
    await journal.append("r1", 0, said("a"))
    assert await journal.append("r1", 1, (), index=row()) == Committed(version=1)
    assert [one.version for one in await journal.runs(tenant="local")] == [1]


async def test_parked_runs_are_due_in_the_order_of_their_time(journal: Journal) -> None:
    assert await journal.next_wake() is None
    for name, wakes in (("late", 30), ("soon", 10), ("next", 20), ("never", None)):
        await journal.append(name, 0, said("a"), index=row(Status.PARKED, wakes=wakes))
    await journal.append("running", 0, said("a"), index=row(wakes=1))
    assert await journal.next_wake() == AT + timedelta(minutes=10)
    assert await journal.due(AT + timedelta(minutes=9)) == []
    assert await journal.due(AT + timedelta(minutes=20)) == ["soon", "next"]
    assert await journal.due(AT + timedelta(hours=1), limit=1) == ["soon"]
    await journal.append("soon", 1, said("b"), index=row(Status.SUCCESS))
    assert await journal.due(AT + timedelta(minutes=20)) == ["next"]


async def test_running_runs_are_what_a_start_goes_on_with(journal: Journal) -> None:
    await journal.append("young", 0, said("a"), index=row(minutes=2))
    await journal.append("old", 0, said("a"), index=row(minutes=1))
    await journal.append("done", 0, said("a"), index=row(Status.SUCCESS))
    assert await journal.unfinished() == ["old", "young"]
    assert await journal.unfinished(limit=1) == ["old"]


async def test_open_approvals_are_listed_oldest_first_and_leave_when_closed(journal: Journal) -> None:
    for number in range(4):
        await journal.append(f"r{number}", 0, said("a"), index=card(f"a{9 - number}", f"r{number}", minutes=number))
    await journal.append("theirs", 0, said("a"), index=card("b1", "theirs", tenant="other"))
    assert [one.approval_id for one in await journal.open_approvals(tenant="local")] == ["a9", "a8", "a7", "a6"]
    await journal.append("r1", 1, said("b"), index=closed("a8"))
    assert [one.run_id for one in await journal.open_approvals(tenant="local", limit=2)] == ["r0", "r2"]
    assert [one.run_id for one in await journal.open_approvals(tenant="local", after="a8")] == ["r2", "r3"]
    assert [one.tenant for one in await journal.open_approvals(tenant="other")] == ["other"]


async def test_open_approvals_are_listed_by_their_risk_and_one_that_nobody_knows_comes_before_all(
    journal: Journal,
) -> None:
    """A text that looks like a risk is none: here a requester is called that."""
    risks = ("low", "high", "medium", 'odd","risk":"low', "high", "low")
    for number, risk in enumerate(risks):
        asked = card(f"a{9 - number}", f"r{number}", minutes=number // 2, risk=risk)
        await journal.append(f"r{number}", 0, said("a"), index=asked)
    await journal.append("theirs", 0, said("a"), index=card("b1", "theirs", tenant="other"))
    assert await journal.urgent_approvals(tenant="local") == [
        ("a6", "r3", 1), ("a8", "r1", 1), ("a5", "r4", 1), ("a7", "r2", 1), ("a9", "r0", 1), ("a4", "r5", 1),
    ]  # fmt: skip
    assert [one.approval_id for one in await journal.urgent_approvals(tenant="local", limit=2)] == ["a6", "a8"]
    assert (await journal.waiting(tenant="local"), await journal.waiting(tenant="local", limit=4)) == (6, 4)
    await journal.append("r1", 1, said("b"), index=closed("a8"))
    await journal.append("r4", 1, said("b"))
    assert await journal.urgent_approvals(tenant="local", limit=2) == [("a6", "r3", 1), ("a5", "r4", 2)]
    assert (await journal.waiting(tenant="local"), await journal.waiting(tenant="other")) == (5, 1)
    assert (await journal.urgent_approvals(tenant="nobody"), await journal.waiting(tenant="nobody")) == ([], 0)


async def test_an_approval_is_found_open_or_closed(journal: Journal) -> None:
    await journal.append("r1", 0, said("a"), index=card("a1", "r1"))
    assert await journal.find_approval("a1") == "r1"
    await journal.append("r1", 1, said("b"), index=closed("a1"))
    assert await journal.find_approval("a1") == "r1"
    with pytest.raises(ApprovalNotFound):
        await journal.find_approval("a2")


async def test_the_newest_run_of_a_trace_is_found_within_its_tenant(journal: Journal) -> None:
    for name, minutes, tenant in (("r1", 1, "local"), ("r2", 2, "local"), ("r3", 3, "other")):
        await journal.append(name, 0, said("a"), index=row(minutes=minutes, tenant=tenant))
    assert await journal.find_trace("t", tenant="local") == "r2"
    assert await journal.find_trace("t", tenant="other") == "r3"
    for trace, tenant in (("t", "nobody"), ("u", "local")):
        with pytest.raises(RunNotFound):
            await journal.find_trace(trace, tenant=tenant)


async def test_an_approval_may_open_and_close_within_one_group(journal: Journal) -> None:
    await asyncio.gather(
        journal.append("r1", 0, said("a"), index=card("a1", "r1")),
        journal.append("r1", 1, said("b"), index=closed("a1")),
        journal.append("r2", 0, said("a"), index=closed("a2")),
        journal.append("r2", 1, said("b"), index=card("a2", "r2")),
    )
    assert [one.approval_id for one in await journal.open_approvals(tenant="local")] == ["a2"]
    assert (await journal.find_approval("a1"), await journal.find_approval("a2")) == ("r1", "r2")


# --- the end ---------------------------------------------------------------------------------------------------------
async def test_close_finishes_what_is_queued_and_lets_nothing_more_in(home: Home, tmp_path: Path) -> None:
    journal = home(tmp_path)
    queued = [asyncio.create_task(journal.append(f"r{number}", 0, said("a"))) for number in range(10)]
    await asyncio.sleep(0)
    await journal.close()
    assert await asyncio.gather(*queued) == [Committed(version=1)] * 10
    with pytest.raises(JournalFailed, match=r"it is closed$"):
        await journal.append("r1", 1, said("b"))
    with pytest.raises(JournalFailed, match=r"it is closed$"):
        await journal.keep_snapshot(b"rules")
    await journal.close()


async def test_what_was_appended_since_tombstones_were_made_stays_as_it_is(journal: Journal) -> None:
    await journal.append("r1", 0, said("a", "b"), index=row())
    await journal.append("r1", 2, said("c"))
    bodies = [
        tombstone(one.body, event) for one, event in zip(await journal.read("r1"), said("a", "b", "c"), strict=True)
    ]
    await journal.append("r1", 3, said("d"))
    await journal.retire({"r1": bodies})
    kept = await journal.read("r1")
    assert [one.body for one in kept[:3]] == bodies and events_of(kept)[3:] == list(said("d"))
    (listed,) = await journal.runs(tenant="local")
    assert (listed.row.goal, listed.row.reason) == (RETIRED, RETIRED)
    assert [one.body async for one in journal.feed()] == [one.body for one in kept]
    assert await journal.append("r1", 4, said("e")) == Committed(version=5)


async def test_of_a_run_that_is_retired_whole_no_word_is_kept_and_the_chain_holds(journal: Journal) -> None:
    events = said("a", "b", "c")
    await journal.append("r1", 0, events[:2], index=row(Status.SUCCESS))
    await journal.append("r1", 2, events[2:], index=row(Status.SUCCESS))
    await journal.append("r2", 0, said("d"), index=row(minutes=1))
    before = await journal.read("r1")
    await journal.retire({"r1": [tombstone(one.body, event) for one, event in zip(before, events, strict=True)]})
    kept = await journal.read("r1")
    assert [is_tombstone(one.body) for one in kept] == [True] * 3
    assert [one.hash for one in kept] == [one.hash for one in before] and verify("r1", kept, length=3) is None
    assert [one.row.goal for one in await journal.runs(tenant="local")] == ["win", RETIRED]
    assert events_of(await journal.read("r2")) == said("d")


async def test_bytes_that_somebody_has_named_since_it_was_looked_are_not_taken_away(journal: Journal) -> None:
    body, other = b"much " * 9, b"nobody's"
    named, free = digest_bytes(body), digest_bytes(other)

    def done(step: str) -> list[ToolCallComplete]:
        blob = BlobRef(digest=named, size=len(body))
        return [ToolCallComplete(at=AT, step=step, attempt=1, result=msgspec.Raw(b"null"), blob=blob, duration_us=1)]

    await journal.append("r1", 0, done("a"), blobs=[body, other])
    seen = (await journal.read("r1"))[-1].position
    await journal.append("r2", 0, done("a"), blobs=[body])
    await journal.retire({}, [named, free], seen=seen)
    assert await journal.blob(named) == body
    with pytest.raises(NotFound):
        await journal.blob(free)
    await journal.retire({}, [named], seen=(await journal.read("r2"))[-1].position)
    with pytest.raises(NotFound):
        await journal.blob(named)


# --- checkpoints -----------------------------------------------------------------------------------------------------
async def test_of_checkpoints_the_newest_up_to_a_size_is_given_and_the_first_of_a_size_stays(journal: Journal) -> None:
    kept = [
        Kept(size=size, position=2 * size, note=b"note %d" % size, peaks=(bytes([size]) * 32,) * count)
        for size, count in ((2, 1), (3, 2), (7, 3))
    ]
    assert await journal.checkpoint() is None
    for one in kept:
        await journal.keep_checkpoint(one)
    await journal.keep_checkpoint(Kept(size=3, position=9, note=b"other", peaks=()))
    assert [await journal.checkpoint(size) for size in (1, 2, 3, 6, 7, 8)] == [
        None, kept[0], kept[1], kept[1], kept[2], kept[2],
    ]  # fmt: skip
    assert await journal.checkpoint() == kept[2]

"""The doors of a witness, as other houses and auditors knock at them: C2SP tlog-witness, status by status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from tests.doors.http_house import Client, Served, house, problem
from tests.tlog import ORIGIN, Log

from cuga.api.rates import Rates
from cuga.errors import BadInput, NotAllowed, NotFound
from cuga.journal.checkpoint import COSIGNER, cosigned_at, read_verifier_key
from cuga.orchestrator.keeping.sealing import holds
from cuga.witness.request import MAX_BYTES, SIZE_MEDIA

ADD = "/api/witness/add-checkpoint"
SHOW = f"/api/witness/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"


@pytest.fixture
async def team() -> AsyncIterator[Served]:
    async with house() as served:
        yield served


async def trusting(team: Served, log: Log) -> Client:
    """Another house, of which this one was told: a program without any key of ours."""
    await team.front.trust_origin(log.word, "Birch", by=await team.front.principal("eve"))
    return Client(team.app)


async def send(client: Client, body: bytes):
    return await client.http.post(ADD, content=body)


async def test_a_checkpoint_is_kept_cosigned_and_handed_out(team):
    log = Log().grow(5)
    client = await trusting(team, log)
    assert problem(await client.get(SHOW))["status"] == 404
    answer = await send(client, log.request(0).body())
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    key = read_verifier_key(await team.front.witness_key(), COSIGNER)
    assert cosigned_at(log.note() + answer.content, *key, holds)
    shown = await client.get(SHOW)
    assert shown.status_code == 200 and shown.content == log.note() + answer.content
    assert (await send(client, log.grow(6).request(5).body())).status_code == 200
    assert (await client.get(SHOW)).text.splitlines()[1] == "11"
    assert problem(await client.get(SHOW, epoch=2))["status"] == 404


async def test_each_refusal_has_the_status_of_the_protocol_and_changes_nothing(team):
    log = Log().grow(8)
    client = await trusting(team, log)
    stranger = Log("cuga/ffffffffffffffff").grow(2)
    assert problem(await send(client, stranger.request(0).body()))["status"] == 404
    assert problem(await send(client, Log(seed=b"x" * 32).grow(8).request(0).body()))["status"] == 403
    assert problem(await send(client, b"old 0\n\nnot a note"))["status"] == 400
    assert problem(await send(client, b"old 9\n\n" + log.note()))["status"] == 400
    assert (await send(client, log.request(0).body())).status_code == 200
    before = (await client.get(SHOW)).content
    stale = await send(client, log.grow(4).request(0).body())
    assert (stale.status_code, stale.headers["content-type"], stale.text) == (409, SIZE_MEDIA, "8\n")
    forked = Log().grow(5).grow(9, salt=1)
    told = problem(await send(client, forked.request(8).body()))
    assert (told["status"], told["code"]) == (422, "checkpoint_forked")
    told = problem(await send(client, Log().grow(7).grow(1, salt=1).request(8).body()))
    assert (told["status"], told["code"]) == (409, "checkpoint_forked")
    restored = Log(epoch=2).grow(3)
    assert (await client.get(SHOW)).content == before
    assert (await send(client, restored.request(0).body())).status_code == 200
    told = problem(await send(client, log.request(8).body()))
    assert (told["status"], told["code"]) == (409, "checkpoint_stale")
    assert (await client.get(SHOW, epoch=1)).content == before


async def test_a_body_is_small_and_nobody_knocks_too_often(team):
    log = Log().grow(8)
    client = await trusting(team, log)
    assert problem(await send(client, b"x" * (MAX_BYTES + 1)))["status"] == 413

    async def in_pieces():
        for _ in range(40):
            yield b"x" * 1024

    told = await client.http.post(ADD, content=in_pieces())
    assert problem(told)["status"] == 413
    team.doors.rates = Rates(checkpoints="3/minute")
    answers = [await send(client, log.request(0).body()), await client.get(SHOW), await client.get(SHOW)]
    assert [one.status_code for one in answers] == [200, 200, 200]
    last = await send(client, log.request(8).body())
    assert problem(last)["status"] == 429 and int(last.headers["retry-after"]) > 0


async def test_requests_at_once_end_with_the_longest_that_was_answered(team):
    log = Log().grow(40)
    client = await trusting(team, log)
    assert (await send(client, log.request(0, 10).body())).status_code == 200
    answers = await asyncio.gather(*(send(client, log.request(10, size).body()) for size in range(11, 41)))
    kept = [size for size, answer in zip(range(11, 41), answers, strict=True) if answer.status_code == 200]
    assert len(kept) == 1 and {answer.status_code for answer in answers} == {200, 409}
    assert (await client.get(SHOW)).text.splitlines()[1] == str(kept[0])


@pytest.mark.parametrize(("who", "may"), [("ann", False), ("bob", False), ("vic", False), ("eve", True)])
async def test_only_an_admin_says_whom_this_house_is_a_witness_of(team, who, may):
    log = Log().grow(2)
    by = await team.front.principal(who)
    if may:
        assert await team.front.trust_origin(log.word, by=by) == ORIGIN
        await team.front.distrust_origin(ORIGIN, by=by)
        with pytest.raises(NotFound):
            await team.front.distrust_origin(ORIGIN, by=by)
    else:
        with pytest.raises(NotAllowed):
            await team.front.trust_origin(log.word, by=by)
        await trusting(team, log)
        with pytest.raises(NotAllowed):
            await team.front.distrust_origin(ORIGIN, by=by)


async def test_a_key_of_a_witness_or_no_key_at_all_is_not_trusted(team):
    for word in ("", "x", await team.front.witness_key(), Log().word[:-1], Log("").word):
        with pytest.raises(BadInput):
            await team.front.trust_origin(word, by=await team.front.principal("eve"))
    assert await team.front.witnessed() == []


async def test_two_keys_of_one_journal_are_both_trusted_and_one_that_is_taken_back_is_not(team):
    log, moved = Log().grow(4), Log(seed=b"m" * 32).grow(4)
    client = await trusting(team, log)
    await trusting(team, moved)
    assert (await send(client, log.request(0, 2).body())).status_code == 200
    assert (await send(client, moved.request(2).body())).status_code == 200
    (one,) = await team.front.witnessed()
    assert one.keys == (log.word, moved.word) and one.label == "Birch"
    await team.front.distrust_origin(ORIGIN, by=await team.front.principal("eve"))
    assert problem(await send(client, moved.request(4).body()))["status"] == 404
    assert (await client.get(SHOW)).status_code == 200, "what was seen stays"

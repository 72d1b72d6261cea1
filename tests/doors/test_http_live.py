"""Live traces: frames over sockets and server-sent events, from any position, for many who watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.doors.http_house import Client, Served, house
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cuga.api import live as live_room
from cuga.api.serve import served


@pytest.fixture
async def live() -> AsyncIterator[tuple[Served, str]]:
    async with house() as opened, served(opened.front, port=0) as doors:
        opened.doors = doors
        yield opened, doors.address.url


def token(opened: Served, user: str) -> str:
    return opened.doors.credentials.begin_session(user, "password")


def watching(opened: Served, url: str, path: str, user: str = "vic", **options: Any) -> connect:
    headers = {"Cookie": f"cuga_session={token(opened, user)}"}
    return connect(url.replace("http", "ws") + path, origin=url, additional_headers=headers, **options)


def client(opened: Served, url: str, user: str) -> Client:
    made = Client(None, token=token(opened, user), base=url)
    made.http.headers["Origin"] = url
    return made


async def frames(socket: ClientConnection, until: str = "end") -> list[dict[str, Any]]:
    found = []
    async with asyncio.timeout(10):
        while not found or found[-1]["kind"] != until:
            found.append(msgspec.json.decode(await socket.recv()))
    return found


async def approve(opened: Served, url: str, run_id: str) -> None:
    bob = client(opened, url, "bob")
    card = await bob.card(run_id)
    yes = {"verdict": "approve", "digest": card["digest"]}
    assert (await bob.post(f"/api/approvals/{card['approval_id']}", yes)).status_code == 200


async def test_a_run_is_watched_to_its_end_with_budget_and_approvals(live):
    opened, url = live
    run = await client(opened, url, "ann").run(("read_number", {}), ("post", {"to": "x"}))
    async with watching(opened, url, f"/ws/traces/{run['run_id']}") as socket:
        before = await frames(socket, "budget")
        await approve(opened, url, run["run_id"])
        after = await frames(socket)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    told = [(one["kind"], one.get("state") or one.get("event", {}).get("name")) for one in before + after]
    assert ("approval", "requested") in told and ("approval", "received") in told
    assert told.count(("event", "tool_call_complete")) == 2
    assert after[-1]["status"] == "success" and after[-2]["kind"] == "budget"
    assert after[-2]["budget"]["total"]["used"] == 2
    positions = [one["position"] for one in before + after]
    assert positions == sorted(positions)


async def test_watching_goes_on_where_it_broke_off_by_either_way(live):
    opened, url = live
    ann = client(opened, url, "ann")
    run = (await ann.run(("read_number", {}), ("read_number", {"number": 2})))["run_id"]
    async with watching(opened, url, f"/ws/traces/{run}?everything=1") as socket:
        whole = await frames(socket)
    numbers = [one["position"] for one in whole if one["kind"] == "event"]
    assert numbers == list(range(1, len(numbers) + 1))
    for after in (0, 3, len(numbers)):
        async with watching(opened, url, f"/ws/traces/{run}?everything=1&after={after}") as socket:
            rest = await frames(socket) if after < len(numbers) else []
        assert [one["position"] for one in rest if one["kind"] == "event"] == numbers[after:]
        headers = {"Last-Event-ID": str(after)}
        async with ann.http.stream("GET", f"/api/traces/{run}/stream?everything=1", headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = [line async for line in stream.aiter_lines()]
        ids = [int(line[4:]) for line in lines if line.startswith("id: ")]
        assert all(one > after for one in ids)
        data = [msgspec.json.decode(line[6:]) for line in lines if line.startswith("data: ")]
        assert [one["position"] for one in data if one["kind"] == "event"] == numbers[after:]


async def test_canonical_names_only_unless_everything_is_wanted(live):
    opened, url = live
    run = (await client(opened, url, "ann").run(("read_number", {})))["run_id"]
    async with watching(opened, url, f"/ws/traces/{run}") as socket:
        names = [one["event"]["name"] for one in await frames(socket) if one["kind"] == "event"]
    assert names == ["plan_created", "route_decision", "tool_call_start", "tool_call_complete"]


async def test_what_cannot_be_watched_is_told(live):
    opened, url = live
    for path in ("/ws/traces/nothing", "/ws/traces/x?after=-1", "/ws/traces/x?after=yes"):
        with pytest.raises(Exception, match="HTTP 4"):
            async with watching(opened, url, path):
                pass
    answer = await client(opened, url, "ann").http.get("/api/traces/x/stream", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 422


async def test_hints_say_what_to_read_again_once_however_often_it_moved(live):
    opened, url = live
    async with watching(opened, url, "/ws/house") as socket:
        run = await client(opened, url, "ann").run(("post", {"to": "x"}))
        await client(opened, url, "eve").post("/api/halt", {"reason": "stop"})
        seen = []
        async with asyncio.timeout(10):
            while not {"inbox", "run", "house"} <= {one["kind"] for one in seen}:
                seen.append(msgspec.json.decode(await socket.recv()))
        assert {"kind": "run", "run_id": run["run_id"]} in seen
        await socket.send("ping")
        async with asyncio.timeout(10):
            while msgspec.json.decode(await socket.recv()) != {"kind": "pong"}:
                pass


async def test_whatever_a_watcher_says_changes_nothing_and_too_much_of_it_ends_the_watching(live):
    opened, url = live
    run = (await client(opened, url, "ann").run(("post", {"to": "x"})))["run_id"]
    card = await client(opened, url, "bob").card(run)
    forged = {"kind": "approval", "approval_id": card["approval_id"], "verdict": "approve", "digest": card["digest"]}
    async with watching(opened, url, f"/ws/traces/{run}", user="bob") as socket:
        await frames(socket, "approval")
        await socket.send(msgspec.json.encode(forged).decode())
        await socket.send("ping")
        await frames(socket, "pong")
        await socket.send("x" * 65_537)
        with pytest.raises(ConnectionClosed):
            await frames(socket, "never")
    assert (await opened.front.card(card["approval_id"])).is_open and opened.world.effects == []


async def test_a_batch_is_an_array_of_the_same_frames_and_hints(live):
    opened, url = live
    ann = client(opened, url, "ann")
    async with watching(opened, url, "/ws/house?batch=1") as house_socket:
        run = (await ann.run(*[("read_number", {"number": n}) for n in range(5)]))["run_id"]
        async with asyncio.timeout(10):
            told = msgspec.json.decode(await house_socket.recv())
    assert {"kind": "run", "run_id": run} in told
    async with watching(opened, url, f"/ws/traces/{run}") as socket:
        single = await frames(socket)
    async with watching(opened, url, f"/ws/traces/{run}?batch=1") as socket:
        arrays = [msgspec.json.decode(message) async for message in socket]
    assert [one for many in arrays for one in many] == single
    assert len(arrays) < len(single)


async def test_what_a_run_does_in_a_moment_is_encoded_once_and_comes_together(live, monkeypatch):
    monkeypatch.setattr(live_room, "GATHER_S", 0.3)
    opened, url = live
    encoded = []
    real = live_room.encode
    monkeypatch.setattr(live_room, "encode", lambda value: encoded.append(value) or real(value))
    waits = [("post", {"to": "x"}), *[("read_number", {"number": n}) for n in range(10)]]
    run = (await client(opened, url, "ann").run(*waits))["run_id"]
    sockets = [await watching(opened, url, f"/ws/traces/{run}?batch=1&everything=1") for _ in range(20)]
    before = [msgspec.json.decode(await one.recv()) for one in sockets]
    encoded.clear()
    await approve(opened, url, run)
    after = [[msgspec.json.decode(message) async for message in one] for one in sockets]
    assert all(one == after[0] for one in after) and all(one == before[0] for one in before)
    assert len(after[0]) <= 2 and after[0][-1][-1]["kind"] == "end"
    assert len(encoded) == sum(map(len, after[0]))


async def test_who_takes_no_hints_is_told_to_look_at_everything_instead(live):
    opened, _ = live
    room = opened.doors.live
    with room.hints() as quick, room.hints() as slow:
        for name in ("ann", "bob"):
            run = (await opened.browser("ann").run(("post", {"to": name})))["run_id"]
            async with asyncio.timeout(10):
                assert f'"run_id":"{run}"' in (await quick.take()).joined
        assert msgspec.json.decode((await slow.take()).joined) == [
            {"kind": "run", "run_id": ""},
            {"kind": "inbox"},
            {"kind": "house"},
        ]


class Deaf:
    """A socket whose other side takes nothing and says nothing."""

    async def send_text(self, body: str) -> None:
        await asyncio.Event().wait()

    async def receive_text(self) -> str:
        await asyncio.Event().wait()
        return ""


async def test_who_never_takes_what_is_sent_is_let_go(monkeypatch):
    from cuga.api import stream

    monkeypatch.setattr(stream, "SEND_S", 0.05)
    deaf: Any = Deaf()
    async with asyncio.timeout(5):
        await stream._serve(deaf, lambda: stream._send(deaf, ("news",)))


async def test_a_role_that_is_taken_away_ends_the_watching(live, monkeypatch):
    from cuga.api import stream

    opened, url = live
    monkeypatch.setattr(stream, "LOOK_S", 0.05)
    async with watching(opened, url, "/ws/house") as socket:
        await client(opened, url, "eve").post("/api/users/vic/roles", {"roles": []})
        with pytest.raises(ConnectionClosed) as closed:
            await frames(socket, "never")
    assert closed.value.rcvd is not None and (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "not_allowed")


async def left(opened: Served, url: str, run: str) -> None:
    """Vic loses every role, and then something happens in a run."""
    await client(opened, url, "eve").post("/api/users/vic/roles", {"roles": []})
    await approve(opened, url, run)
    await opened.front.wait(run)


async def test_nothing_of_a_run_or_the_house_is_told_once_a_role_was_taken_away(live):
    opened, url = live
    run = (await client(opened, url, "ann").run(("read_number", {}), ("post", {"to": "x"})))["run_id"]
    async with watching(opened, url, f"/ws/traces/{run}") as socket, watching(opened, url, "/ws/house") as hints:
        await frames(socket, "budget")
        await left(opened, url, run)
        for one in (socket, hints):
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(one.recv(), 5)
            assert closed.value.rcvd is not None and closed.value.rcvd.reason == "not_allowed"


async def test_nothing_more_of_the_stream_of_events_is_told_once_a_role_was_taken_away(live):
    opened, url = live
    run = (await client(opened, url, "ann").run(("post", {"to": "x"})))["run_id"]
    vic = client(opened, url, "vic")
    async with asyncio.timeout(10), vic.http.stream("GET", f"/api/traces/{run}/stream") as followed:
        lines = followed.aiter_lines()
        assert (await anext(lines)).startswith("id: ")
        await left(opened, url, run)
        assert not any("tool_call" in line for line in [line async for line in lines])


async def test_a_role_that_is_taken_away_ends_the_stream_of_events_too(live, monkeypatch):
    from cuga.api import stream

    opened, url = live
    monkeypatch.setattr(stream, "LOOK_S", 0.05)
    run = (await client(opened, url, "ann").run(("post", {"to": "x"})))["run_id"]  # waits for an approval: no end
    vic = client(opened, url, "vic")
    async with asyncio.timeout(5), vic.http.stream("GET", f"/api/traces/{run}/stream") as followed:
        lines = followed.aiter_lines()
        assert (await anext(lines)).startswith("id: ")
        await client(opened, url, "eve").post("/api/users/vic/roles", {"roles": []})
        assert [line async for line in lines][-1:] != []  # it ends, though the run has not


async def test_who_walks_too_slowly_loses_its_place_and_is_told_where_to_begin(monkeypatch):
    monkeypatch.setattr(live_room, "RING", 8)
    async with house(several=False) as opened:
        live = opened.doors.live
        run = await opened.browser("eve").run(
            *[("read_number", {"number": n}) for n in range(6)], ("post", {"to": "x"})
        )
        bursts = [burst async for burst in _some(live.watch(run["run_id"], everything=True), 2)]
        seen = [frame for burst in bursts for frame in burst.frames]
        assert seen[0].kind == "resync" and seen[1].position == seen[0].position + 1
        assert seen[0].position > 10


async def _some(found: AsyncIterator[Any], many: int) -> AsyncIterator[Any]:
    async for one in found:
        yield one
        many -= 1
        if not many:
            return


async def test_many_watch_a_run_some_never_read_and_it_takes_no_longer_for_that(live):
    """The processor time of runs beside 100 watchers, a fifth of which never read, against the same runs alone."""
    opened, url = live
    ann = client(opened, url, "ann")

    async def work() -> float:
        start = time.process_time()
        for _ in range(3):
            steps = [("read_number", {"number": n}) for n in range(20)]
            assert (await ann.run(*steps))["status"] == "success"
        return time.process_time() - start

    waits = (await ann.run(("post", {"to": "x"})))["run_id"]
    await work()
    alone = await work()
    sockets = [watching(opened, url, f"/ws/traces/{waits}", max_queue=1, ping_interval=None) for _ in range(100)]
    opened_ones = [await one for one in sockets]
    try:
        readers = [asyncio.ensure_future(frames(one)) for one in opened_ones[20:]]
        beside = await work()
        await approve(opened, url, waits)
        ends = [found[-1] for found in await asyncio.gather(*readers)]
        assert {one["status"] for one in ends} == {"success"}
    finally:
        await asyncio.gather(*(one.close() for one in opened_ones[20:]))
        for one in opened_ones[:20]:
            one.transport.abort()
    assert beside < 3 * alone + 0.5, (alone, beside)


async def test_nothing_stays_behind_when_watchers_go(live):
    opened, url = live
    run = (await client(opened, url, "ann").run(("post", {"to": "x"})))["run_id"]
    for _ in range(3):
        async with watching(opened, url, f"/ws/traces/{run}") as socket:
            await frames(socket, "approval")
    async with client(opened, url, "ann").http.stream("GET", f"/api/traces/{run}/stream") as stream:
        async for _ in stream.aiter_lines():
            break
    async with asyncio.timeout(10):
        while opened.doors.live._runs:
            await asyncio.sleep(0.02)

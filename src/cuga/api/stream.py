"""Live: the trace of a run over WebSocket and server-sent events, and hints of what moved in the house.

Whoever watches only reads: what a watcher sends is looked at for its size and thrown away, but for `ping` and `close`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import Query, WebSocket, WebSocketDisconnect
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse

from cuga.api.answers import answer, router
from cuga.api.auth import Here, Looking, looker
from cuga.api.doors import doors_of
from cuga.api.problems import refused
from cuga.errors import BadInput, CugaError
from cuga.projections.trace import Trace

ALIVE_S = 15.0  # a comment line keeps proxies from closing a quiet stream
SEND_S = 20.0  # a watcher that takes nothing for so long is let go
LOOK_S = 30.0  # how often a watcher's right to watch is looked at again


class _Right:
    """Somebody's right to watch, which was looked at when they came: nothing is told once it was taken away."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._house: tuple[object, int] | None = None

    async def look(self) -> None:
        """Look at it again if anything of the house has changed since. Raises what `looker` raises."""
        state = (await doors_of(self._connection).front.open()).state
        if self._house != (state, state.version):
            await looker(self._connection)
            self._house = state, state.version


traces = router("traces")
sockets = router("traces", prefix="")
After = Annotated[int, Query(ge=0, le=2**53, description="The position after which to begin.")]


@traces.get("/traces/{trace_id}", response_model=Trace)
async def show_trace(doors: Here, _: Looking, trace_id: str, after: After = 0, everything: bool = False) -> Response:
    """The events of a run after a position: the ten canonical ones, or with `everything` all of them."""
    trace = await doors.front.trace(await doors.front.run_of_trace(trace_id), everything)
    return answer(trace.only(after=after))


@traces.get("/traces/{trace_id}/stream", response_class=StreamingResponse)
async def follow_trace(
    doors: Here, _: Looking, request: Request, trace_id: str, after: After = 0, everything: bool = False
) -> StreamingResponse:
    """The same frames as the WebSocket's, as server-sent events. `Last-Event-ID` goes on where a stream broke off."""
    last = request.headers.get("last-event-id", "")
    if last and not (last.isascii() and last.isdigit() and len(last) < 17):
        raise BadInput(f"Last-Event-ID {last!r} is no position")
    run_id = await doors.front.run_of_trace(trace_id)
    frames = _sse(request, run_id, int(last) if last else after, everything)
    return StreamingResponse(
        frames, media_type="text/event-stream", headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )


async def _sse(request: Request, run_id: str, after: int, everything: bool) -> AsyncIterator[str]:
    queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)
    right = _Right(request)

    async def read() -> None:
        async for burst in doors_of(request).live.watch(run_id, after, everything=everything):
            told = (f"id: {one.position}\nevent: {one.kind}\ndata: {one.body}\n\n" for one in burst.frames)
            await queue.put("".join(told))
        await queue.put(None)

    loop = asyncio.get_running_loop()
    reading, looked = asyncio.ensure_future(read()), loop.time()
    try:
        while True:
            line: str | None = ": alive\n\n"
            with contextlib.suppress(TimeoutError):
                line = await asyncio.wait_for(queue.get(), min(ALIVE_S, LOOK_S))
            if loop.time() - looked >= LOOK_S:
                await looker(request)
                looked = loop.time()
            if line is None or (reading.done() and queue.empty() and line.startswith(":")):
                return
            await right.look()
            yield line
    except CugaError:
        return  # who may not watch any more comes again, and is told why
    finally:
        reading.cancel()


@sockets.websocket("/ws/traces/{trace_id}")
async def watch_trace(socket: WebSocket, trace_id: str) -> None:
    """Frames of one run: event, budget, approval, end, resync; each with its position. With `batch` arrays of them."""
    doors = doors_of(socket)
    try:
        await looker(socket)
        run_id = await doors.front.run_of_trace(trace_id)
        after = _number(socket.query_params.get("after", "0"))
    except CugaError as error:
        await _turn_away(socket, error)
        return
    everything, batch = _is_wanted(socket, "everything"), _is_wanted(socket, "batch")
    right = _Right(socket)
    await socket.accept()

    async def send() -> None:
        async for burst in doors.live.watch(run_id, after, everything=everything):
            await right.look()
            await _send(socket, (burst.body,) if batch else [frame.body for frame in burst.frames])
        await socket.close(1000)

    await _serve(socket, send)


@sockets.websocket("/ws/house")
async def watch_house(socket: WebSocket) -> None:
    """Hints of what to read again: inbox, run (with its id; none: many), house. With `batch` arrays of them."""
    doors = doors_of(socket)
    try:
        await looker(socket)
    except CugaError as error:
        await _turn_away(socket, error)
        return
    batch = _is_wanted(socket, "batch")
    right = _Right(socket)
    await socket.accept()

    async def send() -> None:
        with doors.live.hints() as hints:
            while True:
                told = await hints.take()
                await right.look()
                await _send(socket, (told.joined,) if batch else told.bodies)
                if told.is_end:
                    await socket.close(1001)
                    return

    await _serve(socket, send)


def _is_wanted(socket: WebSocket, name: str) -> bool:
    return socket.query_params.get(name, "") in ("1", "true")


async def _send(socket: WebSocket, bodies: Sequence[str]) -> None:
    async with asyncio.timeout(SEND_S):
        for body in bodies:
            await socket.send_text(body)


async def _serve(socket: WebSocket, send: Callable[[], Awaitable[None]]) -> None:
    """Send until there is no more, the other side goes, or it may not watch any more."""
    tasks = {asyncio.ensure_future(work) for work in (send(), _listen(socket), _look_again(socket))}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for gone in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(gone, CugaError):
                with contextlib.suppress(RuntimeError):
                    await socket.close(1008, gone.code)


async def _listen(socket: WebSocket) -> None:
    """What the other side sends changes nothing; a ping is answered."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, KeyError):
        while True:
            said = await socket.receive_text()
            if said in ("ping", '{"type":"ping"}'):
                await socket.send_text('{"kind":"pong"}')
            elif said in ("close", '{"type":"close"}'):
                await socket.close(1000)
                return


async def _look_again(socket: WebSocket) -> None:
    """A session that is over, or a role that was taken away, ends the watching."""
    while True:
        await asyncio.sleep(LOOK_S)
        await looker(socket)


async def _turn_away(socket: WebSocket, error: CugaError) -> None:
    await socket.send_denial_response(refused(error))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise BadInput(f"after={text!r} is no position")
    return int(text)

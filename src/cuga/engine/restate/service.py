"""What Restate calls: a virtual object with a handler that is exclusive for each run.

The handler holds no truth and makes no call by itself: it has the run attended to, and says when that is over. Whatever
Restate does again therefore only looks again. It is served from a thread with a loop of its own, for the SDK takes the
signal handlers of the loop that it is served from.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from hypercorn.asyncio import serve
from hypercorn.config import Config

import restate
from cuga.errors import BadInput

HANDLER = "advance"
PATIENCE = timedelta(days=1)  # how long a handler may say nothing; then it is called anew
KEPT = timedelta(hours=1)  # how long Restate knows a wake again that it has had already
GRACE_S = 1.0  # for answers on their way when the service ends
AGAIN_S = 1.0  # the longest wait before a handler that failed is called again
NEVER = 2**31 - 1  # attempts after which Restate would give a run up

Attend = Callable[[str], Awaitable[None]]

for name in ("restate", "hypercorn.error"):
    logging.getLogger(name).addHandler(logging.NullHandler())


class Service:
    """Listens, and has each run attended to on the loop that made it. `attend` raises: Restate calls again, soon."""

    def __init__(self, name: str, attend: Attend, *, is_shared: bool) -> None:
        self.name = name
        self._attend = attend
        self._is_shared = is_shared  # several processes of this machine may listen at one address
        self._home = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="cuga-restate", daemon=True)

    def listen(self, host: str, port: int) -> None:
        """Begin to listen. `BadInput`: somebody else does already."""
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._is_shared:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise BadInput(
                f"nothing can listen for Restate at {host}:{port}: {error.strerror or error}",
                mend="Name a free address of this machine in CUGA_RESTATE_LISTEN.",
            ) from error
        self._thread.start()

    async def end(self) -> None:
        """Listen no more; answers that are on their way still go out."""
        if self._loop is not None and self._ended is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, GRACE_S + 2.0)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except ExceptionGroup:
            if self._ended is None or not self._ended.is_set():
                raise  # else the server's tasks stumbled over each other while they were cut off

    async def _serve(self) -> None:
        assert self._socket is not None
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        config = Config()
        config.bind = [f"fd://{self._socket.detach()}"]
        config.loglevel = "CRITICAL"
        config.graceful_timeout = GRACE_S
        config.h2_max_concurrent_streams = 1000
        await serve(restate.app([self._object()]), config, shutdown_trigger=self._ended.wait)

    def _object(self) -> restate.VirtualObject:
        run = restate.VirtualObject(
            self.name,
            inactivity_timeout=PATIENCE,
            abort_timeout=PATIENCE,
            journal_retention=timedelta(0),
            idempotency_retention=KEPT,
            invocation_retry_policy=restate.InvocationRetryPolicy(
                initial_interval=timedelta(milliseconds=50),
                exponentiation_factor=2.0,
                max_interval=timedelta(seconds=AGAIN_S),
                max_attempts=NEVER,
            ),
        )

        @run.handler(HANDLER)
        async def advance(context: restate.ObjectContext) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._shielded(context.key()), self._home))

        return run

    async def _shielded(self, run_id: str) -> None:
        """A connection that is lost ends nothing: who calls again finds the run being attended to."""
        await asyncio.shield(asyncio.ensure_future(self._attend(run_id)))

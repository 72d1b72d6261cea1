"""A server on the loopback interface that answers in bytes, as badly as a test wants, and counts what arrived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

RESET = b"reset"  # instead of an answer: the connection is cut hard after the request was read


@dataclass
class Arrived:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answers = Callable[[Arrived], "bytes | Awaitable[bytes] | AsyncIterator[bytes]"]


def reply(status: int = 200, body: bytes | str = b"", **headers: str) -> bytes:
    """An answer in bytes; header names are written with underscores."""
    content = body.encode() if isinstance(body, str) else body
    said = {"content-length": str(len(content)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status} Word", *(f"{name}: {value}" for name, value in said.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode() + content


def json_reply(value: Any) -> bytes:
    return reply(200, json.dumps(value), content_type="application/json")


@dataclass
class Loopback:
    """Use with `async with`. `answers` is asked for each request."""

    answers: Answers
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def inside(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Loopback:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            method, target, _ = first.split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.arrived.append(request := Arrived(method, target, headers, body))
            answer = self.answers(request)
            if isinstance(answer, AsyncIterator):
                async for piece in answer:
                    writer.write(piece)
                    await writer.drain()
                return
            answer = answer if isinstance(answer, bytes) else await answer
            if answer is RESET:
                writer.transport.abort()
                return
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

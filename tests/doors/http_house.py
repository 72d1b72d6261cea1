"""A house in memory with its doors open, and people and programs who knock at them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec

from cuga.api.app import create_app
from cuga.api.auth import COOKIE
from cuga.api.doors import Address, Doors
from cuga.api.live import Live
from cuga.api.rates import Rates
from cuga.model import house_event as h
from cuga.orchestrator.coordinator import Coordinator
from cuga.tools import ToolContext, tool

ORIGIN = "http://127.0.0.1:8080"
PEOPLE = {"ann": ("operator",), "bob": ("approver",), "cid": ("approver",), "vic": ("viewer",), "eve": ("admin",)}
PASSWORD = "four unrelated words here"


class World:
    """What the tools of a test do outside, counted."""

    def __init__(self) -> None:
        self.effects: list[str] = []

    def tools(self) -> tuple[Any, ...]:
        effects = self.effects

        @tool(domain="intelligence", side_effect="read-only", cost=0.1, purpose="reads a number")
        async def read_number(context: ToolContext, number: int = 1) -> dict[str, int]:
            return {"number": number}

        @tool(domain="engagement", side_effect="propose", cost=0.1, purpose="keeps a text inside")
        async def keep_text(context: ToolContext, text: str) -> dict[str, str]:
            return {"text": text}

        @tool(domain="engagement", side_effect="execute", cost=0.1, purpose="posts outside")
        async def post(context: ToolContext, to: str, text: str = "") -> dict[str, str]:
            effects.append(to)
            return {"posted_to": to}

        return (read_number, keep_text, post)


def unlimited() -> Rates:
    """Rates that no test reaches."""
    many = "1000000/second"
    return Rates(logins=many, logins_of_one=many, starts=many, checkpoints=many)


class Client:
    """Somebody who knocks: a browser with a session, or a program with a key."""

    def __init__(self, app: Any, *, token: str = "", key: str = "", base: str = ORIGIN) -> None:
        headers = {"Origin": ORIGIN} if token else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False) if app is not None else None
        self.http = httpx2.AsyncClient(
            transport=transport, base_url=base, headers=headers, cookies={COOKIE: token} if token else {}, timeout=30
        )

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.http.get(path, params=params)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, json={} if body is None else body, headers=named)

    async def delete(self, path: str) -> httpx2.Response:
        return await self.http.delete(path)

    async def run(self, *steps: tuple[str, dict[str, Any]], profile: str = "enterprise") -> dict[str, Any]:
        """Run steps that are written down, to an end or a park."""
        plan = [{"tool": name, "input": given} for name, given in steps]
        answer = await self.post("/api/agents/execute", {"goal": "do it", "steps": plan, "profile": profile})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def card(self, run_id: str) -> dict[str, Any]:
        """The first open request of a run."""
        return dict((await self.get("/api/approvals", run_id=run_id)).json()["items"][0])


class Served:
    """The house, its world, and who may come."""

    def __init__(self, doors: Doors, app: Any, world: World) -> None:
        self.doors = doors
        self.front = doors.front
        self.app = app
        self.world = world

    def nobody(self) -> Client:
        """Somebody whom nobody knows, at our own page."""
        client = Client(self.app)
        client.http.headers["Origin"] = ORIGIN
        return client

    def browser(self, user: str) -> Client:
        """A person who has just signed in."""
        return Client(self.app, token=self.doors.credentials.begin_session(user, "password"))

    async def program(self, user: str, *scopes: str) -> Client:
        """A program with a key of somebody's."""
        by = await self.front.principal(user)
        return Client(self.app, key=(await self.front.make_key(scopes, by=by)).text)


@contextlib.asynccontextmanager
async def house(
    *, several: bool = True, sample: bool = False, has_tools: bool = True, **options: Any
) -> AsyncIterator[Served]:
    """A house with its doors open; of several people, or of one. Its own tools are counted, unless it has none."""
    world = World()
    async with Coordinator(tools=world.tools() if has_tools else (), user="eve", **options) as front:
        if several:
            for user, roles in PEOPLE.items():
                if user != "eve":
                    await front.change(h.UserAdded(at=front._assembly.clock.now(), user=user, roles=roles))
            for role in ("viewer", "operator", "approver"):
                await front.change(h.RoleRevoked(at=front._assembly.clock.now(), user="eve", role=role))
        if sample:
            await front.fill_with_sample()
        assembly = await front.open()
        assembly.served_at = ORIGIN
        doors = Doors(
            front=front,
            credentials=assembly.credentials(),
            live=Live(front),
            address=Address(host="127.0.0.1", port=8080),
            rates=unlimited(),
        )
        await doors.live.open()
        try:
            yield Served(doors, create_app(doors), world)
        finally:
            await doors.live.close()


def problem(answer: httpx2.Response) -> dict[str, Any]:
    """The problem that an answer tells of, with everything that belongs to one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = msgspec.json.decode(answer.content)
    assert told["status"] == answer.status_code
    assert told.keys() == {"type", "title", "status", "detail", "code", "mend", "facts"}
    return dict(told)

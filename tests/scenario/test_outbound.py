"""Calls that leave through the one client: a run knows what became of them, and effects are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.outbound.loopback import RESET, Arrived, Loopback, reply
from tests.unit.outbound.test_client import nobody_listens

from cuga.model.event import Status, ToolCallError
from cuga.orchestrator import Coordinator, ExecutionResult, Plan, PlanStep
from cuga.outbound import Egress, SafeClient
from cuga.tools import ToolContext, tool


def poster(url: str, inside: str, *, keyed: bool) -> Callable[..., Any]:
    """A tool that posts to an address through the client, one attempt per call."""
    client = SafeClient(Egress(inside=(inside,), plain=True), attempts=1)

    @tool(
        domain="engagement",
        side_effect="execute",
        cost=1.0,
        purpose="posts a note",
        repeatable="key" if keyed else "none",
    )
    async def post_note(context: ToolContext, text: str) -> str:
        return (await client.post(url, json={"text": text}, key=context.key if keyed else "")).text()

    return post_note


def house_that_posts(server: Loopback, *, keyed: bool) -> Coordinator:
    """A house in memory whose one tool posts to a server."""
    return Coordinator("smb", tools=(poster(server.url, server.inside, keyed=keyed),))


async def agreed(house: Coordinator) -> ExecutionResult:
    """Run the one step, agree to it, and wait for what comes of it."""
    run = await begun(house)
    async with asyncio.timeout(20):
        return await house.wait(run)


async def begun(house: Coordinator) -> str:
    """Run the one step and agree to it."""
    waiting = await house.execute_plan(Plan(goal="post", steps=(PlanStep(tool="post_note", input={"text": "hello"}),)))
    (card,) = await house.inbox(waiting.run_id)
    await house.answer(card.approval_id, "approve", digest=card.digest)
    return waiting.run_id


async def first_error(house: Coordinator, run: str) -> ToolCallError:
    """The first call of a run that did not answer with a result."""
    async with asyncio.timeout(20):
        async for event in house.follow(run):
            if isinstance(event, ToolCallError):
                return event
    raise AssertionError("no call failed")


class Once:
    """A side that keeps what it was told under each key, and loses its first answer."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.kept: set[str] = set()

    def __call__(self, request: Arrived) -> bytes:
        self.kept.add(request.headers.get("idempotency-key", f"none-{len(self.kept)}"))
        return self.answers.pop(0) if self.answers else reply(200, "kept")


async def test_an_answer_lost_after_sending_is_a_doubt_and_nothing_is_sent_again():
    async with Loopback(side := Once(RESET)) as server, house_that_posts(server, keyed=False) as house:
        parked = await agreed(house)
        assert parked.status is Status.PARKED and "cuga resolve" in " ".join(parked.next_steps)
        assert len(server.arrived) == 1
        done = await house.resolve(parked.run_id, "s1", "happened", "it is on the other side")
        assert (await house.wait(done.run_id)).success
    assert len(server.arrived) == 1 and len(side.kept) == 1


async def test_with_a_key_the_house_sends_it_again_under_the_same_key_and_it_happened_once():
    async with Loopback(side := Once(RESET)) as server, house_that_posts(server, keyed=True) as house:
        done = await agreed(house)
        starts = [event for event in (await house.trace(done.run_id)).events if event.name == "tool_call_start"]
    assert done.success and len(starts) == len(server.arrived) == 2
    assert len(side.kept) == 1


async def test_what_was_never_sent_is_no_doubt():
    address = f"127.0.0.1:{nobody_listens()}"
    post = poster(f"http://{address}/", address, keyed=False)
    async with Coordinator("smb", tools=(post,)) as house:
        error = await first_error(house, await begun(house))
    assert (error.certainty.value, error.mode.value) == ("not_done", "system_network")


async def test_a_refusal_ends_the_step_and_gives_its_cost_back():
    async with Loopback(lambda _: reply(422)) as server, house_that_posts(server, keyed=False) as house:
        result = await agreed(house)
        cost = (await house.budget(result.run_id)).as_dict()["cost"]["used"]
    assert (result.status, cost, len(server.arrived)) == (Status.FAILED, 0.0, 1)
    assert result.failure_context["mode"] == "user_invalid_input" and "422" in result.reason


async def test_a_run_waits_as_long_as_the_other_side_asked_for():
    async with (
        Loopback(lambda _: reply(429, retry_after="3600")) as server,
        house_that_posts(server, keyed=True) as house,
    ):
        error = await first_error(house, await begun(house))
    assert error.retry_at is not None and error.retry_at >= error.at + timedelta(seconds=3600)
    assert len(server.arrived) == 1


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest/", "http://127.0.0.1:9/", "http://10.0.0.8/"])
async def test_a_private_address_is_a_refusal_by_policy_that_is_not_tried_again(place: str):
    client = SafeClient(Egress(plain=True))

    @tool(domain="knowledge", side_effect="read-only", purpose="reads a page")
    async def read_page(context: ToolContext, url: str) -> str:
        return (await client.get(url)).text()

    async with Coordinator("smb", tools=(read_page,)) as house:
        plan = Plan(goal="read", steps=(PlanStep(tool="read_page", input={"url": place}),))
        result = await house.execute_plan(plan)
        calls = (await house.budget(result.run_id)).as_dict()["total"]["used"]
    assert (result.status, calls) == (Status.FAILED, 1)
    assert result.failure_context["mode"] == "policy_security"

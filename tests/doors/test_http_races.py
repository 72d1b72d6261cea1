"""Decisions at the same time, over real HTTP: exactly one wins, everybody else is told why, effects are counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.doors.http_house import Client, Served, house, problem, unlimited

from cuga.api.serve import served
from cuga.clock import ManualClock
from cuga.model import command as c

LOST = {"approval_closed", "approval_expired", "digest_mismatch", "not_allowed", "invalid_transition"}
OVER = LOST | {"not_signed_in"}  # a request outlives a session that nobody uses


def person(opened: Served, url: str, user: str) -> Client:
    made = Client(None, token=opened.doors.credentials.begin_session(user, "password"), base=url)
    made.http.headers["Origin"] = url
    return made


async def race(opened: Served, clock: ManualClock, people: dict[str, Client], random: Random, number: int) -> None:
    """One request, and everything that could end it, at once."""
    to = f"to-{number}"
    run = await people["ann"].run(("post", {"to": to}))
    card = await people["bob"].card(run["run_id"])
    path = f"/api/approvals/{card['approval_id']}"

    def says(verdict: str, **more: Any) -> dict[str, Any]:
        return {"verdict": verdict, "digest": card["digest"], "reason": "so", **more}

    wishes = [
        *(people[name].post(path, says("approve")) for name in ("bob", "cid", "bob")),
        people["cid"].post(path, says("deny")),
        people["bob"].post(path, says("amend", changes={"text": "other"})),
        people["cid"].post(path, says("request-changes")),
        people["ann"].post(path, says("approve")),
        people["bob"].post(path, {**says("approve"), "digest": "0" * 64}),
    ]
    random.shuffle(wishes)
    expires = random.random() < 0.3

    async def expire() -> None:
        for _ in range(random.randrange(4)):
            await asyncio.sleep(0)
        clock.advance(timedelta(days=2))
        engine = (await opened.front.open()).engine
        await engine.send(run["run_id"], c.Tick(at=clock.now()))

    answers, _ = await asyncio.gather(asyncio.gather(*wishes), expire() if expires else asyncio.sleep(0))
    for answer in answers:
        if answer.status_code != 200:
            assert problem(answer)["code"] in (OVER if expires else LOST)
    card_now = await opened.front.card(card["approval_id"])
    finals = [vote.verdict for vote in card_now.votes]
    assert len(finals) == (0 if card_now.state == "expired" else 1), finals
    won = [answer for answer in answers if answer.status_code == 200]
    if card_now.state == "expired":
        assert not won
    else:
        said = {answer.request.content for answer in won}
        assert len(said) == 1 and finals[0] in said.pop().decode()
    if (await opened.front.state(run["run_id"])).end is None:
        await opened.front.cancel(run["run_id"], by=await opened.front.principal("eve"))
    await opened.front.wait(run["run_id"])
    assert opened.world.effects.count(to) == (finals == ["approve"])


async def races(many: int, seed: int) -> None:
    clock = ManualClock()
    async with house(clock=clock) as opened, served(opened.front, port=0) as doors:
        opened.doors = doors
        doors.rates = unlimited()  # one person begins more runs here than a person would in a day
        random = Random(seed)
        for number in range(many):
            people = {name: person(opened, doors.address.url, name) for name in ("ann", "bob", "cid")}
            await race(opened, clock, people, random, number)
            await asyncio.gather(*(one.http.aclose() for one in people.values()))
        assert await opened.front.verify() == []


async def test_exactly_one_decision_wins_whatever_comes_at_the_same_time():
    await races(40, seed=1)


@pytest.mark.soak
async def test_exactly_one_decision_wins_ten_thousand_times():
    await races(10_000, seed=2)

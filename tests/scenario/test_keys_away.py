"""A result whose keys cannot be had is kept and said: the call is done, and somebody has to look."""

from __future__ import annotations

import asyncio

from tests.scenario.test_privacy import furnished

from cuga.engine import hands
from cuga.errors import JournalFailed
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.place import make
from cuga.orchestrator.operating.watching import watch
from cuga.tools.declare import tool


@tool(domain="engagement", side_effect="read-only")
def long_read() -> str:
    """Answers with much."""
    return "x" * 20_000


async def test_a_result_that_waits_for_its_keys_is_said_while_it_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(hands, "RETRY_S", 0.05)
    async with Coordinator("smb", house=make(tmp_path / "house").root, user="sam", tools=[long_read]) as front:
        assembly = await furnished(front)
        sealed, is_away = assembly.journal.sealed, True

        async def away(run_id, body):
            if is_away:
                raise JournalFailed("the keys of personal data: connection refused")
            return await sealed(run_id, body)

        monkeypatch.setattr(assembly.journal, "sealed", away)
        run_id = await front.start("read much", plan=Plan(goal="read much", steps=(PlanStep(tool="long_read"),)))
        async with asyncio.timeout(10):
            while not assembly.engine.without_keys:
                await asyncio.sleep(0.02)
        (found,) = [one for one in await front.doctor() if one.what == "keys"]
        assert found.state == "broken" and "connection refused" in found.found and run_id in found.found and found.mend
        assert (await watch(assembly)).without_keys == 1
        is_away = False
        assert (await front.wait(run_id)).status.value == "success"
        assert not [one for one in await front.doctor() if one.what == "keys"]
        assert (await watch(assembly)).without_keys == 0 and not assembly.engine.without_keys

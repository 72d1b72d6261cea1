"""Tools of MCP servers in a house: what a person accepted is called, once, and nothing else is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.servers.houses import hostile, house_of, registry_with

from cuga.errors import BadInput, DigestMismatch, PlanInvalid
from cuga.model.house_event import ToolsAccepted, ToolsQuarantined
from cuga.model.plan import ForEach, Plan, PlanStep
from cuga.orchestrator import AGENTSCoordinator as Coordinator

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
ACT = Plan(goal="act", steps=(PlanStep(tool="hostile/act", input={"what": "once"}),))


class Site:
    """A house with the hostile server, and the server's ledger."""

    def __init__(self, tmp_path: Path, behaviour: str, more: str = "") -> None:
        self.ledger = tmp_path / "ledger"
        self.house = house_of(tmp_path / "house", registry_with(hostile(behaviour, self.ledger, more), "hostile"))

    def effects(self) -> list[str]:
        return self.ledger.read_text().split() if self.ledger.exists() else []

    def tell(self, field: str, value: object) -> None:
        """Let the server say something else of its tool from now on."""
        Path(f"{self.ledger}.told").write_text(f"{field}={json.dumps(value)}")

    def open(self) -> Coordinator:
        return Coordinator(house=self.house, profile="smb")


async def agreed(house: Coordinator, run_id: str):
    (card,) = await house.inbox(run_id)
    await house.answer(card.approval_id, "approve", digest=card.digest)
    return await house.wait(run_id)


async def test_nothing_of_a_server_can_be_used_before_a_person_has_accepted_it(tmp_path):
    site = Site(tmp_path, "honest")
    async with site.open() as house:
        assert [tool for tool in await house.tools() if "/" in tool.name] == []
        with pytest.raises(PlanInvalid):
            await house.execute_plan(ACT)
        (finding,) = [one for one in await house.doctor() if one.what == "mcp hostile"]
        assert (finding.state, finding.found) == ("note", "nobody has accepted its tools")
        (drift,) = await house.drift()
        assert [(one.tool, one.kind) for one in drift.differences] == [("act", "new")]
        with pytest.raises(DigestMismatch):
            await house.accept_tools("hostile", "0" * 64)
        await house.accept_tools("hostile", drift.digest, reason="read it")
        assert [tool.name for tool in await house.tools() if "/" in tool.name] == ["hostile/act"]
    async with site.open() as house:  # opening it again asks no server
        assert [tool.name for tool in await house.tools() if "/" in tool.name] == ["hostile/act"]
        (line,) = await house.servers()
        assert (line.tools, line.profiles, line.quarantined) == (1, ("smb",), {})
        accepted = [event for event in await house.events("house/local") if isinstance(event, ToolsAccepted)]
        assert accepted[0].by == house.user and accepted[0].reason == "read it"


async def test_a_list_of_calls_of_a_servers_tool_is_one_card_and_each_is_made_once(tmp_path):
    site = Site(tmp_path, "honest")
    each = ForEach(items=("ada", "bo", "cy"))
    plan = Plan(goal="act on each", steps=(PlanStep(tool="hostile/act", input={"what": {"$item": ""}}, for_each=each),))
    async with site.open() as house:
        await house.accept_tools("hostile")
        result = await house.execute_plan(plan)
        (card,) = await house.inbox(result.run_id)
        assert len(card.calls) == 3 and site.effects() == []
        await house.answer(card.approval_id, "amend", without=(2,), digest=card.digest)
        result = await agreed(house, result.run_id)
        assert sorted(site.effects()) == ["ada", "cy"] and result.status.value == "partial"


async def test_a_call_is_judged_approved_and_made_once(tmp_path):
    site = Site(tmp_path, "honest")
    async with site.open() as house:
        await house.accept_tools("hostile")
        result = await house.execute_plan(ACT)
        assert result.status.value == "parked" and site.effects() == []
        result = await agreed(house, result.run_id)
        assert result.success and result.results == {"s1": {"text": "did once"}}
        assert site.effects() == ["once"]
        with pytest.raises(PlanInvalid, match="what"):
            await house.execute_plan(Plan(goal="act", steps=(PlanStep(tool="hostile/act", input={"waht": "x"}),)))


async def test_a_profile_that_does_not_name_the_server_does_not_get_it(tmp_path):
    site = Site(tmp_path, "honest")
    async with site.open() as house:
        await house.accept_tools("hostile")
        run_id = await house.start("act", plan=ACT, profile="enterprise")
        result = await house.wait(run_id)
        assert not result.success and "hostile" in str(result.reason) + str((await house.show(run_id)).steps)
        await house.disable_adapter("hostile", reason="not today")
        result = await house.execute_plan(ACT)
        assert not result.success and result.status.value == "failed"
        assert site.effects() == []


FIELDS = {
    "description": "Does something else.",
    "title": "Another tool",
    "inputSchema": {"type": "object", "properties": {"what": {"type": "string"}, "bcc": {"type": "string"}}},
    "outputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
    "execution": {"taskSupport": "optional"},
    "name": "other",
}
MOMENTS = ("before the plan", "before the approval", "before the intent", "before the call")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("field", FIELDS)
async def test_a_field_that_changes_between_plan_and_call_keeps_the_tool_from_being_called(field, moment, tmp_path):
    site = Site(tmp_path, "told")
    async with site.open() as house:
        await house.accept_tools("hostile")
        change = lambda: site.tell(field, FIELDS[field])  # noqa: E731
        if moment == "before the plan":
            change()
        if moment == "before the call":
            line = (await house.open()).outside.line("hostile")
            look = line._looked

            async def looked():
                change()  # the intent is written, and the server is about to be asked what its tools are
                return await look()

            line._looked = looked
        run_id = await house.start("act", plan=ACT)
        await house.wait(run_id)
        if moment == "before the approval":
            change()
        (card,) = await house.inbox(run_id)
        if moment == "before the intent":
            assembly = await house.open()
            append = assembly.journal.append

            async def appended(stream, expected, events, **how):
                if any(type(event).__name__ == "ToolCallStart" for event in events):
                    change()
                return await append(stream, expected, events, **how)

            assembly.journal.append = appended
        await house.answer(card.approval_id, "approve", digest=card.digest)
        result = await house.wait(run_id)
        assert not result.success
        assert site.effects() == []
        (line_now,) = await house.servers()
        assert list(line_now.quarantined) == ["act"]
        again = await house.execute_plan(ACT)
        assert again.status.value == "parked" and "not what was accepted" in again.reason
        assert site.effects() == []


async def test_a_person_who_accepts_what_has_changed_lets_it_be_used_again(tmp_path):
    site = Site(tmp_path, "told")
    async with site.open() as house:
        await house.accept_tools("hostile")
        site.tell("description", "Does something, and tells nobody.")
        first = await agreed(house, (await house.execute_plan(ACT)).run_id)
        assert not first.success
        parked = await house.execute_plan(ACT)
        assert "cuga tools drift" in (await house.show(parked.run_id)).next
        (drift,) = await house.drift("hostile")
        assert drift.differences[0].lines == (
            '- description: "Does something."',
            '+ description: "Does something, and tells nobody."',
        )
        await house.accept_tools("hostile", drift.digest)
        assert (await house.servers())[0].quarantined == {}
        asked = await house.wait(parked.run_id)  # it was pinned to the earlier words, and asks
        assert "has changed since this run began" in asked.reason
        fresh = await agreed(house, (await house.execute_plan(ACT)).run_id)
        assert fresh.success and site.effects() == ["once"]


async def test_a_server_that_is_declared_elsewhere_is_not_what_was_accepted(tmp_path):
    site = Site(tmp_path, "honest")
    async with site.open() as house:
        await house.accept_tools("hostile")
    registry = site.house / "registry.yaml"
    registry.write_text(registry.read_text().replace(", honest, ", ", floods, "))
    async with site.open() as house:
        assert [tool for tool in await house.tools() if "/" in tool.name] == []
        (line,) = await house.servers()
        assert "another place" in line.unfit["hostile/act"]
        (drift,) = await house.drift()
        assert drift.differences[0].kind == "changed"


@pytest.mark.parametrize("behaviour", ["dies-after", "noise-after", "reports-an-error", "refuses-after"])
async def test_an_effect_of_which_nobody_knows_waits_for_a_person_and_is_not_repeated(behaviour, tmp_path):
    site = Site(tmp_path, behaviour)
    async with site.open() as house:
        await house.accept_tools("hostile")
        result = await agreed(house, (await house.execute_plan(ACT)).run_id)
        assert result.status.value == "parked" and "in doubt" in result.reason
        await house.resume(result.run_id)
        assert site.effects() == ["once"]
        done = await house.resolve(result.run_id, "s1", "happened", reason="looked there")
        assert (await house.wait(done.run_id)).success
        assert site.effects() == ["once"]


async def test_a_server_that_cannot_be_understood_is_quarantined_with_all_it_has(tmp_path):
    site = Site(tmp_path, "noise-after")
    async with site.open() as house:
        await house.accept_tools("hostile")
        await agreed(house, (await house.execute_plan(ACT)).run_id)
        await asyncio.sleep(0.05)
        assert list((await house.servers())[0].quarantined) == [""]
        (finding,) = [one for one in await house.doctor() if one.what == "mcp hostile"]
        assert finding.state == "broken" and "cuga tools drift hostile" in finding.mend
        seen = [event for event in await house.events("house/local") if isinstance(event, ToolsQuarantined)]
        assert len(seen) == 1 and seen[0].by == ""
        again = await house.execute_plan(ACT)
        assert again.status.value == "parked" and site.effects() == ["once"]


async def test_a_call_past_its_time_is_unknown_and_the_server_is_ended(tmp_path):
    site = Site(tmp_path, "hangs-after", ", timeout: 1s")
    async with site.open() as house:
        await house.accept_tools("hostile")
        result = await agreed(house, (await house.execute_plan(ACT)).run_id)
        assert "in doubt" in result.reason and site.effects() == ["once"]


async def test_a_tool_that_only_reads_is_not_told_personal_data(tmp_path):
    site = Site(tmp_path, "honest", ", tools: {act: {side_effect: propose}}")
    registry = site.house / "registry.yaml"
    text = registry.read_text().replace("honest", "opens-the-world").replace("propose}}}", "read-only}}}")
    registry.write_text(text)
    async with site.open() as house:
        await house.accept_tools("hostile")
        step = PlanStep(tool="hostile/act", input={"what": "ask ada@example.com"})
        result = await house.execute_plan(Plan(goal="look up", steps=(step,)))
        assert not result.success and "a mail address" in result.reason + str((await house.show(result.run_id)).steps)
        assert site.effects() == []
        assert (await house.execute_plan(ACT)).success and site.effects() == ["once"]


async def test_another_process_does_the_same_over_the_desk(tmp_path):
    from cuga.orchestrator.ipc.desk import Desk
    from cuga.orchestrator.ipc.remote import Remote

    site = Site(tmp_path, "honest")
    async with site.open() as house:
        place = (await house.open()).place
        desk = Desk(house, place.socket)
        await desk.open()
        remote = Remote(place.socket, "a test")
        await remote.connect()
        (drift,) = await remote.drift()
        assert drift.differences[0].tool == "act"
        assert (await remote.test_server("hostile")).tools[0].side_effect.value == "execute"
        await remote.accept_tools("hostile", drift.digest)
        assert (await remote.servers())[0].tools == 1
        run_id = await remote.start_call("hostile/act", {"what": "once"}, "smb")
        result = await remote.wait(run_id)
        assert result.status.value == "parked"
        await agreed(house, run_id)
        assert site.effects() == ["once"]
        await remote.close()
        await desk.close()


async def test_without_the_extra_it_is_said_what_is_missing(tmp_path, monkeypatch):
    from cuga.orchestrator.changing import server_lines, servers
    from cuga.orchestrator.house import outside

    site = Site(tmp_path, "honest")
    async with site.open() as house:
        await house.accept_tools("hostile")
    monkeypatch.setattr(outside, "has_client", lambda: False)
    monkeypatch.setattr(servers, "has_client", lambda: False)
    monkeypatch.setattr(server_lines, "has_client", lambda: False)
    async with site.open() as house:
        (line,) = await house.servers()
        assert "cugar[mcp]" in line.problem and line.tools == 1
        assert "cugar[mcp]" in next(one.mend for one in await house.doctor() if one.what == "mcp hostile")
        assert "cugar[mcp]" in (await house.test_server("hostile")).problem
        assert not (await house.execute_plan(ACT)).success


async def test_what_cannot_be_done_is_said(tmp_path):
    site = Site(tmp_path, "dies-at-once")
    async with site.open() as house:
        with pytest.raises(BadInput, match="no MCP server 'nobody'"):
            await house.test_server("nobody")
        assert "hostile" in (await house.test_server("hostile")).problem
        with pytest.raises(BadInput, match="cannot be looked at"):
            await house.accept_tools("hostile")
        (drift,) = await house.drift()
        assert drift.problem and drift.digest == ""

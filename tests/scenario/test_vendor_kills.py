"""A house killed around the change of a vendor's record or the handing in of a mail: once, or parked; counted there."""

from __future__ import annotations

import asyncio
import signal

import pytest
from tests.scenario.test_outside_kills import process
from tests.servers.fake_crm import FakeCrm, HubSpotDialect, PipedriveDialect, World
from tests.servers.houses import house_of, registry_with
from tests.servers.mail_sink import Sink

from cuga.orchestrator import AGENTSCoordinator as Coordinator

pytestmark = pytest.mark.kills
CHANGE = {"opportunity": "301", "amount": "5000", "was": {"amount": "4200.5"}}
ACTIVITY = {"opportunity": "301", "kind": "call", "text": "They want it in blue", "happened": "2026-11-20"}
POINTS = {
    "append.before/approval_received": 0,
    "append.after/approval_received": 0,
    "begin.after": 0,
    "ask.before": 0,
    "ask.after": 1,
    "follow.after": 1,
    "append.before/tool_call_complete": 1,
}  # point -> effects at the death


CASES = {"change": (HubSpotDialect, "update_opportunity", CHANGE), "add": (PipedriveDialect, "log_activity", ACTIVITY)}
QUICK = {("change", "begin.after"), ("change", "ask.after"), ("add", "ask.after"), "sending.after", "ask.after"}


def grid(*names: object) -> list[object]:
    """Every case; those that tell most in every run of the tests, all of them in the long one."""
    return [pytest.param(*(name if isinstance(name, tuple) else (name,)), id="-".join(name) if isinstance(name, tuple)
            else name, marks=() if name in QUICK else pytest.mark.soak) for name in names]  # fmt: skip


@pytest.mark.parametrize(("case", "point"), grid(*((case, point) for case in CASES for point in POINTS)))
async def test_a_death_around_a_vendors_record_leaves_one_effect(case, point, tmp_path):
    dialect, tool, arguments = CASES[case]
    name = "hubspot" if dialect is HubSpotDialect else "pipedrive"
    with FakeCrm(dialect, World.small(1)) as crm:
        house = house_of(tmp_path / "house", registry_with(""))
        said = {
            f"CUGA_{name.upper()}_TOKEN": "token-1", f"CUGA_{name.upper()}_URL": crm.url,
            "CUGA_INSIDE": ",".join(crm.inside),
        }  # fmt: skip
        (house / ".env").write_text("".join(f"{key}={value}\n" for key, value in said.items() if key != "CUGA_INSIDE"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUGA_INSIDE", said["CUGA_INSIDE"])
            async with Coordinator(house=house) as opened:
                for kind in ("accounts", "opportunities"):
                    await opened.sync(name, kind)
        code, out, errors = await process(house, tool, arguments, point, **said)
        assert code == -signal.SIGKILL, out + errors
        assert len(crm.world.writes) == POINTS[point]
        code, out, errors = await process(house, tool, arguments, **said)
        assert code == 0 and out.startswith("success"), out + errors
        assert len(crm.world.writes) == 1
    async with Coordinator(house=house) as opened:
        assert await opened.verify() == []


MAIL_POINTS = {
    "append.after/approval_received": (0, 1),
    "sending.after": (0, 0),
    "ask.after": (1, 1),
    "sent.after": (1, 1),
    "append.before/tool_call_complete": (1, 1),
}  # point -> mails at the death, mails in the end


@pytest.mark.parametrize("point", grid(*MAIL_POINTS))
async def test_a_death_around_a_mail_sends_no_second_one_and_parks_what_nobody_knows(point, tmp_path):
    at_death, in_the_end = MAIL_POINTS[point]
    message = {
        "channel": "email", "recipient": "ada@isdom.example", "subject": "Ovens that fit", "intent": "draft-1",
        "body": "Hello Ada,\n\nshall we talk?\n\nNora\n", "message_id": "m1",
    }  # fmt: skip
    registry = registry_with("", "smtp").replace("offline, smtp]", "smtp, offline]")
    with Sink() as sink:
        said = {"CUGA_MAIL_SERVER": sink.url, "CUGA_MAIL_FROM": "nora@birch.example", "CUGA_INSIDE": "127.0.0.1"}
        house = house_of(tmp_path / "house", registry)
        code, out, errors = await process(house, "send_message", {"message": message}, point, **said)
        assert code == -signal.SIGKILL, out + errors
        await asyncio.sleep(0)
        assert len(sink.taken) == at_death
        code, out, errors = await process(house, "send_message", {"message": message}, **said)
        assert code == 0, errors
        is_open = point in ("sending.after", "ask.after")
        assert ("in doubt" in out) if is_open else out.startswith("success"), out
        assert len(sink.taken) == in_the_end

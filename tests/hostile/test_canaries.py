"""A secret that the house knows, put wherever a text can be put: it is in nothing that stays or is handed on."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from cuga.errors import NotDone
from cuga.model.context import Principal
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.orchestrator.keeping.evidence.gathering import Scope
from cuga.settings import Settings
from cuga.tools import ToolContext, tool

CANARY = 'c4nary"\\/ü-9F2k7Qx'  # with what JSON, addresses and shells would each write in their own way
KEY = "sk-live-4f9Q8zX7w2LmN0pR"
FORMS = {
    form
    for secret in (CANARY, KEY)
    for form in (
        secret.encode(),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        quote(secret, safe="").encode(),
    )
}
BOTH = f"before {CANARY} between {KEY} after"


@tool(domain="intelligence", side_effect="read-only", cost=0.1, purpose="tells what it was told")
async def tell(context: ToolContext, text: str = "", more: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"text": BOTH, BOTH: 1, "list": [BOTH, {"deep": BOTH}], "told": text, "more": more, "password": BOTH}


@tool(domain="intelligence", side_effect="read-only", cost=0.1, purpose="fails with what it was told")
async def fail(context: ToolContext, text: str = "") -> dict[str, str]:
    logging.getLogger("cuga.tools").warning("it fails with %s", text)
    raise NotDone(f"it failed with {BOTH}")


@tool(domain="intelligence", side_effect="read-only", cost=0.1, purpose="breaks with what it was told")
async def crash(context: ToolContext, text: str = "") -> dict[str, str]:
    raise RuntimeError(f"it broke with {BOTH}")


@tool(domain="engagement", side_effect="execute", cost=0.1, purpose="posts", effect_key=("post", "/to"))
async def post(context: ToolContext, to: str, text: str = "") -> dict[str, str]:
    return {"posted_to": to, "receipt": BOTH}


def hits(name: str, body: bytes) -> list[str]:
    return [f"{name}: {form!r}" for form in FORMS if form in body]


async def live(house: Coordinator) -> tuple[str, list[bytes]]:
    """A run with the secret in its goal, inputs, reasons and answers; its id and what was said of it on the way."""
    bob = Principal(id="bob", roles=("approver",))
    steps = (
        PlanStep(tool="tell", input={"text": BOTH, "more": {BOTH: [BOTH], "api_key": KEY}}, reason=BOTH),
        PlanStep(tool="fail", input={"text": BOTH}, required=False),
        PlanStep(tool="crash", input={"text": BOTH}, required=False),
        PlanStep(tool="post", input={"to": BOTH, "text": BOTH}, reason=BOTH),
        PlanStep(tool="post", input={"to": f"other {BOTH}", "text": BOTH}, required=False),
    )
    result = await house.execute_plan(Plan(goal=BOTH, steps=steps, why=(BOTH,), notes=(BOTH,)))
    said = [msgspec.json.encode(card) for card in await house.inbox(result.run_id)]
    first, second = sorted((await house.state(result.run_id)).pending)
    await house.answer(first, "approve", reason=BOTH, by=bob)
    await house.answer(second, "deny", reason=BOTH, by=bob)
    await house.wait(result.run_id)
    said += [msgspec.json.encode([event async for event in house.follow(result.run_id)])]
    return result.run_id, said


@pytest.fixture
async def lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> Any:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CUGA_SEALS", str(tmp_path / "seals"))
    place = make(tmp_path / "house")
    settings = Settings(variables={"MAIL_PASSWORD": CANARY, "CRM_API_KEY": KEY})
    tools = (tell, fail, crash, post)
    async with Coordinator(house=place.root, profile="enterprise", tools=tools, user="ann", settings=settings) as house:
        run_id, said = await live(house)
        yield house, run_id, said, place.root


async def test_it_is_in_no_file_of_the_house_and_in_no_log(lived: Any, caplog: Any) -> None:
    house, run_id, said, root = lived
    files = [path for path in root.rglob("*") if path.is_file()]
    assert any(path.name == "journal.db-wal" for path in files)  # what is not yet in the file itself is looked at too
    found = [hit for path in files for hit in hits(path.name, path.read_bytes())]
    found += [hit for at, body in enumerate(said) for hit in hits(f"said {at}", body)]
    found += hits("log", "\n".join(record.getMessage() for record in caplog.records).encode())
    assert found == []


async def test_it_is_in_nothing_that_is_handed_on(lived: Any, tmp_path: Path) -> None:
    house, run_id, _, _ = lived
    told: dict[str, bytes] = {}
    for form in ("csv", "json", "xlsx"):
        for name, body in (await house.export(run_id, form)).items():
            told[name] = body
    told["audit"] = msgspec.json.encode(await house.audit(run_id))
    told["trace"] = msgspec.json.encode(await house.trace(run_id))
    told["result"] = msgspec.json.encode(await house.result(run_id))
    told["page"] = msgspec.json.encode([row async for row in house.follow(run_id)])
    await house.evidence(Scope(run_id=run_id), str(tmp_path / "evidence.zip"))
    told["evidence"] = (tmp_path / "evidence.zip").read_bytes()
    for name, body in list(told.items()):
        if body[:2] == b"PK":
            (tmp_path / "packed").write_bytes(body)
            with zipfile.ZipFile(tmp_path / "packed") as packed:
                told |= {f"{name}/{part}": packed.read(part) for part in packed.namelist()}
    assert [hit for name, body in told.items() for hit in hits(name, body)] == []

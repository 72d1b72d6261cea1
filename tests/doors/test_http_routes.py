"""Every route of the doors, as somebody uses it: what it takes, what it gives, and what it refuses."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.doors.http_house import PASSWORD, Client, Served, house, problem
from tests.postgres import fresh_database

from cuga.api.app import create_app
from cuga.api.doors import Doors
from cuga.api.schema import describe
from cuga.clock import ManualClock
from cuga.model import house_event as h
from cuga.model.event import name_of
from cuga.model.value import encode
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.people.credentials import Credentials
from cuga.settings import read_settings

THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time
TOLD = (Path(__file__).parents[2] / "docs/reference/http.md").read_text()


@pytest.fixture
async def team() -> AsyncIterator[Served]:
    async with house() as served:
        yield served


@pytest.fixture
async def alone() -> AsyncIterator[Served]:
    async with house(several=False) as served:
        yield served


# --- the document -----------------------------------------------------------------------------------------------------
async def test_the_document_names_every_route_once_and_every_shape_that_it_refers_to(team):
    document = (await team.nobody().get("/api/openapi.json")).json()
    assert document == msgspec.json.decode(encode(describe(team.app._app)))
    names = [verb["operationId"] for path in document["paths"].values() for verb in path.values()]
    assert len(names) == len(set(names)) > 60
    shapes = document["components"]["schemas"].keys()
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', (await team.nobody().get("/api/openapi.json")).text))
    assert referred <= shapes


async def test_the_page_about_the_doors_tells_of_every_path(team):
    paths = {re.sub(r"\{\w+\}", "{}", path) for path in describe(team.app._app)["paths"]}
    told = set()
    for part in re.findall(r"(?:GET|POST|DELETE|`)?\s*`?(/[a-z][^\s`|,?]*)", TOLD):
        told.add(re.sub(r"\{\w+\}", "{}", part))
    for line in TOLD.splitlines():  # "`POST /api/runs/{run_id}/cancel`, `/resume`" tells of two
        whole = re.findall(r"`(?:GET|POST|DELETE) (/[^\s`?]+)", line)
        for short in re.findall(r"`(/[a-z-]+)(?: |`)", line):
            told |= {re.sub(r"\{\w+\}", "{}", f"{path.rpartition('/')[0]}{short}") for path in whole}
    assert paths - told == set()


# --- running ----------------------------------------------------------------------------------------------------------
async def test_a_run_is_begun_shown_and_listed(team):
    ann = team.browser("ann")
    begun = await ann.post("/api/runs", {"goal": "read number 1"})
    assert begun.status_code == 201
    run_id = begun.json()["run_id"]
    assert begun.headers["location"] == f"/api/runs/{run_id}"
    await team.front.wait(run_id)
    shown = (await ann.get(f"/api/runs/{run_id}")).json()
    assert shown["requester"] == "ann" and shown["goal"] == "read number 1"
    assert [one["run_id"] for one in (await ann.get("/api/runs")).json()["items"]] == [run_id]
    assert (await ann.get(f"/api/runs/{run_id}/plan")).json()["run_id"] == run_id
    assert (await ann.get(f"/api/runs/{run_id}/budget")).json()["total"]["scope"] == "calls"


async def test_runs_are_found_by_words_profile_status_and_person_page_by_page(team):
    ann, eve = team.browser("ann"), team.browser("eve")
    mine = [(await ann.run(("read_number", {"number": n})))["run_id"] for n in range(5)]
    await eve.run(("read_number", {}), profile="smb")
    assert len((await ann.get("/api/runs", mine=True)).json()["items"]) == 5
    assert len((await ann.get("/api/runs", profile="smb")).json()["items"]) == 1
    assert (await ann.get("/api/runs", q="nothing like it")).json() == {"items": [], "next": None}
    assert len((await ann.get("/api/runs", status="success")).json()["items"]) == 6
    seen, cursor = [], ""
    while True:
        page = (await ann.get("/api/runs", mine=True, limit=2, cursor=cursor)).json()
        seen += [one["run_id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == mine[::-1]
    assert problem(await ann.get("/api/runs", cursor="%%%"))["code"] == "bad_input"


async def test_the_same_key_begins_one_run_and_another_body_under_it_is_refused(team):
    ann = team.browser("ann")
    body = {"goal": "read number 1"}
    answers = await asyncio.gather(*(ann.post("/api/runs", body, Idempotency_Key="k") for _ in range(8)))
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    told = problem(await ann.post("/api/runs", {"goal": "another"}, Idempotency_Key="k"))
    assert (told["status"], told["code"]) == (409, "idempotency_key_reused")
    other = await team.browser("eve").post("/api/runs", {"goal": "another"}, Idempotency_Key="k")
    assert other.status_code == 201, "a key is somebody's own"
    assert len((await ann.get("/api/runs")).json()["items"]) == 2


async def test_the_same_key_begins_one_run_on_whichever_machine_it_comes(team):
    clock = team.front._assembly.clock
    there = Doors(
        front=team.front,
        credentials=Credentials(":memory:", clock),  # each machine has its own people.db
        live=team.doors.live,
        address=team.doors.address,
        rates=team.doors.rates,
    )
    app = create_app(there)
    ann = team.browser("ann")
    ann_there = Client(app, token=there.credentials.begin_session("ann", "password"))
    eve_there = Client(app, token=there.credentials.begin_session("eve", "password"))
    body = {"goal": "read number 1"}
    answers = await asyncio.gather(*(one.post("/api/runs", body, Idempotency_Key="k") for one in (ann, ann_there) * 3))
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    for path, other in (
        ("/api/runs", {"goal": "another"}),
        ("/api/runs", {**body, "budget": {"calls": 1}}),
        ("/api/plans", body),
    ):
        await ann.post(path, other, Idempotency_Key=f"first {path}")
        assert problem(await ann_there.post(path, other, Idempotency_Key="k"))["code"] == "idempotency_key_reused"
    assert (await eve_there.post("/api/runs", body, Idempotency_Key="k")).status_code == 201, "a key is somebody's own"
    told = {**body, "profile": "smb", "budget": {"calls": 3, "cost": 2_500_000}, "as_of": "2026-03-01T12:00:00+02:00"}
    both = [await one.post("/api/runs", told, Idempotency_Key="b") for one in (ann, ann_there)]
    assert [answer.status_code for answer in both] == [201, 200], both[1].text
    again = [
        await one.post("/api/runs", {"planned_in": both[0].json()["run_id"]}, Idempotency_Key="a")
        for one in (ann, ann_there)
    ]
    assert [answer.status_code for answer in again] == [201, 200], again[1].text
    planned = (await ann.post("/api/plans", body, Idempotency_Key="p")).json()["run_id"]
    assert (await ann_there.post("/api/plans", body, Idempotency_Key="p")).json()["run_id"] == planned
    steps = {"goal": "do it", "steps": [{"tool": "read_number", "input": {"number": 2}}], "profile": "enterprise"}
    ran = [(await one.post("/api/agents/execute", steps, Idempotency_Key="e")).json() for one in (ann, ann_there)]
    assert ran[0]["run_id"] == ran[1]["run_id"]


async def test_a_key_is_free_again_after_a_week(tmp_path):
    clock = ManualClock()
    async with house(clock=clock) as served:
        body = {"goal": "read number 1"}
        begun = []
        for _ in range(3):
            ann = served.browser("ann")
            begun += [(await ann.post("/api/runs", body, Idempotency_Key="k")).json()["run_id"] for _ in range(2)]
            clock.advance(timedelta(days=7))
    assert begun[::2] == begun[1::2] and len(set(begun)) == 3


async def test_a_plan_alone_runs_nothing_and_can_be_run_exactly(team):
    async with house(several=False, sample=True) as served:
        eve = served.browser("eve")
        planned = (await eve.post("/api/plans", {"goal": "Score Velkarin Foods"})).json()
        assert planned["plan"]["steps"] and planned["forecast"]["calls"] >= 1
        begun = await eve.post("/api/runs", {"planned_in": planned["run_id"]})
        await served.front.wait(begun.json()["run_id"])
        result = (await eve.get(f"/api/runs/{begun.json()['run_id']}")).json()
        assert [step["tool"] for step in result["steps"]] == [step["tool"] for step in planned["plan"]["steps"]]


async def test_a_dry_run_runs_nothing_and_can_be_begun_exactly(tmp_path):
    place = make(tmp_path / "house")
    async with house(several=False, sample=True, has_tools=False, house=place.root) as served:
        eve = served.browser("eve")
        goal = {"goal": "Draft a first email to the buyer of Velkarin Foods and send it", "profile": "smb"}
        found = (await eve.post("/api/dry-runs", goal)).json()
        assert (found["proof"]["effects"], found["trips"], len(found["cards"])) == (0, [], 1)
        assert (await eve.get("/api/runs")).json()["items"] == []
        begun = await eve.post(f"/api/dry-runs/{found['run_id']}/begin", {})
        assert (begun.status_code, begun.json()["run_id"]) == (201, found["run_id"])
        await served.front.wait(found["run_id"])
        (waiting,) = (await eve.get("/api/approvals")).json()["items"]
        assert waiting["digest"] == found["cards"][0]["digest"]
        told = (await eve.get(f"/api/runs/{found['run_id']}/rehearsed")).json()["items"]
        assert told[-1]["differs"] == []
        assert problem(await eve.post(f"/api/dry-runs/{found['run_id']}/begin", {}))["status"] == 409


async def test_quick_actions_are_listed_planned_and_run(team):
    async with house(several=False, sample=True) as served:
        eve = served.browser("eve")
        names = [one["name"] for one in (await eve.get("/api/quick")).json()["items"]]
        assert "score-prospect" in names
        planned = await eve.post(
            "/api/quick/score-prospect", {"fields": {"account": "Velkarin Foods"}, "plan_only": True}
        )
        assert (await eve.get(f"/api/runs/{planned.json()['run_id']}/plan")).json()["plan"]["steps"]
        assert problem(await eve.post("/api/quick/score-prospect", {"fields": {}}))["status"] == 422
        assert problem(await eve.post("/api/quick/nothing", {}))["status"] == 404


async def test_results_come_out_as_files_without_formulas(team):
    ann = team.browser("ann")
    run = await ann.run(("keep_text", {"text": "=HYPERLINK(1)"}), profile="smb")
    for form, media in (("json", "application/json"), ("csv", "application/zip"), ("xlsx", "application/vnd")):
        answer = await ann.get(f"/api/runs/{run['run_id']}/export", format=form)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(media)
        assert "attachment" in answer.headers["content-disposition"]


async def test_a_run_is_cancelled_by_its_owner_or_an_admin_and_by_nobody_else(team):
    ann = team.browser("ann")
    for who, status in (("bob", 403), ("vic", 403), ("ann", 200)):
        run = await ann.run(("post", {"to": "x"}))
        answer = await team.browser(who).post(f"/api/runs/{run['run_id']}/cancel", {"reason": "no"})
        assert answer.status_code == status, who
    assert answer.json()["status"] == "cancelled"
    run = await ann.run(("post", {"to": "y"}))
    assert (await team.browser("eve").post(f"/api/runs/{run['run_id']}/resume")).status_code == 200


async def test_a_top_up_and_an_answer_that_nobody_waits_for_are_refused_with_the_reason(team):
    run = await team.browser("ann").run(("post", {"to": "x"}))
    path = f"/api/runs/{run['run_id']}"
    assert problem(await team.browser("bob").post(f"{path}/top-up", {}))["code"] == "bad_input"
    assert problem(await team.browser("ann").post(f"{path}/answer", {"answer": "yes"}))["code"] == "bad_input"
    told = problem(await team.browser("ann").post(f"{path}/resolve", {"step": "s1", "answer": "again"}))
    assert told["code"] == "invalid_transition"
    assert (await team.browser("bob").post(f"{path}/top-up", {"scope": "calls", "amount": 1})).status_code == 200
    assert (await team.browser("ann").post(f"{path}/top-up", {"scope": "calls", "amount": 1})).status_code == 403


@pytest.mark.parametrize("at", ["0001-01-01T02:20:08Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
async def test_a_time_that_no_record_can_be_of_is_refused_wherever_one_is_asked_for(team, at):
    eve = team.browser("eve")
    for path in ("oversight", "signals", "signals/series", "audit"):
        for end in ("since", "until") if path != "audit" else ("since",):
            told = problem(await eve.get(f"/api/{path}", **{end: at}))
            assert told["code"] == "bad_input" and "1970" in told["mend"], path
    told = problem(await team.browser("ann").post("/api/runs", {"goal": "count the clouds", "as_of": at}))
    assert told["code"] == "bad_input"


async def test_a_top_up_that_comes_again_under_its_key_raises_once(team):
    run = await team.browser("ann").run(("post", {"to": "x"}))
    path, bob = f"/api/runs/{run['run_id']}/top-up", team.browser("bob")
    wish = {"scope": "calls", "amount": 3}
    assert problem(await team.browser("ann").post(path, wish, Idempotency_Key="k"))["code"] == "not_allowed"
    answers = await asyncio.gather(*(bob.post(path, wish, Idempotency_Key="k") for _ in range(4)))
    assert {one.status_code for one in answers} == {200} and len({one.json()["run_id"] for one in answers}) == 1
    assert problem(await bob.post(path, {**wish, "amount": 4}, Idempotency_Key="k"))["code"] == "idempotency_key_reused"
    assert (await bob.post(path, wish, Idempotency_Key="another")).status_code == 200
    raised = [one.amount for one in await team.front.events(run["run_id"]) if name_of(one) == "budget_raised"]
    assert raised == [3, 3]


async def test_a_key_answers_what_a_planner_asks_and_takes_no_changed_tool(team):
    bob, key = team.browser("bob"), await team.program("bob", "look", "steer_run")
    run = await team.browser("ann").run(("keep_text", {"text": "x"}))
    assembly = await team.front.open()
    digests = {**assembly.current.tool_digests, "keep_text": "0" * 64}
    assembly.current = msgspec.structs.replace(assembly.current, tool_digests=digests)
    path = f"/api/runs/{run['run_id']}"
    card = await bob.card(run["run_id"])
    await bob.post(f"/api/approvals/{card['approval_id']}", {"verdict": "approve", "digest": card["digest"]})
    assert "has changed" in (await bob.get(path)).json()["questions"][0]
    for said in ({"answer": "yes"}, {"answer": "yes", "question_id": "tool/keep_text/000000000000"}):
        assert problem(await key.post(f"{path}/answer", said))["code"] == "not_allowed"
    assert (await bob.post(f"{path}/answer", {"answer": "yes"})).status_code == 200
    own = await team.program("ann", "look", "start_run", "steer_run")
    asked = (await own.post("/api/runs", {"goal": "Score Velkarin Foods"})).json()["run_id"]
    await team.front.wait(asked)
    assert (await own.get(f"/api/runs/{asked}")).json()["questions"]
    assert (await own.post(f"/api/runs/{asked}/answer", {"answer": "none of these"})).status_code == 200


# --- deciding ---------------------------------------------------------------------------------------------------------
async def test_somebody_else_decides_on_exactly_what_was_shown(team):
    ann, bob = team.browser("ann"), team.browser("bob")
    run = await ann.run(("post", {"to": "x@example.com"}))
    card = await bob.card(run["run_id"])
    shown = (await bob.get(f"/api/approvals/{card['approval_id']}")).json()
    assert shown["may_decide"] and shown["who_can"] == ["bob", "cid"] and "to: x@example.com" in shown["readable"]
    own = (await ann.get(f"/api/approvals/{card['approval_id']}")).json()
    assert not own["may_decide"] and own["why"] == ["ann asked for it, and who asks does not decide"]
    path, yes = f"/api/approvals/{card['approval_id']}", {"verdict": "approve", "digest": card["digest"]}
    told = problem(await ann.post(path, yes))
    assert told["status"] == 403 and "bob or cid can: signed in at the page" in told["mend"]
    assert problem(await bob.post(path, {**yes, "digest": "0" * 64}))["code"] == "digest_mismatch"
    assert problem(await bob.post(path, {"verdict": "approve", "digest": ""}))["code"] == "bad_input"
    assert (await bob.post(path, yes)).status_code == 200
    await team.front.wait(run["run_id"])
    assert team.world.effects == ["x@example.com"]
    assert (await bob.post(path, yes)).status_code == 200, "the second click"
    assert problem(await team.browser("cid").post(path, {**yes, "verdict": "deny"}))["code"] == "approval_closed"
    assert team.world.effects == ["x@example.com"]


async def test_the_inbox_says_which_requests_are_ones_own_to_decide(team):
    run = await team.browser("ann").run(("post", {"to": "x"}))
    for user, yours in (("ann", False), ("bob", True), ("vic", False), ("eve", False)):
        told = (await team.browser(user).get("/api/approvals")).json()
        assert [one["run_id"] for one in told["items"]] == [run["run_id"]]
        assert bool(told["yours"]) is yours, user


async def test_an_edit_is_another_request_that_shows_what_was_edited_and_another_person_decides(team):
    ann, bob, cid = (team.browser(name) for name in ("ann", "bob", "cid"))
    run = await ann.run(("post", {"to": "x", "text": "hello"}))
    card = await bob.card(run["run_id"])
    wish = {"verdict": "amend", "digest": card["digest"], "changes": {"text": "hello \u202eevil"}}
    assert (await bob.post(f"/api/approvals/{card['approval_id']}", wish)).status_code == 200
    fresh = await bob.card(run["run_id"])
    shown = (await cid.get(f"/api/approvals/{fresh['approval_id']}")).json()
    assert shown["edits"] == [{"name": "text", "was": "hello", "becomes": "hello \\u202eevil"}]
    assert shown["hidden"] == 1
    yes = {"verdict": "approve", "digest": fresh["digest"]}
    assert (await bob.post(f"/api/approvals/{fresh['approval_id']}", yes)).status_code == 403
    assert (await cid.post(f"/api/approvals/{fresh['approval_id']}", yes)).status_code == 200


async def test_a_list_is_one_card_of_which_calls_are_changed_and_left_out(team):
    ann, bob, cid = (team.browser(name) for name in ("ann", "bob", "cid"))
    each = {"items": ["x", "y", "z"]}
    step = {"tool": "post", "input": {"to": {"$item": ""}, "text": "hello"}, "for_each": each}
    wish = {"goal": "post to each", "steps": [step], "profile": "enterprise"}
    run = (await ann.post("/api/agents/execute", wish)).json()
    card = await bob.card(run["run_id"])
    assert card["calls"] == ["s1#1", "s1#2", "s1#3"] and [one["to"] for one in card["arguments"]] == ["x", "y", "z"]
    path, said = f"/api/approvals/{card['approval_id']}", {"digest": card["digest"], "without": [2]}
    lost = problem(await bob.post(path, {"verdict": "approve", **said}))
    assert lost["status"] == 422 and "would be lost" in lost["detail"]
    assert "there are: 1, 2, 3" in problem(await bob.post(path, {"verdict": "amend", **said, "without": [9]}))["mend"]
    none = problem(await bob.post(path, {"verdict": "amend", **said, "without": [1, 2, 3]}))
    assert "nothing would be left" in none["detail"]
    wish = {"verdict": "amend", **said, "changes": {"3.text": "bye"}, "reason": "not y"}
    assert (await bob.post(path, wish)).status_code == 200
    fresh = await cid.card(run["run_id"])
    shown = (await cid.get(f"/api/approvals/{fresh['approval_id']}")).json()
    assert fresh["calls"] == ["s1#1", "s1#3"] and fresh["amends"] == card["approval_id"]
    assert [one["name"] for one in shown["edits"]] == ["2", "3.text"]
    assert shown["edits"][1] == {"name": "3.text", "was": "hello", "becomes": "bye"}
    yes = {"verdict": "approve", "digest": fresh["digest"]}
    assert (await cid.post(f"/api/approvals/{fresh['approval_id']}", yes)).status_code == 200
    await team.front.wait(run["run_id"])
    assert sorted(team.world.effects) == ["x", "z"]


async def test_several_are_decided_at_once_but_never_what_leaves_the_house(team):
    ann, bob = team.browser("ann"), team.browser("bob")
    inside = [await ann.run(("keep_text", {"text": f"t{n}"})) for n in range(3)]
    outside = await ann.run(("post", {"to": "x"}))
    cards = [await bob.card(run["run_id"]) for run in (*inside, outside)]
    picks = [{"approval_id": card["approval_id"], "digest": card["digest"]} for card in cards]
    answer = (await bob.post("/api/approvals/bulk", {"verdict": "approve", "items": picks})).json()
    assert [one["done"] for one in answer["items"]] == [True, True, True, False]
    assert answer["items"][3]["code"] == "not_allowed"
    assert team.world.effects == [] and not (await team.front.house()).standing_rules
    denied = await bob.post("/api/approvals/bulk", {"verdict": "deny", "items": picks[3:], "reason": "no"})
    assert denied.json()["items"][0]["done"]
    assert problem(await bob.post("/api/approvals/bulk", {"verdict": "amend", "items": picks}))["status"] == 422


async def test_an_approval_is_taken_back_before_it_is_used(team):
    ann, eve = team.browser("ann"), team.browser("eve")
    run = await ann.run(("post", {"to": "x"}))
    card = await team.browser("bob").card(run["run_id"])
    await eve.post("/api/halt", {"reason": "wait"})
    yes = {"verdict": "approve", "digest": card["digest"]}
    await team.browser("bob").post(f"/api/approvals/{card['approval_id']}", yes)
    answer = await team.browser("cid").post(f"/api/approvals/{card['approval_id']}/revoke", {"reason": "no"})
    assert answer.status_code == 200, answer.text
    await eve.delete("/api/halt")
    await team.front.wait(run["run_id"])
    assert team.world.effects == []


# --- looking back -----------------------------------------------------------------------------------------------------
async def test_who_did_what_is_listed_newest_first_by_run_and_by_person(team):
    ann, bob = team.browser("ann"), team.browser("bob")
    run = await ann.run(("keep_text", {"text": "a"}))
    card = await bob.card(run["run_id"])
    no = {"verdict": "deny", "digest": card["digest"], "reason": "not this one"}
    await bob.post(f"/api/approvals/{card['approval_id']}", no)
    acts = (await bob.get("/api/audit", run_id=run["run_id"])).json()["items"]
    assert [(act["by"], act["kind"], act["text"]) for act in acts] == [
        ("bob", "approval_received", "deny: not this one"),
        ("ann", "run_started", "began: do it"),
    ]
    assert [act["kind"] for act in (await bob.get("/api/audit", user="bob")).json()["items"]] == ["approval_received"]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await bob.get("/api/audit", limit=3, cursor=cursor)).json()
        seen += [act["number"] for act in page["items"]]
        cursor = page["next"]
    assert seen == list(range(len(seen), 0, -1))
    added = [act["text"] for act in (await bob.get("/api/audit")).json()["items"] if act["kind"] == "user_added"]
    assert added and all(re.fullmatch(r"\w+ as \w+", text) for text in added), added
    assert (await bob.get("/api/audit", since="2099-01-01T00:00:00Z")).json()["items"] == []
    assert (await bob.get(f"/api/audit/{run['run_id']}")).json()["requester"]["id"] == "ann"
    assert (await bob.post("/api/audit/verify")).json()["faults"] == []


async def test_signals_and_how_they_moved(team):
    ann = team.browser("ann")
    await ann.run(("read_number", {}))
    assert (await ann.get("/api/signals")).json()["success"] == 1
    series = (await ann.get("/api/signals/series")).json()
    assert len(series["items"]) in (23, 24)
    assert sum(one["signals"]["success"] for one in series["items"]) == 1
    told = problem(await ann.get("/api/signals/series", since="2001-01-01T00:00:00Z"))
    assert told["code"] == "bad_input"


async def test_traces_by_run_and_by_the_trace_of_the_caller(team):
    ann = team.browser("ann")
    body = {"goal": "do it", "steps": [{"tool": "read_number"}], "trace_id": "their-own-1"}
    run = (await ann.post("/api/agents/execute", body)).json()
    by_run = (await ann.get(f"/api/traces/{run['run_id']}")).json()
    assert by_run == (await ann.get("/api/traces/their-own-1")).json()
    assert by_run == (await ann.get("/api/agents/trace/their-own-1")).json()
    assert by_run["trace_id"] == "their-own-1"
    names = [event["name"] for event in by_run["events"]]
    assert names == ["plan_created", "route_decision", "tool_call_start", "tool_call_complete"]
    everything = (await ann.get("/api/traces/their-own-1", everything=True)).json()["events"]
    assert everything[0]["name"] == "run_started" and everything[-1]["name"] == "run_finished"
    last = everything[-1]["seq"]
    assert (await ann.get("/api/traces/their-own-1", after=last, everything=True)).json()["events"] == []
    assert problem(await ann.get("/api/traces/nothing"))["code"] == "run_not_found"


# --- the house --------------------------------------------------------------------------------------------------------
async def test_the_house_at_a_glance(team):
    await team.browser("ann").run(("post", {"to": "x"}))
    found = (await team.browser("vic").get("/api/house")).json()
    assert found["waiting"] == 1 and not found["is_solo"] and found["roles"]["ann"] == ["operator"]
    assert found["data"]["accounts"] == 0 and not found["model"]["is_on"] and found["durability"] == "memory"


async def test_profiles_tools_workers_and_whether_a_call_would_be_allowed(team):
    vic = team.browser("vic")
    profiles = (await vic.get("/api/profiles")).json()
    assert profiles["default"] in {one["name"] for one in profiles["items"]}
    assert "post" in {one["name"] for one in (await vic.get("/api/tools")).json()["items"]}
    assert (await vic.get("/api/tools", q="posts outside")).json()["items"][0]["name"] == "post"
    assert (await vic.get("/api/workers")).json()["policies"]

    async def asked(**question: object) -> dict[str, object]:
        return (await vic.post("/api/policy/what-if", question)).json()

    assert (await asked(tool="read_number", profile="enterprise", input={}))["verdict"] == "allowed"
    assert (await asked(tool="post", profile="enterprise", input={"to": "x"}))["verdict"] == "asks"
    assert (await asked(tool="post", profile="enterprise", input={"too": "x"}))["verdict"] == "refused"
    assert (await asked(tool="post", profile="technical"))["simulated"] is True
    assert problem(await vic.post("/api/policy/what-if", {"tool": "nothing"}))["status"] == 404
    await team.browser("eve").post("/api/halt", {"reason": "stop"})
    assert (await asked(tool="read_number"))["verdict"] == "refused"


async def test_adapters_are_listed_tried_and_switched(team):
    eve = team.browser("eve")
    assert {one["capability"] for one in (await eve.get("/api/adapters")).json()["items"]} >= {"crm", "mail"}
    tried = (await eve.post("/api/adapters/offline/test")).json()["items"]
    assert all(one["works"] for one in tried) and {one["capability"] for one in tried} >= {"crm", "mail"}
    assert not (await eve.post("/api/adapters/salesforce/test")).json()["items"][0]["works"]
    assert problem(await eve.post("/api/adapters/nothing/test"))["code"] == "bad_input"
    off = await eve.post("/api/adapters/mail", {"adapter": "offline", "enabled": False, "reason": "maintenance"})
    line = next(o for o in off.json()["items"] if (o["capability"], o["adapter"]) == ("mail", "offline"))
    assert not line["enabled"] and (line["switched_by"], line["reason"]) == ("eve", "maintenance")
    assert (await eve.post("/api/adapters/mail", {"adapter": "offline", "enabled": True})).status_code == 200
    assert (await eve.post("/api/adapters/crm", {"adapter": "offline"})).status_code == 200
    assert (await eve.post("/api/adapters/crm", {"mode": "profile"})).status_code == 200
    assert problem(await eve.post("/api/adapters/crm", {}))["code"] == "bad_input"
    assert (await team.browser("ann").post("/api/adapters/crm", {"mode": "offline"})).status_code == 403


async def test_rules_delegations_and_schedules_are_made_listed_and_ended(team):
    eve, bob, ann = team.browser("eve"), team.browser("bob"), team.browser("ann")
    rule = await eve.post("/api/rules", {"tool": "keep_text", "matches": {"/text": "fine"}})
    assert rule.status_code == 201
    assert (await ann.run(("keep_text", {"text": "fine"})))["status"] == "success"
    assert (await ann.run(("keep_text", {"text": "other"})))["status"] == "parked"
    assert problem(await eve.post("/api/rules", {"tool": "post"}))["code"] == "not_allowed"
    lent = await bob.post("/api/delegations", {"delegate": "vic", "ends": "2099-01-01T00:00:00Z"})
    assert lent.status_code == 201, lent.text
    assert (await bob.get("/api/delegations")).json()["items"][0]["user"] == "bob"
    assert (await bob.post("/api/delegations", {"delegate": "vic", "user": "cid", "ends": "2099-01-01"})).status_code
    card = (await bob.get("/api/approvals")).json()["items"][0]
    yes = {"verdict": "approve", "digest": card["digest"]}
    vic = team.browser("vic")
    assert (await vic.get(f"/api/approvals/{card['approval_id']}")).json()["on_behalf_of"] == "bob"
    assert (await vic.post(f"/api/approvals/{card['approval_id']}", yes)).status_code == 200
    timed = await ann.post("/api/schedules", {"goal": "read", "weekdays": [0], "time": "08:00"})
    assert timed.status_code == 201
    path = f"/api/schedules/{timed.json()['id']}"
    assert (await ann.post(f"{path}/pause", {"reason": "holiday"})).status_code == 204
    assert (await ann.get("/api/schedules")).json()["paused"] == [timed.json()["id"]]
    assert problem(await ann.post(f"{path}/pause", {}))["code"] == "invalid_transition"
    assert (await vic.post(f"{path}/resume")).status_code == 403
    assert (await ann.post(f"{path}/resume")).status_code == 204
    assert (await ann.get("/api/schedules")).json()["paused"] == []
    for client, path, made in ((eve, "rules", rule), (bob, "delegations", lent), (ann, "schedules", timed)):
        assert len((await client.get(f"/api/{path}")).json()["items"]) >= 1
        assert (await client.delete(f"/api/{path}/{made.json()['id']}")).status_code == 204
        assert problem(await client.delete(f"/api/{path}/{made.json()['id']}"))["status"] == 404


async def test_the_stop_button_is_everybodys_and_letting_go_an_admins(team):
    assert problem(await team.browser("vic").post("/api/halt", {}))["code"] == "bad_input"
    assert (await team.browser("vic").post("/api/halt", {"reason": "stop"})).status_code == 204
    assert (await team.browser("vic").get("/api/agents/health")).json()["status"] == "halted"
    assert (await team.browser("vic").delete("/api/halt")).status_code == 403
    assert (await team.browser("eve").delete("/api/halt")).status_code == 204


# --- records ----------------------------------------------------------------------------------------------------------
async def test_an_empty_house_is_filled_with_the_sample_once_and_browsed(alone):
    eve = alone.browser("eve")
    assert (await eve.post("/api/crm/sample")).json()["stored"] > 100
    assert (await eve.get("/api/house")).json()["is_sample"]
    assert problem(await eve.post("/api/crm/sample"))["code"] == "bad_input"
    for table in ("accounts", "contacts", "opportunities", "products", "activities"):
        page = (await eve.get(f"/api/crm/{table}", limit=2)).json()
        assert page["total"] > 2 and len(page["items"]) == 2
        follows = (await eve.get(f"/api/crm/{table}", limit=2, cursor=page["next"])).json()
        assert follows["items"][0]["id"] not in {one["id"] for one in page["items"]}
    found = (await eve.get("/api/crm/accounts", q="velkarin")).json()
    assert found["total"] == len(found["items"]) >= 1
    assert all("velkarin" in one["name"].casefold() for one in found["items"])
    record = (await eve.get(f"/api/crm/accounts/{found['items'][0]['id']}")).json()
    assert record["source"]["file"] == "accounts.csv"
    assert problem(await eve.get("/api/crm/accounts/nobody"))["status"] == 404
    assert problem(await eve.get("/api/crm/nothing"))["status"] == 422
    assert "findings" in (await eve.get("/api/crm/quality")).json()


async def test_exports_are_previewed_and_then_brought_in_under_the_mapping_that_was_accepted(alone):
    eve = alone.browser("eve")
    files = {"files": ("../../acc ounts.csv", b"Account,Industry,Turnover\nAcme,software,12\n,software,1\n")}
    preview = (await eve.http.post("/api/crm/import/preview", files=files)).json()
    assert preview["dry"] and preview["rows"] == 2 and preview["files"][0]["file"] == "acc ounts.csv"
    assert (await eve.get("/api/crm/accounts")).json()["total"] == 0
    mapping = preview["mapping"]
    mapping["acc ounts.csv"]["columns"]["Turnover"] = "revenue"
    import json

    done = await eve.http.post("/api/crm/import", files=files, data={"mapping": json.dumps(mapping)})
    assert done.json()["added"] == 1, done.text
    account = (await eve.get("/api/crm/accounts")).json()["items"][0]
    assert (account["name"], account["revenue"]) == ("Acme", 12_000_000)
    assert (await eve.get("/api/audit")).json()["items"][0]["kind"] == "crm_imported"
    for bad in ("[1]", "{", '{"a": 1}'):
        assert problem(await eve.http.post("/api/crm/import", files=files, data={"mapping": bad}))["status"] == 422
    nothing = {"files": ("x.csv", b"a,b\n1,2\n")}
    assert problem(await eve.http.post("/api/crm/import", files=nothing))["code"] == "bad_input"


async def test_an_upload_leaves_out_who_was_erased_and_counts_them(alone):
    eve = alone.browser("eve")
    files = {"files": ("contacts.csv", b"Name,Email\nDana Smith,dana@acme.example\nKim Low,kim@acme.example\n")}
    assert (await eve.http.post("/api/crm/import", files=files)).json()["added"] == 2
    await alone.front.erase_person("dana@acme.example", "asked for it")
    for path in ("/api/crm/import/preview", "/api/crm/import"):
        again = (await eve.http.post(path, files=files)).json()
        assert (again["erased"], again["stored"], again["not_stored"]) == (1, 1, 1)
        assert "contacts.csv" in str(again["problems"]) and "dana" not in str(again["problems"]).casefold()
    assert (await eve.get("/api/crm/contacts")).json()["total"] == 1
    back = (await eve.http.post("/api/crm/import", files=files, data={"bring_back_erased": "true"})).json()
    assert (back["erased"], back["added"]) == (1, 1)


async def test_only_those_who_run_things_bring_records_in(team):
    files = {"files": ("accounts.csv", b"Account\nAcme\n")}
    for user, status in (("vic", 403), ("bob", 403), ("ann", 200)):
        assert (await team.browser(user).http.post("/api/crm/import", files=files)).status_code == status, user


# --- the request's own paths, health, numbers -------------------------------------------------------------------------
async def test_the_paths_of_the_request(team):
    ann, bob = team.browser("ann"), team.browser("bob")
    run = await ann.run(("post", {"to": "x"}))
    assert run["status"] == "parked"
    card = await bob.card(run["run_id"])
    body = {"request_id": card["approval_id"], "approved": True}
    assert problem(await bob.post("/api/agents/approve", body))["code"] == "bad_input"
    assert (await bob.post("/api/agents/approve", {**body, "digest": card["digest"]})).status_code == 200
    await team.front.wait(run["run_id"])
    assert team.world.effects == ["x"]
    run = await ann.run(("post", {"to": "y"}))
    card = await bob.card(run["run_id"])
    denied = await bob.post(
        "/api/agents/approve", {"request_id": card["approval_id"], "approved": False, "feedback": "no"}
    )
    assert denied.status_code == 200 and team.world.effects == ["x"]
    budget = (await ann.get("/api/agents/budget/smb")).json()
    assert budget["limits"]["calls"] == 100 and budget["warning_threshold"] == 0.8
    assert problem(await ann.get("/api/agents/budget/nothing"))["status"] == 404
    assert (await ann.get("/api/agents/health")).json()["status"] == "ok"


async def test_health_needs_no_login_and_numbers_do(team):
    nobody = team.nobody()
    assert (await nobody.get("/healthz")).json() == {"status": "ok"}
    assert (await nobody.get("/readyz")).json() == {"status": "ready"}
    assert problem(await nobody.get("/metrics"))["code"] == "not_signed_in"
    await team.browser("ann").run(("read_number", {}))
    scraper = await team.program("vic", "look")
    text = (await scraper.get("/metrics")).text
    assert 'cuga_runs_total{status="success"} 1.0' in text
    assert 'cuga_tool_calls_total{tool="read_number"} 1.0' in text
    team.front._assembly.engine.failure = OSError("disk")
    assert (await nobody.get("/readyz")).status_code == 503
    assert (await team.browser("ann").get("/api/agents/health")).json()["status"] == "failing"
    team.front._assembly.engine.failure = None


# --- people -----------------------------------------------------------------------------------------------------------
async def test_somebody_is_invited_sets_a_password_signs_in_and_out(team):
    eve = team.browser("eve")
    invited = await eve.post("/api/users", {"user": "dora", "roles": ["operator"]})
    assert invited.status_code == 201
    token = invited.json()["link"].rpartition("/")[2]
    new = team.nobody()
    assert problem(await new.post("/api/login/invitation", {"token": token, "password": "short"}))["status"] == 422
    set_ = await new.post("/api/login/invitation", {"token": token, "password": PASSWORD})
    assert set_.status_code == 204, set_.text
    cookie = set_.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert (await new.get("/api/me")).json()["user"] == "dora"
    again = problem(await team.nobody().post("/api/login/invitation", {"token": token, "password": PASSWORD}))
    assert again["code"] == "not_signed_in"
    assert (await new.post("/api/logout")).status_code == 204
    assert (await new.get("/api/me")).status_code == 401
    assert problem(await new.post("/api/login", {"user": "dora", "password": "wrong " * 3}))["status"] == 401
    assert (await new.post("/api/login", {"user": "dora", "password": PASSWORD})).status_code == 204
    me = (await new.get("/api/me")).json()
    assert me["can"] == ["look", "start_run", "steer_run", "settle_doubt", "import_data", "schedule", "stop", "keys"]
    assert me["has_password"] and me["needs_step_up"]
    changed = await new.post("/api/me/password", {"old": PASSWORD, "password": f"{PASSWORD} more"})
    assert changed.status_code == 204 and (await new.get("/api/me")).status_code == 200
    assert problem(await new.post("/api/me/password", {"old": PASSWORD, "password": PASSWORD}))["status"] == 403


async def test_a_reset_takes_password_and_sessions_away(team):
    eve, ann = team.browser("eve"), team.browser("ann")
    made = await eve.post("/api/users/ann/reset")
    assert (await ann.get("/api/me")).status_code == 401
    token = made.json()["link"].rpartition("/")[2]
    assert (await ann.post("/api/login/invitation", {"token": token, "password": PASSWORD})).status_code == 204
    assert problem(await eve.post("/api/users/nobody/reset"))["code"] == "bad_input"
    assert (await ann.post("/api/users/bob/reset")).status_code == 403


async def test_roles_count_from_the_next_request_on(team):
    eve, vic = team.browser("eve"), team.browser("vic")
    assert (await vic.post("/api/runs", {"goal": "x"})).status_code == 403
    await eve.post("/api/users/vic/roles", {"roles": ["operator"]})
    assert (await vic.post("/api/runs", {"goal": "x"})).status_code == 201
    await eve.post("/api/users/vic/roles", {"roles": []})
    assert problem(await vic.get("/api/runs"))["code"] == "not_allowed"
    assert problem(await eve.post("/api/users/eve/roles", {"roles": ["viewer"]}))["code"] == "not_allowed"


async def test_whoever_takes_over_decides_and_steers_what_was_somebody_elses(team):
    eve, ann = team.browser("eve"), team.browser("ann")
    run = await ann.run(("post", {"to": "x"}))
    assert (await team.browser("vic").post(f"/api/runs/{run['run_id']}/cancel", {})).status_code == 403
    await eve.post("/api/users/vic/roles", {"roles": ["operator"]})
    left = (await eve.post("/api/users/ann/leave", {"hand_over_to": "vic"})).json()
    assert left["user"] == "ann"
    assert (await ann.get("/api/me")).status_code == 401
    assert (await team.browser("vic").post(f"/api/runs/{run['run_id']}/cancel", {})).status_code == 200
    left = (await eve.post("/api/users/bob/leave", {"hand_over_to": "vic"})).json()
    assert left["roles"] == ["approver"]
    assert {one["user"] for one in (await eve.get("/api/users")).json()["items"]} == {"cid", "eve", "vic"}
    assert problem(await eve.post("/api/users/cid/leave", {"hand_over_to": "cid"}))["code"] == "bad_input"
    assert problem(await eve.post("/api/users/ann/leave", {}))["status"] == 404


async def test_a_key_that_the_record_says_is_revoked_lets_nobody_in_wherever_its_copy_lies(team):
    by = await team.front.principal("ann")
    program = await team.program("ann", "look")
    assert (await program.get("/api/runs")).status_code == 200
    (key,) = await team.front.keys(by=by)
    await team.front.change(h.KeyRevoked(at=THEN, key_id=key.key_id, user="ann"), by)  # on another machine
    assert (await program.get("/api/runs")).status_code == 401 and await team.front.keys(by=by) == []
    other = await team.program("ann", "look")
    eve = await team.front.principal("eve")
    await team.front.change(h.UserLeft(at=THEN, user="ann"), eve)
    await team.front.change(h.UserAdded(at=THEN, user="ann", roles=("viewer",)), eve)  # somebody else of that name
    assert (await other.get("/api/runs")).status_code == 401


async def test_a_key_that_another_process_made_this_moment_lets_its_program_in(tmp_path):
    place, settings = make(tmp_path / "house"), read_settings(database=fresh_database())
    async with (
        house(house=place.root, settings=settings, has_tools=False) as served,
        Coordinator(house=place.root, settings=settings, user="eve") as other,
    ):
        for _ in range(5):
            made = await other.make_key(("look",), by=await other.principal("ann"))
            assert (await Client(served.app, key=made.text).get("/api/runs")).status_code == 200


async def test_keys_do_what_they_are_for_and_no_more_and_end_when_they_are_revoked(team):
    ann = team.browser("ann")
    made = (await ann.post("/api/keys", {"scopes": ["look"], "label": "report"})).json()
    program = await team.program("ann", "look")
    assert (await program.get("/api/runs")).status_code == 200
    assert (await program.get("/api/me")).json()["way"] == "key"
    told = problem(await program.post("/api/runs", {"goal": "x"}))
    assert told["status"] == 403 and "not for start_run" in told["detail"]
    assert (await (await team.program("vic", "start_run")).post("/api/runs", {"goal": "x"})).status_code == 403
    assert problem(await program.post("/api/keys", {"scopes": ["look"]}))["status"] == 403, "a key makes no key"
    assert len((await ann.get("/api/keys")).json()["items"]) == 2
    assert len((await team.browser("eve").get("/api/keys")).json()["items"]) == 3
    assert "text" not in (await ann.get("/api/keys")).text
    assert (await team.browser("bob").delete(f"/api/keys/{made['key']['key_id']}")).status_code == 403
    assert (await ann.delete(f"/api/keys/{made['key']['key_id']}")).status_code == 204
    for body in ({"scopes": []}, {"scopes": ["everything"]}, {"scopes": ["look"], "days": 9999}):
        assert problem(await ann.post("/api/keys", body))["code"] == "bad_input"
    await team.browser("eve").post("/api/users/ann/leave", {})
    assert (await program.get("/api/runs")).status_code == 401


async def test_a_decision_of_high_risk_asks_for_a_fresh_proof(team, monkeypatch):
    from datetime import timedelta

    from cuga.api import auth

    ann, bob = team.browser("ann"), team.browser("bob")
    run = await ann.run(("post", {"to": "x"}))
    card = await bob.card(run["run_id"])
    assert card["risk"] == "high"
    monkeypatch.setattr(auth, "PROVEN", timedelta(seconds=-1))
    path, yes = f"/api/approvals/{card['approval_id']}", {"verdict": "approve", "digest": card["digest"]}
    assert (await bob.get(path)).json()["asks_for_proof"]
    assert problem(await bob.post(path, yes))["code"] == "step_up_needed"
    told = problem(await (await team.program("bob", "look", "start_run", "steer_run")).post(path, yes))
    assert told["code"] == "not_allowed", "a key is no proof of a person"
    for scope in ("decide", "settle_doubt", "top_up", "govern"):
        asked = {"scopes": ["look", scope], "label": "an agent"}
        assert problem(await team.browser("bob").post("/api/keys", asked))["code"] == "not_allowed"
    team.doors.credentials._db.execute(
        "insert into password values ('bob', ?, 0, ?)", (_hash(PASSWORD), team.front._assembly.state.joined["bob"])
    )
    assert problem(await bob.post("/api/step-up", {"password": "not it at all"}))["code"] == "not_allowed"
    monkeypatch.setattr(auth, "PROVEN", timedelta(minutes=10))
    assert (await bob.post("/api/step-up", {"password": PASSWORD})).status_code == 200
    assert (await bob.post(path, yes)).status_code == 200


async def test_who_may_do_what_is_changed_only_after_a_fresh_proof(team, monkeypatch):
    from datetime import timedelta

    from cuga.api import auth

    eve = team.browser("eve")
    monkeypatch.setattr(auth, "PROVEN", timedelta(seconds=-1))
    wishes = {
        "/api/users": {"user": "carl", "roles": ["approver"]},
        "/api/users/ann/roles": {"roles": ["operator", "approver"]},
        "/api/users/bob/reset": {},
        "/api/users/bob/leave": {},
        "/api/rules": {"tool": "keep_note", "days": 1},
    }
    before = (await eve.get("/api/users")).text
    for path, wish in wishes.items():
        assert problem(await eve.post(path, wish))["code"] == "step_up_needed", path
    assert (await eve.get("/api/users")).text == before
    monkeypatch.setattr(auth, "PROVEN", timedelta(minutes=10))
    assert (await eve.post("/api/users/ann/roles", {"roles": ["operator", "viewer"]})).status_code == 200


def _hash(password: str) -> str:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=1, memory_cost=64).hash(password)


async def test_the_link_of_a_house_with_one_person_works_once(alone):
    token = (await alone.front.login_link()).rpartition("/")[2]
    eve = alone.nobody()
    assert (await eve.get("/api/login/ways")).json() == {"solo": True, "password": False, "oidc": False}
    assert (await eve.post("/api/login/link", {"token": token})).status_code == 204
    me = (await eve.get("/api/me")).json()
    assert me["is_solo"] and me["user"] == "eve" and not me["needs_step_up"]
    assert problem(await alone.nobody().post("/api/login/link", {"token": token}))["status"] == 401
    run = await eve.run(("post", {"to": "x"}))
    card = await eve.card(run["run_id"])
    yes = {"verdict": "approve", "digest": card["digest"]}
    assert (await eve.post(f"/api/approvals/{card['approval_id']}", yes)).status_code == 200
    await alone.front.wait(run["run_id"])
    votes = (await eve.get(f"/api/approvals/{card['approval_id']}")).json()["card"]["votes"]
    assert votes[0]["solo"] is True


async def test_a_second_person_ends_the_sessions_of_whoever_is_nobody_then(alone):
    stranger = alone.browser("somebody")
    assert (await stranger.get("/api/me")).status_code == 401


async def test_a_burst_of_failed_logins_is_on_record_and_slowed_down(team):
    from cuga.api.rates import Rates

    nobody = team.nobody()
    for _ in range(5):
        await nobody.post("/api/login", {"user": "bob", "password": "guess"})
    acts = (await team.browser("eve").get("/api/audit")).json()["items"]
    assert (acts[0]["kind"], acts[0]["text"]) == ("logins_failed", "5 times as bob")
    team.doors.rates = Rates(logins="2/minute")
    for _ in range(2):
        await nobody.post("/api/login", {"user": "bob", "password": "guess"})
    answer = await nobody.post("/api/login", {"user": "bob", "password": "guess"})
    assert problem(answer)["code"] == "too_often" and int(answer.headers["retry-after"]) >= 1


# --- looking into how it was overseen ---------------------------------------------------------------------------------
async def test_oversight_counts_who_decided_what_in_a_time(team):
    ann, bob, cid = (team.browser(name) for name in ("ann", "bob", "cid"))
    for client, verdict in ((bob, "approve"), (bob, "deny"), (cid, "approve")):
        run = await ann.run(("post", {"to": verdict}))
        card = await client.card(run["run_id"])
        said = {"verdict": verdict, "digest": card["digest"], "reason": "so"}
        assert (await client.post(f"/api/approvals/{card['approval_id']}", said)).status_code == 200
        await team.front.wait(run["run_id"])
    told = (await team.browser("vic").get("/api/oversight")).json()
    assert told["is_whole"] and told["runs"] == 3 and told["figures"]["decided_by_people"] == 3
    figures = {
        one["approver"]: (one["decisions"], one["approved"], one["denied"]) for one in told["figures"]["approvers"]
    }
    assert figures == {"bob": (2, 1, 1), "cid": (1, 1, 0)}
    before = {"since": "2000-01-01", "until": "2001-01-01"}
    assert (await ann.get("/api/oversight", **before)).json()["figures"]["requests"] == 0


async def test_evidence_is_a_file_that_is_checked_offline(tmp_path):
    place = make(tmp_path / "house")
    async with house(house=place.root) as opened:
        eve = opened.browser("eve")
        run = await opened.browser("ann").run(("read_number", {"number": 3}))
        answer = await opened.browser("vic").get("/api/evidence", run_id=run["run_id"])
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
        assert f"evidence-{run['run_id']}.zip" in answer.headers["content-disposition"]
        with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
            assert bundle.testzip() is None and {"manifest.note", "verify.py", "oversight.json"} <= set(
                bundle.namelist()
            )
        period = {"since": "2020-01-01", "until": "2099-01-01"}
        assert (await eve.get("/api/evidence", **period)).status_code == 200
        assert problem(await eve.get("/api/evidence"))["code"] == "bad_input"
        assert problem(await eve.get("/api/evidence", run_id="nothing"))["status"] == 404


async def test_other_rules_are_tried_by_an_admin_and_kept_in_the_shadow(tmp_path):
    place = make(tmp_path / "house")
    async with house(house=place.root) as opened:
        eve, ann = opened.browser("eve"), opened.browser("ann")
        await ann.run(("read_number", {"number": 3}))
        assert problem(await eve.get("/api/policy/shadow"))["status"] == 404
        rules = {"registry": place.registry.read_text()}
        for path in ("backtest", "shadow"):
            assert problem(await ann.post(f"/api/policy/{path}", rules))["code"] == "not_allowed"
        told = (await eve.post("/api/policy/backtest", rules)).json()
        assert told["runs"] == 1 and told["steps"] == 1
        assert problem(await eve.post("/api/policy/backtest", {"registry": "nonsense"}))["code"] == "registry_invalid"
        assert (await eve.post("/api/policy/shadow", rules)).status_code == 200
        assert (await ann.get("/api/policy/shadow")).json()["runs"] >= 0
        assert problem(await ann.http.delete("/api/policy/shadow"))["code"] == "not_allowed"
        assert (await eve.http.delete("/api/policy/shadow")).status_code == 204
        assert problem(await eve.get("/api/policy/shadow"))["status"] == 404


async def test_a_body_that_is_not_marked_as_json_is_told_so_and_not_that_it_is_wrong(team):
    for content, kind in ((b'{"goal": "Count the clouds"}', "application/x-www-form-urlencoded"), (b"{", "text/plain")):
        said = await team.browser("ann").http.post("/api/runs", content=content, headers={"content-type": kind})
        assert problem(said)["mend"] == "Send `Content-Type: application/json`.", said.text


async def test_a_time_that_ends_before_it_begins_is_refused(team):
    for path in ("oversight", "signals", "signals/series"):
        said = await team.browser("ann").get(f"/api/{path}", since="2026-02-01", until="2026-01-01")
        assert said.status_code == 422 and "ends before it begins" in problem(said)["detail"], said.text


async def test_an_upload_that_cannot_be_read_names_no_place_of_the_server(team):
    for name, content in (("rules.yaml", b"a: 1"), ("odd.csv", b"a,b\n1,2\n")):
        said = await team.browser("eve").http.post("/api/crm/import/preview", files={"files": (name, content)})
        assert said.status_code == 422 and "the upload" in said.text and "/upload" not in said.text, said.text

"""Audit trails: files that tell what was decided, laid out as their readers know; the house never reads them."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.hands import World, coordinator, gathered

from cuga.clock import ManualClock
from cuga.orchestrator import (
    AuditTrail,
    ExecutionContext,
    JSONAuditTrail,
    NoOpAuditTrail,
    Plan,
    PlanStep,
    SQLiteAuditTrail,
    ToolBudget,
)
from cuga.orchestrator.routing import RoutingDecision

CONTEXT = ExecutionContext(trace_id="t1", profile="demo", user_id="ann")
PLAN = Plan(plan_id="p1", goal="win Acme", steps=[PlanStep(tool="look"), PlanStep(tool="count")])
DECISION = RoutingDecision(target="one", reasoning="its turn", alternatives=("two",), confidence=0.5)


@pytest.fixture(params=["json", "sqlite"])
def trail(request, tmp_path):
    clock = ManualClock()
    if request.param == "json":
        return JSONAuditTrail(tmp_path / "audit_logs", clock=clock)
    return SQLiteAuditTrail(tmp_path / "audit.db", clock=clock)


def test_a_plan_is_recorded_with_its_goal_and_length(trail):
    trail.record_plan(PLAN, CONTEXT)
    (record,) = trail.get_trace_history("t1")
    assert (record.decision_type, record.target, record.reason) == ("planning", "p1", "win Acme")
    assert record.metadata["step_count"] == 2 and record.metadata["tools"] == ["look", "count"]


def test_a_decision_is_recorded_with_its_reason_and_alternatives(trail):
    trail.record_decision(DECISION, CONTEXT)
    (record,) = trail.get_decisions("t1")
    assert (record.decision_type, record.target, record.reasoning) == ("routing", "one", "its turn")
    assert record.alternatives == ("two",) and record.metadata["confidence"] == 0.5


def test_decisions_are_where_work_went_and_the_history_is_everything(trail):
    trail.record_plan(PLAN, CONTEXT)
    trail.record_decision(DECISION, CONTEXT)
    assert [record.decision_type for record in trail.get_decisions("t1")] == ["routing"]
    assert [record.decision_type for record in trail.get_trace_history("t1")] == ["planning", "routing"]


def test_traces_are_kept_apart(trail):
    trail.record_decision(DECISION, CONTEXT)
    trail.record_decision(DECISION, CONTEXT.with_trace("t2"))
    assert len(trail.get_decisions("t1")) == len(trail.get_decisions("t2")) == 1
    assert trail.get_decisions("t3") == []


def test_times_are_utc_and_aware(trail):
    record = trail.record_plan(PLAN, CONTEXT)
    (read,) = trail.get_trace_history("t1")
    assert read.timestamp == record.timestamp and read.timestamp.utcoffset() == timedelta(0)


def test_a_trace_id_that_is_no_file_name_goes_nowhere_else(trail, tmp_path):
    trail.record_plan(PLAN, CONTEXT.with_trace("../../outside"))
    trail.record_plan(PLAN, CONTEXT.with_trace("a'; DROP TABLE decisions; --"))
    assert len(trail.get_trace_history("../../outside")) == 1
    assert len(trail.get_trace_history("a'; DROP TABLE decisions; --")) == 1
    assert not (tmp_path.parent / "outside.jsonl").exists()


def test_many_writers_lose_nothing(trail):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: trail.record_decision(DECISION, CONTEXT), range(64)))
    assert len(trail.get_decisions("t1")) == 64


def test_a_budget_is_told(trail):
    plan = Plan(goal="g", budget=ToolBudget(total_calls=3))
    assert trail.record_plan(plan, CONTEXT).metadata["budget"] == {"calls": 3}


def test_lines_lie_in_one_file_for_each_trace(tmp_path):
    trail = JSONAuditTrail(tmp_path / "audit_logs")
    trail.record_plan(PLAN, CONTEXT)
    trail.record_decision(DECISION, CONTEXT)
    lines = [json.loads(line) for line in (tmp_path / "audit_logs/t1.jsonl").read_text().splitlines()]
    assert [set(line) for line in lines] == [{"timestamp", "trace_id", "decision", "context"}] * 2
    assert lines[1]["decision"]["target"] == "one" and lines[0]["context"] == {
        "trace_id": "t1",
        "profile": "demo",
        "request_id": "",
    }


def test_the_table_has_the_columns_that_its_readers_know(tmp_path):
    trail = SQLiteAuditTrail(tmp_path / "audit.db")
    trail.record_decision(DECISION, CONTEXT)
    with sqlite3.connect(tmp_path / "audit.db") as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(decisions)")]
        ((target, alternatives, context),) = db.execute("SELECT target, alternatives, context FROM decisions")
    names = "id timestamp trace_id decision_type target reasoning alternatives context"
    assert columns == names.split()
    assert target == "one" and json.loads(alternatives) == ["two"]
    assert json.loads(context)["context"]["profile"] == "demo"


def test_a_trail_is_read_by_another_process_of_the_same_file(tmp_path):
    for make in (lambda: SQLiteAuditTrail(tmp_path / "a.db"), lambda: JSONAuditTrail(tmp_path / "logs")):
        make().record_plan(PLAN, CONTEXT)
        assert make().get_trace_history("t1")[0].reason == "win Acme"


def test_without_a_word_a_trail_is_a_sqlite_file_where_we_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trail = AuditTrail()
    assert list(tmp_path.iterdir()) == []
    trail.record_plan(PLAN, CONTEXT)
    assert (tmp_path / "audit.db").exists()


def test_no_trail_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trail = NoOpAuditTrail()
    assert trail.record_plan(PLAN, CONTEXT).reason == "win Acme"
    assert trail.get_trace_history("t1") == trail.get_decisions("t1") == [] and list(tmp_path.iterdir()) == []


async def test_a_coordinator_tells_its_trail_what_became_durable(trail):
    agents = coordinator(World(), audit_trail=trail)
    await gathered(agents.orchestrate("look about Acme", CONTEXT))
    history = trail.get_trace_history("t1")
    assert [record.decision_type for record in history] == ["planning", "routing", "planning"]
    assert [record.metadata["stage"] for record in history if "stage" in record.metadata] == ["CREATED", "COMPLETED"]


async def test_a_trail_that_is_lost_or_changed_changes_nothing(tmp_path):
    world = World()
    agents = coordinator(world, audit_trail=JSONAuditTrail(tmp_path / "logs"))
    await gathered(agents.orchestrate("look about Acme", CONTEXT))
    (tmp_path / "logs/t1.jsonl").write_text('{"timestamp": "never"}\n')
    events = await gathered(agents.orchestrate("look about Acme", CONTEXT))
    assert events[-1]["stage"].value == "complete" and world.counts["look"] == 2
    run_id = events[-1]["data"]["run_id"]
    record = await agents.home.do(agents.coordinator.audit(run_id))
    assert record.run_id == run_id


# --- what must not be in a trail, and what must not break one ---------------------------------------------------------
async def test_secrets_are_cut_from_everything_that_is_written(trail, tmp_path, monkeypatch):
    monkeypatch.setenv("CUGA_TEST_API_KEY", "sk-canary-9f8e7d6c5b4a")
    agents = coordinator(World(), audit_trail=trail)
    canary = {"api_key": "sk-canary-9f8e7d6c5b4a", "note": "sk-canary-9f8e7d6c5b4a"}
    context = ExecutionContext(trace_id="t9", user_intent="use password=hunter2secret", metadata=canary)
    await gathered(agents.orchestrate("look about sk-canary-9f8e7d6c5b4a with password=hunter2secret", context))
    assert len(trail.get_trace_history("t9")) == 3
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    written = b"".join(file.read_bytes() for file in files)
    assert b"look" in written and b"sk-canary" not in written and b"hunter2" not in written
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x1c", "\r\n", "\ud800"])
def test_no_character_of_a_reason_tears_a_trail(trail, odd):
    trail.record_decision(RoutingDecision(target="one", reasoning=f"a{odd}b"), CONTEXT)
    trail.record_decision(DECISION, CONTEXT)
    first, second = trail.get_decisions("t1")
    assert first.reason.startswith("a") and first.reason.endswith("b") and second.reason == "its turn"


def test_a_torn_line_is_told_about_and_left_out(tmp_path, caplog):
    trail = JSONAuditTrail(tmp_path)
    trail.record_decision(DECISION, CONTEXT)
    whole = (tmp_path / "t1.jsonl").read_bytes()
    (tmp_path / "t1.jsonl").write_bytes(whole + whole[:40])
    assert len(trail.get_decisions("t1")) == 1 and "line 2 is torn" in caplog.text
    trail.record_decision(DECISION, CONTEXT)
    assert len(trail.get_decisions("t1")) == 2


@pytest.mark.parametrize("kind", [JSONAuditTrail, SQLiteAuditTrail])
async def test_a_trail_that_cannot_be_written_stops_no_work_and_says_so_once(tmp_path, caplog, kind):
    (tmp_path / "file").touch()
    world = World()
    agents = coordinator(world, audit_trail=kind(tmp_path / "file" / "x"))
    stages = await gathered(agents.orchestrate("look about Acme", CONTEXT))
    assert stages[-1]["stage"].value == "complete" and world.calls == ["look"]
    assert agents.make_routing_decision("anything", CONTEXT).target in ("one", "two")
    assert caplog.text.count("the audit trail is not written") == 1 and agents.audit_fault

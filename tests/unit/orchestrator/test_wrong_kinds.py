"""What is no number, text, list or member where one is expected: our error says where, what, and how to mend it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cuga.errors import BadInput, CugaError
from cuga.modular.agents import CoordinatorAgent, PlannerAgent, WorkerAgent
from cuga.modular.agents.create import create_coordinator
from cuga.modular.memory import VectorMemory
from cuga.orchestrator import (
    ApprovalManager,
    ExecutionContext,
    PolicyBasedRoutingAuthority,
    RoutingDecision,
    failures,
)
from cuga.orchestrator.audit import JSONAuditTrail, NoOpAuditTrail, SQLiteAuditTrail
from cuga.orchestrator.budget_enforcer import BudgetEnforcer, ToolBudget
from cuga.orchestrator.planning import PlanningAuthority

WRONG = [5, "x", None, object(), [1], {"k": 1}, float("nan"), True]
TEN = ToolBudget(total_calls=10)
DECISION = RoutingDecision(target="a", reasoning="r")
HERE = ExecutionContext()

CALLS: dict[str, Callable[[Any], Any]] = {
    "a policy": lambda bad: PolicyBasedRoutingAuthority(policy=bad).route_to_worker(["a", "b"]),
    "candidates": lambda bad: PolicyBasedRoutingAuthority().route_to_worker(bad),
    "a candidate": lambda bad: PolicyBasedRoutingAuthority().route_to_worker([bad]),
    "a load": lambda bad: PolicyBasedRoutingAuthority().route_to_worker([{"name": "a", "load": bad}]),
    "capabilities": lambda bad: PolicyBasedRoutingAuthority().route("t", {"required_capabilities": bad}, ["a"]),
    "seconds": lambda bad: PolicyBasedRoutingAuthority().learn("x", succeeded=True, seconds=bad),
    "a confidence": lambda bad: RoutingDecision(target="a", reasoning="r", confidence=bad),
    "calls": lambda bad: ToolBudget(total_calls=bad),
    "calls per domain": lambda bad: ToolBudget(calls_per_domain=bad),
    "calls of a domain": lambda bad: ToolBudget(calls_per_domain={"d": bad}),
    "a ceiling": lambda bad: ToolBudget(cost_ceiling=bad),
    "tokens": lambda bad: ToolBudget(token_ceiling=bad),
    "a budget": lambda bad: BudgetEnforcer(bad),
    "a threshold": lambda bad: BudgetEnforcer(TEN, warning_threshold=bad),
    "a house": lambda bad: BudgetEnforcer(TEN, house=bad),
    "an emitter": lambda bad: BudgetEnforcer(TEN, bad).record_usage("t"),
    "a tool to check": lambda bad: BudgetEnforcer(TEN).check_budget(bad),
    "a cost to check": lambda bad: BudgetEnforcer(TEN).check_budget("t", "d", bad),
    "a cost to record": lambda bad: BudgetEnforcer(TEN).record_usage("t", "d", bad),
    "a policy of approvals": lambda bad: ApprovalManager(bad),
    "a partial result": lambda bad: failures.PartialResult.from_dict(bad),
    "a profile of a memory": lambda bad: VectorMemory(bad),
    "a note": lambda bad: VectorMemory("smb").add(bad),
    "a mark of a note": lambda bad: VectorMemory("smb").add("note", bad),
    "a key of a note": lambda bad: VectorMemory("smb").add("note", key=bad),
    "a note to forget": lambda bad: VectorMemory("smb").forget(bad),
    "another profile": lambda bad: VectorMemory("smb").under(bad),
    "steps": lambda bad: asyncio.run(WorkerAgent().execute_with_retry(bad)),
    "a planner": lambda bad: CoordinatorAgent(bad, []),
    "workers": lambda bad: CoordinatorAgent(PlannerAgent(), bad),
    "a planner to create with": lambda bad: create_coordinator(bad, []),
    "workers to create with": lambda bad: create_coordinator(PlannerAgent(), bad),
}
for name in ("completed_steps", "failed_step", "error", "failure_mode", "step_results", "remaining_steps", "profile",
             "run_id", "denied_steps", "trace_id", "user_id"):  # fmt: skip
    CALLS[f"{name} of a partial result"] = lambda bad, name=name: failures.PartialResult.from_dict({name: bad})
for kind in (failures.RetryPolicy, failures.ExponentialBackoffPolicy, failures.LinearBackoffPolicy):
    for name in inspect.signature(kind).parameters:
        CALLS[f"{name} of {kind.__name__}"] = lambda bad, kind=kind, name=name: kind(**{name: bad})


@pytest.mark.parametrize("bad", WRONG, ids=lambda bad: repr(bad)[:14])
@pytest.mark.parametrize("what", CALLS)
def test_what_is_of_a_wrong_kind_never_ends_in_an_error_of_python(what, bad):
    with suppress(CugaError):  # anything else fails the test
        CALLS[what](bad)


@pytest.mark.parametrize(
    ("what", "bad", "words"),
    [
        ("max_attempts of RetryPolicy", "x", "RetryPolicy.max_attempts is 'x', a str; expected a whole number"),
        ("calls", [1], "ToolBudget.total_calls is [1], a list; expected a whole number"),
        ("a partial result", None, "from_dict reads is None; expected a mapping"),
        ("failure_mode of a partial result", "odd", "PartialResult.failure_mode is 'odd', a str; expected one of"),
        ("candidates", "abc", "expected a list of names, agents, workers or tools"),
        ("workers", "A", "the workers of a coordinator is 'A', a str; expected a list of WorkerAgents"),
        ("a policy of approvals", 3, "expected an ApprovalPolicy"),
    ],
)
def test_the_error_says_where_what_and_what_is_expected(what, bad, words):
    with pytest.raises(BadInput) as refused:
        CALLS[what](bad)
    assert words in str(refused.value)


@pytest.fixture(params=[JSONAuditTrail, SQLiteAuditTrail, NoOpAuditTrail])
def trail(request, tmp_path):
    return request.param() if request.param is NoOpAuditTrail else request.param(tmp_path / "trail")


@pytest.mark.parametrize("bad", WRONG, ids=lambda bad: repr(bad)[:14])
def test_an_audit_trail_says_what_it_can_record(trail, bad):
    for record in (
        lambda: trail.record_decision(bad, HERE),
        lambda: trail.record_plan(bad, HERE),
        lambda: trail.record_decision(DECISION, bad),
    ):
        with pytest.raises(BadInput, match="expected"):
            record()
    if not isinstance(bad, str):
        with pytest.raises(BadInput, match="trace id"):
            trail.get_trace_history(bad)


@pytest.mark.parametrize("kind", [JSONAuditTrail, SQLiteAuditTrail])
def test_a_trail_lies_at_a_path(kind):
    with pytest.raises(BadInput, match="expected a path"):
        kind(5)


@pytest.mark.parametrize("name", ["routing_policy", "planning_mode", "audit_backend"])
@pytest.mark.parametrize("bad", [5, None, "x", [1], {"k": 1}])
def test_a_word_that_is_no_choice_is_answered_with_the_choices(name, bad):
    with pytest.raises(ValueError, match=f"no {name.replace('_', ' ')} .*; there are "):
        create_coordinator(PlannerAgent(), [], **{name: bad})


@pytest.mark.parametrize("bad", [5, None, "x", [1], {"k": 1}])
def test_a_planning_authority_names_its_modes(bad):
    with pytest.raises(ValueError, match="there are default, budget_aware, memory_augmented"):
        PlanningAuthority(mode=bad)

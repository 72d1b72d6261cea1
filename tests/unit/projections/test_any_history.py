"""Whatever happens to runs, every view says what the facts say: live and rebuilt, table and stream."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.projections.histories import BOB, EVE, SALES, House, plan, step

from cuga.errors import CugaError
from cuga.model.command import RecordPlan
from cuga.model.event import CANONICAL, DoubtAnswer, Verdict
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.projections.audit import AuditRecord, audit_of
from cuga.projections.audit_text import audit_text
from cuga.projections.check import check_rows
from cuga.projections.inbox import find_card, inbox
from cuga.projections.result import read_result
from cuga.projections.signals import SignalsView
from cuga.projections.trace import read_trace
from cuga.projections.views import MemoryViews

PLANS = (
    SALES,
    plan(step("s1", "send"), step("s2", "send"), step("s3", "look")),
    plan(*(step(f"s{n}", "draft") for n in range(1, 7))),
)
ACTS = st.tuples(
    st.sampled_from(["r1", "r2", "r3"]),
    st.sampled_from(["start", "done", "fail", "decide", "resolve", "wake", "cancel", "plan", "late"]),
    st.integers(0, 5),
)


async def act(house: House, run_id: str, what: str, choice: int) -> None:
    state = house.states.get(run_id)
    if state is None:
        await house.start(run_id, PLANS[choice % len(PLANS)], plan_only=choice == 5)
        return
    calling = sorted(state.calling)
    match what:
        case "done" if calling:
            await house.done(run_id, calling[choice % len(calling)], {"name": "Acme"}, blob=choice == 1, tokens=choice)
        case "fail" if calling:
            mode = [FailureMode.SYSTEM_NETWORK, FailureMode.AGENT_VALIDATION, FailureMode.SYSTEM_CRASH][choice % 3]
            await house.failed(run_id, calling[choice % len(calling)], mode, list(Certainty)[choice % 2])
        case "decide" if state.pending:
            verdict = list(Verdict)[choice % 4]
            arguments = {"to": f"someone else {choice}"} if verdict is Verdict.AMEND else None
            await house.decide(run_id, verdict, (BOB, EVE)[choice % 2], arguments, reason="so")
        case "resolve" if state.doubts:
            await house.resolve(run_id, sorted(state.doubts)[0], list(DoubtAnswer)[choice % 3])
        case "wake":
            house.tick((1, 40, 4_000, 90_000)[choice % 4])
            await house.wake(run_id)
        case "cancel" if choice == 0:
            await house.cancel(run_id)
        case "plan" if state.planning is not None:
            newer = plan(step("s1", "send"), step(f"n{choice}", "look"), number=2)
            await house.do(
                run_id, RecordPlan(at=house.clock.now(), attempt=state.plan_attempt, plan=newer, source="rules")
            )
        case "late" if state.attempt:
            await house.done(run_id, sorted(state.attempt)[0], {})
        case _:
            pass


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, min_size=1, max_size=40))
def test_every_view_says_what_the_facts_say(history: list[tuple[str, str, int]]) -> None:
    asyncio.run(_live(history))


async def _live(history: list[tuple[str, str, int]]) -> None:
    house = House()
    await house.keep_rules()
    live = SignalsView(house.journal, MemoryViews())
    for run_id, what, choice in history:
        try:
            await act(house, run_id, what, choice)
        except CugaError:
            continue  # refused, as it may be: nothing was written
        assert await live.read() == await SignalsView(house.journal, MemoryViews()).read()
    await _agree(house, live)


async def _agree(house: House, live: SignalsView) -> None:
    assert await check_rows(house.journal) == ()
    used: Counter[str] = Counter()
    for state in house.states.values():
        used.update({scope: amount for scope, amount in state.used.items() if amount})
    signals = await live.read()
    assert {usage.scope: usage.used for usage in signals.budget.scopes if usage.used} == {
        k: v for k, v in used.items() if v
    }
    pending = {name for state in house.states.values() for name in state.pending}
    assert {card.approval_id for card in await inbox(house.journal)} == pending
    traced = 0
    for run_id, state in house.states.items():
        result = await read_result(house.journal, run_id)
        assert sum(one.cost for one in result.steps) == result.cost
        assert {one.step: one.state for one in result.steps} == {
            name: phase.value for name, phase in state.phase.items()
        }
        for name, closed in state.closed.items():
            card = await find_card(house.journal, name)
            assert not card.is_open and card.closed_by in (closed.by, card.by_rule)
        trace = await read_trace(house.journal, run_id)
        assert set(trace.names) <= set(CANONICAL)
        traced += len(trace.events)
        record = audit_of(await house.journal.read(run_id))
        assert msgspec.json.decode(record.json(), type=AuditRecord) == record and run_id in audit_text(record)
    assert signals.total_events == traced

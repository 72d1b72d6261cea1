"""Machines that try whatever a run, a request or a ledger allows, in any order, and shrink what breaks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cuga.errors import CugaError
from cuga.journal.claims import Ledger, claims_of, spent
from cuga.journal.codec import Codec
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Committed, Journal, Refused
from cuga.journal.sqlite import SqliteJournal
from cuga.kernel.decide import decide
from cuga.kernel.evolve import fold
from cuga.kernel.outstanding import outstanding
from cuga.kernel.state import Phase, RunState
from cuga.model import event as e
from cuga.model.event import Verdict
from cuga.policy.profile import Approvals, AtLimit, Limits, Rate
from cuga.testing import (
    approve,
    cancels,
    completes,
    decides,
    fails,
    given,
    planned,
    replans,
    run_started,
    says,
    start,
    takes_over,
    tick,
    tops_up,
)
from cuga.testing.factories import (
    ADA,
    AT,
    EXECUTE,
    GRACE,
    LIN,
    MAX,
    PROPOSE,
    READ,
    contract,
    each,
    item,
    output_of,
    plan,
    rules,
    step,
)

QUICK = settings(max_examples=200, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
PEOPLE = st.sampled_from([ADA, GRACE, LIN, MAX])
TOOLS = [
    READ,
    PROPOSE,
    EXECUTE,
    contract("key", "execute", repeatable="key"),
    contract("probe", "propose", repeatable="probe"),
]
CODEC = Codec()


@st.composite
def plans(draw, first: int = 1, number: int = 1):
    """Some steps, each with needs among those before it."""
    steps = []
    for at in range(first, first + draw(st.integers(1, 5))):
        before = [one.step_id for one in steps]
        needs = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
        arguments = {"to": draw(st.sampled_from(["ann", "bob"]))}
        if needs and draw(st.booleans()):
            arguments["x"] = output_of(needs[0], draw(st.sampled_from(["", "/n", "/absent"])))
        tool = draw(st.sampled_from(TOOLS))
        if draw(st.integers(0, 3)) == 0:  # a call for each of some people, or of what an earlier step found
            over = f"{needs[0]}{draw(st.sampled_from(['/who', '/items']))}" if needs and draw(st.booleans()) else ""
            people = (
                () if over else tuple(draw(st.lists(st.sampled_from(["ann", "bob", "cid"]), max_size=3))) or ("eve",)
            )
            arguments["to"] = item()
            goes = each(over, items=people, first=draw(st.sampled_from([None, 1, 2])))
            steps.append(step(f"s{at}", tool, arguments, depends_on=tuple(needs), for_each=goes))
            continue
        steps.append(step(f"s{at}", tool, arguments, depends_on=tuple(needs), required=draw(st.booleans())))
    return plan(*steps, number=number)


class Kernel(RuleBasedStateMachine):
    """A run under any order of answers, people, plans, crashes and clocks."""

    @initialize(
        a_plan=plans(),
        calls=st.integers(1, 8),
        at_limit=st.sampled_from(list(AtLimit)),
        parallel=st.integers(1, 3),
        quorum=st.integers(1, 2),
    )
    def begin(self, a_plan, calls, at_limit, parallel, quorum):
        pinned = rules(
            *TOOLS,
            limits=Limits(calls=calls, at_limit=at_limit),
            approvals=Approvals(quorum=quorum),
            max_parallel=parallel,
        )
        self.story = given(rules=pinned).when(start(a_plan))
        self.steps = 10

    def _calling(self):
        return [start.step for start in outstanding(self.story.state).calls]

    @precondition(lambda self: self._calling())
    @rule(data=st.data(), how=st.sampled_from(["done", "late", "surely", "unknown", "invalid"]))
    def answer(self, data, how):
        step_id = data.draw(st.sampled_from(self._calling()))
        wish = {
            "done": completes(step_id, {"n": 1, "who": ["ann", "bob"]}),
            "late": completes(step_id, {"n": 1}, attempt=99),
            "surely": fails(step_id, surely=True),
            "unknown": fails(step_id),
            "invalid": fails(step_id, "agent_validation", surely=True),
        }[how]
        self.story.when(wish)

    @precondition(lambda self: self.story.state.awaiting)
    @rule(data=st.data(), by=PEOPLE, verdict=st.sampled_from(list(Verdict)))
    def decide_on_a_request(self, data, by, verdict):
        step_id = data.draw(st.sampled_from(sorted(self.story.state.awaiting)))
        request = self.story.state.pending[self.story.state.awaiting[step_id]]
        more = {"arguments": {"to": "eve"}} if verdict is Verdict.AMEND else {}
        if more and request.calls:
            changed = st.sampled_from([None, {"to": "eve"}, {"to": "zoe"}])
            more["arguments"] = [data.draw(changed) for _ in request.calls]
        self.story.when(decides(verdict, request.step, by, approval_id=request.approval_id, **more))

    @precondition(lambda self: self.story.state.doubts)
    @rule(data=st.data(), answer=st.sampled_from(["happened", "did-not", "again"]))
    def say_what_became_of_it(self, data, answer):
        self.story.when(says(data.draw(st.sampled_from(sorted(self.story.state.doubts))), answer, result={"n": 1}))

    @rule(seconds=st.sampled_from([0, 1, 5, 90, 4000, 90_000, -600]))
    def time_passes(self, seconds):
        self.story.after(seconds).when(tick())

    @rule()
    def a_process_dies(self):
        self.story.when(takes_over())

    @rule()
    def the_house_is_halted_or_not(self):
        self.story.after(halted="" if self.story.current.halted else "a drill").when(tick())

    @rule(scope=st.sampled_from(["calls", "cost"]), by=PEOPLE)
    def somebody_tops_up(self, scope, by):
        self.story.when(tops_up(scope, 2, by=by))

    @precondition(lambda self: self.story.state.planning is None)
    @rule()
    def somebody_wants_another_plan(self):
        self.story.when(replans())

    @precondition(lambda self: self.story.state.planning is not None)
    @rule(data=st.data(), keep=st.booleans())
    def the_planner_answers(self, data, keep):
        self.steps += 10
        fresh = data.draw(plans(first=self.steps, number=2))
        kept = self.story.state.plan.steps if keep and self.story.state.plan is not None else ()
        self.story.when(planned(plan(*kept, *fresh.steps, number=2)))

    @rule(chance=st.integers(0, 9))
    def somebody_cancels(self, chance):
        if not chance:
            self.story.when(cancels("enough"))

    @invariant()
    def what_is_counted_is_what_is_there(self):
        s: RunState = self.story.state
        assert s.open_steps == sum(1 for phase in s.phase.values() if not phase.is_end)
        assert set(s.calling) == {name for name, phase in s.phase.items() if phase is Phase.CALLING}
        assert set(s.doubts) == {name for name, phase in s.phase.items() if phase is Phase.IN_DOUBT}
        assert set(s.awaiting) == {name for name, phase in s.phase.items() if phase is Phase.AWAITING_APPROVAL}
        assert set(s.due) == {name for name, phase in s.phase.items() if phase is Phase.WAITING_RETRY}
        assert all(s.phase[name] is Phase.PENDING for name in s.ready if name not in s.due)
        for name, listing in s.lists.items():
            assert listing.open == sum(1 for call in listing.calls if not s.phase[call].is_end)
            assert (s.phase[name] is Phase.LISTED) or s.phase[name].is_end
            assert listing.open == 0 or s.phase[name] is Phase.LISTED
        assert len(s.calling) <= self.story.rules.profile.max_parallel
        assert s.used.get("calls", 0) <= self.story.rules.limits["calls"] + s.raised.get("calls", 0)

    @invariant()
    def it_goes_on_or_waits_or_is_over(self):
        s = self.story.state
        if s.end is None and not s.calling and s.planning is None:
            assert s.parked is not None and (s.parked.needs or s.parked.wake_at), s.phase
        if s.end is not None:
            assert not s.calling and not s.pending

    @invariant()
    def its_stored_bytes_give_the_same_state(self):
        events = [CODEC.decode(CODEC.encode(event)) for event in self.story.events]
        again = fold("r1", events)
        assert again.phase == self.story.state.phase and again.used == self.story.state.used


class Request(RuleBasedStateMachine):
    """One request under any order of people, clicks and clocks; a model of a few lines says what must hold."""

    @initialize(quorum=st.integers(1, 3), lapses=st.sampled_from([30, 3600]))
    def begin(self, quorum, lapses):
        pinned = rules(EXECUTE, approvals=Approvals(quorum=quorum, expires_s=100, lapses_s=lapses))
        self.quorum = quorum
        self.story = given(run_started(plan(step("send", EXECUTE))), rules=pinned).when(tick())
        self.began = self.story.at
        self.first = self.story.approval("send")
        self.votes: set[str] = set()

    @rule(by=PEOPLE, verdict=st.sampled_from([Verdict.APPROVE, Verdict.APPROVE, Verdict.DENY]), stale=st.booleans())
    def click(self, by, verdict, stale):
        before = self.story.state.pending.get(self.first)
        more = {"digest": "0" * 64} if stale else {}
        self.story.when(decides(verdict, "send", by, approval_id=self.first, **more))
        received = [event for event in self.story.last if isinstance(event, e.ApprovalReceived)]
        if not received:
            return
        assert before is not None and not stale
        assert by in (GRACE, LIN)
        assert self.story.at < self.began + timedelta(seconds=100)
        if verdict is Verdict.APPROVE:
            assert by.id not in self.votes
            self.votes.add(by.id)
            assert received[0].final is (len(self.votes) >= self.quorum)

    @rule(seconds=st.sampled_from([1, 20, 60]))
    def wait(self, seconds):
        self.story.after(seconds).when(tick())

    @invariant()
    def a_call_has_its_consent(self):
        calls = [event for event in self.story.events if isinstance(event, e.ToolCallStart)]
        if calls:
            assert len(self.votes) >= self.quorum
            assert calls[0].approval == self.first

    @invariant()
    def a_request_is_decided_at_most_once(self):
        final = [
            x
            for x in self.story.events
            if isinstance(x, e.ApprovalReceived) and x.final and x.approval_id == self.first
        ]
        over = [x for x in self.story.events if isinstance(x, e.ApprovalTimeout) and x.approval_id == self.first]
        assert len(final) + len(over) <= 1


class Budgets(RuleBasedStateMachine):
    """Several runs on one rate and one ledger; whatever the order, what is kept fits and equals the fold."""

    LIMIT = 4

    @initialize(calls=st.integers(1, 5), runs=st.integers(2, 4))
    def begin(self, calls, runs):
        self.pinned = rules(
            READ,
            limits=Limits(calls=calls, at_limit=AtLimit.PARK),
            rates=(Rate(per="tenant", calls=self.LIMIT, window_s=60),),
            max_parallel=2,
        )
        self.ledger = Ledger(lambda _scope: 0)
        self.kept: list[e.Event] = []
        self.stories = []
        for _ in range(runs):
            story = given(rules=self.pinned)
            self.stories.append(story)
            self.carry_out(story, start(plan(*(step(f"s{at}", READ) for at in range(5)))))

    def carry_out(self, story, wish):
        refused: dict[str, int] = {}
        for _ in range(4):
            try:
                decision = decide(story.state, [wish(story)], self.pinned, story.current, refused)
            except CugaError:
                return
            held = self.ledger.reserve(claims_of(decision.events))
            if isinstance(held, Refused):
                refused[held.claim.scope] = held.used
                continue
            self.kept += decision.events
            story.events += decision.events
            story.state = decision.state
            return
        raise AssertionError("a refusal must be answered within a few rounds")

    @rule(data=st.data(), good=st.booleans())
    def answer(self, data, good):
        story = data.draw(st.sampled_from(self.stories))
        for step_id in list(story.state.calling)[:1]:
            self.carry_out(story, completes(step_id) if good else fails(step_id))

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def wait(self, seconds):
        for story in self.stories:
            story.after(seconds)
            self.carry_out(story, tick())

    @rule(data=st.data())
    def top_up(self, data):
        self.carry_out(data.draw(st.sampled_from(self.stories)), tops_up("calls", 1))

    @invariant()
    def nothing_is_overdrawn(self):
        used = spent(self.kept)
        assert all(self.ledger.used(scope) == amount for scope, amount in used.items())
        assert all(amount <= self.LIMIT for scope, amount in used.items() if scope.startswith("rate/"))
        for story in self.stories:
            calls = sum(1 for event in story.events if isinstance(event, e.ToolCallStart))
            assert calls == story.state.used.get("calls", 0)
            assert calls <= self.pinned.limits["calls"] + story.state.raised.get("calls", 0)


@pytest.mark.simulation
@pytest.mark.parametrize("machine", [Kernel, Request, Budgets])
def test_no_order_of_events_breaks(machine):
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=QUICK)


async def admitted(journal: Journal, workers: int, wanted: int, limit: int) -> int:
    """How many of the calls that workers want at once, each in a run of its own, the journal lets through."""
    claim = e.Claim(scope="rate/day", amount=1, limit=limit)
    lost = e.ToolCallError(
        at=AT, step="s", attempt=1, mode="system_network", certainty="unknown", message="", claims=(claim,)
    )

    async def work(number: int) -> int:
        version = 0
        for _ in range(wanted // workers):
            answer = await journal.append(f"r{number}", version, [lost])
            if isinstance(answer, Committed):
                version = answer.version
            else:
                assert isinstance(answer, Refused) and answer.used == limit
        return version

    kept = sum(await asyncio.gather(*(work(number) for number in range(workers))))
    assert await journal.used("rate/day") == kept
    return kept


@pytest.mark.simulation
@pytest.mark.parametrize("home", ["memory", "sqlite"])
async def test_sixty_four_workers_do_not_overdraw_a_budget(home, tmp_path):
    journal = MemoryJournal() if home == "memory" else SqliteJournal(tmp_path / "journal.db", durability="process")
    assert await admitted(journal, 64, 32_000, 25_000) == 25_000
    await journal.close()


@pytest.mark.soak
async def test_sixty_four_workers_do_not_overdraw_a_budget_in_a_million_admissions(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")
    assert await admitted(journal, 64, 1_000_000, 777_777) == 777_777
    assert await journal.verify() == []
    await journal.close()


def test_the_examples_of_the_kit_are_what_they_say():
    story = given(run_started(plan(step("draft", PROPOSE)))).when(tick()).when(approve("draft"))
    assert list(story.state.calling) == ["draft"]

"""Histories to look at: runs driven by the production kernel into a journal in memory, one command at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cuga.clock import ManualClock
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Committed, Refused
from cuga.kernel.decide import decide
from cuga.kernel.evolve import fold
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import DoubtAnswer, Event, Verdict
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty, Done, Failed
from cuga.model.plan import Budget, CheckedPlan, Reference, Step, When
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import digest_bytes, encode
from cuga.policy.judge import Rules
from cuga.policy.profile import Approvals, AtLimit, Consent, Current, Limits, Profile, Rulebook
from cuga.projections.rows import index_of

ADA = Principal(id="ada", roles=("operator",))
BOB = Principal(id="bob", roles=("approver",))
EVE = Principal(id="eve", roles=("approver",))

TOOLS = {
    "look": ToolContract(
        name="look",
        domain="intelligence",
        side_effect=SideEffect.READ_ONLY,
        purpose="Look.",
        cost=500_000,
        uses=("crm",),
    ),
    "draft": ToolContract(
        name="draft", domain="engagement", side_effect=SideEffect.PROPOSE, purpose="Draft.", cost=1_000_000
    ),
    "send": ToolContract(
        name="send",
        domain="engagement",
        side_effect=SideEffect.EXECUTE,
        purpose="Send.",
        cost=2_000_000,
        uses=("mail",),
    ),
}


def profile(name: str = "smb", **changes: Any) -> Profile:
    """A profile: propose passes by its rule, execute needs a person."""
    base = Profile(
        name=name,
        limits=Limits(calls=10, calls_per_domain={"engagement": 4}, at_limit=AtLimit.PARK),
        approvals=Approvals(propose=Consent.RULE),
        any_adapters=("offline",),
    )
    return msgspec.structs.replace(base, **changes)


def step(name: str, tool: str, **changes: Any) -> Step:
    """A step of a plan; its input is `input`, any JSON value."""
    contract = TOOLS[tool]
    given = changes.pop("input", {"to": "Kim <kim@acme.example>"})
    return Step(
        step_id=name,
        tool=tool,
        tool_digest=contract.digest(),
        domain=contract.domain,
        side_effect=contract.side_effect,
        cost=contract.cost,
        input=msgspec.Raw(encode(given)),
        **({"reason": f"because of {name}", "name": name.title()} | changes),
    )


def plan(*steps: Step, number: int = 1, **changes: Any) -> CheckedPlan:
    """A plan of some steps."""
    return CheckedPlan(
        plan_id=f"p{number}",
        goal="win Acme",
        number=number,
        planner="rules",
        steps=steps,
        **({"why": ("it fits",), "notes": ("the buyer is unknown",)} | changes),
    )


SALES = plan(
    step("s1", "look"),
    step(
        "s2",
        "draft",
        references=(Reference(step="s1", path="/name"),),
        input={"about": {"$from": {"step": "s1", "path": "/name"}}},
    ),
    step("s3", "send", depends_on=("s2",)),
)  # fmt: skip


class House:
    """A journal with runs in it. Each method is one command of the production kernel and its append."""

    def __init__(self, journal: Any = None, rules: Profile | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = ManualClock()
        self.states: dict[str, RunState] = {}
        self.current = Current(
            installed_adapters={"crm": ("offline",), "mail": ("offline",)},
            tool_digests={name: tool.digest() for name, tool in TOOLS.items()},
        )
        self.rules = Rules(Rulebook(profile=rules or profile(), contracts=TOOLS))

    async def keep_rules(self) -> str:
        return str(await self.journal.keep_snapshot(encode(self.rules.book)))

    def tick(self, seconds: float = 1) -> datetime:
        return self.clock.advance(timedelta(seconds=seconds))

    async def do(self, run_id: str, *commands: c.Command, blobs: Iterable[bytes] = ()) -> RunState:
        before = self.states.get(run_id) or RunState(run_id)
        refused: dict[str, int] = {}
        while True:
            decision = decide(before, commands, self.rules, self.current, refused)
            if not decision.events:
                return before
            answer = await self.journal.append(
                run_id,
                before.version,
                decision.events,
                index=index_of(before, decision.state, decision.events),
                blobs=tuple(blobs),
            )
            if isinstance(answer, Refused):
                refused[answer.claim.scope] = answer.used
                continue
            assert isinstance(answer, Committed)
            self.states[run_id] = decision.state
            return decision.state

    async def start(self, run_id: str, made: CheckedPlan | None = SALES, **changes: Any) -> RunState:
        given: dict[str, Any] = {"goal": "win Acme", "trace_id": f"t-{run_id}", "by": ADA, "plan": made} | changes
        return await self.do(
            run_id,
            c.StartRun(at=self.clock.now(), profile=self.rules.profile.name, policy_digest=self.rules.digest, **given),
        )

    async def done(
        self, run_id: str, name: str, result: Any = None, *, ms: float = 10, blob: bool = False, **changes: Any
    ) -> RunState:
        body = encode(result)
        ref = BlobRef(digest=digest_bytes(body), size=len(body)) if blob else None
        outcome = Done(result=msgspec.Raw(body), duration_us=round(ms * 1000), **changes)
        attempt = self.states[run_id].attempt[name]
        command = c.RecordOutcome(at=self.clock.now(), step=name, attempt=attempt, outcome=outcome, blob=ref)
        return await self.do(run_id, command, blobs=(body,) if blob else ())

    async def failed(
        self,
        run_id: str,
        name: str,
        mode: FailureMode = FailureMode.SYSTEM_NETWORK,
        certainty: Certainty = Certainty.NOT_DONE,
        ms: float = 5,
    ) -> RunState:
        outcome = Failed(mode=mode, certainty=certainty, message=f"{name} broke", duration_us=round(ms * 1000))
        attempt = self.states[run_id].attempt[name]
        return await self.do(run_id, c.RecordOutcome(at=self.clock.now(), step=name, attempt=attempt, outcome=outcome))

    async def decide(
        self, run_id: str, verdict: Verdict, by: Principal = BOB, arguments: Any = None, reason: str = ""
    ) -> RunState:
        approval_id, request = next(iter(self.states[run_id].pending.items()))
        raw = None if arguments is None else msgspec.Raw(encode(arguments))
        command = c.ResolveApproval(
            at=self.clock.now(), by=by, approval_id=approval_id, verdict=verdict, digest=request.digest,
            reason=reason, arguments=raw,
        )  # fmt: skip
        return await self.do(run_id, command)

    async def resolve(self, run_id: str, name: str, answer: DoubtAnswer, reason: str = "") -> RunState:
        return await self.do(
            run_id, c.ResolveDoubt(at=self.clock.now(), by=BOB, step=name, answer=answer, reason=reason)
        )

    async def wake(self, run_id: str) -> RunState:
        return await self.do(run_id, c.Tick(at=self.clock.now()))

    async def cancel(self, run_id: str, reason: str = "not needed") -> RunState:
        return await self.do(run_id, c.Cancel(at=self.clock.now(), by=ADA, reason=reason))

    async def events(self, run_id: str) -> list[Event]:
        return events_of(await self.journal.read(run_id))

    async def state(self, run_id: str) -> RunState:
        return fold(run_id, await self.events(run_id))


async def sold(house: House, run_id: str = "r1", *, blob: bool = False) -> RunState:
    """The sales plan, done to its end: looked, drafted, approved by bob after 90 s, sent."""
    await house.start(run_id)
    house.tick()
    evidence = {"record": "acc-1", "field": "name", "value": "Acme", "source": "accounts.csv:2"}
    await house.done(run_id, "s1", {"name": "Acme", "evidence": [evidence], "unknowns": ["revenue"]}, ms=12)
    house.tick()
    await house.done(run_id, "s2", {"body": "Hello", "parts": {"evidence": [evidence]}}, ms=20, blob=blob)
    house.tick(90)
    await house.decide(run_id, Verdict.APPROVE, reason="looks right")
    house.tick()
    return await house.done(run_id, "s3", {"artefacts": ["outbox/1.eml"]}, ms=30, provider_reference="<m1@house>")


async def varied(house: House) -> None:
    """Runs that end in every way, and some that have not ended."""
    await house.keep_rules()
    await sold(house, "sold")
    house.tick(3600)
    await house.start("denied")
    await house.done("denied", "s1", {"name": "Acme"})
    await house.done("denied", "s2", {})
    house.tick(60)
    await house.decide("denied", Verdict.DENY, reason="too early")
    await house.start("broken", plan(step("s1", "look")))
    for _ in range(3):
        await house.failed("broken", "s1")
        house.tick(40)
        await house.wake("broken")
    await house.start("doubtful", plan(step("s1", "send"), step("s2", "look")))
    await house.done("doubtful", "s2", {})
    await house.decide("doubtful", Verdict.APPROVE)
    await house.failed("doubtful", "s1", certainty=Certainty.UNKNOWN)
    await house.start("happened", plan(step("s1", "send")))
    await house.decide("happened", Verdict.APPROVE)
    await house.failed("happened", "s1", certainty=Certainty.UNKNOWN)
    house.tick()
    await house.resolve("happened", "s1", DoubtAnswer.HAPPENED, "seen in the mailbox")
    one = When(expr="x == 1", bind={"x": Reference(step="s1", path="/n")})
    await house.start("didnot", plan(step("s1", "send"), step("s2", "look", when=one)))
    await house.decide("didnot", Verdict.APPROVE)
    await house.failed("didnot", "s1", certainty=Certainty.UNKNOWN)
    await house.resolve("didnot", "s1", DoubtAnswer.DID_NOT)
    await house.start("again", plan(step("s1", "send")))
    await house.decide("again", Verdict.APPROVE)
    await house.failed("again", "s1", certainty=Certainty.UNKNOWN)
    await house.resolve("again", "s1", DoubtAnswer.AGAIN)
    await house.start("expired", plan(step("s1", "send")))
    house.tick(25 * 3600)
    await house.wake("expired")
    await house.start("amended", plan(step("s1", "send")))
    await house.decide("amended", Verdict.AMEND, arguments={"to": "Lee <lee@acme.example>"})
    house.tick(5)
    await house.decide("amended", Verdict.APPROVE, EVE)
    await house.done("amended", "s1", {}, tokens=7)
    await house.start("changed", plan(step("s1", "send"), step("s2", "look")))
    await house.decide("changed", Verdict.REQUEST_CHANGES, reason="warmer please")
    attempt = house.states["changed"].plan_attempt
    newer = plan(step("s2", "look"), step("s3", "send"), number=2)
    await house.do("changed", c.RecordPlan(at=house.clock.now(), attempt=attempt, plan=newer, source="rules"))
    await house.start("cancelled", plan(step("s1", "send")))
    await house.cancel("cancelled")
    await house.start("planned", plan_only=True)
    await house.start("unplanned", None)
    await house.do("unplanned", c.RecordPlanFailure(at=house.clock.now(), attempt=1, reason="no tool fits"))
    await house.start("asked", None)
    await house.do("asked", c.AskQuestion(at=house.clock.now(), attempt=1, question_id="q1", text="Which Acme?"))
    await house.start("thirsty", plan(*(step(f"s{n}", "draft") for n in range(1, 6))), budget=Budget(cost=3_000_000))
    for n in range(1, 4):
        await house.done("thirsty", f"s{n}", {})
    await house.start("waiting", plan(step("s1", "send")))
    await house.do("waiting", c.Annotate(at=house.tick(), by=BOB, text="call me first", step="s1"))

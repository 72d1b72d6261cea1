"""The production demo: the main job under the strict profile, four steps over three domains, and a second person who
must agree before anything is proposed.

Everything is real: the plan, the rules, the approval, the journal. Only the approver's mind may be a script.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cuga.cli.commands.showing import DEMO_GOAL
from cuga.clock import SystemClock
from cuga.errors import BadInput
from cuga.model.event import Status, Verdict
from cuga.model.house_event import UserAdded
from cuga.model.value import MICRO, Value
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.llm.models import ModelNow
from cuga.projections.card import Card
from cuga.projections.result import RunResult

PROFILE = "enterprise"
SELLER, APPROVER = "ann", "bob"

Decide = Callable[[Card], Awaitable[tuple[Verdict, str] | None]]  # None: not now


class StepLine(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One step. `cost` is in units of cost, `took_ms` in milliseconds over all attempts."""

    step: str
    tool: str
    domain: str
    side_effect: str
    state: str
    cost: float
    took_ms: float
    agreed: str


class Report(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What the demo has to show. Costs are in units, waits in seconds."""

    run_id: str
    trace_id: str
    model: str
    status: Status
    reason: str
    steps: tuple[StepLine, ...]
    cost: float
    cost_limit: float
    cost_by_domain: dict[str, float]
    cost_by_tool: dict[str, float]
    approvals: int
    approved: int
    waited_s: float
    average_wait_s: float
    faults: int  # of the journal

    def lines(self) -> list[str]:
        """The report for a terminal."""
        percent = 100 * self.cost / self.cost_limit if self.cost_limit else 0.0
        domains = list(dict.fromkeys(step.domain for step in self.steps))
        return [
            f"LLM: {self.model}",
            f"Trace ID: {self.trace_id}",
            "",
            f"STEPS: {len(self.steps)} over {len(domains)} domains ({', '.join(domains)})",
            *(_step_line(step) for step in self.steps),
            "",
            "BUDGET UTILIZATION:",
            f"  Total used: {self.cost:g} / {self.cost_limit:.1f} ({percent:.1f}%)",
            f"  By domain: {_amounts(self.cost_by_domain)}",
            f"  By tool: {_amounts(self.cost_by_tool)}",
            "  Within limits" if self.cost <= self.cost_limit else "  OVER THE LIMIT",
            "",
            "APPROVAL METRICS:",
            f"  Total approvals: {self.approvals}",
            f"  Total wait time: {self.waited_s:.2f}s",
            f"  Average wait time: {self.average_wait_s:.2f}s",
            f"  Approved: {self.approved}/{self.approvals}",
            "",
            f"Run {self.run_id}: {self.status.value}, {self.reason}",
            "The journal verifies." if not self.faults else f"The journal has {self.faults} faults.",
        ]


async def produce(place: Place, decide: Decide, variables: Mapping[str, str] | None = None) -> Report:
    """Run the demo in a house that holds the sample's records. `decide` answers for the second person."""
    async with Coordinator(PROFILE, house=place.root, user=SELLER) as house:
        now = await house.house()
        if now.owner != SELLER:
            raise BadInput(f"{place.root} is {now.owner}'s house already", mend="Name a fresh directory for the demo.")
        if APPROVER not in now.roles:
            await house.change(UserAdded(at=SystemClock().now(), user=APPROVER, roles=("approver",)))
        run_id = await house.start(DEMO_GOAL)
        await house.wait(run_id)
        approver = await house.principal(APPROVER)
        while cards := await house.inbox(run_id):
            said = await decide(cards[0])
            if said is None:
                break
            verdict, reason = said
            await house.answer(cards[0].approval_id, verdict, digest=cards[0].digest, reason=reason, by=approver)
            await house.wait(run_id)
        budget = (await house.budget(run_id)).as_dict()["cost"]
        line = model_line(await house.model_now(PROFILE), variables or {})
        return _report(await house.show(run_id), budget, line, len(await house.verify()))


def model_line(now: ModelNow, variables: Mapping[str, str]) -> str:
    """Who plans, in a line: a model that is on, or the rules, and then why a key that is there is not used."""
    if now.is_on:
        return f"Enabled ({now.line})"
    if variables.get("OPENAI_API_KEY"):
        return f"Offline mode (rule-based); a key is set. {now.line}"
    return "Offline mode (rule-based)"


def scripted(delay_s: float = 2.0) -> Decide:
    """A second person who looks for a while and agrees."""

    async def decide(card: Card) -> tuple[Verdict, str] | None:
        await asyncio.sleep(delay_s)
        return Verdict.APPROVE, f"{card.tool} was looked at and is fine"

    return decide


def asking() -> Decide:
    """The person at the terminal decides for the second person; no answer leaves the run parked."""
    from cuga.cli.render.approval import whole
    from cuga.cli.screen import say

    async def decide(card: Card) -> tuple[Verdict, str] | None:
        say(whole(card, commands=False), f"You are {APPROVER}. Do you agree? [y/n, or anything else for later]")
        try:
            answer = (await asyncio.to_thread(input)).strip().lower()
        except EOFError:
            return None
        if answer in ("y", "yes"):
            return Verdict.APPROVE, "agreed at the terminal"
        return (Verdict.DENY, "denied at the terminal") if answer in ("n", "no") else None

    return decide


def _report(found: RunResult, budget: dict[str, Any], model: str, faults: int) -> Report:
    waits = [
        (vote.at - card.requested_at).total_seconds()
        for card in found.approvals
        for vote in card.votes[-1:]
        if not vote.rule
    ]
    agreed = [card for card in found.approvals if any(v.verdict == Verdict.APPROVE.value for v in card.votes)]
    by_domain: dict[str, int] = {}
    by_tool: dict[str, int] = {}
    for step in found.steps:
        by_domain[step.domain] = by_domain.get(step.domain, 0) + step.cost
        by_tool[step.tool] = by_tool.get(step.tool, 0) + step.cost
    return Report(
        run_id=found.run_id,
        trace_id=found.trace_id,
        model=model,
        status=found.status,
        reason=found.reason,
        steps=tuple(
            StepLine(
                step=step.step,
                tool=step.tool,
                domain=step.domain,
                side_effect=step.side_effect,
                state=step.state,
                cost=step.cost / MICRO,
                took_ms=step.duration_us / 1000,
                agreed=step.approved_by,
            )
            for step in found.steps
        ),
        cost=found.cost / MICRO,
        cost_limit=float(budget["limit"] or 0),
        cost_by_domain={name: micro / MICRO for name, micro in by_domain.items()},
        cost_by_tool={name: micro / MICRO for name, micro in by_tool.items()},
        approvals=len(found.approvals),
        approved=len(agreed),
        waited_s=sum(waits),
        average_wait_s=sum(waits) / len(waits) if waits else 0.0,
        faults=faults,
    )


def _step_line(step: StepLine) -> str:
    agreed = f", agreed by {step.agreed}" if step.agreed else ""
    kind = f"{step.domain}, {step.side_effect}"
    return f"  {step.step} {step.tool} ({kind}): {step.state}, cost {step.cost:g}, {step.took_ms:.0f} ms{agreed}"


def _amounts(costs: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {cost:g}" for name, cost in costs.items()) or "none"

"""What other rules would have done with the runs that are on record: which calls, of whom, would have gone another way.

A fold of the journal: nothing is called, planned or recorded. A call counts for its step as it went: let through, asked
for, or refused. What a run would have done after a step that goes another way is not guessed: later steps are judged
as they stand. What no registry decided stands as well: a refusal for what the call itself was about, a question because
a plan or a model's text asks for a person, a standing rule's yes, a budget that a person raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cuga.errors import CugaError
from cuga.journal.codec import events_of
from cuga.journal.port import ReadJournal
from cuga.kernel.evolve import fold
from cuga.kernel.written import fed_by_model
from cuga.model import event as e
from cuga.model.tool import SideEffect
from cuga.model.value import Value
from cuga.orchestrator.rehearsal.stage import Stage
from cuga.orchestrator.rehearsal.what_if import judged
from cuga.policy.budget import drawn

_WHEN = datetime(2000, 1, 1, tzinfo=UTC)
_PAGE = 500
ALLOWED, ASKS, REFUSED = "allowed", "asks", "refused"
_OF_REGISTRY = frozenset({"unknown-tool", "forbidden-tool", "tool-allowlist"})  # of the refusals, those it decided


class Diverted(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One step that would go another way. `before` and `after`: allowed, asks, refused."""

    run_id: str
    step: str
    tool: str
    profile: str
    requester: str
    at: datetime
    before: str
    after: str
    reason: str


class Backtest(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What would change over the runs that were looked at."""

    runs: int
    steps: int
    changes: tuple[Diverted, ...]
    stopped: dict[str, int]  # requester -> steps that went on and would be refused
    unread: int  # runs that this version cannot read

    def count(self, before: str, after: str) -> int:
        """How many steps would go from one way to another."""
        return sum((one.before, one.after) == (before, after) for one in self.changes)


async def backtest(journal: ReadJournal, tenant: str, stage: Stage, since: datetime | None = None) -> Backtest:
    """Hold every run of a tenant, from the newest back to `since`, against other rules."""
    changes: list[Diverted] = []
    runs = steps = unread = 0
    before = ""
    while page := await journal.runs(tenant=tenant, before=before, limit=_PAGE):
        for listed in page:
            if since is not None and listed.row.started_at < since:
                continue
            try:
                events = events_of(await journal.read(listed.run_id))
            except CugaError:
                unread += 1
                continue
            runs += 1
            found, looked_at = against(stage, listed.run_id, events)
            changes += found
            steps += looked_at
            await asyncio.sleep(0)  # there may be very many, and others want a turn
        before = page[-1].run_id
        if since is not None and page[-1].row.started_at < since:
            break
    stopped: dict[str, int] = {}
    for one in changes:
        if one.after == REFUSED:
            stopped[one.requester] = stopped.get(one.requester, 0) + 1
    return Backtest(runs=runs, steps=steps, changes=tuple(changes), stopped=stopped, unread=unread)


def against(stage: Stage, run_id: str, events: Sequence[e.Event]) -> tuple[list[Diverted], int]:
    """The steps of one run that would go another way, and how many were looked at."""
    start = events[0] if events else None
    if not isinstance(start, e.RunStarted):
        return [], 0
    used: dict[str, int] = {}
    raised: dict[str, int] = {}
    for event in events:
        if isinstance(event, e.BudgetRaised):
            raised[event.scope] = raised.get(event.scope, 0) + event.amount
    changes = []
    went = _as_they_went(events)
    for step, (tool, before, by, at, charge) in went.items():
        after, reason = _under(stage, start.profile, tool, used, raised, charge)
        if after != before and not _stands(stage, run_id, events, step, before, after, by):
            changes.append(
                Diverted(
                    run_id=run_id,
                    step=step,
                    tool=tool,
                    profile=start.profile,
                    requester=start.requester.id,
                    at=at,
                    before=before,
                    after=after,
                    reason=reason,
                )
            )
    return changes, len(went)


def _stands(stage: Stage, run_id: str, events: Sequence[e.Event], step: str, before: str, after: str, by: str) -> bool:
    """Whether a step goes as it went whatever these rules say, as no registry decided it."""
    if before == REFUSED:
        return by not in _OF_REGISTRY
    if (before, after) == (ALLOWED, ASKS) and by.startswith("standing:"):
        start = events[0]
        assert isinstance(start, e.RunStarted)
        rules = stage.rules(start.profile)
        tool = next(one.tool for one in events if isinstance(one, e.ApprovalRequested) and _is_of(one, step))
        is_outside = rules.contracts[tool].side_effect is SideEffect.EXECUTE
        return not is_outside and rules.profile.approvals.quorum <= 1
    if (before, after) == (ASKS, ALLOWED):
        state = fold(run_id, events)
        planned = state.step(step)
        return planned.ask_first or fed_by_model(state, planned) is not None
    return False


def _is_of(request: e.ApprovalRequested, step: str) -> bool:
    return step == request.step or any(call.step == step for call in request.calls)


_Went = tuple[str, str, str, datetime, tuple[tuple[str, int], ...]]


def _as_they_went(events: Iterable[e.Event]) -> dict[str, _Went]:
    """Each step that came to a judgement: its tool, how it went, by which rule, when, and what its calls drew."""
    found: dict[str, _Went] = {}
    tools: dict[str, str] = {}
    for event in events:
        match event:
            case e.PlanCreated(plan=plan):
                tools |= {step.step_id: step.tool for step in plan.steps}
            case e.ApprovalRequested(calls=calls):
                for step in [call.step for call in calls] or [event.step]:
                    found.setdefault(step, (event.tool, ASKS, "", event.at, ()))
            case e.ApprovalReceived(rule=rule) if rule:
                listed = f"{event.step}#"
                for step, (tool, _, _, at, charge) in list(found.items()):
                    if step == event.step or step.startswith(listed):
                        found[step] = (tool, ALLOWED, rule, at, charge)
            case e.ToolCallStart():
                charge = drawn(event.tool, event.domain, event.cost)
                _, before, by, _, earlier = found.get(event.step, ("", ALLOWED, "", event.at, ()))
                found[event.step] = (event.tool, before, by, event.at, (*earlier, *charge))
            case e.StepRefused() if event.step in tools:
                found[event.step] = (tools[event.step], REFUSED, event.rule, event.at, ())
            case _:
                pass
    return found


def _under(
    stage: Stage,
    profile: str,
    tool: str,
    used: dict[str, int],
    raised: dict[str, int],
    charge: tuple[tuple[str, int], ...],
) -> tuple[str, str]:
    """How a step would go under the staged rules, and why; what it draws is added to what its run has used."""
    try:
        rules = stage.rules(profile)
        said = judged(rules, stage.current, _WHEN, tool)
    except CugaError as error:
        return REFUSED, error.message
    for scope, amount in charge:
        used[scope] = used.get(scope, 0) + amount
        limit = rules.limits.get(scope)
        if limit is not None and used[scope] > limit + raised.get(scope, 0) and said.verdict != REFUSED:
            return REFUSED, f"the budget {scope} of {profile} ends at {limit}"
    return said.verdict, "; ".join(said.reasons)

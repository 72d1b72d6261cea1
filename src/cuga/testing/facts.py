"""Facts and wishes in short, for stories: `call_completed("score", 87)`, `deny("draft", by=GRACE)`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cuga.kernel import consent
from cuga.model import command as c
from cuga.model import event as e
from cuga.model.context import Principal
from cuga.model.event import DoubtAnswer, Event, Verdict
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Done, Failed
from cuga.model.plan import CheckedPlan
from cuga.testing.factories import ADA, GRACE
from cuga.testing.story import Fact, Story, Wish, raw


# --- facts -----------------------------------------------------------------------------------------------------------
def run_started(plan: CheckedPlan | None = None, by: Principal = ADA, **changes: Any) -> Fact:
    """A run began, with a plan or asking for one."""

    def fact(story: Story) -> Sequence[Event]:
        begun = e.RunStarted(
            at=story.at,
            by=by.id,
            goal="sell more",
            profile=story.rules.profile.name,
            policy_digest=story.rules.digest,
            tenant=by.tenant,
            requester=by,
            trace_id=story.state.run_id,
            **changes,
        )
        if plan is None:
            return (begun, e.PlanRequested(at=story.at, planner="rules", attempt=1))
        return (begun, e.PlanCreated(at=story.at, plan=plan, source="rules"))

    return fact


def call_started(step: str, approval: str = "", **changes: Any) -> Fact:
    """The intent of a call is durable."""

    def fact(story: Story) -> Sequence[Event]:
        return (_start(story, step, approval, **changes),)

    return fact


def call_completed(step: str, result: Any = None, **changes: Any) -> Fact:
    """A call was made and answered; its intent is added when the story has none."""

    def fact(story: Story) -> Sequence[Event]:
        running = story.state.calling.get(step)
        start = running or _start(story, step)
        done = e.ToolCallComplete(at=story.at, step=step, attempt=start.attempt, result=raw(result), **changes)
        return (done,) if running else (start, done)

    return fact


def approval_requested(step: str, **changes: Any) -> Fact:
    """A step waits for people."""

    def fact(story: Story) -> Sequence[Event]:
        s = story.state
        planned = s.step(step)
        contract = story.rules.contracts[planned.tool]
        ruling = story.rules.ruling(planned.tool, story.current)
        arguments = s.inputs.get(step, planned.input)
        key = consent.idempotency_key(s.run_id, step, s.consents.get(step, 0), arguments)
        rules = story.rules.profile.approvals
        fields: dict[str, Any] = {
            "approval_id": f"{s.run_id}-a{len(s.closed) + len(s.pending) + 1}",
            "digest": consent.call_digest(s, planned, ruling, arguments, key),
            "tool": planned.tool,
            "tool_digest": ruling.tool_digest,
            "arguments": arguments,
            "side_effect": planned.side_effect,
            "cost": planned.cost,
            "adapters": ruling.adapters,
            "effect": consent.effect_of(contract, arguments),
            "requesters": (s.started.requester.id,),
            "roles": rules.roles,
            "quorum": rules.quorum,
            "expires_at": story.at + timedelta(seconds=rules.expires_s),
            **changes,
        }
        return (e.ApprovalRequested(at=story.at, step=step, **fields),)

    return fact


def _start(story: Story, step: str, approval: str = "", **changes: Any) -> e.ToolCallStart:
    s = story.state
    planned = s.step(step)
    contract = story.rules.contracts[planned.tool]
    arguments = s.inputs.get(step, planned.input)
    fields: dict[str, Any] = {
        "attempt": s.attempt.get(step, 0) + 1,
        "tool": planned.tool,
        "tool_digest": contract.digest(),
        "arguments": arguments,
        "side_effect": planned.side_effect,
        "domain": planned.domain,
        "cost": planned.cost,
        "key": consent.idempotency_key(s.run_id, step, s.consents.get(step, 0), arguments),
        "deadline": story.at + timedelta(seconds=contract.timeout_s),
        "timeout_s": contract.timeout_s,
        "approval": approval,
        "epoch": s.epoch,
        **changes,
    }
    return e.ToolCallStart(at=story.at, step=step, **fields)


# --- wishes ----------------------------------------------------------------------------------------------------------
def start(plan: CheckedPlan | None = None, by: Principal = ADA, **changes: Any) -> Wish:
    """Begin the run."""
    return lambda story: c.StartRun(
        at=story.at,
        by=by,
        goal="sell more",
        profile=story.rules.profile.name,
        policy_digest=story.rules.digest,
        trace_id=story.state.run_id,
        plan=plan,
        **changes,
    )


def tick() -> Wish:
    """Look again."""
    return lambda story: c.Tick(at=story.at)


def completes(step: str, result: Any = None, attempt: int = 0, **changes: Any) -> Wish:
    """The call of a step answers with a result."""

    def wish(story: Story) -> c.Command:
        blob = changes.pop("blob", None)
        number = attempt or story.state.attempt.get(step, 1)
        made = [one for one in story.events if isinstance(one, e.ToolCallStart) and one.step == step]
        of = {one.attempt: (one.key, one.tool_digest) for one in made}
        key, tool_digest = of.get(number, ("", ""))
        return c.RecordOutcome(
            at=story.at,
            step=step,
            attempt=number,
            outcome=Done(result=raw(result), **changes),
            blob=blob,
            key=key,
            tool_digest=tool_digest,
        )

    return wish


def fails(step: str, mode: str = "system_network", surely: bool = False, attempt: int = 0, **changes: Any) -> Wish:
    """The call of a step does not answer; `surely`: it is certain that nothing happened."""
    certainty = Certainty.NOT_DONE if surely else Certainty.UNKNOWN
    return lambda story: c.RecordOutcome(
        at=story.at,
        step=step,
        attempt=attempt or story.state.attempt.get(step, 1),
        outcome=Failed(mode=FailureMode(mode), certainty=certainty, message="the line went dead", **changes),
    )


def decides(verdict: Verdict, step: str, by: Principal = GRACE, **changes: Any) -> Wish:
    """A person decides on what waits for that step, having seen what the story holds."""

    def wish(story: Story) -> c.Command:
        approval_id = changes.get("approval_id") or story.approval(step)
        seen = story.state.pending.get(approval_id) or story.state.closed.get(approval_id)
        digest = changes.get("digest") or (seen.digest if seen is not None else "seen once")
        return c.ResolveApproval(
            at=story.at,
            by=by,
            approval_id=approval_id,
            verdict=verdict,
            digest=digest,
            reason=changes.get("reason", ""),
            arguments=raw(changes["arguments"]) if "arguments" in changes else None,
        )

    return wish


def approve(step: str, by: Principal = GRACE, **changes: Any) -> Wish:
    """A person approves."""
    return decides(Verdict.APPROVE, step, by, **changes)


def deny(step: str, by: Principal = GRACE, **changes: Any) -> Wish:
    """A person denies."""
    return decides(Verdict.DENY, step, by, **changes)


def amend(step: str, arguments: Any, by: Principal = GRACE, **changes: Any) -> Wish:
    """A person wants other arguments."""
    return decides(Verdict.AMEND, step, by, arguments=arguments, **changes)


def request_changes(step: str, feedback: str = "shorter", by: Principal = GRACE) -> Wish:
    """A person wants another plan."""
    return decides(Verdict.REQUEST_CHANGES, step, by, reason=feedback)


def revoke(step: str, by: Principal = GRACE) -> Wish:
    """A person takes an approval back."""
    return lambda story: c.RevokeApproval(at=story.at, by=by, approval_id=story.approval(step), reason="a mistake")


def says(step: str, answer: str, by: Principal = GRACE, result: Any = None, attempt: int = 0) -> Wish:
    """A person says what became of a step in doubt."""
    return lambda story: c.ResolveDoubt(
        at=story.at, by=by, step=step, answer=DoubtAnswer(answer), result=raw(result), attempt=attempt
    )


def planned(plan: CheckedPlan, attempt: int = 0) -> Wish:
    """The planner answers."""
    return lambda story: c.RecordPlan(
        at=story.at, attempt=attempt or story.state.plan_attempt, plan=plan, source=plan.planner
    )


def takes_over(worker: str = "w2", epoch: int = 0) -> Wish:
    """Another worker drives the run."""
    return lambda story: c.TakeOver(at=story.at, worker=worker, epoch=epoch or story.state.epoch + 1)


def tops_up(scope: str, amount: int, by: Principal = GRACE) -> Wish:
    """A person raises a limit of the run."""
    return lambda story: c.TopUp(at=story.at, by=by, scope=scope, amount=amount)


def cancels(reason: str = "", by: Principal = ADA) -> Wish:
    """A person stops the run."""
    return lambda story: c.Cancel(at=story.at, by=by, reason=reason)


def replans(feedback: str = "otherwise", by: Principal = ADA) -> Wish:
    """A person asks for another plan."""
    return lambda story: c.Replan(at=story.at, by=by, feedback=feedback)

"""Wishes: what somebody or something wants of a run. `kernel.decide` turns each into facts or refuses it.

Whatever a decision must know arrives here: the time, who asks, what was seen. Nothing is looked up while deciding.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from cuga.model.context import SYSTEM, Principal
from cuga.model.event import DoubtAnswer, Verdict
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Outcome
from cuga.model.plan import Budget, CheckedPlan
from cuga.model.value import Value


class Command(Value, frozen=True, kw_only=True):
    """A wish. `at` is the time it was made, `by` who made it."""

    at: datetime
    by: Principal = SYSTEM


class StartRun(Command, frozen=True, kw_only=True):
    """Begin a run: with a plan at hand, or asking a planner for one."""

    goal: str
    profile: str
    policy_digest: str
    trace_id: str
    planner: str = "rules"
    plan: CheckedPlan | None = None
    budget: Budget | None = None
    plan_only: bool = False
    as_of: datetime | None = None
    crm_version: str = ""


class RecordPlan(Command, frozen=True, kw_only=True):
    """The planner answered with a plan. `attempt` says which request it answers."""

    attempt: int
    plan: CheckedPlan
    source: str


class RecordPlanFailure(Command, frozen=True, kw_only=True):
    """The planner has no plan."""

    attempt: int
    reason: str
    mode: FailureMode = FailureMode.AGENT_LOGIC
    mend: str = ""


class AskModel(Command, frozen=True, kw_only=True):
    """A model is wanted: with these words, within these bounds, at this price at most. With a step it is to write the
    text of its result, in this attempt of the step; else it is to plan."""

    attempt: int
    step: str = ""
    provider: str
    name: str
    host: str
    fields: tuple[str, ...]
    tools: tuple[str, ...]
    prompt: str
    tokens: int
    money: int | None
    timeout_s: int


class RecordModelReply(Command, frozen=True, kw_only=True):
    """What became of a model call. Without a reply it failed; what it used is known all the same, or None."""

    call: int
    reply: msgspec.Raw | None = None
    mode: FailureMode = FailureMode.AGENT_LOGIC
    message: str = ""
    requests: int = 0
    tokens: int | None = None
    money: int | None = None
    duration_us: int = 0


class AskQuestion(Command, frozen=True, kw_only=True):
    """The planner needs an answer first."""

    attempt: int
    question_id: str
    text: str
    options: tuple[str, ...] = ()


class AnswerQuestion(Command, frozen=True, kw_only=True):
    """A person answers."""

    question_id: str
    answer: str


class RecordOutcome(Command, frozen=True, kw_only=True):
    """What became of a call. `blob` stands for a result that was put out of line. `key` and `tool_digest` are the
    call's: an answer that nobody waits for any more proves something of exactly that call."""

    step: str
    attempt: int
    outcome: Outcome
    blob: BlobRef | None = None
    key: str = ""
    tool_digest: str = ""


class ResolveApproval(Command, frozen=True, kw_only=True):
    """A person decides on a request. `digest` is what they were shown; `arguments` are the amended ones."""

    approval_id: str
    verdict: Verdict
    digest: str
    reason: str = ""
    arguments: msgspec.Raw | None = None
    new_approval_id: str = ""


class RevokeApproval(Command, frozen=True, kw_only=True):
    """An approver takes an approval back that has not been used."""

    approval_id: str
    reason: str = ""


class ResolveDoubt(Command, frozen=True, kw_only=True):
    """A person says what became of a step in doubt. `attempt` is the one they looked at; 0: whichever is in doubt."""

    step: str
    answer: DoubtAnswer
    reason: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    attempt: int = 0


class TopUp(Command, frozen=True, kw_only=True):
    """A person raises a limit of the run, in the scope's own units."""

    scope: str
    amount: int
    reason: str = ""


class Cancel(Command, frozen=True, kw_only=True):
    """Stop: nothing new starts."""

    reason: str = ""


class Replan(Command, frozen=True, kw_only=True):
    """Ask for another plan, with feedback."""

    feedback: str


class Tick(Command, frozen=True, kw_only=True):
    """Time has passed, or what holds for all runs has changed: look again."""


class TakeOver(Command, frozen=True, kw_only=True):
    """Another worker drives the run: the calls of the one before are lost to it, but for `spared` steps, whose calls
    somebody makes still."""

    worker: str
    epoch: int
    spared: tuple[str, ...] = ()


class Annotate(Command, frozen=True, kw_only=True):
    """Leave a remark."""

    text: str
    step: str = ""

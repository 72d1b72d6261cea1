"""Facts about a whole run: its begin, its plans, its questions, its parks and its end."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cuga.model.context import Principal
from cuga.model.fact import Event, Status
from cuga.model.failure import FailureMode
from cuga.model.plan import Budget, CheckedPlan


class RunStarted(Event, frozen=True, kw_only=True):
    """A run began: whose goal, under which profile, with which rules pinned."""

    goal: str
    profile: str
    policy_digest: str  # of the compiled profile and contracts, kept as a snapshot in the journal
    tenant: str
    requester: Principal
    trace_id: str
    budget: Budget | None = None  # the caller's own limits
    plan_only: bool = False
    as_of: datetime | None = None  # the date that tools reason from; absent: `at`
    crm_version: str = ""


class PlanRequested(Event, frozen=True, kw_only=True):
    """A planner was asked; until it answers it is outstanding work."""

    planner: str
    attempt: int
    feedback: str = ""  # what a person said of the plan or step before
    around: str = ""  # a step that failed, around which only a model is asked for a way


class PlanCreated(Event, frozen=True, kw_only=True):
    """A checked plan entered the run. `again` names those of its steps that were left out until now, by their
    condition, for what they need, or because an earlier plan had no place for them: they are judged like new ones."""

    plan: CheckedPlan
    source: str
    again: tuple[str, ...] = ()


class PlanFailed(Event, frozen=True, kw_only=True):
    """No plan could be made."""

    reason: str
    mode: FailureMode
    mend: str = ""


class ReplanRequested(Event, frozen=True, kw_only=True):
    """Feedback asks for another plan; nothing new starts until it is there."""

    reason: str
    step: str = ""
    authors: tuple[str, ...] = ()  # whose words these are; nobody: they are only offered to who asked for the run


class QuestionAsked(Event, frozen=True, kw_only=True):
    """The run needs to know something that only a person can say."""

    question_id: str
    text: str
    options: tuple[str, ...] = ()


class QuestionAnswered(Event, frozen=True, kw_only=True):
    """A person answered."""

    question_id: str
    answer: str


class CancelRequested(Event, frozen=True, kw_only=True):
    """A person wants the run to stop: nothing new starts, calls in flight are waited for."""

    reason: str = ""


class RunParked(Event, frozen=True, kw_only=True):
    """The run waits and costs nothing. `needs` names what a person can do, in commands."""

    reason: str
    needs: tuple[str, ...] = ()
    wake_at: datetime | None = None


class RunFinished(Event, frozen=True, kw_only=True):
    """The run ended."""

    status: Status
    reason: str
    mend: str = ""


class Annotation(Event, frozen=True, kw_only=True):
    """A remark that changes nothing, e.g. a late answer of an older attempt."""

    text: str
    step: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class TakenOver(Event, frozen=True, kw_only=True):
    """Another worker drives the run from here; calls of older epochs no longer count."""

    worker: str
    epoch: int

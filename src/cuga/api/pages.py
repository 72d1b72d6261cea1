"""The shapes of what the doors take and give beyond the values of the house."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cuga.model.event import Verdict
from cuga.model.plan import Budget
from cuga.model.value import Value
from cuga.orchestrator.dryrun import Unlike
from cuga.planning import Ready
from cuga.projections.card import Card
from cuga.projections.runs import RunLine


class Given(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The base of what is given: every field is always there."""


# --- taken ----------------------------------------------------------------------------------------------------------
class NewRun(Value, frozen=True, kw_only=True):
    """A goal to run, or with `planned_in` exactly the plan of a run that was only planned."""

    goal: str = ""
    profile: str = ""
    planned_in: str = ""
    as_of: datetime | None = None
    budget: Budget | None = None


class NewPlan(Value, frozen=True, kw_only=True):
    """A goal to plan; nothing runs."""

    goal: str
    profile: str = ""


class QuickRun(Value, frozen=True, kw_only=True):
    """The fields of a quick action. With `plan_only` nothing runs."""

    fields: dict[str, str] = {}
    profile: str = ""
    as_of: datetime | None = None
    plan_only: bool = False


class Reason(Value, frozen=True, kw_only=True):
    """Why something is wanted."""

    reason: str = ""


class Settled(Value, frozen=True, kw_only=True):
    """What became of a step in doubt: happened, did-not, or again. With `attempt`, the one that was looked at, an
    answer that came too late for it is refused; 0: whichever is in doubt."""

    step: str
    answer: str
    reason: str = ""
    attempt: int = 0


class TopUpWish(Value, frozen=True, kw_only=True):
    """More of a limit. Left out: the one that is waited for, by as much as it had. `amount` is as the limit is kept,
    cost and money in millionths; `said` is as people count: units of cost, dollars, calls, tokens."""

    scope: str = ""
    amount: int = 0
    said: float = 0
    reason: str = ""


class Answered(Value, frozen=True, kw_only=True):
    """An answer to what a run asks."""

    answer: str
    question_id: str = ""


class DecisionWish(Value, frozen=True, kw_only=True):
    """A decision on exactly what was shown: `digest` is the card's. `changes` are for `amend`; of a list's card their
    names begin with the number of a call (`2.message.subject`), and `without` holds the numbers of calls to leave out.
    """

    verdict: Verdict
    digest: str
    reason: str = ""
    changes: dict[str, Any] = {}
    without: tuple[int, ...] = ()


class Pick(Value, frozen=True, kw_only=True):
    """One of several requests, as it was shown."""

    approval_id: str
    digest: str


class ManyDecisions(Value, frozen=True, kw_only=True):
    """One verdict, approve or deny, on several requests, each as it was shown. It never makes a rule for later ones."""

    verdict: Verdict
    items: tuple[Pick, ...]
    reason: str = ""


# --- given ----------------------------------------------------------------------------------------------------------
class Begun(Given, frozen=True, kw_only=True, omit_defaults=False):
    """The run that was begun."""

    run_id: str


class RunPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Runs, the newest first."""

    items: tuple[RunLine, ...]
    next: str | None


class CardPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Open requests, the riskiest first; `yours` has the ids of those that whoever asks may decide."""

    items: tuple[Card, ...]
    yours: tuple[str, ...]
    next: str | None


class QuickPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """The quick actions of this house."""

    items: tuple[Ready, ...]
    next: str | None


class RehearsedPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """The approvals of a run that was begun as a dry run had shown it."""

    items: tuple[Unlike, ...]
    next: str | None


class CardNow(Given, frozen=True, kw_only=True, omit_defaults=False):
    """A request and what holds for whoever asks: may they decide, and why or why not; who can."""

    card: Card
    may_decide: bool
    why: tuple[str, ...]
    on_behalf_of: str
    who_can: tuple[str, ...]
    asks_for_proof: bool  # a fresh password
    shown: str  # the arguments as lines, everything that could trick the eye written out
    hidden: int  # characters that could trick the eye
    before: Any  # what is there now, by argument, where the house knows it


class DecidedOne(Given, frozen=True, kw_only=True, omit_defaults=False):
    """What became of one of several decisions."""

    approval_id: str
    done: bool
    code: str
    detail: str


class DecidedMany(Given, frozen=True, kw_only=True, omit_defaults=False):
    """What became of each, in the order given."""

    items: tuple[DecidedOne, ...]

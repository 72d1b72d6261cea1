"""Facts about steps: where they go, their calls and what became of them, and the budgets that calls draw on."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from cuga.model.fact import Claim, Event
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty
from cuga.model.tool import SideEffect


class RouteDecision(Event, frozen=True, kw_only=True):
    """Where a step goes, and why."""

    step: str
    target: str  # a worker pool; the step's domain where no pools are declared
    reason: str
    alternatives: tuple[str, ...] = ()  # other pools, best first; other adapters where no pools are declared
    adapters: dict[str, str] = {}  # capability -> adapter
    confidence_percent: int = 100  # the target's share of what speaks for all of them
    policy: str = ""  # the routing policy that chose; empty: there was nothing to choose
    reduced: dict[str, str] = {}  # capability that the step goes without -> why


class ToolCallStart(Event, frozen=True, kw_only=True):
    """The frozen intent: durable before the tool is touched, and all that the call may be made from."""

    step: str
    attempt: int
    tool: str
    tool_digest: str
    arguments: msgspec.Raw  # the final bytes
    side_effect: SideEffect
    domain: str
    cost: int
    key: str  # idempotency key of the effect
    deadline: datetime
    timeout_s: int
    adapters: dict[str, str] = {}
    approval: str = ""
    simulated: bool = False
    worker: str = ""
    epoch: int = 0
    claims: tuple[Claim, ...] = ()
    probe: bool = False  # look whether an earlier attempt happened before calling
    pool: str = ""  # the worker pool whose place it takes; empty: none is declared


class ToolCallComplete(Event, frozen=True, kw_only=True):
    """The call was made and answered."""

    step: str
    attempt: int
    result: msgspec.Raw  # `null` when the bytes are in `blob`
    blob: BlobRef | None = None
    carried: dict[str, msgspec.Raw] = {}  # pointer -> value, of a blob, for later references
    duration_us: int = 0
    provider_reference: str = ""
    tokens: int = 0
    note: str = ""


class ToolCallError(Event, frozen=True, kw_only=True):
    """The call did not answer. With `retry_at` it is tried again then; without it the step is over or in doubt."""

    step: str
    attempt: int
    mode: FailureMode
    certainty: Certainty
    message: str
    retry_at: datetime | None = None
    duration_us: int = 0
    claims: tuple[Claim, ...] = ()  # negative: given back, only when it surely did not happen


class StepRefused(Event, frozen=True, kw_only=True):
    """The rules forbid the step. It is never offered for approval."""

    step: str
    rule: str
    reason: str
    mode: FailureMode = FailureMode.POLICY_SECURITY
    mend: str = ""  # what a person can do


class StepFailed(Event, frozen=True, kw_only=True):
    """The step cannot be done for a reason inside the run, e.g. a reference that points at nothing."""

    step: str
    mode: FailureMode
    reason: str


class StepSkipped(Event, frozen=True, kw_only=True):
    """The step was left out: its condition does not hold, or a step it needs was not done."""

    step: str
    reason: str
    by_condition: bool = False


class StepSuperseded(Event, frozen=True, kw_only=True):
    """A newer plan has no place for the step."""

    step: str
    plan_number: int


class ListOpened(Event, frozen=True, kw_only=True):
    """A list's items are known: from here each of its calls is a step of its own, `step#1`, `step#2`, ..."""

    step: str
    places: tuple[int, ...]  # where each call's item stands in the list that was looked at, from 0
    inputs: tuple[msgspec.Raw, ...]  # the final arguments of each call
    length: int  # of the list that was looked at


class ListClosed(Event, frozen=True, kw_only=True):
    """Every call of a list has ended. The list is done when one of them is."""

    step: str
    done: int
    missed: int
    reason: str = ""  # why the first of those missed was not done


class StepInDoubt(Event, frozen=True, kw_only=True):
    """Nobody can know whether the effect happened; only a person may go on."""

    step: str
    attempt: int
    reason: str


class DoubtAnswer(str, Enum):
    """What a person may say of a step in doubt."""

    HAPPENED = "happened"
    DID_NOT = "did-not"
    AGAIN = "again"


class DoubtResolved(Event, frozen=True, kw_only=True):
    """A person said what became of it. `again` is a consent to do it once more, with a new key."""

    step: str
    answer: DoubtAnswer
    reason: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    claims: tuple[Claim, ...] = ()


class BudgetWarning(Event, frozen=True, kw_only=True):
    """A scope has reached its warning threshold, counting the call about to run. Once per scope."""

    scope: str
    used: int
    limit: int


class BudgetExceeded(Event, frozen=True, kw_only=True):
    """A scope cannot take the call. Once per scope and limit."""

    scope: str
    used: int
    limit: int
    wanted: int
    step: str
    at_limit: str  # stop, skip, park


class BudgetRaised(Event, frozen=True, kw_only=True):
    """A person raised a limit of this run."""

    scope: str
    amount: int
    reason: str = ""

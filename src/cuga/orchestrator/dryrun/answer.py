"""What a dry run is asked, and what it answers. Both cross to another process as JSON."""

from __future__ import annotations

from datetime import datetime

from cuga.model.context import Principal
from cuga.model.plan import Budget, Plan
from cuga.model.value import Value
from cuga.orchestrator.looking.reading import Planned
from cuga.projections.card import Card
from cuga.projections.result import RunResult


class ModelThere(Value, frozen=True, kw_only=True):
    """The language model that a run would ask, by name; `why_not` says why it would not be asked."""

    provider: str
    name: str
    host: str
    why_not: str = ""


class Wish(Value, frozen=True, kw_only=True):
    """A run that is to be rehearsed on the copy of a house in `root`. `tools` are `module:name` of what was handed in;
    `digests` are those of every tool, as the house has them. `writable` is where the rehearsal may write."""

    root: str
    writable: str
    run_id: str
    goal: str
    profile: str
    planned_in: str
    plan: Plan | None
    as_of: datetime
    budget: Budget | None
    planner: str
    by: Principal
    variables: dict[str, str]
    inside: tuple[str, ...]
    proxy: str
    call_threads: int
    tools: tuple[str, ...]
    digests: dict[str, str]
    model: ModelThere | None
    limit_s: float


class Trip(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Something that would have reached out of the copy and was stopped before it did.

    `kind`: connection, process, file, signal, model, effect. `step` and `tool` are empty when no call was being made.
    `times` counts attempts at the same thing.
    """

    kind: str
    what: str
    step: str
    tool: str
    adapters: dict[str, str]
    times: int


class Refusal(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A step that the rules would refuse, or a run that would have no plan (with an empty step)."""

    step: str
    tool: str
    rule: str
    reason: str


class Proof(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What shows that nothing happened. Of connections, processes, files and signals the number that got through is
    none; these are the attempts that were stopped. `effects` are calls that would change something outside and were
    made. `files_changed` names files of the house that are not as before; the journal is compared by its last event.
    `walls`: what stood in the way; `kernel` is the operating system's own, where it has one.
    """

    attempts: int
    effects: int
    files: int
    files_changed: tuple[str, ...]
    files_digest: str
    events_before: int
    events_after: int
    walls: tuple[str, ...]


class Rehearsal(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What came of a rehearsal, as the process that made it tells."""

    goal: str
    profile: str
    status: str
    reason: str
    policy_digest: str
    crm_version: str
    planned: Planned
    cards: tuple[Card, ...]
    refusals: tuple[Refusal, ...]
    trips: tuple[Trip, ...]
    effects: int
    is_whole: bool  # it came as far as the run would by itself; else it was still at work when the time was up
    walls: tuple[str, ...]
    result: RunResult | None


class DryRun(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A run as it would go up to where it first waits. `run_id` is the id that the run will have when it is begun as
    rehearsed; the digests of `cards` are those that its approvals will have."""

    run_id: str
    goal: str
    profile: str
    as_of: datetime
    status: str
    reason: str
    planned: Planned
    cards: tuple[Card, ...]
    refusals: tuple[Refusal, ...]
    trips: tuple[Trip, ...]
    is_whole: bool
    proof: Proof
    result: RunResult | None

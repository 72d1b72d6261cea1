"""What the signals are counted from: one tally for each hour, tenant and profile, and a line for each run that goes on.

A fact counts in the hour in which it became one. Only the ten canonical events are counted as events.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import SideEffect
from cuga.policy.budget import TOKENS, charges
from cuga.projections.durations import Durations
from cuga.projections.projection import Rows

TALLY = "tally"
RUN = "run"
_CANONICAL = frozenset(e.CANONICAL)


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call in flight or in doubt, as far as counting needs it."""

    tool: str
    domain: str
    cost: int
    is_read: bool


class GoingRun(msgspec.Struct, tag=RUN, omit_defaults=True):
    """A run that has not ended."""

    tenant: str
    profile: str
    plan_only: bool = False
    steps: int = 0  # done
    calls: dict[str, Call] = {}  # by step
    asked: dict[str, datetime] = {}  # approval id -> since when


class Tally(msgspec.Struct, tag=TALLY, omit_defaults=True):
    """Counts of one hour, tenant and profile, or of many of them together."""

    hour: str = ""  # 2026-01-05T09, UTC
    tenant: str = ""
    profile: str = ""
    events: int = 0
    started: dict[str, int] = {}  # policy digest -> runs that are to do something
    ended: dict[str, int] = {}  # status -> runs that did something
    planned: int = 0  # runs that only planned
    steps: int = 0  # done by runs that ended here
    calls: dict[str, int] = {}  # tool -> attempts that ended
    errors: dict[str, int] = {}  # tool -> those that ended in an error
    modes: dict[str, int] = {}  # failure mode -> attempts
    latency: Durations = msgspec.field(default_factory=Durations)
    waits: Durations = msgspec.field(default_factory=Durations)  # request to decision, of people
    asked: int = 0
    verdicts: dict[str, int] = {}  # of people: verdict -> requests; besides: expired, by_rule
    used: dict[str, int] = {}  # budget scope -> used

    def merge(self, other: Tally) -> None:
        """Add another tally's counts."""
        for name in ("events", "planned", "steps", "asked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("started", "ended", "calls", "errors", "modes", "verdicts", "used"):
            mine = getattr(self, name)
            for key, many in getattr(other, name).items():
                mine[key] = mine.get(key, 0) + many
        self.latency.merge(other.latency)
        self.waits.merge(other.waits)


Row = GoingRun | Tally


class TallyFold:
    """The projection behind the signals."""

    name = "signals"
    version = 1
    row = Row

    def apply(self, rows: Rows[Row], stream: str, event: e.Event) -> None:
        """Count one fact."""
        run_key = f"{RUN}/{stream}"
        if isinstance(event, e.RunStarted):
            run = GoingRun(tenant=event.tenant, profile=event.profile, plan_only=event.plan_only)
            rows.put(run_key, run)
        else:
            found = rows.get(run_key)
            if not isinstance(found, GoingRun):
                return  # of the house, or after the end: nothing that is counted
            run = found
        hour = f"{event.at.astimezone(UTC):%Y-%m-%dT%H}"
        key = "\x1f".join((TALLY, hour, run.tenant, run.profile))
        held = rows.get(key)
        tally = held if isinstance(held, Tally) else Tally(hour=hour, tenant=run.tenant, profile=run.profile)
        if e.name_of(event) in _CANONICAL:
            tally.events += 1
        if not _counted(run, tally, event):
            rows.put(run_key, None)
        elif type(event) in _MOVES:
            rows.put(run_key, run)
        rows.put(key, tally)


_MOVES = frozenset(
    {
        e.ToolCallStart,
        e.ToolCallComplete,
        e.ToolCallError,
        e.DoubtResolved,
        e.ApprovalRequested,
        e.ApprovalReceived,
        e.ApprovalTimeout,
        e.ApprovalSuperseded,
    }
)  # the facts that change the line of a run


def _counted(run: GoingRun, tally: Tally, event: e.Event) -> bool:
    """Count a fact; False when it ends the run."""
    match event:
        case e.RunStarted():
            if not event.plan_only:
                _more(tally.started, event.policy_digest)
        case e.ToolCallStart():
            run.calls[event.step] = Call(
                event.tool, event.domain, event.cost, event.side_effect is SideEffect.READ_ONLY
            )
            _charge(tally, run.calls[event.step], 1)
        case e.ToolCallComplete():
            if (call := run.calls.pop(event.step, None)) is not None:
                run.steps += 1
                _more(tally.calls, call.tool)
                tally.latency.add(event.duration_us)
            if event.tokens:
                _more(tally.used, TOKENS, event.tokens)
        case e.ToolCallError():
            _error(run, tally, event)
        case e.DoubtResolved():
            _doubt(run, tally, event)
        case e.ApprovalRequested():
            tally.asked += 1
            run.asked[event.approval_id] = event.at
        case e.ApprovalReceived() if event.final:
            since = run.asked.pop(event.approval_id, event.at)
            _more(tally.verdicts, "by_rule" if event.rule else event.verdict.value)
            if not event.rule:
                tally.waits.add(round((event.at - since).total_seconds() * 1_000_000))
        case e.ApprovalTimeout():
            run.asked.pop(event.approval_id, None)
            _more(tally.verdicts, "expired")
        case e.ApprovalSuperseded():
            run.asked.pop(event.approval_id, None)
        case e.RunFinished():
            if run.plan_only:
                tally.planned += 1
            else:
                _more(tally.ended, event.status.value)
                tally.steps += run.steps
            return False
        case _:
            pass
    return True


def _error(run: GoingRun, tally: Tally, event: e.ToolCallError) -> None:
    call = run.calls.get(event.step)
    if call is None:
        return
    _more(tally.calls, call.tool)
    _more(tally.errors, call.tool)
    _more(tally.modes, event.mode.value)
    if event.mode is not FailureMode.SYSTEM_CRASH:
        tally.latency.add(event.duration_us)
    if event.certainty is Certainty.NOT_DONE and not call.is_read:
        _charge(tally, call, -1)  # as the kernel charges: what surely did not happen costs nothing
    if call.is_read or event.certainty is Certainty.NOT_DONE:
        del run.calls[event.step]  # otherwise it may still be found in doubt, or to have happened


def _doubt(run: GoingRun, tally: Tally, event: e.DoubtResolved) -> None:
    call = run.calls.pop(event.step, None)
    if event.answer is e.DoubtAnswer.HAPPENED:
        run.steps += 1
    elif event.answer is e.DoubtAnswer.DID_NOT and call is not None:
        _charge(tally, call, -1)


def _charge(tally: Tally, call: Call, times: int) -> None:
    for scope, amount in charges(call.tool, call.domain, call.cost):
        _more(tally.used, scope, amount * times)


def _more(counts: dict[str, int], key: str, many: int = 1) -> None:
    counts[key] = counts.get(key, 0) + many

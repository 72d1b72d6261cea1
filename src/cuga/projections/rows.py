"""The tables beside the streams, as the facts alone give them: the run's line and its open approvals.

The engine writes them with each append, and `check` folds them anew; both take what they write from here.
"""

from __future__ import annotations

from collections.abc import Sequence

from cuga.journal.port import Index, OpenApproval, RunRow
from cuga.kernel.state import RunState
from cuga.model import event as e

_CLOSING = (e.ApprovalTimeout, e.ApprovalLapsed, e.ApprovalRevoked, e.ApprovalSuperseded)


def index_of(before: RunState, after: RunState, events: Sequence[e.Event]) -> Index | None:
    """The rows that some facts change; None when they change none, as most steps do."""
    moved = before.parked is not after.parked or before.end is not after.end or before.start is None
    approvals: dict[str, OpenApproval | None] = {}
    if after.pending or before.pending:
        for event in events:
            kind = type(event)
            if kind is e.ApprovalRequested:
                assert isinstance(event, e.ApprovalRequested)
                approvals[event.approval_id] = open_approval(after, event)
            elif kind is e.ApprovalReceived:
                assert isinstance(event, e.ApprovalReceived)
                if event.final:
                    approvals[event.approval_id] = None
            elif isinstance(event, _CLOSING):
                approvals[event.approval_id] = None
    if not moved and not approvals:
        return None
    return Index(run=run_row(after) if moved else None, approvals=approvals)


def run_row(state: RunState) -> RunRow:
    """The line of a run."""
    start = state.started
    parked, end = state.parked, state.end
    return RunRow(
        status=state.status,
        tenant=start.tenant,
        profile=start.profile,
        goal=start.goal,
        requester=start.requester.id,
        trace_id=start.trace_id,
        reason=end.reason if end is not None else parked.reason if parked is not None else "",
        wake_at=parked.wake_at if parked is not None and end is None else None,
        started_at=start.at,
        updated_at=state.latest or start.at,
    )


def open_approval(state: RunState, request: e.ApprovalRequested) -> OpenApproval:
    """The line of an open approval."""
    return OpenApproval(
        approval_id=request.approval_id,
        tenant=state.started.tenant,
        run_id=state.run_id,
        step=request.step,
        tool=request.tool,
        side_effect=request.side_effect.value,
        risk=request.risk,
        expires_at=request.expires_at,
        requested_at=request.at,
        requesters=request.requesters,
        digest=request.digest,
    )

"""Go on with a run as far as the rules allow: expire, start, skip, finish or park. Called at the end of every decision.

It judges only while a slot of `max_parallel` is free and never scans the plan: the state keeps what is ready.
"""

from __future__ import annotations

from cuga.kernel import gate, lists, thinking
from cuga.kernel.approvals import MORE_PEOPLE, to_decide, too_few
from cuga.kernel.state import HALTED, Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.event import Status
from cuga.policy.access import is_solo
from cuga.policy.binding import reduced_words
from cuga.policy.judge import Ruling, Verdict

HALT_LOOK_S = (
    900  # a run that a halt holds looks again by itself this often: the halt may be lifted while nobody drives
)
START_AGAIN = "cuga trace shows each step's end; start again with `cuga run`"
PLACE_LOOK_S = 60  # a parked run that waits for a place in a pool, likewise: who would have woken it may have gone
MAX_QUEUED = 64  # steps of one run that are looked at for a place in one decision; those behind wait for them


def advance(turn: Turn) -> None:
    """Add every fact that follows from where the run stands."""
    s = turn.state
    if s.end is not None or s.start is None:
        return
    if s.timed:
        _expire(turn)
    if s.pending and turn.may_start:
        _withdraw_what_is_bound_elsewhere(turn)
    if s.lists:
        lists.close(turn)
    if s.cancel:
        _wind_down(turn)
        return
    _go_on(turn)
    while s.lists and (lists.close(turn) or turn.has_opened):
        turn.has_opened = False
        _go_on(turn)
    _settle(turn)


def _go_on(turn: Turn) -> None:
    s = turn.state
    if s.stopped:
        _skip_what_is_open(turn)
    elif s.planning is None and not s.planner_asks and not turn.current.halted and turn.may_start:
        _start_what_is_ready(turn)


def _expire(turn: Turn) -> None:
    s = turn.state
    for approval_id, ends in sorted(s.timed.items(), key=lambda item: (item[1], item[0])):
        if ends > turn.now:
            break
        request = s.pending.get(approval_id)
        if request is not None:
            turn.emit(e.ApprovalTimeout(at=turn.now, approval_id=approval_id, step=request.step))
            turn.skip_dependants(request.step)
        else:
            step = next(name for name, grant in s.grants.items() if grant.approval_id == approval_id)
            whose = s.step(step).list_of or step
            turn.emit(e.ApprovalLapsed(at=turn.now, approval_id=approval_id, step=whose))


def _withdraw_what_is_bound_elsewhere(turn: Turn) -> None:
    """An open request shows the adapters of its call; when the rules would bind others by now, it is asked anew."""
    for approval_id, request in list(turn.state.pending.items()):
        ruling = turn.rules.ruling(request.tool, turn.current)
        if ruling.verdict is Verdict.HOLD or request.adapters in _bindings(turn, request.tool, ruling):
            continue
        was = ", ".join(f"{use} through {name}" for use, name in request.adapters.items()) or "no adapter"
        reason = f"it was bound to {was}, which it would not use any more"
        turn.emit(e.ApprovalSuperseded(at=turn.now, approval_id=approval_id, step=request.step, reason=reason))


def _bindings(turn: Turn, tool: str, ruling: Ruling) -> list[dict[str, str]]:
    """Every way in which a call of the tool could be bound now; none when it is refused."""
    if ruling.verdict is Verdict.REFUSE:
        return []
    if not turn.current.pools:
        return [ruling.adapters]
    seats = turn.rules.seats(tool, turn.current)
    return [] if isinstance(seats, Ruling) else [seat.ruling.adapters for seat in seats]


def _start_what_is_ready(turn: Turn) -> None:
    s = turn.state
    slots = turn.rules.profile.max_parallel
    if len(s.calling) >= slots or not (s.ready or s.due):
        return
    candidates = [*s.ready]
    if s.due:
        candidates += [step for step, at in s.due.items() if at <= turn.now and step not in s.ready]  # each once
    for step in candidates:
        if len(s.calling) >= slots or s.stopped or len(turn.queued) >= MAX_QUEUED:
            break
        gate.consider(turn, step)  # no step that is ready or due depends on another of them: each is still open
    if turn.asked:
        lists.ask(turn, gate.consider)
    if s.stopped:
        _skip_what_is_open(turn)


def _skip_what_is_open(turn: Turn) -> None:
    """Nothing new starts any more: leave out every step that is not in flight or in doubt."""
    s = turn.state
    for approval_id, request in list(s.pending.items()):
        turn.emit(
            e.ApprovalSuperseded(at=turn.now, approval_id=approval_id, step=request.step, reason=s.stopped or s.cancel)
        )
    for step, phase in list(s.phase.items()):
        if phase in (Phase.PENDING, Phase.WAITING_RETRY) and not turn.doubt(step, s.stopped or s.cancel):
            turn.emit(e.StepSkipped(at=turn.now, step=step, reason=s.stopped or s.cancel))


def _wind_down(turn: Turn) -> None:
    s = turn.state
    if s.calling or s.asking is not None:
        return
    _skip_what_is_open(turn)
    if s.lists:
        lists.close(turn)
    reason = s.cancel
    if s.doubts:
        reason += f"; nobody knows whether these happened: {', '.join(sorted(s.doubts))}"
    turn.emit(
        e.RunFinished(
            at=turn.now,
            status=Status.CANCELLED,
            reason=reason,
            mend="look at the other side before doing it again" if s.doubts else "",
        )
    )


def _settle(turn: Turn) -> None:
    s = turn.state
    if s.calling or s.planning is not None:
        return
    if s.open_steps == 0 and (s.plan is not None or s.stopped):
        if not thinking.go_around(turn):
            turn.emit(_finish(turn))
        return
    if turn.queued:
        _wait_for_a_place(turn)
    elif turn.may_start or not (s.ready or s.due):
        _park(turn)


def _wait_for_a_place(turn: Turn) -> None:
    """A run that only waits for a place in a pool goes on running; one that was parked says when it looks again."""
    parked = turn.state.parked
    latest = turn.in_seconds(PLACE_LOOK_S)
    if parked is not None and not (parked.wake_at is not None and turn.now < parked.wake_at <= latest):
        turn.wakes.append(latest)
        _park(turn)


def _finish(turn: Turn) -> e.RunFinished:
    s = turn.state
    if s.plan is None:
        return e.RunFinished(at=turn.now, status=Status.FAILED, reason=s.stopped)
    if s.started.plan_only:
        return e.RunFinished(at=turn.now, status=Status.SUCCESS, reason="planned only, as asked; nothing was run")
    done = sum(1 for phase in s.phase.values() if phase is Phase.DONE)
    missed = [name for name in s.reasons if s.step(name).required and not _is_opened_list(s, name)]  # its calls count
    reduced = [name for name in s.reduced if s.step(name).required and s.phase[name] is Phase.DONE]
    if reduced and not missed:
        return _finish_reduced(turn, reduced)
    if not missed:
        extra = f"; optional steps not done: {', '.join(s.reasons)}" if s.reasons else ""
        return e.RunFinished(at=turn.now, status=Status.SUCCESS, reason=f"every required step is done{extra}")
    first = missed[0]
    name = s.step(first).name or s.step(first).tool
    reason = f"{first} ({name}): {s.reasons[first]}"
    if len(missed) > 1:
        reason += f"; and {len(missed) - 1} more"
    status = Status.PARTIAL if done else Status.FAILED
    said = next((s.mends[name] for name in missed if name in s.mends), "")
    return e.RunFinished(at=turn.now, status=status, reason=reason, mend=said or START_AGAIN)


def _is_opened_list(s: RunState, name: str) -> bool:
    return name in s.lists and s.step(name).for_each is not None  # a newer plan may have another step of that name


def _finish_reduced(turn: Turn, steps: list[str]) -> e.RunFinished:
    """Every required step is done, but some without a capability that they use: a part of what was asked."""
    s = turn.state
    first = steps[0]
    name = s.step(first).name or s.step(first).tool
    reason = f"{first} ({name}): {reduced_words(s.reduced[first])}"
    if len(steps) > 1:
        reason += f"; and {len(steps) - 1} more"
    return e.RunFinished(at=turn.now, status=Status.PARTIAL, reason=reason, mend="cuga adapters")


def _park(turn: Turn) -> None:
    s = turn.state
    reasons, needs = _waits(turn)
    # what is due already and still waits, waits for something else: its time must not wake the run again and again
    if turn.current.halted:
        turn.wakes.append(turn.in_seconds(HALT_LOOK_S))
    wakes = [at for at in (*turn.wakes, *s.due.values(), *s.timed.values()) if at > turn.now]
    parked = e.RunParked(
        at=turn.now,
        reason="; ".join(reasons) or "nothing can go on now",
        needs=tuple(needs),
        wake_at=min(wakes) if wakes else None,
    )
    before = s.parked
    if before is not None and (before.reason, before.needs, before.wake_at) == (
        parked.reason,
        parked.needs,
        parked.wake_at,
    ):
        return
    turn.emit(parked)


def _waits(turn: Turn) -> tuple[list[str], list[str]]:
    """What the run waits for, and what a person can do about it, most pressing first."""
    s: RunState = turn.state
    reasons: list[str] = []
    needs: list[str] = []
    if turn.current.halted:
        reasons.append(f"{HALTED}{turn.current.halted}")
        needs.append(turn.current.halt_ends_with)
    if s.doubts:
        reasons.append(f"in doubt: {', '.join(sorted(s.doubts))}")
        needs += [f"cuga resolve {s.run_id} {step} happened|did-not|again" for step in sorted(s.doubts)]
    for question in s.questions.values():
        reasons.append(f"question: {question.text}")
        needs.append(f"cuga answer {s.run_id} ANSWER --question {question.question_id}")
    if s.blocked or "budget" in turn.holds:
        scopes = sorted({*s.blocked.values(), *turn.short})
        reasons.append(f"budget used up: {', '.join(scopes)}")
        needs.append(f"cuga top-up {s.run_id} --scope {scopes[0]}")
    if s.pending:
        count = len(s.pending)
        reasons.append("waits for an approval" if count == 1 else f"waits for {count} approvals")
        if is_solo(s.started.requester, turn.current.roles):
            short = [request for request in s.pending.values() if request.quorum > 1]
            reasons += dict.fromkeys(too_few(request) for request in short)
            needs += [MORE_PEOPLE] if short else []
        needs += [to_decide(request, s.started.requester, turn.current, turn.now) for request in s.pending.values()]
    if s.due:
        reasons.append("waits to try again")
    for kind, text in turn.holds.items():
        if kind not in ("budget", "tool-changed"):
            reasons.append(text)
            if kind == "tool-missing":
                needs.append(f"cuga doctor; then cuga resume {s.run_id}")
            if kind == "tool-quarantined":
                needs.append("cuga tools drift")
            if kind == "no-choice":
                needs.append("cuga workers --policy NAME")
    return reasons, needs

"""What an answer of a tool means for the run: done, try again, failed, or in doubt.

Whether a call may be repeated without a person depends on its class, on what is known of the attempt, and on what the
tool can do about repeats (`policy.retry`). An answer that is not for the attempt in flight changes nothing, with one
exception: proof that an effect in doubt did happen.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

import msgspec

from cuga.kernel.references import extracted
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.command import RecordOutcome
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty, Done, Failed
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy.retry import Again, InDoubt, next_try

MAX_CRASHES = 10  # a call that takes its process down again and again is not started an eleventh time
NULL = msgspec.Raw(b"null")


def record(turn: Turn, command: RecordOutcome) -> None:
    """Turn an outcome into facts."""
    s = turn.state
    start = s.calling.get(command.step)
    if start is None or start.attempt != command.attempt:
        _late(turn, command)
        return
    match command.outcome:
        case Done() as done:
            turn.emit(completion(turn, command.step, command.attempt, done, command.blob))
        case failed:
            fail(turn, start, failed)


def completion(turn: Turn, step: str, attempt: int, done: Done, blob: BlobRef | None) -> e.ToolCallComplete:
    """The fact of a call that answered; of a result out of line it keeps what later steps refer to."""
    carried: dict[str, msgspec.Raw] = {}
    if blob is not None and blob.kept:
        carried = extracted(done.result, turn.state.index.pointers.get(step, []))
    return e.ToolCallComplete(
        at=turn.now,
        step=step,
        attempt=attempt,
        result=done.result if blob is None else NULL,
        blob=blob,
        carried=carried,
        duration_us=done.duration_us,
        provider_reference=done.provider_reference,
        tokens=done.tokens,
        note=done.note,
    )


def _late(turn: Turn, command: RecordOutcome) -> None:
    s = turn.state
    doubt = s.doubts.get(command.step)
    if isinstance(command.outcome, Done):
        # Any attempt under the same consent is at the same effect: proof that one of them did it ends the doubt. A
        # newer plan may have given the name to another call, of which an earlier attempt says nothing.
        if (
            doubt is not None
            and (command.key, command.tool_digest) == (doubt.key, doubt.tool_digest)
            and s.spent.get(command.step, 0) < command.attempt <= doubt.attempt
            and s.end is None
        ):
            turn.emit(completion(turn, command.step, command.attempt, command.outcome, command.blob))
        else:
            turn.emit(
                e.Annotation(
                    at=turn.now, step=command.step, text=f"a late answer of attempt {command.attempt}: it was done then"
                )
            )


def fail(turn: Turn, start: e.ToolCallStart, failed: Failed) -> None:
    """An attempt that did not answer with a result: again, failed or in doubt."""
    s = turn.state
    step = start.step
    contract = turn.rules.contract(start.tool, turn.current)
    certainty = failed.certainty
    if step in s.unsure and not start.probe:
        # an earlier attempt may have happened, and this one did not look: its own failure proves nothing
        certainty = Certainty.UNKNOWN
    is_crash = failed.mode is FailureMode.SYSTEM_CRASH
    tries = s.tries.get(step, 0) + (0 if is_crash else 1)
    decision = next_try(
        turn.rules.profile.retry,
        mode=failed.mode,
        certainty=certainty,
        side_effect=start.side_effect,
        repeatable=contract.repeatable if not start.simulated else Repeatable.KEY,
        attempt=max(tries, 1),
        retry_after_s=failed.retry_after_s,
        jitter=_chance(s.run_id, step, start.attempt),
    )
    if is_crash and s.crashes.get(step, 0) + 1 >= MAX_CRASHES and isinstance(decision, Again):
        decision = None if start.side_effect is SideEffect.READ_ONLY else InDoubt()
    retry_at = None
    is_wanted = step in s.index.named  # a newer plan may have dropped it
    if isinstance(decision, Again) and not s.cancel and not s.stopped and is_wanted:
        retry_at = turn.now + timedelta(milliseconds=decision.delay_ms)
    given_back: tuple[e.Claim, ...] = ()
    if certainty is Certainty.NOT_DONE and not s.consents.get(step):
        # after a person said "again", an earlier attempt may have happened: what may happen once stays taken
        given_back = tuple(
            e.Claim(scope=claim.scope, amount=-claim.amount, limit=claim.limit) for claim in s.held.get(step, ())
        )
    turn.emit(
        e.ToolCallError(
            at=turn.now,
            step=step,
            attempt=start.attempt,
            mode=failed.mode,
            certainty=certainty,
            message=failed.message,
            retry_at=retry_at,
            duration_us=failed.duration_us,
            claims=given_back,
        )
    )
    if retry_at is not None:
        return
    if step in s.doubts:
        turn.emit(e.StepInDoubt(at=turn.now, step=step, attempt=start.attempt, reason=failed.message))
    else:
        turn.skip_dependants(step)


def _chance(run_id: str, step: str, attempt: int) -> int:
    """A number from 0 to 999 that looks random and is the same in every replay."""
    return int.from_bytes(hashlib.sha256(f"{run_id}/{step}/{attempt}".encode()).digest()[:4], "big") % 1000

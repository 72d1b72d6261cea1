"""What an exception of a tool says: a failure mode, what is known of the effect, and words without secrets.

Only `NotDone` and `BadInput` say that nothing happened. Any other exception of a call with an effect leaves that open;
of a read-only call there is nothing to leave open.
"""

from __future__ import annotations

import errno

from cuga.errors import BadInput, CugaError, NotDone, NotFound, Unanswered
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed
from cuga.model.tool import SideEffect
from cuga.redact import Redactor

MAX_MESSAGE = 2_000  # characters
_MAX_WAIT_S = 24 * 3600
_DISK = frozenset({errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT})


def failed(error: BaseException, side_effect: SideEffect, redactor: Redactor, duration_us: int = 0) -> Failed:
    """The outcome that an exception stands for. An error of ours may carry `mode=` and `retry_after_s=`."""
    return Failed(
        mode=mode_of(error),
        certainty=certainty_of(error, side_effect),
        message=redactor.scrub_text(words_of(error)),
        duration_us=duration_us,
        retry_after_s=_wait_of(error),
    )


def certainty_of(error: BaseException, side_effect: SideEffect) -> Certainty:
    """Whether it surely did not happen."""
    is_sure = side_effect is SideEffect.READ_ONLY or isinstance(error, NotDone | BadInput)
    return Certainty.NOT_DONE if is_sure else Certainty.UNKNOWN


def mode_of(error: BaseException) -> FailureMode:
    """The failure mode of an exception: what it says itself in `failure_mode`, else what its kind stands for.

    One of ours says it in its facts; of a `NotDone` that does not, what it was raised from counts.
    """
    if isinstance(stated := getattr(error, "failure_mode", None), FailureMode):
        return stated
    if isinstance(error, CugaError) and (said := _said(error)) is not None:
        return said
    match error:
        case NotDone():
            return mode_of(error.__cause__) if isinstance(error.__cause__, OSError) else FailureMode.AGENT_STATE
        case BadInput() | NotFound():
            return FailureMode.USER_INVALID_INPUT
        case TimeoutError():
            return FailureMode.SYSTEM_TIMEOUT
        case PermissionError():
            return FailureMode.POLICY_SECURITY
        case OSError() if error.errno in _DISK:
            return FailureMode.SYSTEM_DISK
        case OSError():
            return FailureMode.SYSTEM_NETWORK
        case MemoryError():
            return FailureMode.SYSTEM_OOM
        case _:
            return FailureMode.AGENT_LOGIC


def _said(error: CugaError) -> FailureMode | None:
    """The mode that an error of ours carries: itself, or its word where the words of the model are not known."""
    said = error.facts.get("mode")
    try:
        return FailureMode(said) if isinstance(said, str) else None
    except ValueError:
        return None


def words_of(error: BaseException) -> str:
    """The exception in one text that can be stored, whatever it is made of."""
    try:
        said = str(error)
    except Exception:
        said = "(its message cannot be read)"
    if isinstance(error, NotDone | BadInput | NotFound | Unanswered):
        text = "; ".join(part for part in (error.detail or said, error.next_step) if part)
    else:
        text = ": ".join(part for part in (type(error).__name__, said) if part)
    return text[:MAX_MESSAGE].encode("utf-8", "backslashreplace").decode()


def _wait_of(error: BaseException) -> int:
    said = error.facts.get("retry_after_s") if isinstance(error, CugaError) else None
    return min(max(said, 0), _MAX_WAIT_S) if isinstance(said, int) and not isinstance(said, bool) else 0

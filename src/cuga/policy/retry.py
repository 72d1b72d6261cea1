"""Whether and when a call is tried again: a table of what failed, what is known of it, and what the tool can do.

Pure whole-number arithmetic in milliseconds; the delay becomes a fact in the journal and nobody sleeps here. Chance
comes in as a number, so that a replay decides the same. A guess about an effect is never made: it ends in doubt.
"""

from __future__ import annotations

from datetime import datetime

from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import Repeatable, SideEffect, ToolContract
from cuga.model.value import Value
from cuga.policy.profile import Retry

MAX_WAIT_MS = 24 * 3600 * 1000  # what another side may ask us to wait
_SAFE_ONLY = frozenset({FailureMode.AGENT_LOGIC})  # worth another try only where repeating is safe


class Again(Value, frozen=True, kw_only=True):
    """Try again after a wait. A tool that can be probed is probed first."""

    delay_ms: int


class InDoubt(Value, frozen=True, kw_only=True):
    """Nobody can know whether it happened: a person decides."""


def next_try(
    retry: Retry,
    *,
    mode: FailureMode,
    certainty: Certainty,
    side_effect: SideEffect,
    repeatable: Repeatable,
    attempt: int,
    retry_after_s: int = 0,
    jitter: int = 0,
) -> Again | InDoubt | None:
    """What follows the failure of attempt number `attempt` (from 1). None: the step has failed for good.

    ===========  ====================  ==================================================================
    certainty    the tool              another try
    ===========  ====================  ==================================================================
    not done     any                   when the mode passes by itself (`is_retryable`), or was ours (`system_crash`)
    not done     read-only, key, probe also after an unexplained error
    unknown      read-only             the same
    unknown      key                   same key and arguments, while `is_key_forgotten` says no; then in doubt
    unknown      probe                 always, after reading back; then in doubt
    unknown      any other             never: in doubt
    ===========  ====================  ==================================================================

    `jitter` is a number from 0 to 999: where in the band of `jitter_percent` around the delay this try falls.
    """
    is_read = side_effect is SideEffect.READ_ONLY
    is_safe = is_read or repeatable is not Repeatable.NONE
    if certainty is Certainty.UNKNOWN and not is_read:
        if not is_safe or attempt >= retry.attempts:
            return InDoubt()
    elif attempt >= retry.attempts or not (_passes(mode) or (is_safe and mode in _SAFE_ONLY)):
        return None
    return Again(delay_ms=delay_ms(retry, attempt, retry_after_s, jitter))


def is_key_forgotten(contract: ToolContract, first: datetime, now: datetime) -> bool:
    """Whether the other side may no longer know the key of a call that was first made then: a repeat under it could be
    a second effect, as without any key."""
    window_s = contract.key_window_s if contract.repeatable is Repeatable.KEY else 0
    return bool(window_s) and (now - first).total_seconds() >= window_s


def _passes(mode: FailureMode) -> bool:
    """Whether it is gone by itself another time; what ended with a process of ours says nothing of the tool."""
    return mode.is_retryable or mode is FailureMode.SYSTEM_CRASH


def delay_ms(retry: Retry, attempt: int, retry_after_s: int = 0, jitter: int = 0) -> int:
    """The wait after attempt number `attempt`: base, twice, four times ... up to the cap, in a band of chance.

    Never shorter than what the other side asked for, which is honoured up to a day.
    """
    doublings = 0 if retry.is_even else min(max(attempt, 1) - 1, 30)
    plain = min((retry.base_s * 1000 + retry.base_ms) << doublings, retry.cap_s * 1000 + retry.cap_ms)
    band = plain * retry.jitter_percent // 100
    spread = plain - band + 2 * band * min(max(jitter, 0), 999) // 999
    return max(spread, min(retry_after_s * 1000, MAX_WAIT_MS))

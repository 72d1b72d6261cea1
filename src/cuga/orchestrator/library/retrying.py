"""How often something is tried again, and after how long. The arithmetic of waits is that of `policy.retry`.

A policy says what a run's profile is to hold; it tries again by itself only what a caller hands to `execute`, never a
step of a run.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cuga.errors import BadInput
from cuga.model import given
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import Repeatable, SideEffect
from cuga.orchestrator.library.modes import Classifier, classify
from cuga.policy.profile import Retry
from cuga.policy.retry import Again, delay_ms, next_try

Operation = Callable[[], Any]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often, and after how many seconds. `jitter` is the share of a wait by which it may be shorter or longer."""

    max_attempts: int = 3
    base_delay: float = 1.0
    max_delay: float = 30.0
    jitter: float = 0.1

    is_even = False  # every wait is the base

    def __post_init__(self) -> None:
        where = type(self).__name__
        given.whole(f"{where}.max_attempts", self.max_attempts)
        for name in ("base_delay", "max_delay", "jitter"):
            given.number(f"{where}.{name}", getattr(self, name))
        if self.max_attempts < 1:
            raise BadInput(f"max_attempts is at least 1, the first try, not {self.max_attempts}")
        if self.base_delay < 0 or self.max_delay < self.base_delay:
            raise BadInput(f"delays go from 0 up: base {self.base_delay}, at most {self.max_delay}")
        if not 0 <= self.jitter <= 1:
            raise BadInput(f"jitter is a share from 0 to 1, not {self.jitter}")

    @property
    def rule(self) -> Retry:
        """The same as the rules of a profile hold it, in whole milliseconds."""
        base, cap = round(self.base_delay * 1000), round(self.max_delay * 1000)
        return Retry(
            attempts=self.max_attempts,
            base_s=base // 1000,
            base_ms=base % 1000,
            cap_s=cap // 1000,
            cap_ms=cap % 1000,
            jitter_percent=round(self.jitter * 100),
            is_even=self.is_even,
        )

    def delay_for(self, attempt: int, chance: int = 500) -> float:
        """Seconds to wait after attempt number `attempt` (from 1); `chance`, 0 to 999: where in the band."""
        return delay_ms(self.rule, attempt, jitter=chance) / 1000

    def should_retry(self, error: BaseException | FailureMode, attempt: int) -> bool:
        """Whether another try follows the failure of attempt number `attempt` (from 1)."""
        mode = error if isinstance(error, FailureMode) else classify(error)
        return mode.is_retryable and attempt < self.max_attempts

    async def execute(
        self,
        operation: Operation,
        *,
        failure_classifier: Classifier | None = None,
        failure_mode_handler: Classifier | None = None,
        context: Mapping[str, Any] | None = None,
        is_repeatable: bool = False,
    ) -> Any:
        """`RetryExecutor.execute_with_retry` under this policy. Both callbacks classify; the first that is given."""
        executor = RetryExecutor(self)
        classifier = failure_classifier or failure_mode_handler
        return await executor.execute_with_retry(
            operation, failure_classifier=classifier, context=context, is_repeatable=is_repeatable
        )


@dataclass(frozen=True, kw_only=True)
class ExponentialBackoffPolicy(RetryPolicy):
    """Waits that double: 1, 2, 4 ... seconds, at most 30."""


@dataclass(frozen=True, kw_only=True)
class LinearBackoffPolicy(RetryPolicy):
    """The same wait before every try, two seconds unless said."""

    base_delay: float = 2.0

    is_even = True


@dataclass(frozen=True, kw_only=True)
class NoRetryPolicy(RetryPolicy):
    """One try."""

    max_attempts: int = 1


_POLICIES: dict[str, type[RetryPolicy]] = {
    "exponential": ExponentialBackoffPolicy,
    "linear": LinearBackoffPolicy,
    "none": NoRetryPolicy,
}


def create_retry_policy(kind: str = "exponential", **how: Any) -> RetryPolicy:
    """A policy by name: exponential, linear, none; `ValueError` for another, naming these."""
    if kind not in _POLICIES:
        raise ValueError(f"no retry policy {kind!r}; there are {', '.join(_POLICIES)}")
    return _POLICIES[kind](**how)


class RetryExecutor:
    """Tries an operation of a caller's own again. Steps of runs are not its business: the journal holds their tries."""

    def __init__(self, policy: RetryPolicy | None = None, *, sleep: Sleep = asyncio.sleep) -> None:
        self.policy = policy or ExponentialBackoffPolicy()
        self.attempts: list[FailureMode] = []  # of the last operation: how each failed try failed
        self._sleep = sleep

    async def execute_with_retry(
        self,
        operation: Operation,
        *,
        failure_classifier: Classifier | None = None,
        context: Mapping[str, Any] | None = None,
        is_repeatable: bool = False,
    ) -> Any:
        """The answer of the operation, plain or awaited; after the last try its own exception.

        Tried again is what passes by itself (`FailureMode.is_retryable`); an unexplained error only when the caller
        says `is_repeatable`. The exception of the last try gets `context` as a note.
        """
        self.attempts = []
        while True:
            try:
                answer = operation()
                return await answer if inspect.isawaitable(answer) else answer
            except Exception as error:
                mode = classify(error, failure_classifier)
                self.attempts.append(mode)
                again = next_try(
                    self.policy.rule,
                    mode=mode,
                    certainty=Certainty.NOT_DONE,
                    side_effect=SideEffect.READ_ONLY if is_repeatable else SideEffect.EXECUTE,
                    repeatable=Repeatable.NONE,
                    attempt=len(self.attempts),
                    jitter=500,
                )
                if not isinstance(again, Again):
                    if context:
                        error.add_note(", ".join(f"{name}: {value}" for name, value in context.items()))
                    raise
                await self._sleep(again.delay_ms / 1000)

"""How things fail, how often they are tried again, and what is left when they have failed.

The modes are those of the model, the arithmetic of waits is that of `policy.retry`. A policy says what a run's profile
is to hold; it tries again by itself only what a caller hands to `execute`, never a step of a run.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from cuga.errors import BadInput
from cuga.model.failure import FailureCategory, FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import Repeatable, SideEffect
from cuga.orchestrator.execution import ExecutionResult
from cuga.policy.profile import Retry
from cuga.policy.retry import Again, delay_ms, next_try
from cuga.tools.failing import mode_of

Classifier = Callable[[BaseException], FailureMode | FailureCategory]
Operation = Callable[[], Any]
Sleep = Callable[[float], Awaitable[None]]

TERMINAL = frozenset(
    {
        FailureMode.AGENT_CONTRACT,
        FailureMode.SYSTEM_CRASH,
        FailureMode.SYSTEM_OOM,
        FailureMode.POLICY_SECURITY,
        FailureMode.POLICY_BUDGET,
        FailureMode.POLICY_ALLOWLIST,
        FailureMode.USER_CANCELLED,
    }
)  # nothing that is tried again by itself ends better


class Severity(str, Enum):
    """How bad a failure is for the house, not for the one run."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


_CRITICAL = frozenset({FailureMode.SYSTEM_CRASH, FailureMode.SYSTEM_OOM, FailureMode.POLICY_SECURITY})
_HIGH = TERMINAL | {FailureMode.SYSTEM_DISK, FailureMode.AGENT_STATE, FailureMode.RESOURCE_MEMORY_FULL}


def severity_of(mode: FailureMode) -> Severity:
    """How bad a mode is: what passes by itself is low, what a caller did wrong is medium."""
    if mode in _CRITICAL:
        return Severity.CRITICAL
    if mode in _HIGH and mode is not FailureMode.USER_CANCELLED:
        return Severity.HIGH
    return Severity.LOW if mode.is_retryable or mode is FailureMode.USER_CANCELLED else Severity.MEDIUM


def classify(error: BaseException, classifier: Classifier | None = None) -> FailureMode:
    """The mode of an exception. A classifier that answers with a category only narrows what the kind of it says."""
    plain = mode_of(error)
    said = classifier(error) if classifier is not None else plain
    if isinstance(said, FailureMode):
        return said
    return plain if plain.category is said else _FIRST[said]


_FIRST = {
    FailureCategory.AGENT: FailureMode.AGENT_LOGIC,
    FailureCategory.SYSTEM: FailureMode.SYSTEM_NETWORK,
    FailureCategory.RESOURCE: FailureMode.RESOURCE_TOOL_UNAVAILABLE,
    FailureCategory.POLICY: FailureMode.POLICY_SECURITY,
    FailureCategory.USER: FailureMode.USER_INVALID_INPUT,
}


# --- trying again -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often, and after how many seconds. `jitter` is the share of a wait by which it may be shorter or longer."""

    max_attempts: int = 3
    base_delay: float = 1.0
    max_delay: float = 30.0
    jitter: float = 0.1

    is_even = False  # every wait is the base

    def __post_init__(self) -> None:
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


# --- what is left -----------------------------------------------------------------------------------------------------
class RecoveryStrategy(str, Enum):
    """What a person or program may do with a partial result."""

    RETRY_FAILED = "retry_failed"  # nearly all is done: only what failed
    RETRY_FROM_CHECKPOINT = "retry_from_checkpoint"  # go on after what is done
    RETRY_ALL = "retry_all"  # little is done: from the beginning
    MANUAL = "manual"  # a person must look first


@dataclass(frozen=True, kw_only=True)
class PartialResult:
    """What was done before a failure. `completed_steps` are names; `step_results` has the output of each."""

    completed_steps: tuple[str, ...] = ()
    failed_step: Mapping[str, Any] = field(default_factory=dict)  # tool, input, step id
    error: str = ""
    failure_mode: FailureMode = FailureMode.AGENT_LOGIC
    step_results: Mapping[str, Any] = field(default_factory=dict)
    remaining_steps: tuple[str, ...] = ()  # neither done nor failed
    trace_id: str = ""
    run_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "completed_steps", tuple(self.completed_steps))
        object.__setattr__(self, "remaining_steps", tuple(self.remaining_steps))
        object.__setattr__(self, "failure_mode", FailureMode(self.failure_mode))

    @property
    def failed_steps(self) -> tuple[str, ...]:
        """The name of the step that failed; empty when none did."""
        name = str(self.failed_step.get("step_id") or self.failed_step.get("tool") or "")
        return (name,) if name else ()

    @property
    def completion(self) -> float:
        """The share of steps that are done, 0 to 1."""
        total = len(self.completed_steps) + len(self.failed_steps) + len(self.remaining_steps)
        return len(self.completed_steps) / total if total else 0.0

    @property
    def is_recoverable(self) -> bool:
        """Whether going on can help: not after a failure that ends everything of its kind."""
        return self.failure_mode not in TERMINAL

    @property
    def recovery_strategy(self) -> RecoveryStrategy:
        """Terminal or not retryable: manual; from 75 % done what failed; from 25 % after the rest; else everything."""
        if not self.is_recoverable or not self.failure_mode.is_retryable:
            return RecoveryStrategy.MANUAL
        if self.completion >= 0.75:
            return RecoveryStrategy.RETRY_FAILED
        return RecoveryStrategy.RETRY_FROM_CHECKPOINT if self.completion >= 0.25 else RecoveryStrategy.RETRY_ALL

    @property
    def recovery_plan(self) -> str:
        """The strategy in words."""
        left = ", ".join((*self.failed_steps, *self.remaining_steps)) or "nothing"
        match self.recovery_strategy:
            case RecoveryStrategy.RETRY_FAILED:
                return f"Nearly everything is done; do again what failed: {left}."
            case RecoveryStrategy.RETRY_FROM_CHECKPOINT:
                return f"Go on after {self.completed_steps[-1]}; left to do: {left}."
            case RecoveryStrategy.RETRY_ALL:
                return f"Little is done; begin again: {left}."
            case _:
                return f"A person must look first ({self.failure_mode.value}): {self.error or 'no reason given'}"

    def to_dict(self) -> dict[str, Any]:
        """The fields and what follows from them, as JSON values."""
        return asdict(self) | {
            "completed_steps": list(self.completed_steps),
            "remaining_steps": list(self.remaining_steps),
            "failure_mode": self.failure_mode.value,
            "recovery_strategy": self.recovery_strategy.value,
            "is_recoverable": self.is_recoverable,
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> PartialResult:
        """The partial result that `to_dict` wrote; what follows from the fields is reckoned anew."""
        derived = {"recovery_strategy", "is_recoverable"}
        if unknown := sorted(set(said) - set(cls.__dataclass_fields__) - derived):
            raise BadInput(f"a partial result has no {', '.join(unknown)}")
        return cls(**{name: value for name, value in said.items() if name not in derived})

    @classmethod
    def of_run(cls, result: ExecutionResult) -> PartialResult:
        """What a run left that did not end in success."""
        failure = result.failure_context
        failed = next((s for s in result.partial_results if s.step == failure.get("step")), None)
        return cls(
            completed_steps=tuple(s.step for s in result.partial_results if s.state == "done"),
            failed_step={} if failed is None else {"tool": failed.tool, "step_id": failed.step},
            error=str(failure.get("reason") or result.reason),
            failure_mode=FailureMode(failure.get("mode") or FailureMode.AGENT_LOGIC),
            step_results=dict(result.results),
            remaining_steps=tuple(s.step for s in result.partial_results if s.state != "done" and s is not failed),
            trace_id=result.trace_id,
            run_id=result.run_id,
        )


__all__ = [
    "Classifier",
    "ExponentialBackoffPolicy",
    "FailureCategory",
    "FailureMode",
    "LinearBackoffPolicy",
    "NoRetryPolicy",
    "PartialResult",
    "RecoveryStrategy",
    "RetryExecutor",
    "RetryPolicy",
    "Severity",
    "classify",
    "create_retry_policy",
    "severity_of",
]

"""What is left when something has failed: what was done, what was not, and what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from cuga.errors import BadInput
from cuga.model import given
from cuga.model.failure import FailureMode
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.library.modes import TERMINAL


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
    profile: str = ""  # that the run was under, and goes on under
    user_id: str = ""  # who asked for the run
    doubtful_steps: tuple[str, ...] = ()  # nobody knows whether these happened
    denied_steps: tuple[str, ...] = ()  # a person said no, here or in a run before

    def __post_init__(self) -> None:
        for name in ("completed_steps", "remaining_steps", "doubtful_steps", "denied_steps"):
            steps = given.listed(f"PartialResult.{name}", getattr(self, name), "step ids")
            object.__setattr__(self, name, tuple(given.words(f"a step in PartialResult.{name}", one) for one in steps))
        for name in ("failed_step", "step_results"):
            given.mapping(f"PartialResult.{name}", getattr(self, name))
        for name in ("error", "trace_id", "run_id", "profile", "user_id"):
            given.words(f"PartialResult.{name}", getattr(self, name))
        mode = given.member("PartialResult.failure_mode", FailureMode, self.failure_mode)
        object.__setattr__(self, "failure_mode", mode)

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
            "doubtful_steps": list(self.doubtful_steps),
            "denied_steps": list(self.denied_steps),
            "failure_mode": self.failure_mode.value,
            "recovery_strategy": self.recovery_strategy.value,
            "is_recoverable": self.is_recoverable,
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> PartialResult:
        """The partial result that `to_dict` wrote; what follows from the fields is reckoned anew."""
        derived = {"recovery_strategy", "is_recoverable"}
        given.mapping("what PartialResult.from_dict reads", said, "the fields that to_dict wrote")
        if unknown := sorted(map(str, set(said) - set(cls.__dataclass_fields__) - derived)):
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
            profile=result.profile,
            user_id=result.user_id,
            doubtful_steps=tuple(s.step for s in result.partial_results if s.state == "in_doubt"),
            denied_steps=tuple(s.step for s in result.partial_results if s.state == "denied"),
        )

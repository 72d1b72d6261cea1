"""The older path of all words about failures; each has its own room."""

from cuga.errors import ToolExecutionError
from cuga.model.failure import FailureCategory, FailureMode
from cuga.orchestrator.events import PartialResultEvent
from cuga.orchestrator.library.modes import TERMINAL, Classifier, Severity, classify, severity_of
from cuga.orchestrator.library.partial import PartialResult, RecoveryStrategy
from cuga.orchestrator.library.retrying import (
    ExponentialBackoffPolicy,
    LinearBackoffPolicy,
    NoRetryPolicy,
    RetryExecutor,
    RetryPolicy,
    create_retry_policy,
)

__all__ = [
    "TERMINAL",
    "Classifier",
    "ExponentialBackoffPolicy",
    "FailureCategory",
    "FailureMode",
    "LinearBackoffPolicy",
    "NoRetryPolicy",
    "PartialResult",
    "PartialResultEvent",
    "RecoveryStrategy",
    "RetryExecutor",
    "RetryPolicy",
    "Severity",
    "ToolExecutionError",
    "classify",
    "create_retry_policy",
    "severity_of",
]

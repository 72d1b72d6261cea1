"""How bad a failure is, whether anything can be gone on with after it, and how an exception is filed."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from cuga.model.failure import FailureCategory, FailureMode
from cuga.tools.failing import mode_of

Classifier = Callable[[BaseException], FailureMode | FailureCategory]

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

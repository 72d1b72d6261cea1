"""How things fail: five categories, finer modes, and what is known about the effect.

The taxonomy is the request's (25 modes in five categories); which of them may be tried again without a person is data
here and a rule in `policy.retry`.
"""

from __future__ import annotations

from enum import Enum, nonmember


class FailureCategory(str, Enum):
    """Who or what failed."""

    AGENT = "agent"
    SYSTEM = "system"
    RESOURCE = "resource"
    POLICY = "policy"
    USER = "user"

    def __eq__(self, other: object) -> bool:
        """A category equals every mode in it, so that callers may ask `mode == FailureMode.SYSTEM`."""
        return other.category is self if isinstance(other, FailureMode) else self is other or self.value == other

    __hash__ = str.__hash__  # equal by category, apart as keys: a set of modes holds modes


class FailureMode(str, Enum):
    """What exactly failed."""

    AGENT_VALIDATION = "agent_validation"
    AGENT_TIMEOUT = "agent_timeout"
    AGENT_LOGIC = "agent_logic"
    AGENT_CONTRACT = "agent_contract"
    AGENT_STATE = "agent_state"
    SYSTEM_NETWORK = "system_network"
    SYSTEM_TIMEOUT = "system_timeout"
    SYSTEM_CRASH = "system_crash"
    SYSTEM_OOM = "system_oom"
    SYSTEM_DISK = "system_disk"
    RESOURCE_TOOL_UNAVAILABLE = "resource_tool_unavailable"
    RESOURCE_API_UNAVAILABLE = "resource_api_unavailable"
    RESOURCE_MEMORY_FULL = "resource_memory_full"
    RESOURCE_QUOTA = "resource_quota"
    RESOURCE_RATE_LIMIT = "resource_rate_limit"
    RESOURCE_CIRCUIT_OPEN = "resource_circuit_open"
    POLICY_SECURITY = "policy_security"
    POLICY_BUDGET = "policy_budget"
    POLICY_ALLOWLIST = "policy_allowlist"
    POLICY_APPROVAL = "policy_approval"
    USER_INVALID_INPUT = "user_invalid_input"
    USER_CANCELLED = "user_cancelled"
    USER_PERMISSION = "user_permission"
    PARTIAL_TOOL_FAILURES = "partial_tool_failures"
    PARTIAL_TIMEOUT = "partial_timeout"

    # the older short names: no modes of their own, they compare by category
    AGENT = nonmember(FailureCategory.AGENT)
    SYSTEM = nonmember(FailureCategory.SYSTEM)
    RESOURCE = nonmember(FailureCategory.RESOURCE)
    POLICY = nonmember(FailureCategory.POLICY)
    USER = nonmember(FailureCategory.USER)

    def __eq__(self, other: object) -> bool:
        return self.category is other if isinstance(other, FailureCategory) else self is other or self.value == other

    __hash__ = str.__hash__

    @property
    def category(self) -> FailureCategory:
        """The category; the two partial modes count as the agent's."""
        head = self.value.split("_", 1)[0]
        return FailureCategory.AGENT if head == "partial" else FailureCategory(head)

    @property
    def is_retryable(self) -> bool:
        """May be tried again by itself, if the effect surely did not happen or the call can be repeated safely."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        FailureMode.AGENT_TIMEOUT,
        FailureMode.SYSTEM_NETWORK,
        FailureMode.SYSTEM_TIMEOUT,
        FailureMode.RESOURCE_TOOL_UNAVAILABLE,
        FailureMode.RESOURCE_API_UNAVAILABLE,
        FailureMode.RESOURCE_CIRCUIT_OPEN,
        FailureMode.RESOURCE_RATE_LIMIT,
        FailureMode.PARTIAL_TIMEOUT,
    }
)

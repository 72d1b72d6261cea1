"""Every spelling of a budget that callers use, read into the one `Budget`."""

from __future__ import annotations

from cuga.errors import BadInput
from cuga.model import given
from cuga.model.plan import Budget
from cuga.model.value import micros
from cuga.policy.budget import tightest


def tool_budget(
    *,
    total_calls: int | None = None,
    calls_per_domain: dict[str, int] | None = None,
    calls_per_tool: dict[str, int] | None = None,
    call_ceiling: int | None = None,
    cost_ceiling: float | None = None,
    ceiling: float | None = None,
    token_ceiling: int | None = None,
    warning_threshold: float | None = None,
    policy: str | None = None,
) -> Budget:
    """A budget from any of its spellings; where two name the same limit the smaller holds. Cost is in units.

    `warning_threshold` and `policy` belong to the profile: they are checked and otherwise without effect here, since a
    caller may only tighten. Raises `BadInput` for a negative limit, a threshold outside 0..1 and an unknown policy.
    """
    for name, calls in (("total_calls", total_calls), ("call_ceiling", call_ceiling), ("token_ceiling", token_ceiling)):
        if calls is not None:
            given.whole(f"ToolBudget.{name}", calls)
    for name, said in (("calls_per_domain", calls_per_domain), ("calls_per_tool", calls_per_tool)):
        for key, calls in given.mapping(f"ToolBudget.{name}", said or {}, "a name and a number of calls each").items():
            given.words(f"a name in ToolBudget.{name}", key)
            given.whole(f"ToolBudget.{name}[{key!r}]", calls)
    shares = (("cost_ceiling", cost_ceiling), ("ceiling", ceiling), ("warning_threshold", warning_threshold))
    for name, share in shares:
        if share is not None:
            given.number(f"ToolBudget.{name}", share)
    costs = [micros(cost) for cost in (cost_ceiling, ceiling) if cost is not None]
    counts = [*(calls_per_domain or {}).values(), *(calls_per_tool or {}).values()]
    stated = [total_calls, call_ceiling, token_ceiling, *costs, *counts]
    if any(limit is not None and limit < 0 for limit in stated):
        raise BadInput("a budget cannot be negative; 0 means none allowed")
    if warning_threshold is not None and not 0 < warning_threshold <= 1:
        raise BadInput(f"a warning threshold lies between 0 and 1, not {warning_threshold}")
    if policy not in (None, "block", "warn", "stop", "skip", "park"):
        raise BadInput(f"no budget policy {policy!r}; there are block, warn, stop, skip, park")
    return Budget(
        calls=tightest(total_calls, call_ceiling),
        calls_per_domain=calls_per_domain or {},
        calls_per_tool=calls_per_tool or {},
        cost=min(costs) if costs else None,
        tokens=token_ceiling,
    )

"""What a planner may answer: a plan, a question back, or a reasoned no. Nothing here decides anything."""

from __future__ import annotations

from cuga.model.plan import Plan
from cuga.model.value import Value


class Proposal(Value, frozen=True, kw_only=True):
    """A plan to be checked. It holds no right to run: class, cost and consent come from the registry."""

    plan: Plan


class Question(Value, frozen=True, kw_only=True):
    """What a person has to say first. `options` are answers that would do; others may be given."""

    text: str
    options: tuple[str, ...] = ()


class Refusal(Value, frozen=True, kw_only=True):
    """Why there is no plan and what would make one possible."""

    reason: str
    mend: str = ""


Answer = Proposal | Question | Refusal

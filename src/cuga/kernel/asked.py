"""A call of a list that needs a person's consent, until all of its list are asked for together."""

from __future__ import annotations

import msgspec

from cuga.model.event import Claim
from cuga.model.plan import Step
from cuga.model.tool import ToolContract
from cuga.policy.judge import Ruling


class Asked(msgspec.Struct, frozen=True, eq=False):
    """The call as it was judged. `free` are claims of nothing on what it may do only once."""

    step: Step
    contract: ToolContract
    ruling: Ruling
    arguments: msgspec.Raw
    digest: str
    effect: str
    free: tuple[Claim, ...]
    requesters: tuple[str, ...]

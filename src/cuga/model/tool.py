"""What a tool is, as far as rules and plans care: its contract.

The contract is the only source of a tool's side-effect class, domain, cost and schema; nothing that a plan, a model or
a caller says about them counts. Its digest is pinned into each run.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from cuga.model.value import Value, digest

EMPTY_OBJECT = msgspec.Raw(b"{}")
KEY_WINDOW_S = 23 * 3600  # providers that forget keys keep them for a day; clocks differ, and the last call takes time


class SideEffect(str, Enum):
    """What a call does to the world."""

    READ_ONLY = "read-only"
    PROPOSE = "propose"
    EXECUTE = "execute"


class Repeatable(str, Enum):
    """What makes it safe to try a call again when nobody knows whether it happened."""

    NONE = "none"  # nothing: only a person may say "again"
    KEY = "key"  # the other side drops a second call with the same idempotency key, as long as it remembers that
    PROBE = "probe"  # the tool can look whether it happened


class Slot(Value, frozen=True, kw_only=True):
    """One argument of a tool, as the planner sees it."""

    name: str
    kind: str = ""  # what it means, e.g. "account", "contact", "message"; empty: only free text or a default
    required: bool = True
    choices: tuple[str, ...] = ()
    purpose: str = ""


class Stop(Value, frozen=True, kw_only=True):
    """Why a call would surely not be carried out, as its arguments alone show: then nobody is asked to agree to it.

    `when` is CEL over the arguments by name, null where none is given. In `reason` and `mend` the JSON Pointer
    `{/a/b}` stands for the argument there.
    """

    rule: str
    when: str
    reason: str
    mend: str = ""


class ToolContract(Value, frozen=True, kw_only=True):
    """The contract of one tool. `cost` is in micro-units, `timeout_s` in seconds."""

    name: str
    domain: str
    side_effect: SideEffect
    purpose: str
    cost: int = 0
    version: str = "1.0.0"
    module: str = ""
    input_schema: msgspec.Raw = EMPTY_OBJECT  # JSON Schema of the arguments
    output_schema: msgspec.Raw = EMPTY_OBJECT  # JSON Schema of the result; empty: any JSON value
    slots: tuple[Slot, ...] = ()
    gives: dict[str, str] = {}  # kind -> JSON Pointer into the result
    keywords: tuple[str, ...] = ()  # words a person uses for it, for ranking
    repeatable: Repeatable = Repeatable.NONE
    key_window_s: int = 0  # how long after the first call its key is surely still known; 0: always
    uses: tuple[str, ...] = ()  # capabilities: "crm", "mail", ...
    writes: tuple[str, ...] | None = None  # those of `uses` that it changes; None: all, unless it is read-only
    optional: tuple[str, ...] = ()  # those of `uses` without which it still does a part; only what is read-only may
    once: tuple[str, ...] = ()  # (name, JSON Pointer, ...): at most one call ever per value of these arguments
    effect_key: tuple[str, ...] = ()  # (kind, JSON Pointer, ...): what a denial is remembered by
    seconded: tuple[str, ...] = ()  # JSON Pointers: a call that gives one of these a value needs two people
    stops: tuple[Stop, ...] = ()  # what is refused before anybody is asked
    timeout_s: int = 30
    guardrails: tuple[str, ...] = ()  # what the tool must not do, in words
    personal: tuple[str, ...] = ()  # JSON Pointers of arguments or results that are personal data
    destroys: bool = False  # what was there may be gone after a call
    drafts: bool = False  # a language model may write the text of its result, where the profile lets it

    def changes(self, capability: str) -> bool:
        """Whether a call may change something through a capability."""
        if self.writes is None:
            return self.side_effect is not SideEffect.READ_ONLY
        return capability in self.writes

    def digest(self) -> str:
        """What the run pins: any change of the contract changes it."""
        return digest(self)

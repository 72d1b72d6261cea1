"""A profile: the rules one run is pinned to. Data only; `policy.judge` reads it, `policy.registry` writes it.

Counts are whole numbers, cost is in micro-units, times in seconds. A limit of 0 means none allowed; an absent domain or
tool is bounded by the total alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import MICRO, Value, digest
from cuga.policy.routing import Pool


class AtLimit(str, Enum):
    """What happens to a step whose call no budget can take."""

    STOP = "stop"  # the step and everything after it
    SKIP = "skip"  # only the step and what needs it
    PARK = "park"  # the run waits for a top-up


class Limits(Value, frozen=True, kw_only=True):
    """What one run may spend."""

    calls: int
    calls_per_domain: dict[str, int] = {}
    calls_per_tool: dict[str, int] = {}
    cost: int = 100 * MICRO
    tokens: int = 100_000
    money: int | None = None  # millionths of a dollar that models may cost one run; None: not limited
    warning_percent: int = 80  # at or above, counting the call about to run
    at_limit: AtLimit = AtLimit.STOP


class Consent(str, Enum):
    """Who lets a call of a class go on."""

    NONE = "none"  # nobody needs to
    RULE = "rule"  # the profile's own named rule, recorded like a decision
    HUMAN = "human"


class Approvals(Value, frozen=True, kw_only=True):
    """Which calls wait for whom, and for how long."""

    read_only: Consent = Consent.NONE
    propose: Consent = Consent.HUMAN
    execute: Consent = Consent.HUMAN
    roles: tuple[str, ...] = ("approver",)
    quorum: int = 1
    expires_s: int = 24 * 3600
    lapses_s: int = 3600
    escalates_s: int = 0  # from then on holders of `escalates_to` may decide as well; 0: never
    escalates_to: tuple[str, ...] = ()
    replan_on_deny: bool = False

    def consent_for(self, side_effect: SideEffect) -> Consent:
        """Who must agree to a call of this class."""
        if side_effect is SideEffect.READ_ONLY:
            return self.read_only
        return self.propose if side_effect is SideEffect.PROPOSE else self.execute


class Retry(Value, frozen=True, kw_only=True):
    """How often and after how long a call is tried again. Delays double from the base up to the cap.

    The base is `base_s` and `base_ms` together, the cap likewise. `is_even`: every wait is the base, none doubles.
    """

    attempts: int = 3
    base_s: int = 1
    cap_s: int = 30
    jitter_percent: int = 10
    base_ms: int = 0
    cap_ms: int = 0
    is_even: bool = False


MONTH_S = 2_678_400  # a window that is said so is a month of the calendar, however long that one is


_latest_windows: dict[int, tuple[datetime, datetime, str]] = {}  # seconds -> the window last named: begin, end, name


class Rate(Value, frozen=True, kw_only=True):
    """A limit that crosses runs: at most `calls` in each `window_s`, per tenant, user or tool of a tenant."""

    per: str  # tenant, user, tool
    calls: int
    window_s: int  # 60: a minute, 86400: a day (UTC), `MONTH_S`: a month of the calendar (UTC)
    tool: str = ""  # only this tool; empty: any

    def window(self, now: datetime) -> str:
        """The window that a time lies in, as scopes name it."""
        if self.window_s == MONTH_S:
            return f"month/{now.year:04}-{now.month:02}"
        latest = _latest_windows.get(self.window_s)
        if latest is not None and latest[0] <= now < latest[1]:  # as most calls: they come one after another
            return latest[2]
        number = int(now.timestamp()) // self.window_s
        name = f"{self.window_s}/{number}"
        starts = datetime.fromtimestamp(number * self.window_s, now.tzinfo)
        _latest_windows[self.window_s] = starts, starts + timedelta(seconds=self.window_s), name
        return name

    def next_window(self, now: datetime) -> datetime:
        """When the next window begins."""
        if self.window_s == MONTH_S:
            return (datetime(now.year, now.month, 1, tzinfo=now.tzinfo) + timedelta(days=31)).replace(day=1)
        return datetime.fromtimestamp((int(now.timestamp()) // self.window_s + 1) * self.window_s, now.tzinfo)


class ModelUse(str, Enum):
    """What a profile lets a language model do."""

    OFF = "off"
    PLAN = "plan"  # propose plans
    DRAFT = "draft"  # and write drafts


class ModelRule(Value, frozen=True, kw_only=True):
    """Whether a model is asked at all, what it may be told, and how much over all runs of a day (UTC)."""

    use: ModelUse = ModelUse.OFF
    fields: tuple[str, ...] = ()
    tokens_per_day: int | None = None  # of the tenant; None: only each run is limited


class Profile(Value, frozen=True, kw_only=True):
    """One governance profile."""

    name: str
    limits: Limits
    approvals: Approvals = Approvals()
    adapters: dict[str, tuple[str, ...]] = {}  # capability -> allowed adapters, preferred first
    any_adapters: tuple[str, ...] = ("offline",)  # for capabilities that `adapters` does not name
    tools: tuple[str, ...] = ()  # allowed tools; empty: every registered one
    forbidden_tools: tuple[str, ...] = ()
    max_parallel: int = 4
    retry: Retry = Retry()
    rates: tuple[Rate, ...] = ()
    model: ModelRule = ModelRule()
    simulates_execute: bool = False  # calls with an outside effect are only shown, and say so

    def adapters_for(self, capability: str) -> tuple[str, ...]:
        """The adapters this profile lets a capability use, preferred first."""
        return self.adapters.get(capability, self.any_adapters)


class Rulebook(Value, frozen=True, kw_only=True):
    """What a run is pinned to: its profile and the contracts of all tools it may use, by name."""

    profile: Profile
    contracts: dict[str, ToolContract]
    registry_digest: str = ""

    def digest(self) -> str:
        """The digest that `run_started` carries."""
        return digest(self)


class Delegation(Value, frozen=True, kw_only=True):
    """`delegate` decides for `user` from `starts` until `ends`."""

    delegation_id: str
    user: str
    delegate: str
    starts: datetime
    ends: datetime


class StandingRule(Value, frozen=True, kw_only=True):
    """Approves fitting requests of one tool instead of a person, for a time and a number of uses."""

    rule_id: str
    tool: str
    matches: dict[str, str]
    profile: str
    expires_at: datetime
    uses: int
    by: str


class Current(Value, frozen=True, kw_only=True):
    """What holds now, for every run, whatever it is pinned to: a tightening counts at once, a loosening never does."""

    halted: str = ""  # the reason, when the stop button is pressed
    halt_ends_with: str = "cuga halt --lift"  # what a person can do about it
    disabled_adapters: tuple[str, ...] = ()  # `adapter`, or `capability/adapter` where it is off for one only
    installed_adapters: dict[str, tuple[str, ...]] = {}  # capability -> adapters that can be used on this machine
    places: dict[str, str] = {}  # `capability/adapter` -> a digest of where that is now and as whom it acts there
    forbidden_tools: dict[str, str] = {}
    quarantined_tools: dict[str, str] = {}  # tools from outside that are not what a person accepted -> why
    tool_digests: dict[str, str] = {}  # of the tools this process can really call
    contracts: dict[str, ToolContract] = {}  # of the same tools: what they say more strictly than a run pinned, counts
    standing_rules: tuple[StandingRule, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    roles: dict[str, tuple[str, ...]] = {}  # user -> roles; empty in a solo house
    heirs: dict[str, str] = {}  # who left -> who sees their runs through
    pools: dict[str, Pool] = {}  # worker pools by name; none: steps are not routed
    routing: str = ""  # the policy that chooses between pools; empty: the default one
    read_only_adapters: tuple[str, ...] = ()  # `capability/adapter` that nothing can be written through
    adapter_modes: dict[str, str] = {}  # capability -> one of `policy.binding.MODES`
    chosen_adapters: dict[str, str] = {}  # capability -> the only adapter that it may use
    suppressed: dict[str, str] = {}  # addresses and `@domain`s that must not be written to -> why

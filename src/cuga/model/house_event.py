"""The facts of the house: one stream per tenant beside the runs' streams.

Standing rules, delegations, roles, adapter switches, imports and the stop button. Rules read their fold as *current
facts*: a tightening counts at once for every run, a loosening never moves a run that is pinned to older rules.
"""

from __future__ import annotations

from datetime import datetime

from cuga.model.event import Event
from cuga.model.value import Value


class HouseOpened(Event, frozen=True, kw_only=True):
    """The house was made."""

    tenant: str
    owner: str


class RestoredFrom(Event, frozen=True, kw_only=True):
    """The journal was put back from a backup; nothing runs until a person acknowledges it."""

    backup: str
    position: int


class RestoreAcknowledged(Event, frozen=True, kw_only=True):
    """A person accepts that what came after the backup is gone."""

    reason: str = ""


class UserAdded(Event, frozen=True, kw_only=True):
    """A person may use the house. A second one ends the solo mode."""

    user: str
    roles: tuple[str, ...]


class RoleGranted(Event, frozen=True, kw_only=True):
    """A person got a role."""

    user: str
    role: str


class RoleRevoked(Event, frozen=True, kw_only=True):
    """A person lost a role."""

    user: str
    role: str


class DelegationGranted(Event, frozen=True, kw_only=True):
    """`delegate` may decide for `user` between two times."""

    delegation_id: str
    user: str
    delegate: str
    starts: datetime
    ends: datetime


class DelegationRevoked(Event, frozen=True, kw_only=True):
    """A delegation ended early."""

    delegation_id: str


class StandingRuleAdded(Event, frozen=True, kw_only=True):
    """Requests that fit are approved by this rule: a tool, arguments that must match, a time and a number of uses.

    Never for calls that leave the house: the class is held to `propose`.
    """

    rule_id: str
    tool: str
    matches: dict[str, str] = {}  # JSON Pointer into the arguments -> the text it must equal
    profile: str = ""
    expires_at: datetime
    uses: int


class StandingRuleRevoked(Event, frozen=True, kw_only=True):
    """A standing rule ended."""

    rule_id: str


class AdapterSwitched(Event, frozen=True, kw_only=True):
    """An adapter was enabled or disabled, for one capability or wherever it is used."""

    adapter: str
    enabled: bool
    reason: str = ""
    capability: str = ""  # empty: wherever it is used


class AdapterChosen(Event, frozen=True, kw_only=True):
    """A capability was switched to one adapter, and uses no other until it is switched again."""

    capability: str
    adapter: str  # empty: as each profile prefers
    reason: str = ""


class AdapterModeSet(Event, frozen=True, kw_only=True):
    """A capability reads and writes inside the house, outside, or reads outside and writes inside."""

    capability: str
    mode: str  # profile: as each profile prefers; offline, live, hybrid
    reason: str = ""


class RoutingPolicySet(Event, frozen=True, kw_only=True):
    """Steps are routed to worker pools by another policy from the next decision on."""

    policy: str
    reason: str = ""


class ToolForbidden(Event, frozen=True, kw_only=True):
    """A tool may not be called any more, by any run."""

    tool: str
    reason: str = ""


class ToolAllowed(Event, frozen=True, kw_only=True):
    """A tool that had been forbidden may be called again, by runs whose own rules allow it."""

    tool: str


class ToolsAccepted(Event, frozen=True, kw_only=True):
    """A person accepted what a server says that its tools are. They are used as they were then, and not otherwise."""

    source: str  # the server's name in the registry
    snapshot: str  # SHA-256 of the definitions, kept in the journal
    tools: dict[str, str]  # the server's own name of a tool -> digest of its definition and of where it comes from
    reason: str = ""


class ToolsQuarantined(Event, frozen=True, kw_only=True):
    """A server was seen to say something else than what was accepted; until a person looks, nothing of it is called."""

    source: str
    tools: tuple[str, ...] = ()  # the server's own names; none: all of its tools
    reason: str
    snapshot: str = ""  # SHA-256 of the definitions as they were seen; empty: they could not be read


class Halted(Event, frozen=True, kw_only=True):
    """The stop button: nothing new starts."""

    reason: str = ""


class HaltLifted(Event, frozen=True, kw_only=True):
    """Work may go on."""

    reason: str = ""


class LessonsForgotten(Event, frozen=True, kw_only=True):
    """What people had taught runs is no longer remembered: it is told to no planner and no model any more."""

    lessons: tuple[str, ...]  # the requests that they were said of
    reason: str = ""


class CrmImported(Event, frozen=True, kw_only=True):
    """CRM data came in."""

    source: str
    crm_version: str
    rows: int
    problems: int


class RepliesTaken(Event, frozen=True, kw_only=True):
    """Mail that had come in was taken in. The mails themselves are activities in the CRM, each with its source."""

    mails: int
    kinds: dict[str, int]  # kind of reply -> how many
    suppressed: int
    stopped: int
    refused: int
    crm_version: str


class Blocked(Value, frozen=True, kw_only=True):
    """One entry of the suppression list. `key` is a keyed digest of the address and names nobody; `on` is a day."""

    key: str
    address: str  # as the list compares it; `[erased]` once its person is
    reason: str = ""
    on: str = ""
    source: str = ""


class AddressesSuppressed(Event, frozen=True, kw_only=True):
    """Addresses came on the suppression list. Where a house has several machines they are in `entries`."""

    addresses: int
    digest: str  # SHA-256 of the addresses as the list compares them, sorted, one a line
    reason: str
    source: str
    entries: tuple[Blocked, ...] = ()


class SuppressionLifted(Event, frozen=True, kw_only=True):
    """An address was taken off the suppression list."""

    digest: str  # SHA-256 of the address as the list compares it
    reason: str
    key: str = ""  # of the entry, where a house has several machines


class PersonErased(Event, frozen=True, kw_only=True):
    """Somebody's data are erased: written before their keys are destroyed. Who it was is not said; the ids are those
    that sealed texts were sealed for."""

    subjects: tuple[str, ...]
    runs: int  # that their data were in
    reason: str
    addresses: tuple[str, ...] = ()  # keys of entries that are on the suppression list from here on
    everywhere: bool = False  # every machine of the house cleans its own places


class RunsRetired(Event, frozen=True, kw_only=True):
    """The words of runs that ended long ago are not kept any more: written before they are taken away."""

    before: datetime  # they had all ended by then
    runs: dict[str, str]  # run -> SHA-256 over what is kept of its events, one a line
    reason: str = ""


class ScheduleAdded(Event, frozen=True, kw_only=True):
    """A goal is to be run again and again; whoever adds it is the requester of every such run."""

    schedule_id: str
    goal: str
    profile: str = ""
    weekdays: tuple[int, ...]  # 0: Monday
    time: str  # HH:MM on the clocks of the zone
    zone: str


class ScheduleRemoved(Event, frozen=True, kw_only=True):
    """A schedule ended; runs that it began go on."""

    schedule_id: str
    reason: str = ""


class SchedulePaused(Event, frozen=True, kw_only=True):
    """A schedule begins nothing until it is resumed."""

    schedule_id: str
    reason: str = ""


class ScheduleResumed(Event, frozen=True, kw_only=True):
    """A schedule begins runs again, from the next time on; what it was paused over is not made up for."""

    schedule_id: str


class ScheduleMissed(Event, frozen=True, kw_only=True):
    """Times went by at which nobody could begin the run. They are told, and not made up for."""

    schedule_id: str
    times: int
    first: datetime
    last: datetime


class UserInvited(Event, frozen=True, kw_only=True):
    """A person was handed a link to set a password, the first one or a new one. The link itself is kept nowhere."""

    user: str
    purpose: str  # invitation, reset


class UserLeft(Event, frozen=True, kw_only=True):
    """A person has no part in the house any more; nothing that let them in works, what they agreed in advance ends.

    What was theirs to see through goes to somebody else, with the roles that it takes.
    """

    user: str
    hand_over_to: str = ""  # empty: to nobody
    roles: tuple[str, ...] = ()  # that were handed over


class KeyMade(Event, frozen=True, kw_only=True):
    """A key for a program was made. It acts for a person, within its scopes."""

    key_id: str
    user: str
    label: str
    scopes: tuple[str, ...]  # verbs
    expires_at: datetime


class KeyRevoked(Event, frozen=True, kw_only=True):
    """A key lets nobody in any more."""

    key_id: str
    user: str


class LoginsFailed(Event, frozen=True, kw_only=True):
    """Somebody tried to come in as a person, several times in a short while, and was not let in."""

    user: str
    times: int


class NoticeAdded(Event, frozen=True, kw_only=True):
    """Somebody is to be told when people are waited for. What is secret about the address is kept elsewhere."""

    notice_id: str
    channel: str  # webhook, slack, teams, email
    address: str  # as it may be shown
    about: tuple[str, ...]  # waiting, expiring, ended


class NoticeRemoved(Event, frozen=True, kw_only=True):
    """Nobody is told there any more."""

    notice_id: str


class NoticeLost(Event, frozen=True, kw_only=True):
    """A message could not be delivered, however often it was tried."""

    notice_id: str
    about: str
    run_id: str
    attempts: int
    reason: str


class OriginTrusted(Event, frozen=True, kw_only=True):
    """As a witness, this house keeps checkpoints of another's journal from now on, if they are signed with this key."""

    origin: str
    key: str  # public, one word
    label: str = ""


class OriginDistrusted(Event, frozen=True, kw_only=True):
    """This house takes no further checkpoint of a journal; what it has seen of it stays."""

    origin: str


HouseEvent = (
    HouseOpened | RestoredFrom | RestoreAcknowledged | UserAdded | RoleGranted | RoleRevoked | DelegationGranted
    | DelegationRevoked | StandingRuleAdded | StandingRuleRevoked | AdapterSwitched | AdapterChosen | AdapterModeSet
    | RoutingPolicySet | ToolForbidden | ToolAllowed | Halted | HaltLifted | LessonsForgotten | CrmImported
    | RepliesTaken | AddressesSuppressed | SuppressionLifted | PersonErased | RunsRetired
    | ToolsAccepted | ToolsQuarantined
    | ScheduleAdded | ScheduleRemoved | SchedulePaused | ScheduleResumed | ScheduleMissed
    | UserInvited | UserLeft | KeyMade | KeyRevoked | LoginsFailed
    | NoticeAdded | NoticeRemoved | NoticeLost
    | OriginTrusted | OriginDistrusted
)  # fmt: skip

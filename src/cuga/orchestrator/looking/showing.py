"""What people look at through a door: lists with filters, a request with all that a decision needs, records, rules.

Reads only. What is shown here is folded from the journal or read from the CRM store when it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cuga import __version__
from cuga.adapters.capability import RECORDS, Filter, Record
from cuga.clock import ULID
from cuga.errors import BadInput, NotFound
from cuga.journal.port import RunRow
from cuga.journal.seal import Fault
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.model.value import Value
from cuga.orchestrator.changing.bringing import SAMPLE
from cuga.orchestrator.llm.models import ModelNow
from cuga.orchestrator.looking.differences import Change, changes_of, count_hidden, edits_of, mixed_words
from cuga.orchestrator.looking.reading import HouseNow, Reading, lines_now
from cuga.orchestrator.looking.trying import Tried, try_adapter
from cuga.orchestrator.rehearsal.what_if import WhatIf, what_if
from cuga.planning import goal_of
from cuga.policy.access import Verb, asks_for_proof, may, may_decide, who_can, whose
from cuga.policy.profile import Profile
from cuga.projections.acts import Act
from cuga.projections.card import Card
from cuga.projections.export import exported
from cuga.projections.inbox import may_decide_on
from cuga.projections.runs import RunLine, find_runs
from cuga.projections.signals import Signals

MOST_BUCKETS = 400
BROWSED = ("accounts", "contacts", "opportunities", "products", "activities")


class CardNow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A request, and what holds now for whoever looks at it: may they decide, and why or why not; who can."""

    card: Card
    may_decide: bool
    why: tuple[str, ...]
    on_behalf_of: str
    who_can: tuple[str, ...]
    may_cancel: bool  # the run that it is of
    asks_for_proof: bool  # a fresh password
    is_solo: bool  # whoever looks is alone in the house: their own word counts
    readable: str  # the arguments as lines; whatever could trick the eye is written out as its code
    hidden: int  # characters that were written out
    mixed: tuple[str, ...]  # words that mix alphabets, as a look-alike does
    changes: tuple[Change, ...]  # against what is in the records now
    edits: tuple[Change, ...]  # against the request that this one takes the place of


class DataNow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How many records of a kind there are."""

    accounts: int
    contacts: int
    opportunities: int
    products: int
    activities: int


class Summary(HouseNow, frozen=True, kw_only=True, omit_defaults=False):
    """A house at a glance: what holds in it, and beside that its data and its work.

    `waiting`: open requests; `running`: runs at work; both are counted up to a thousand.
    """

    version: str
    durability: str
    is_sample: bool
    is_solo: bool
    default_profile: str
    data: DataNow
    model: ModelNow
    waiting: int
    running: int


class CrmPage(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Records of one kind, as the store holds them, and where the next page begins (-1: there is none)."""

    items: tuple[Any, ...]
    total: int
    next_offset: int


class Verified(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a check of the whole journal found, and how far the journal went then."""

    faults: tuple[Fault, ...]
    events: int
    took_us: int


class Bucket(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The signals of one stretch of time, from `at` on."""

    at: datetime
    signals: Signals


class Showing(Reading):
    """A house at hand, as doors show it."""

    async def summary(self) -> Summary:
        """The house at a glance."""
        assembly = await self.open()
        house = await self.house()
        counts = {kind: assembly.crm.count(kind) for kind in BROWSED}
        running = await assembly.journal.runs(tenant=assembly.tenant, status=Status.RUNNING, limit=1_000)
        waiting = await assembly.journal.waiting(tenant=assembly.tenant, limit=1_000)
        return Summary(
            **msgspec.structs.asdict(house),
            version=__version__,
            durability=assembly.journal.durability,
            is_sample=bool(assembly.crm.kept(SAMPLE)),
            is_solo=not house.roles,
            default_profile=self.profile or assembly.registry.default_profile,
            data=DataNow(**counts),
            model=await self.model_now(),
            waiting=waiting,
            running=len(running),
        )

    async def model_now(self, profile: str = "") -> ModelNow:
        """Whether a language model plans under a profile, and which."""
        assembly = await self.open()
        return assembly.models.now(profile or self.profile or assembly.registry.default_profile)

    async def find_runs(
        self,
        *,
        status: Status | None = None,
        profile: str = "",
        words: str = "",
        requester: str = "",
        before: str = "",
        limit: int = 50,
    ) -> tuple[list[RunLine], str]:
        """Runs that fit, newest first, and before which run to look on; empty: there are no more."""
        assembly = await self.open()
        wanted_words = words.casefold().split()

        def wanted(row: RunRow) -> bool:
            return (
                (not profile or row.profile == profile)
                and (not requester or row.requester == requester)
                and all(word in row.goal.casefold() for word in wanted_words)
            )

        lines, following = await find_runs(
            assembly.journal,
            wanted,
            tenant=assembly.tenant,
            status=status,
            before=before,
            limit=limit,
            known=assembly.known_lines,
        )
        return await lines_now(assembly, lines), following

    async def run_of_trace(self, trace_id: str) -> str:
        """The run of a trace: the one whose own id it is, else the newest with this trace. `RunNotFound`."""
        assembly = await self.open()
        if ULID.fullmatch(trace_id) and await assembly.journal.version(trace_id):
            return trace_id
        return await assembly.journal.find_trace(trace_id, tenant=assembly.tenant)

    async def goal_of_play(self, name: str, fields: Mapping[str, str]) -> str:
        """The goal that a quick action is with these fields; `NotFound`, or `BadInput` for the fields."""
        for play in await self.plays():
            if play.name == name:
                return goal_of(play, fields)
        raise NotFound(f"no quick action {name!r}", mend="`cuga quick` lists them.")

    async def export(self, run_id: str, form: str) -> dict[str, bytes]:
        """The result of a run as files by name; secrets and personal patterns are cut on the way out."""
        assembly = await self.open()
        return exported(await self.show(run_id), form, assembly.redactor.scrub)

    async def card_now(self, approval_id: str, by: Principal | None = None) -> CardNow:
        """A request, and what holds now for a person who looks at it."""
        assembly = await self.open()
        card = await self.card(approval_id)
        who = by or await self.principal()
        current, at = assembly.current, assembly.clock.now()
        access = may_decide(who, requesters=card.requesters, roles=card.roles_at(at), current=current, at=at)
        started_by = (await assembly.driver.state(card.run_id)).started.requester.id
        before = await self.card(card.amends) if card.amends else None
        readable = card.readable
        return CardNow(
            card=card,
            may_decide=card.is_open and access.allowed,
            why=access.reasons if card.is_open else (f"it is {card.state}",),
            on_behalf_of=access.on_behalf_of,
            who_can=who_can(requesters=card.requesters, roles=card.roles_at(at), current=current, at=at),
            may_cancel=may(who, Verb.STEER, current, whose(who, started_by, current)).allowed,
            asks_for_proof=asks_for_proof(card.risk, who, current),
            is_solo=access.solo,
            readable=readable,
            hidden=count_hidden(msgspec.json.decode(card.arguments)),
            mixed=tuple(sorted(mixed_words(readable))),
            changes=changes_of(card),
            edits=edits_of(before, card) if before is not None else (),
        )

    async def decidable(self, cards: Sequence[Card], by: Principal | None = None) -> tuple[str, ...]:
        """The ids of those of these requests that a person may decide now."""
        assembly = await self.open()
        who = by or await self.principal()
        current, at = assembly.current, assembly.clock.now()
        return tuple(card.approval_id for card in cards if may_decide_on(card, who, current, at).allowed)

    async def profiles(self) -> tuple[Profile, ...]:
        """The profiles of this house."""
        assembly = await self.open()
        assembly.look_at_registry()
        return tuple(assembly.registry.profiles.values())

    async def acts(
        self, *, run_id: str = "", by: str = "", since: datetime | None = None, before: int = 0, limit: int = 50
    ) -> list[Act]:
        """Who did what, newest first, before an act's number (0: from the newest)."""
        assembly = await self.open()
        return await assembly.acts.read(run_id=run_id, by=by, since=since, before=before, limit=limit)

    async def series(self, since: datetime, until: datetime, hours: int = 1, profile: str = "") -> list[Bucket]:
        """The golden signals hour by hour, or in steps of several hours; at most `MOST_BUCKETS` of them."""
        assembly = await self.open()
        if hours < 1 or (until - since) / timedelta(hours=hours) > MOST_BUCKETS:
            raise BadInput(f"more than {MOST_BUCKETS} steps", mend="Take longer steps or a shorter time.")
        found = []
        at = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        tallies = await assembly.signals.windows(
            at, until, timedelta(hours=hours), tenant=assembly.tenant, profile=profile
        )
        for signals in tallies:
            found.append(Bucket(at=at, signals=signals))
            at += timedelta(hours=hours)
        return found

    async def verified(self) -> Verified:
        """All that is wrong with the journal as it stands."""
        assembly = await self.open()
        start = time.perf_counter_ns()
        faults = await assembly.verify()
        took = (time.perf_counter_ns() - start) // 1000
        return Verified(faults=tuple(faults), events=await assembly.acts.position(), took_us=took)

    async def try_adapter(self, adapter: str) -> list[Tried]:
        """Whether an adapter answers now, for each capability that it is declared for."""
        return await try_adapter(await self.open(), adapter)

    async def records(self, kind: str, words: str = "", offset: int = 0, limit: int = 50) -> CrmPage:
        """Records of a kind whose name holds these words, in order of their names."""
        _browsable(kind)
        assembly = await self.open()
        filters = [Filter(field="name", op="contains", value=word) for word in words.split()]
        items = assembly.crm.query(kind, filters, order="name", limit=limit, offset=offset)
        total = assembly.crm.count(kind, filters)
        following = offset + len(items)
        return CrmPage(items=tuple(items), total=total, next_offset=following if following < total else -1)

    async def record(self, kind: str, record_id: str) -> Record:
        """One record; `NotFound`."""
        _browsable(kind)
        found = (await self.open()).crm.get(kind, record_id)
        if found is None:
            raise NotFound(f"no {kind[:-1] if kind != 'opportunities' else 'opportunity'} {record_id!r}")
        return found

    async def what_if(self, tool: str, profile: str = "", arguments: Mapping[str, Any] | None = None) -> WhatIf:
        """What would become of a call now: allowed, asked of somebody, or refused, with the reasons. Nothing runs."""
        assembly = await self.open()
        rules = await assembly.rules_for(profile or self.profile)
        return what_if(assembly, rules, tool, arguments)


def _browsable(kind: str) -> None:
    if kind not in BROWSED or kind not in RECORDS:
        raise NotFound(f"no records of kind {kind!r}", mend=f"There are {', '.join(BROWSED)}.")

"""The house over HTTP: how it stands, its adapters, what is agreed in advance, the calendar, the stop button."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from cuga.api.answers import answer, moment, nothing, router
from cuga.api.auth import Delegating, Governing, Here, Looking, Scheduling, Stopping
from cuga.api.doors import Doors
from cuga.api.pages import Given, Reason
from cuga.errors import BadInput, NotFound
from cuga.model import house_event as h
from cuga.model.value import Value, encode
from cuga.orchestrator.looking.showing import Summary
from cuga.orchestrator.looking.standing import AdapterLine, Workers
from cuga.orchestrator.looking.trying import Tried
from cuga.policy.profile import Delegation, StandingRule

house = router("house")
health = router("health", prefix="")
_THEN = datetime.min.replace(tzinfo=UTC)  # the house sets the time


class AdapterPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Every declared adapter, by capability."""

    items: tuple[AdapterLine, ...]
    next: str | None


class TriedPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """What an adapter said, for each capability."""

    items: tuple[Tried, ...]
    next: str | None


class Switching(Value, frozen=True, kw_only=True):
    """A change of a capability: its `mode`, or an `adapter` to choose, or with `enabled` to switch on or off."""

    adapter: str = ""
    enabled: bool | None = None
    mode: str = ""
    reason: str = ""


class RulePage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """What is agreed in advance."""

    items: tuple[StandingRule, ...]
    next: str | None


class NewRule(Value, frozen=True, kw_only=True):
    """Something to agree to in advance: a tool that stays inside the house, with arguments that must be just so."""

    tool: str
    matches: dict[str, str] = {}
    profile: str = ""
    uses: int = 10
    days: float = 7.0


class DelegationPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Who decides for whom, and when."""

    items: tuple[Delegation, ...]
    next: str | None


class NewDelegation(Value, frozen=True, kw_only=True):
    """`delegate` decides for `user` (left out: oneself) from one time (left out: now) until another."""

    delegate: str
    user: str = ""
    starts: datetime | None = None
    ends: datetime


class SchedulePage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Goals that are run by the calendar; `paused` has the ids of those that begin nothing now."""

    items: tuple[h.ScheduleAdded, ...]
    paused: tuple[str, ...]
    next: str | None


class NewSchedule(Value, frozen=True, kw_only=True):
    """A goal to run on days of the week (0: Monday) at a time (HH:MM) on the clocks of a zone."""

    goal: str
    weekdays: tuple[int, ...]
    time: str
    zone: str = "UTC"
    profile: str = ""


class Made(Given, frozen=True, kw_only=True, omit_defaults=False):
    """The id of what was made."""

    id: str


@house.get("/house", response_model=Summary)
async def show_house(doors: Here, _: Looking) -> Response:
    """The house at a glance: what holds in it, its data, what waits and what runs."""
    return answer(await doors.front.summary())


@house.post("/halt", status_code=204)
async def halt(doors: Here, asker: Stopping, said: Annotated[Reason, Body()]) -> Response:
    """Press the stop button: nothing new starts. Calls in flight end."""
    if not said.reason.strip():
        raise BadInput("a halt needs a reason")
    await doors.front.change(h.Halted(at=_THEN, reason=said.reason), asker.principal)
    return nothing()


@house.delete("/halt", status_code=204)
async def lift_halt(doors: Here, asker: Governing) -> Response:
    """Let work go on."""
    await doors.front.change(h.HaltLifted(at=_THEN), asker.principal)
    return nothing()


@house.get("/adapters", response_model=AdapterPage)
async def list_adapters(doors: Here, _: Looking) -> Response:
    """Every declared adapter: can it be used now, is it chosen, who switched it last."""
    return answer(AdapterPage(items=tuple(await doors.front.adapters()), next=None))


@house.post("/adapters/{capability}", response_model=AdapterPage)
async def switch_adapter(
    doors: Here, asker: Governing, capability: str, wish: Annotated[Switching, Body()]
) -> Response:
    """Choose an adapter, switch one on or off, or set the mode of a capability; it holds from the next call on."""
    front, by = doors.front, asker.principal
    if wish.mode:
        await front.set_adapter_mode(capability, wish.mode, wish.reason, by=by)
    if wish.adapter and wish.enabled is None:
        await front.switch_adapter(wish.adapter, capability, wish.reason, by=by)
    elif wish.adapter and wish.enabled:
        await front.enable_adapter(wish.adapter, capability, wish.reason, by=by)
    elif wish.adapter:
        await front.disable_adapter(wish.adapter, capability, wish.reason, by=by)
    elif not wish.mode:
        raise BadInput("name an adapter, a mode, or both")
    return answer(AdapterPage(items=tuple(await front.adapters()), next=None))


@house.post("/adapters/{adapter}/test", response_model=TriedPage)
async def try_adapter(doors: Here, _: Looking, adapter: str) -> Response:
    """Whether an adapter answers now; it is only read from."""
    return answer(TriedPage(items=tuple(await doors.front.try_adapter(adapter)), next=None))


@house.get("/rules", response_model=RulePage)
async def list_rules(doors: Here, _: Looking) -> Response:
    """What is agreed in advance, with its end and its uses."""
    return answer(RulePage(items=(await doors.front.house()).standing_rules, next=None))


@house.post("/rules", status_code=201, response_model=Made)
async def add_rule(doors: Here, asker: Governing, wish: Annotated[NewRule, Body()]) -> Response:
    """Agree to something in advance, never to what leaves the house."""
    name, now = await _fresh(doors)
    event = h.StandingRuleAdded(
        at=now,
        rule_id=name,
        tool=wish.tool,
        matches=wish.matches,
        profile=wish.profile,
        expires_at=now + _days(wish.days),
        uses=wish.uses,
    )
    await doors.front.change(event, asker.principal)
    return answer(Made(id=name), 201)


@house.delete("/rules/{rule_id}", status_code=204)
async def revoke_rule(doors: Here, asker: Governing, rule_id: str) -> Response:
    """Agree no longer."""
    _must_be_there(rule_id, (rule.rule_id for rule in (await doors.front.house()).standing_rules))
    await doors.front.change(h.StandingRuleRevoked(at=_THEN, rule_id=rule_id), asker.principal)
    return nothing()


@house.get("/delegations", response_model=DelegationPage)
async def list_delegations(doors: Here, _: Looking) -> Response:
    """Who decides for whom, and when."""
    return answer(DelegationPage(items=(await doors.front.house()).delegations, next=None))


@house.post("/delegations", status_code=201, response_model=Made)
async def delegate(doors: Here, asker: Delegating, wish: Annotated[NewDelegation, Body()]) -> Response:
    """Let somebody decide for oneself, or as an admin for anybody, between two times."""
    name, now = await _fresh(doors)
    event = h.DelegationGranted(
        at=now,
        delegation_id=name,
        user=wish.user or asker.id,
        delegate=wish.delegate,
        starts=moment(wish.starts) if wish.starts else now,
        ends=moment(wish.ends),
    )
    await doors.front.change(event, asker.principal)
    return answer(Made(id=name), 201)


@house.delete("/delegations/{delegation_id}", status_code=204)
async def end_delegation(doors: Here, asker: Delegating, delegation_id: str) -> Response:
    """End a delegation early."""
    _must_be_there(delegation_id, (one.delegation_id for one in (await doors.front.house()).delegations))
    await doors.front.change(h.DelegationRevoked(at=_THEN, delegation_id=delegation_id), asker.principal)
    return nothing()


@house.get("/schedules", response_model=SchedulePage)
async def list_schedules(doors: Here, _: Looking) -> Response:
    """Goals that are run by the calendar."""
    now = await doors.front.house()
    return answer(SchedulePage(items=now.schedules, paused=now.paused_schedules, next=None))


@house.post("/schedules", status_code=201, response_model=Made)
async def add_schedule(doors: Here, asker: Scheduling, wish: Annotated[NewSchedule, Body()]) -> Response:
    """Run a goal by the calendar; whoever adds it is the requester of every such run."""
    name, now = await _fresh(doors)
    event = h.ScheduleAdded(
        at=now,
        schedule_id=name,
        goal=wish.goal,
        profile=wish.profile,
        weekdays=wish.weekdays,
        time=wish.time,
        zone=wish.zone,
    )
    await doors.front.change(event, asker.principal)
    return answer(Made(id=name), 201)


@house.post("/schedules/{schedule_id}/pause", status_code=204)
async def pause_schedule(doors: Here, asker: Scheduling, schedule_id: str, said: Annotated[Reason, Body()]) -> Response:
    """Let a schedule begin nothing until it is resumed."""
    _must_be_there(schedule_id, (one.schedule_id for one in (await doors.front.house()).schedules))
    await doors.front.change(h.SchedulePaused(at=_THEN, schedule_id=schedule_id, reason=said.reason), asker.principal)
    return nothing()


@house.post("/schedules/{schedule_id}/resume", status_code=204)
async def resume_schedule(doors: Here, asker: Scheduling, schedule_id: str) -> Response:
    """Let a schedule begin runs again, from its next time on."""
    _must_be_there(schedule_id, (one.schedule_id for one in (await doors.front.house()).schedules))
    await doors.front.change(h.ScheduleResumed(at=_THEN, schedule_id=schedule_id), asker.principal)
    return nothing()


@house.delete("/schedules/{schedule_id}", status_code=204)
async def remove_schedule(doors: Here, asker: Scheduling, schedule_id: str) -> Response:
    """End a schedule; runs that it began go on."""
    _must_be_there(schedule_id, (one.schedule_id for one in (await doors.front.house()).schedules))
    await doors.front.change(h.ScheduleRemoved(at=_THEN, schedule_id=schedule_id), asker.principal)
    return nothing()


async def _fresh(doors: Doors) -> tuple[str, datetime]:
    clock = (await doors.front.open()).clock
    return clock.new_id(), clock.now()


def _days(days: float) -> timedelta:
    if not 0 < days <= 366:
        raise BadInput("1 to 366 days, please")
    return timedelta(days=days)


def _must_be_there(name: str, names: Iterable[str]) -> None:
    if name not in set(names):
        raise NotFound(name)


@house.get("/workers", response_model=Workers)
async def show_workers(doors: Here, _: Looking) -> Response:
    """The worker pools, how busy they are, and the policy between them."""
    return answer(await doors.front.workers())


@health.get("/healthz", tags=["health"])
async def is_alive() -> Response:
    """Whether this process answers; it says nothing of the house."""
    return Response(encode({"status": "ok"}), 200, media_type="application/json")


@health.get("/readyz", tags=["health"])
async def is_ready(doors: Here) -> Response:
    """Whether the house can be worked in: its journal can be written."""
    is_well = await doors.readiness.is_ready(await doors.front.open())
    body = {"status": "ready" if is_well else "not ready"}
    return Response(encode(body), 200 if is_well else 503, media_type="application/json")

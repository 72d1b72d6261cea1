"""The rehearsal itself, in a process of its own: the house is opened on its copy, behind the wire, and the run begun.

Nobody approves anything here. The run goes as far as it can by itself; what it then waits for is the answer.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from cuga.errors import BadInput
from cuga.kernel.state import RunState
from cuga.model import event as e
from cuga.model.tool import SideEffect
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.dryrun.answer import Refusal, Rehearsal, Wish
from cuga.orchestrator.dryrun.copying import SEALS
from cuga.orchestrator.dryrun.holding import Holding, ModelByName
from cuga.orchestrator.dryrun.tripwire import Tripwire
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import Place
from cuga.settings import Settings

_LOOK_S = 0.01  # how often a run that may be held is looked at
MANY = 200  # approvals that are shown


async def rehearse(wish: Wish, wire: Tripwire, walls: tuple[str, ...]) -> Rehearsal:
    """Begin the run on the copy and tell how far it came."""
    root = Path(wish.root)
    settings = Settings(
        seals=root / SEALS,
        durability="process",
        inside=wish.inside,
        proxy=wish.proxy,
        call_threads=wish.call_threads,
        variables=wish.variables,
    )
    holding = Holding(wire)
    assembly = await open_house(
        Place(root),
        settings=replace(settings, house=root),
        tools=tuple(_named(name) for name in wish.tools),
        model=ModelByName(wish.model) if wish.model is not None else None,
        owner=wish.by.id,
        stand_before=holding,
    )
    _must_be_the_same(assembly, wish)
    front = Coordinator.on(assembly, wish.by.id)
    await front.start(
        wish.goal,
        profile=wish.profile,
        planned_in=wish.planned_in,
        plan=wish.plan,
        as_of=wish.as_of,
        budget=wish.budget,
        run_id=wish.run_id,
        planner=wish.planner,
        by=wish.by,
    )
    is_whole = await _until_it_rests(assembly, wish, holding)
    state = await assembly.driver.state(wish.run_id)
    planned, events = await front.planned(wish.run_id), await front.events(wish.run_id)
    return Rehearsal(
        goal=state.started.goal,
        profile=state.started.profile,
        status=state.status.value,
        reason=planned.reason,
        policy_digest=state.started.policy_digest,
        crm_version=state.started.crm_version,
        planned=planned,
        cards=tuple(await front.inbox(wish.run_id, limit=MANY)),
        refusals=_refusals(state, events),
        trips=wire.trips,
        effects=_effects(events),
        is_whole=is_whole,
        walls=walls,
        result=await front.show(wish.run_id),
    )


async def _until_it_rests(assembly: Assembly, wish: Wish, holding: Holding) -> bool:
    """Wait until the run has ended, waits for somebody, or is held; False when the time is up before."""
    waiting = asyncio.ensure_future(assembly.engine.wait(wish.run_id))
    loop = asyncio.get_running_loop()
    until = loop.time() + wish.limit_s
    while not waiting.done() and loop.time() < until:
        if holding.holds(await assembly.driver.state(wish.run_id)):
            return True
        await asyncio.wait([waiting], timeout=_LOOK_S)
    if waiting.done():
        waiting.result()
        return True
    return False


def _refusals(state: RunState, events: Sequence[e.Event]) -> tuple[Refusal, ...]:
    found = []
    for event in events:
        if isinstance(event, e.StepRefused):
            step = state.index.steps.get(event.step)
            tool = step.tool if step is not None else ""
            found.append(Refusal(step=event.step, tool=tool, rule=event.rule, reason=event.reason))
        elif isinstance(event, e.PlanFailed):
            found.append(Refusal(step="", tool="", rule="no-plan", reason=event.reason))
    return tuple(found)


def _effects(events: Sequence[e.Event]) -> int:
    """Calls that changed something outside: what came of them is in the record, whoever let them through."""
    outward = {
        (event.step, event.attempt)
        for event in events
        if isinstance(event, e.ToolCallStart) and event.side_effect is SideEffect.EXECUTE and not event.simulated
    }
    ended = (event for event in events if isinstance(event, e.ToolCallComplete | e.ToolCallError))
    return sum((event.step, event.attempt) in outward for event in ended)


def _named(name: str) -> Callable[..., Any]:
    """A tool that was handed in, found again by its module and name."""
    module, _, path = name.partition(":")
    try:
        found = reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise BadInput(
            f"the tool {name} was handed in and is not found in another process: {error}",
            mend="Declare it at the top of a module that can be imported.",
        ) from error
    assert callable(found)
    return found


def _must_be_the_same(assembly: Assembly, wish: Wish) -> None:
    here = assembly.current.tool_digests
    others = sorted(name for name in wish.digests.keys() | here.keys() if wish.digests.get(name) != here.get(name))
    if others:
        raise BadInput(
            f"these tools are not the same in another process: {', '.join(others[:5])}",
            mend="A dry run needs tools that are declared in modules.",
        )

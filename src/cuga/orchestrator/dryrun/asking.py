"""Make a dry run: copy the house, let another process rehearse on the copy, and hold the house against how it was."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from cuga.errors import BadInput, CugaError
from cuga.journal.port import ReadJournal
from cuga.kernel.thinking import MODEL
from cuga.model.context import Principal
from cuga.model.plan import Budget, Plan
from cuga.orchestrator.dryrun.answer import DryRun, ModelThere, Proof, Rehearsal, Wish
from cuga.orchestrator.dryrun.copying import copy_house, fingerprint
from cuga.orchestrator.dryrun.kept import Kept, keep, kept_card
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.gone import COPIES, drop_left_over
from cuga.orchestrator.ipc.reviving import revived
from cuga.tools.registry import Tool

LIMIT_S = 120.0  # how long a rehearsal may be at work
_GRACE_S = 20.0  # for the process to start and to end


class _Told(msgspec.Struct):
    told: Rehearsal | None = None
    error: dict[str, str] = {}


async def dry_run(
    assembly: Assembly,
    goal: str,
    *,
    profile: str,
    planned_in: str,
    plan: Plan | None,
    as_of: datetime | None,
    budget: Budget | None,
    planner: str,
    by: Principal,
) -> DryRun:
    """Rehearse a run of a house; `BadInput` for one in memory, or with parts that no other process can have."""
    if assembly.place is None:
        raise BadInput("a house in memory has nothing to copy for a dry run", mend="`cuga init DIR` makes a house.")
    if assembly.plans_itself:
        raise BadInput("a planner that was handed in is not there in another process", mend="Use its plan.")
    rules = await assembly.rules_for(profile)
    now = assembly.clock.now()
    if not planned_in and plan is None and not planner:
        planner = MODEL if assembly.models.is_wanted(rules.profile.name) else "rules"
    digests = dict(assembly.current.tool_digests)
    before = await asyncio.to_thread(fingerprint, assembly.place)
    await asyncio.to_thread(drop_left_over)
    with TemporaryDirectory(prefix=f"{COPIES}{os.getpid()}-") as name:
        root = Path(name) / "house"
        copied = await copy_house(assembly, assembly.place, root)
        settings = assembly.settings
        wish = Wish(
            root=str(root),
            writable=name,
            run_id=assembly.clock.new_id(),
            goal=goal,
            profile=rules.profile.name if not planned_in else profile,
            planned_in=planned_in,
            plan=plan,
            as_of=as_of or now,
            budget=budget,
            planner=planner,
            by=by,
            variables=dict(settings.variables),
            inside=settings.inside,
            proxy=settings.proxy,
            call_threads=settings.call_threads,
            tools=tuple(_name_of(one) for one in assembly.own),
            digests=digests,
            model=_model_of(assembly, rules.profile.name),
            limit_s=LIMIT_S,
        )
        told = await _rehearsed(wish, name)
    after = await asyncio.to_thread(fingerprint, assembly.place)
    keep(assembly.place, _kept(wish, told, now))
    return DryRun(
        run_id=wish.run_id,
        goal=told.goal,
        profile=told.profile,
        as_of=wish.as_of,
        status=told.status,
        reason=told.reason,
        planned=told.planned,
        cards=told.cards,
        refusals=told.refusals,
        trips=told.trips,
        is_whole=told.is_whole,
        proof=Proof(
            attempts=sum(one.times for one in told.trips),
            effects=told.effects,
            files=len(after.files),
            files_changed=before.changed(after),
            files_digest=after.digest,
            events_before=copied.position,
            events_after=await _last(assembly.journal, copied.position),
            walls=told.walls,
        ),
        result=told.result,
    )


async def _last(journal: ReadJournal, after: int) -> int:
    """The position of the last event, at or after one."""
    while page := await journal.links(after):
        after = page[-1][0]
    return after


def _model_of(assembly: Assembly, profile: str) -> ModelThere | None:
    model = assembly.models.model()
    if model is None or not assembly.models.is_wanted(profile):
        return None
    why = assembly.models.why_not(profile)
    return ModelThere(provider=model.provider, name=model.name, host=model.host, why_not=why)


def _name_of(one: Callable[..., Any] | Tool) -> str:
    function = one.function if isinstance(one, Tool) else one
    return f"{function.__module__}:{function.__qualname__}"


def _kept(wish: Wish, told: Rehearsal, at: datetime) -> Kept:
    plan = told.planned.plan
    return Kept(
        run_id=wish.run_id,
        at=at,
        goal=told.goal,
        profile=told.profile,
        requester=wish.by.id,
        as_of=wish.as_of,
        budget=wish.budget,
        planner=wish.planner,
        plan=plan if plan is not None and plan.number == 1 else None,
        policy_digest=told.policy_digest,
        crm_version=told.crm_version,
        cards=tuple(kept_card(card) for card in told.cards),
    )


def _modules() -> str:
    """Where this process finds modules, so that the other one finds the same."""
    return os.pathsep.join([os.path.abspath(path) for path in sys.path if path])


async def _rehearsed(wish: Wish, directory: str) -> Rehearsal:
    """Let another process do it, which finds the same modules and keeps whatever it needs in a directory of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": _modules(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": directory,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cuga.orchestrator.dryrun",
        stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, cwd=directory,
    )  # fmt: skip
    try:
        async with asyncio.timeout(wish.limit_s + _GRACE_S):
            out, said = await process.communicate(msgspec.json.encode(wish))
    except TimeoutError:
        raise CugaError("the dry run did not come to an end", mend="Nothing has happened; try it again.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not out:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"it ended with {process.returncode}"]
        raise CugaError(f"the dry run broke: {last[0][:300]}", mend="Nothing has happened.")
    answer = msgspec.json.decode(out, type=_Told)
    if answer.told is None:
        raise revived(answer.error)
    return answer.told

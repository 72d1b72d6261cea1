"""Runs over HTTP: begin, plan, list, show, steer, take out."""

from __future__ import annotations

import io
import zipfile
from typing import Annotated, Literal

from fastapi import Body, Query
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from cuga.api import pages
from cuga.api.answers import answer, body_digest, cursor_of, file, mark_of, moment_if, once_key, router
from cuga.api.auth import Asker, Here, Looking, Settling, Starting, Steering, ToppingUp
from cuga.api.doors import Doors
from cuga.api.once import Asked, begin_once
from cuga.errors import KeyReused, NotAllowed
from cuga.model.event import BudgetRaised, Status
from cuga.orchestrator.dryrun import DryRun
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.looking.reading import Planned
from cuga.projections.budget import Utilisation
from cuga.projections.result import RunResult

runs = router("runs")
_MEDIA = {"json": "application/json", "csv": "application/zip", "xlsx": "application/vnd.ms-excel"}

Limit = Annotated[int, Query(ge=1, le=200, description="Items of a page.")]
Cursor = Annotated[str, Query(max_length=512, description="`next` of the page before.")]


@runs.post("/runs", status_code=201, response_model=pages.Begun)
async def start_run(doors: Here, asker: Starting, request: Request, wish: Annotated[pages.NewRun, Body()]) -> Response:
    """Begin a run and answer at once; it goes on by itself. With an Idempotency-Key it is begun once."""

    async def begin(run_id: str) -> str:
        return await doors.front.start(
            wish.goal,
            profile=wish.profile,
            planned_in=wish.planned_in,
            as_of=moment_if(wish.as_of),
            budget=wish.budget,
            run_id=run_id,
            by=asker.principal,
        )

    asked = Asked(goal=wish.goal, profile=wish.profile, as_of=moment_if(wish.as_of), budget=wish.budget)
    if wish.planned_in:
        planned = (await doors.front.state(wish.planned_in)).started
        asked = replace(asked, goal=planned.goal, profile=planned.profile)
    run_id, is_new = await begin_once(doors, asker, request, asked, begin)
    return answer(pages.Begun(run_id=run_id), 201 if is_new else 200, {"Location": f"/api/runs/{run_id}"})


@runs.post("/dry-runs", response_model=DryRun)
async def rehearse_run(doors: Here, asker: Starting, wish: Annotated[pages.NewRun, Body()]) -> Response:
    """Show what a run would come to, on a copy of the house: its approvals, what would be refused. Nothing happens."""
    doors.rates.take("rehearsal", asker.id)
    found = await doors.front.dry_run(
        wish.goal,
        profile=wish.profile,
        planned_in=wish.planned_in,
        as_of=moment_if(wish.as_of),
        budget=wish.budget,
        by=asker.principal,
    )
    return answer(found)


@runs.post("/dry-runs/{run_id}/begin", status_code=201, response_model=pages.Begun)
async def begin_rehearsed(doors: Here, asker: Starting, run_id: str) -> Response:
    """Begin exactly what a dry run has shown, once; only for who made it."""
    doors.rates.take("start", asker.id)
    begun = await doors.front.start_rehearsed(run_id, by=asker.principal)
    return answer(pages.Begun(run_id=begun), 201, {"Location": f"/api/runs/{begun}"})


@runs.get("/runs/{run_id}/rehearsed", response_model=pages.RehearsedPage)
async def show_rehearsed(doors: Here, _: Looking, run_id: str) -> Response:
    """Of a run that was begun as rehearsed: which of its approvals are not what was shown, and why."""
    return answer(pages.RehearsedPage(items=tuple(await doors.front.rehearsed(run_id) or ()), next=None))


@runs.post("/plans", response_model=Planned)
async def make_plan(doors: Here, asker: Starting, request: Request, wish: Annotated[pages.NewPlan, Body()]) -> Response:
    """Plan a goal and run nothing: steps, reasons, costs, what would ask for approval."""

    async def begin(run_id: str) -> str:
        return await doors.front.start(
            wish.goal, profile=wish.profile, plan_only=True, run_id=run_id, by=asker.principal
        )

    asked = Asked(goal=wish.goal, profile=wish.profile, plan_only=True)
    run_id, _ = await begin_once(doors, asker, request, asked, begin)
    await doors.front.wait(run_id)
    return answer(await doors.front.planned(run_id))


@runs.get("/quick", response_model=pages.QuickPage)
async def list_quick_actions(doors: Here, _: Looking) -> Response:
    """The quick actions: what each takes, and what is missing for it here."""
    return answer(pages.QuickPage(items=tuple(await doors.front.plays()), next=None))


@runs.post("/quick/{name}", status_code=201, response_model=pages.Begun)
async def run_quick_action(
    doors: Here, asker: Starting, request: Request, name: str, wish: Annotated[pages.QuickRun, Body()]
) -> Response:
    """Run a quick action with its fields filled, or with `plan_only` only plan it."""
    goal = await doors.front.goal_of_play(name, wish.fields)

    async def begin(run_id: str) -> str:
        return await doors.front.start(
            goal,
            profile=wish.profile,
            as_of=moment_if(wish.as_of),
            plan_only=wish.plan_only,
            run_id=run_id,
            by=asker.principal,
        )

    asked = Asked(goal=goal, profile=wish.profile, as_of=moment_if(wish.as_of), plan_only=wish.plan_only)
    run_id, is_new = await begin_once(doors, asker, request, asked, begin)
    if wish.plan_only:
        await doors.front.wait(run_id)
    return answer(pages.Begun(run_id=run_id), 201 if is_new else 200, {"Location": f"/api/runs/{run_id}"})


@runs.get("/runs", response_model=pages.RunPage)
async def list_runs(
    doors: Here,
    asker: Looking,
    status: Status | None = None,
    profile: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=200, description="Words of the goal.")] = "",
    mine: bool = False,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Response:
    """Runs, the newest first. A search for something rare may give an empty page that has a `next`."""
    found, before = await doors.front.find_runs(
        status=status,
        profile=profile,
        words=q,
        requester=asker.id if mine else "",
        before=mark_of(cursor),
        limit=limit,
    )
    return answer(pages.RunPage(items=tuple(found), next=cursor_of(before) if before else None))


@runs.get("/runs/{run_id}", response_model=RunResult)
async def show_run(doors: Here, _: Looking, run_id: str) -> Response:
    """What came of a run so far: each step with its output and evidence, what is unknown, what was asked of whom."""
    return answer(await doors.front.show(run_id))


@runs.get("/runs/{run_id}/plan", response_model=Planned)
async def show_plan(doors: Here, _: Looking, run_id: str) -> Response:
    """The plan of a run with its forecast; or what the planner asks or says instead."""
    return answer(await doors.front.planned(run_id))


@runs.get("/runs/{run_id}/budget", response_model=Utilisation)
async def show_budget(doors: Here, _: Looking, run_id: str) -> Response:
    """How much of its budgets a run has used, scope by scope."""
    return answer(await doors.front.budget(run_id))


@runs.post("/runs/{run_id}/cancel", response_model=ExecutionResult)
async def cancel_run(doors: Here, asker: Steering, run_id: str, said: Annotated[pages.Reason, Body()]) -> Response:
    """Stop a run: nothing new starts, calls in flight are waited for."""
    return answer(await doors.front.cancel(run_id, said.reason, by=asker.principal))


@runs.post("/runs/{run_id}/resume", response_model=ExecutionResult)
async def resume_run(doors: Here, asker: Steering, run_id: str) -> Response:
    """Look again whether a parked run can go on, or go on with one that was left."""
    return answer(await doors.front.resume(run_id, by=asker.principal))


@runs.post("/runs/{run_id}/resolve", response_model=ExecutionResult)
async def resolve_doubt(doors: Here, asker: Settling, run_id: str, said: Annotated[pages.Settled, Body()]) -> Response:
    """Say what became of a step in doubt, or of just the attempt that was looked at: happened, did-not, again."""
    settled = await doors.front.resolve(
        run_id, said.step, said.answer, said.reason, by=asker.principal, attempt=said.attempt
    )
    return answer(settled)


@runs.post("/runs/{run_id}/top-up", response_model=ExecutionResult)
async def top_up_run(
    doors: Here, asker: ToppingUp, request: Request, run_id: str, wish: Annotated[pages.TopUpWish, Body()]
) -> Response:
    """Raise a limit of one run. It is an approval: whoever asked for the run does not give it. With an Idempotency-Key
    it is raised once."""
    async with doors.topping_up:
        if (key := once_key(request)) and await _has_raised(doors, asker, run_id, key, request):
            return answer(await doors.front.result(run_id))
        raised = await doors.front.top_up(
            run_id, wish.scope, wish.amount, wish.reason, by=asker.principal, said=wish.said
        )
        return answer(raised)


async def _has_raised(doors: Doors, asker: Asker, run_id: str, key: str, request: Request) -> bool:
    """Whether a person has raised a limit of the run since this key of theirs first came: the record knows, whatever
    became of the answer."""
    raised = sum(isinstance(one, BudgetRaised) and one.by == asker.id for one in await doors.front.events(run_id))
    before = doors.credentials.once(asker.id, key, body_digest(request, await request.body()), f"raised {raised}")
    if before is None:
        raise KeyReused(key)
    return before != f"raised {raised}"


@runs.post("/runs/{run_id}/answer", response_model=ExecutionResult)
async def answer_question(
    doors: Here, asker: Steering, run_id: str, said: Annotated[pages.Answered, Body()]
) -> Response:
    """Answer what a run asks. Whether to take a tool that has changed is a decision, which no key makes."""
    if asker.key is not None:
        state = await doors.front.state(run_id)
        open_ = said.question_id or next(iter(state.questions), "")
        if open_ in state.questions and open_ != state.planner_asks:
            raise NotAllowed(f"{open_}: to take a changed tool takes a person who is signed in, and no key")
    return answer(await doors.front.answer_question(run_id, said.answer, said.question_id, by=asker.principal))


@runs.get("/runs/{run_id}/export", response_class=Response)
async def export_run(
    doors: Here, _: Looking, run_id: str, format: Annotated[Literal["json", "csv", "xlsx"], Query()] = "json"
) -> Response:
    """The result as a file: JSON, tables as CSV in one ZIP, or a workbook. No text in it is a formula."""
    files = await doors.front.export(run_id, format)
    if format != "csv":
        name, body = next(iter(files.items()))
        return file(body, name, _MEDIA[format])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in files.items():
            made.writestr(name, body)
    return file(packed.getvalue(), f"{run_id}.zip", _MEDIA[format])

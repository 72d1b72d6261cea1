"""A run in front of a person: follow it until it ends or waits, show what came of it, and say so as an exit code.

The run does not need us: when we are interrupted it stays where it is, or goes on in the process that drives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from cuga.cli.exits import Exit, of_status
from cuga.cli.options import Options
from cuga.cli.screen import is_watched, say, show, show_json
from cuga.errors import HouseBusy

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.cli.render.progress import Progress
    from cuga.orchestrator.looking.showing import CardNow
    from cuga.projections.result import RunResult

_LOOK_S = 0.25  # how often a parked run is looked at while we wait for people


async def drive(
    visit: Visit,
    run_id: str,
    options: Options,
    *,
    wait_s: float = 0.0,
    push: Callable[[], Awaitable[Any]] | None = None,
    seen: int = 0,
) -> int:
    """Follow a run to its end or its next park, print its result, return the exit code.

    `push` sets it going first (resume); `seen` facts are known already and not shown again. With `wait_s` a parked run
    is waited for that long, while people decide elsewhere.
    """
    from cuga.cli.render.progress import Progress

    try:
        progress = Progress(run_id, await visit.front.budget(run_id), quiet=options.json)
        for event in await visit.front.events(run_id):
            progress.take(event, silently=progress.state.version < seen)
        if visit.moves and visit.is_ours and push is None:  # whoever began to drive it has gone

            async def push() -> Any:
                return await visit.front.resume(run_id)

        with progress:
            await _follow(visit, progress, push)
            if wait_s > 0:
                await _wait_for_people(visit, progress, wait_s)
        result = await visit.front.show(run_id)
        asks = len(result.questions) == 1 and not options.json and is_watched()
        if asks and (said := await _answered(result)):
            before = len(await visit.front.events(run_id))
            await visit.front.answer_question(run_id, said)
            return await drive(visit, run_id, options, wait_s=wait_s, seen=before)
    except asyncio.CancelledError:
        return _interrupted(visit, run_id)
    return finish(result, options, await asked_of(visit, result, options))


async def asked_of(visit: Visit, result: RunResult, options: Options) -> dict[str, CardNow]:
    """What holds of the open requests of a run for whoever is here: whether they may decide, and who else can."""
    if options.json or result.ended_at is not None:
        return {}
    waiting = [card.approval_id for card in result.approvals if card.is_open]
    return {name: await visit.front.card_now(name) for name in waiting}


async def _answered(result: RunResult) -> str:
    """What the person at the terminal says to the run's question; a number stands for an option, nothing for later."""
    from cuga.cli.screen import asked

    say("", result.questions[0], *(f"  {number}. {option}" for number, option in enumerate(result.options, start=1)))
    said = await asked("Your answer (Enter: later): ")
    if said.isdigit() and 1 <= int(said) <= len(result.options):
        return result.options[int(said) - 1]
    return said


def finish(result: RunResult, options: Options, asked: Mapping[str, CardNow] | None = None) -> int:
    """Print a result, with what `asked_of` says of its requests, and return the exit code for where its run stands."""
    if options.json:
        show_json(result)
    else:
        from cuga.cli.render.result import whole

        show(whole(result, asked or {}))
    return of_status(result.status)


async def _follow(visit: Visit, progress: Progress, push: Callable[[], Awaitable[Any]] | None) -> None:
    run_id = progress.state.run_id
    while True:
        pushing = asyncio.ensure_future(push()) if push is not None else None
        try:
            if pushing is None or not visit.is_ours:
                if pushing is not None:
                    await pushing
                await _take_all(visit, progress)
            else:
                await _watch_while(visit, progress, pushing)
            return
        except HouseBusy:
            # whoever held the house has gone in the middle: from here it is ours to go on
            await visit.reconnect()
            if visit.is_ours:

                async def push() -> Any:
                    return await visit.front.resume(run_id)
        finally:
            if pushing is not None and not pushing.done():
                pushing.cancel()


async def _watch_while(visit: Visit, progress: Progress, pushing: asyncio.Future[Any]) -> None:
    """Show facts while something of ours moves the run, then what is left of them."""
    while not pushing.done():
        for event in await visit.front.events(progress.state.run_id, progress.state.version):
            progress.take(event)
        await asyncio.wait([pushing], timeout=0.05)
    await pushing
    await _take_all(visit, progress)


async def _take_all(visit: Visit, progress: Progress) -> None:
    async for event in visit.front.follow(progress.state.run_id, progress.state.version):
        progress.take(event)


async def _wait_for_people(visit: Visit, progress: Progress, wait_s: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while progress.state.end is None and loop.time() < until:
        news = await visit.front.events(progress.state.run_id, progress.state.version)
        if not news:
            await asyncio.sleep(_LOOK_S)
            continue
        for event in news:
            progress.take(event)
        await _follow(visit, progress, None)


def let_go(*said: str) -> int:
    """End a command that was interrupted, in words; the house is closed in order after it."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    say(*said)
    return Exit.INTERRUPTED


def _interrupted(visit: Visit, run_id: str) -> int:
    if visit.is_ours:
        return let_go(
            f"Stopping. Calls in flight get a few seconds to end; nothing is lost. Run {run_id} goes on with:",
            f"  cuga resume {run_id}",
        )
    return let_go(
        f"We let go; {visit.holder}, and it goes on with run {run_id}.",
        f"  cuga trace {run_id} --follow    watches it",
        f"  cuga cancel {run_id}    stops it",
    )

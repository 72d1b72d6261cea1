"""Hold a house open: sweep up what earlier processes left, then tell what ends and what waits, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cuga.cli.exits import Exit
from cuga.cli.screen import ended, say, show_json

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.model.event import Event
    from cuga.orchestrator.timetable import Started


async def serve_until_stopped(visit: Visit, *, as_json: bool, keeps_time: bool = True) -> int:
    """Drive every run of the house until Ctrl-C or SIGTERM, and begin what its timetable has, unless others do."""
    from cuga.model.event import RunFinished, RunParked, RunStarted
    from cuga.orchestrator.assemble import end_when_paused, settle_in
    from cuga.orchestrator.timetable import keep_time

    assembly = await visit.front.open()

    def tell(run_id: str, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case RunStarted():
                    said = f"started: {event.goal}"
                case RunParked():
                    said = f"parked: {event.reason}"
                case RunFinished():
                    said = ended(event.status.value, event.reason)
                case _:
                    continue
            if as_json:
                show_json({"run_id": run_id, "at": event.at, "said": said}, line=True)
            else:
                say(f"{event.at:%H:%M:%S}  {run_id}  {said}")

    def tell_time(started: Started) -> None:
        from cuga.cli.render.timetable import told

        show_json(started, line=True) if as_json else say(*told(started))

    stop = assembly.engine.listen("", tell)
    settle_in()
    end_when_paused(assembly)
    woken = await assembly.engine.sweep()
    say(f"Serving {visit.place.root}; went on with {woken} runs. Other commands work beside this one; Ctrl-C stops it.")
    stopped = asyncio.Event()
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    timing = asyncio.ensure_future(keep_time(visit.front, tell_time) if keeps_time else stopped.wait())
    timing.add_done_callback(lambda _: stopped.set())  # whoever cannot read the house's clock any more must not go on
    try:
        await stopped.wait()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
    finally:
        stop()
        timing.cancel()
        failed = (await asyncio.gather(timing, return_exceptions=True))[0]
    if isinstance(failed, Exception):
        raise failed
    say("Stopping. Calls in flight get a few seconds to end; nothing is lost.")
    return Exit.SUCCESS

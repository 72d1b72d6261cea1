"""A trace on a screen: as it stands, or as it grows until the run has ended, whoever drives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cuga.cli.driving import let_go
from cuga.cli.exits import Exit
from cuga.cli.screen import ended, out, say, show, show_json
from cuga.errors import HouseBusy

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.projections.trace import Trace, TraceEvent

_LOOK_S = 0.2


def show_trace(trace: Trace, *, as_json: bool) -> None:
    """Print a whole trace."""
    if as_json:
        show_json(trace)
        return
    for event in trace.events:
        _line(event)
    if not trace.events:
        show("Nothing has happened yet.")


async def follow_trace(visit: Visit, run_id: str, *, everything: bool, as_json: bool) -> int:
    """Print events as they become durable, until the run has ended."""
    from cuga.model.event import CANONICAL, RunFinished, RunParked, name_of
    from cuga.projections.trace import shown

    trace_id, seq = "", 0
    try:
        while True:
            try:
                news = await visit.front.events(run_id, seq)
            except HouseBusy:
                await visit.reconnect()
                continue
            for event in news:
                seq += 1
                trace_id = getattr(event, "trace_id", "") or trace_id
                if everything or name_of(event) in CANONICAL:
                    found = shown(event, run_id, seq, trace_id)
                    show_json(found, line=True) if as_json else _line(found)
                if isinstance(event, RunFinished):
                    say(ended(event.status.value, event.reason))
                    return Exit.SUCCESS
            if news and isinstance(news[-1], RunParked):
                say(f"parked: {news[-1].reason}", *(f"  {need}" for need in news[-1].needs))
            await asyncio.sleep(_LOOK_S)
    except asyncio.CancelledError:
        return let_go()


def _line(event: TraceEvent) -> None:
    from cuga.cli.render.events import line

    details = {**event.details, "by": event.by}
    out().print(line(event.name, event.at, event.step, details, seq=event.seq), soft_wrap=True)

"""A run as it moves: a board that redraws itself on a terminal, plain lines where nobody watches.

What it shows is the kernel's own fold of the facts it is told; it keeps no count of its own.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from cuga.cli.render.events import of_event
from cuga.cli.render.outputs import plain_table
from cuga.cli.render.result import STATE, STATUS
from cuga.cli.screen import err, one_line, text
from cuga.kernel.evolve import fold
from cuga.kernel.state import Phase, RunState
from cuga.model import event as e
from cuga.model.value import units
from cuga.policy.budget import CALLS, COST

if TYPE_CHECKING:
    from cuga.projections.budget import Utilisation

_QUIET = (e.RouteDecision, e.PlanRequested, e.Annotation)
MOST_CALLS = 10  # of a list that are shown one by one
_TELLING = (Phase.CALLING, Phase.WAITING_RETRY, Phase.IN_DOUBT, Phase.FAILED)
_MARKS = {
    "listed": "≡",
    "done": "✓",
    "failed": "✗",
    "denied": "✗",
    "skipped": "-",
    "calling": "▸",
    "awaiting_approval": "?",
    "in_doubt": "!",
}


class Progress:
    """Shows the facts of one run. Use it as a context; `quiet` shows nothing."""

    def __init__(self, run_id: str, budget: Utilisation | None = None, *, quiet: bool = False) -> None:
        self.state = RunState(run_id)
        self._budget = budget
        self._quiet = quiet
        self._live: Live | None = None
        if not quiet and err().is_terminal:
            self._live = Live(console=err(), refresh_per_second=12, transient=True, get_renderable=self.board)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def take(self, event: e.Event, *, silently: bool = False) -> None:
        """Take in one fact and show it."""
        self.state = fold(self.state.run_id, [event], self.state)
        if self._live is None and not self._quiet and not silently and not isinstance(event, _QUIET):
            err().print(of_event(event), soft_wrap=True)

    def board(self) -> RenderableType:
        """The run as it stands."""
        state = self.state
        if state.start is None:
            return text("starting…", "dim")
        head = text(state.status.value, STATUS[state.status.value])
        head.append_text(text(f"  {one_line(state.start.goal, 100)}")).append_text(text(f"  {state.run_id}", "dim"))
        table = plain_table("", "step", "tool", "state", "")
        for step in _rows(state):
            phase = state.phase[step]
            style = STATE[phase.value]
            said = (state.reasons, state.awaiting, state.blocked)
            remark = _of_list(state, step) or next((words[step] for words in said if step in words), "")
            table.add_row(
                text(_MARKS.get(phase.value, "·"), style),
                text(step),
                text(state.step(step).tool),
                text(phase.value.replace("_", " "), style),
                text(one_line(remark, 60), "dim"),
            )
        return Group(head, table if state.phase else text("planning…", "dim"), *self._bars(), *self._waiting())

    def _bars(self) -> list[RenderableType]:
        if self._budget is None:
            return []
        grid = Table.grid(padding=(0, 2))
        for name, scope, limit in (("calls", CALLS, self._budget.total.limit), ("cost", COST, self._budget.cost.limit)):
            used = self.state.used.get(scope, 0)
            if not limit:
                continue
            full = limit + self.state.raised.get(scope, 0)
            said = f"{units(used):g} of {units(full):g}" if scope == COST else f"{used} of {full}"
            style = "red" if used >= full else "yellow" if used >= 0.8 * full else "green"
            grid.add_row(
                text(name, "dim"),
                ProgressBar(total=full, completed=used, width=30, complete_style=style, finished_style=style),
                said,
            )
        return [grid]

    def _waiting(self) -> list[RenderableType]:
        return [
            text(f"? {request.approval_id} waits: {request.tool}, risk {request.risk}", "cyan")
            for request in self.state.pending.values()
        ]


def _rows(state: RunState) -> list[str]:
    """The steps on the board: of a long list only those calls where something happens or went wrong."""
    rows = []
    for step in state.index.steps:
        name = state.step(step).list_of
        if name and len(state.lists[name].calls) > MOST_CALLS and state.phase[step] not in _TELLING:
            continue
        rows.append(step)
    return rows


def _of_list(state: RunState, step: str) -> str:
    """How far a list is: how many of its calls are done, and how many have ended otherwise."""
    listing = state.lists.get(step)
    if listing is None:
        return ""
    phases = [state.phase[call] for call in listing.calls]
    done, ended = phases.count(Phase.DONE), sum(phase.is_end for phase in phases)
    return f"{done} of {len(phases)} done" + (f", {ended - done} not" if ended > done else "")

"""What happens, as one JSON object a line on standard error, for whoever gathers logs.

A line holds ids, names of closed sets and figures, and never a person, a goal, an argument, a message or an address: of
a record that other code logs, the text as it stands in that code and not what was put into it. Whoever does not read
the lines loses lines, and holds up nobody.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from cuga.errors import CugaError
from cuga.model import event as e
from cuga.model.house_event import Halted
from cuga.projections.telemetry.spans import scope_shown, step_shown

LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
WAITING = 10_000  # lines that nobody has read yet; more are dropped and counted
FLUSH_S = 2.0  # how long the end of a process waits for its last lines
OURS = "cuga"
FIELDS = "cuga"  # the attribute of a record that carries what a line says

request_id: ContextVar[str] = ContextVar("request_id", default="")  # of the HTTP request that is being answered

_runs = logging.getLogger("cuga.runs")
_house = logging.getLogger("cuga.house")


class Log(logging.Handler):
    """Every line of a process, written by a thread of its own. `write` takes bytes; standard error by default."""

    def __init__(self, level: str, write: Callable[[bytes], object] | None = None) -> None:
        super().__init__(LEVELS[level])
        self.dropped = 0
        self.lines = 0
        self._write = write or _to_stderr
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._serve, name="cuga-log", daemon=True)

    def start(self) -> None:
        """Take what is logged from here on."""
        self._thread.start()
        root = logging.getLogger()
        self._before = root.level, logging.getLogger(OURS).level
        root.addHandler(self)
        logging.getLogger(OURS).setLevel(self.level)

    def stop(self) -> None:
        """Write what is waiting, and take nothing more."""
        root = logging.getLogger()
        root.removeHandler(self)
        logging.getLogger(OURS).setLevel(self._before[1])
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=FLUSH_S)
        self._thread.join(FLUSH_S)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record; never waits."""
        if not record.name.startswith(OURS) and record.levelno < logging.WARNING:
            return
        try:
            self._queue.put_nowait(line_of(record))
        except queue.Full:
            self.dropped += 1

    def say(self, what: str, **said: object) -> None:
        """A line of the process itself."""
        _house.info(what, extra={FIELDS: said})

    def hear(self, run_id: str, events: Sequence[e.Event]) -> None:
        """Facts of a run became durable."""
        for event in events:
            if (found := said_of(event)) is not None:
                level, said = found
                if level >= self.level:
                    _runs.log(level, e.name_of(event), extra={FIELDS: {"run_id": run_id, **said}})

    def hear_house(self, event: e.Event) -> None:
        """The house has changed."""
        level = logging.WARNING if isinstance(event, Halted) else logging.INFO
        _house.log(level, e.name_of(event))

    def _serve(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                self._write(line)
                self.lines += 1
            except (OSError, ValueError):
                self.dropped += 1  # nobody is at the other end


def line_of(record: logging.LogRecord) -> bytes:
    """One record as one line."""
    line: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.msg if record.name.split(".")[0] == OURS and isinstance(record.msg, str) else "log",
    }
    if asked := request_id.get():
        line["request_id"] = asked
    said = getattr(record, FIELDS, None)
    if isinstance(said, dict):
        line |= said
    arguments = record.args if isinstance(record.args, tuple) else ()
    errors = [one for one in arguments if isinstance(one, BaseException)]
    if record.exc_info and record.exc_info[1] is not None:
        errors.append(record.exc_info[1])
    if errors:
        line["error"] = type(errors[0]).__name__
        if isinstance(errors[0], CugaError):
            line["code"] = errors[0].code
    return msgspec.json.encode(line) + b"\n"


def said_of(event: e.Event) -> tuple[int, dict[str, Any]] | None:
    """How much a fact matters, and what a line says of it; None: it is worth no line."""
    named = getattr(event, "step", "")
    at_step: dict[str, Any] = {"step": step_shown(named)} if named else {}
    said: dict[str, Any]
    match event:
        case e.RunStarted():
            return logging.INFO, {"profile": event.profile, "tenant": event.tenant}
        case e.RunFinished():
            level = logging.WARNING if event.status in (e.Status.PARTIAL, e.Status.FAILED) else logging.INFO
            return level, {"status": event.status.value}
        case e.RunParked() | e.CancelRequested() | e.QuestionAsked() | e.ReplanRequested():
            return logging.INFO, at_step
        case e.PlanCreated():
            return logging.INFO, {"steps": len(event.plan.steps)}
        case e.PlanFailed():
            return logging.WARNING, {"mode": event.mode.value}
        case e.ApprovalRequested():
            said = {"approval_id": event.approval_id, "tool": event.tool, "risk": event.risk}
            return logging.INFO, at_step | said
        case e.ApprovalReceived() if event.final:
            said = {"approval_id": event.approval_id, "verdict": event.verdict.value}
            return logging.INFO, at_step | said | {"by_rule": bool(event.rule)}
        case e.ApprovalTimeout() | e.ApprovalLapsed() | e.ApprovalRevoked():
            return logging.WARNING, at_step | {"approval_id": event.approval_id}
        case e.ToolCallStart():
            return logging.DEBUG, at_step | {"tool": event.tool, "attempt": event.attempt}
        case e.ToolCallComplete():
            return logging.DEBUG, at_step | {"attempt": event.attempt, "ms": event.duration_us / 1_000}
        case e.ToolCallError():
            said = {"attempt": event.attempt, "mode": event.mode.value, "certainty": event.certainty.value}
            return logging.WARNING, at_step | said | {"is_retried": event.retry_at is not None}
        case e.StepRefused() | e.StepFailed():
            return logging.WARNING, at_step | {"mode": event.mode.value}
        case e.StepInDoubt():
            return logging.WARNING, at_step
        case e.DoubtResolved():
            return logging.INFO, at_step | {"answer": event.answer.value}
        case e.BudgetWarning() | e.BudgetExceeded():
            level = logging.WARNING if isinstance(event, e.BudgetExceeded) else logging.INFO
            return level, {"scope": scope_shown(event.scope), "used": event.used, "limit": event.limit}
        case e.ModelCallComplete():
            return logging.INFO, {"call": event.call, "tokens": event.tokens, "ms": event.duration_us / 1_000}
        case e.ModelCallError():
            return logging.WARNING, {"call": event.call, "mode": event.mode.value}
        case e.TakenOver():
            return logging.WARNING, {"epoch": event.epoch}
        case _:
            return None


def _to_stderr(line: bytes) -> None:
    while line:
        line = line[os.write(2, line) :]

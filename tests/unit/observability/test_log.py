"""A line holds ids and names of closed sets; whoever does not read the lines holds up nobody."""

from __future__ import annotations

import ast
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from tests.unit.projections.histories import House, varied

import cuga
from cuga.errors import BadInput
from cuga.model.event import RunEvent
from cuga.model.house_event import Halted
from cuga.observability import log as module
from cuga.observability.log import FIELDS, LEVELS, Log, line_of, request_id, said_of
from cuga.settings import read_settings

SOURCE = Path(cuga.__file__).parent


class Written:
    """What a log has written."""

    def __init__(self) -> None:
        self.body = b""

    def __call__(self, line: bytes) -> None:
        self.body += line

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


@pytest.fixture
def written() -> Written:
    return Written()


def logging_at(level: str, written: Any) -> Log:
    log = Log(level, written)
    log.start()
    return log


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    assert logging.getLogger().handlers == handlers, "a log that was stopped takes nothing more"


@pytest.mark.parametrize("level", LEVELS)
async def test_a_level_lets_in_what_is_as_grave_and_nothing_else(level: str, written: Written):
    house = House()
    await varied(house)
    log = logging_at(level, written)
    for run_id in house.states:
        log.hear(run_id, await house.events(run_id))
    log.hear_house(Halted(at=datetime(2026, 1, 5, tzinfo=UTC), reason="Kim says so"))
    log.stop()
    assert {LEVELS[line["level"]] for line in written.lines} <= {n for n in LEVELS.values() if n >= LEVELS[level]}
    assert any(line["level"] == level for line in written.lines) or level == "error"
    assert b"Kim" not in written.body


async def test_no_line_names_a_person_a_goal_or_what_a_call_was_given(written: Written):
    house = House()
    await varied(house)
    log = logging_at("debug", written)
    for run_id in house.states:
        log.hear(run_id, await house.events(run_id))
    log.stop()
    assert len(written.lines) > 50
    said = " ".join(str(value) for line in written.lines for name, value in line.items() if name != "run_id")
    assert not re.search(r"\b(ada|bob|eve|kim|acme|win|looks right|broke)\b", said, re.IGNORECASE)


def test_a_line_holds_only_what_no_text_of_a_person_can_be_in():
    """By construction: every fact filled with a canary wherever a text may stand, but for names that are ours."""
    ours = {"profile", "tenant", "tool", "approval_id", "risk", "provider", "name"}
    for kind in get_args(RunEvent):
        fields = {}
        for field in msgspec.structs.fields(kind):
            if field.name not in ours and field.type is str:
                fields[field.name] = "CANARY"
        template = {field.name: fields.get(field.name, _any_of(field.type)) for field in msgspec.structs.fields(kind)
                    if field.required or field.name in fields}  # fmt: skip
        found = said_of(kind(**template))
        assert found is None or "CANARY" not in repr(found), kind


def _any_of(kind: Any) -> Any:
    if kind is datetime:
        return datetime(2026, 1, 5, tzinfo=UTC)
    if hasattr(kind, "__members__"):
        return next(iter(kind))
    if kind is int:
        return 0
    if kind is bool:
        return False
    if kind is str:
        return "x"
    if kind is msgspec.Raw:
        return msgspec.Raw(b"{}")
    return _Empty()


class _Empty:
    steps = ()


def test_of_what_other_code_logs_only_its_own_words_are_kept(written: Written):
    log = logging_at("info", written)
    logging.getLogger("cuga.notices").warning("notices: %s", BadInput("no mailbox of Kim Larsen"))
    logging.getLogger("asyncio").error("Kim Larsen is in the way %s", "kim@acme.example")
    logging.getLogger("httpx").info("GET https://example.com/?token=secret")
    try:
        raise ValueError("Kim Larsen")
    except ValueError:
        logging.getLogger("cuga.api").exception("an answer failed")
    log.stop()
    assert b"Kim" not in written.body and b"acme" not in written.body and b"secret" not in written.body
    first, foreign, third = written.lines
    assert (first["event"], first["code"], first["error"]) == ("notices: %s", "bad_input", "BadInput")
    assert (foreign["event"], foreign["logger"]) == ("log", "asyncio")
    assert third["error"] == "ValueError"


def test_our_own_code_logs_words_that_stand_in_it():
    """What is logged must not be put together before: then it could hold anything."""
    made = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            is_log = isinstance(owner, ast.Name) and owner.id in {"log", "_log", "_runs", "_house"}
            is_plain = not node.args or isinstance(node.args[0], ast.Constant) or path.name == "log.py"
            if is_log and node.func.attr in {"debug", "info", "warning", "error", "exception"} and not is_plain:
                made.append(f"{path.name}:{node.lineno}")
    assert made == []


def test_a_line_carries_the_request_that_it_belongs_to():
    record = logging.LogRecord("cuga.x", logging.INFO, "f", 1, "what", (), None)
    setattr(record, FIELDS, {"status": 200})
    mark = request_id.set("abc12345")
    try:
        said = json.loads(line_of(record))
    finally:
        request_id.reset(mark)
    assert said["request_id"] == "abc12345" and said["status"] == 200
    assert "request_id" not in json.loads(line_of(record))


def test_whoever_does_not_read_loses_lines_and_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(module, "WAITING", 50)
    monkeypatch.setattr(module, "FLUSH_S", 0.1)
    stuck = threading.Event()
    log = logging_at("info", lambda _: stuck.wait(20))
    at = time.perf_counter()
    for _ in range(2_000):
        logging.getLogger("cuga.runs").info("x")
    assert time.perf_counter() - at < 2.0
    assert log.dropped >= 1_900
    stuck.set()
    log.stop()


def test_a_reader_that_has_gone_is_no_fault(monkeypatch):
    def gone(_: bytes) -> None:
        raise BrokenPipeError

    log = logging_at("info", gone)
    logging.getLogger("cuga.runs").info("x")
    log.stop()
    assert log.dropped == 1 and log.lines == 0


def test_the_setting_takes_the_levels_and_nothing_else():
    assert read_settings({"CUGA_LOG": "Warning"}).log == "warning"
    assert read_settings({}).log == ""
    with pytest.raises(BadInput, match="error, warning, info or debug"):
        read_settings({"CUGA_LOG": "loud"})

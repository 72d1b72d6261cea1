"""Every way by which bytes that others wrote come into the house, as a function of those bytes.

A door either takes what it is given or refuses it with an error of ours. Anything else that comes out (another
exception, no end, memory without bound) is a defect. What is built here once is built at the first use of a door.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from tests.fuzz.known import NOTE

from cuga.errors import CugaError

TODAY = date(2026, 1, 5)
Take = Callable[[bytes], object]


@dataclass(frozen=True)
class Door:
    """`make` prepares and gives what takes the bytes."""

    make: Callable[[], Take]
    most: int = 4096  # bytes of an input
    followed: Sequence[str] = ()  # packages beside ours whose branches are followed


def given(take: Take, body: bytes) -> None:
    """Hand bytes to a door; its own refusals are answers."""
    with contextlib.suppress(CugaError):
        take(body)


def _text(take: Callable[[str], object]) -> Take:
    return lambda body: take(body.decode("utf-8", "surrogateescape"))


@cache
def _shelf() -> Path:
    """A directory of this process for doors that read files; in memory where there is such a place."""
    there = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    kept = tempfile.TemporaryDirectory(prefix="cuga-fuzz-", dir=there)
    _KEPT.append(kept)
    return Path(kept.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _file(name: str, take: Callable[[Path], object]) -> Callable[[], Take]:
    def make() -> Take:
        place = _shelf() / name.replace(".", "-")
        place.mkdir(exist_ok=True)

        def through(body: bytes) -> object:
            (place / name).write_bytes(body)
            return take(place / name)

        return through

    return make


# --- rules, conditions, goals ----------------------------------------------------------------------------------------


def _registry() -> Take:
    from cuga.policy.registry import load_registry

    return _text(load_registry)


def _cases() -> Take:
    from cuga.orchestrator.rehearsal.cases import read_cases

    return _text(lambda text: read_cases(text, "cases.yaml"))


def _condition() -> Take:
    from cuga.policy.condition import holds, names_in

    values = {"score": {"points": 70, "label": "high"}, "list": [1, 2, 3], "text": "a"}

    def take(text: str) -> None:
        names = names_in(text)
        holds(text, {name: values.get(name, values) for name in names})

    return _text(take)


def _goal() -> Take:
    from tests.unit.planning.catalogue import few, house, rulebook

    from cuga.planning import Proposal, RulePlanner, check

    book, planner = rulebook(few()), RulePlanner(house())

    def take(text: str) -> None:
        answer = planner.plan(text, book, as_of=datetime(2026, 1, 5, tzinfo=UTC))
        if isinstance(answer, Proposal):
            check(answer.plan, book)

    return _text(take)


def _models_answer() -> Take:
    from pydantic import ValidationError
    from tests.unit.planning.catalogue import few, rulebook

    from cuga.adapters.openai_adapter import _plan_form, _unfit
    from cuga.planning import Proposal, check
    from cuga.planning.by_model import answer_of, reply_bytes

    book = rulebook(few())
    form = _plan_form(tuple(book.contracts))

    def take(body: bytes) -> None:
        try:
            found = form.model_validate_json(body).model_dump()
        except ValidationError:  # the model is told so, and asked once more
            return
        if not _unfit(found):
            said = msgspec.json.decode(reply_bytes(found["steps"], found["why"], found["question"]))
            answer = answer_of(said, "score Acme", "score Acme", book, "")
            if isinstance(answer, Proposal):
                check(answer.plan, book)

    return take


# --- records and documents -------------------------------------------------------------------------------------------


def _import(path: Path) -> object:
    from cuga.adapters.offline import CrmStore
    from cuga.packs.sales.importing import import_directory

    with contextlib.closing(CrmStore.open(":memory:")) as store:
        return import_directory(path.parent, store)


def _sheet() -> Take:
    """The XML of a sheet in a workbook that is otherwise whole: a broken archive alone would tell little."""
    import openpyxl

    whole = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["Name", "Revenue"])
    book.save(whole)
    take = _file("accounts.xlsx", _import)()

    def through(body: bytes) -> object:
        made = io.BytesIO()
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(made, "w") as new:
            for name in old.namelist():
                new.writestr(name, body if name == "xl/worksheets/sheet1.xml" else old.read(name))
        return take(made.getvalue())

    return through


def _mapping(path: Path) -> object:
    (path.parent / "accounts.csv").write_text("Name,Umsatz\nAcme,12\n")
    return _import(path)


def _document(name: str) -> Callable[[], Take]:
    def read(path: Path) -> None:
        from cuga.adapters.offline.documents.forms import Unreadable
        from cuga.adapters.offline.documents.forms import read as taken

        with contextlib.suppress(Unreadable):
            taken(path)

    return _file(name, read)


def _suppression(path: Path) -> object:
    from cuga.adapters.offline.suppression import SuppressionList

    return SuppressionList(path).find("nora@example.com")


# --- mail ------------------------------------------------------------------------------------------------------------


def _mail() -> Take:
    from cuga.adapters.offline.inbox import read_mail
    from cuga.packs.sales.engagement.replies import classify

    def take(body: bytes) -> None:
        mail = read_mail(body, "x.eml")
        classify(mail.text, subject=mail.subject, today=TODAY)

    return take


def _reply() -> Take:
    from cuga.packs.sales.engagement.replies import classify

    return _text(lambda text: classify(text, subject=text[:80], today=TODAY))


class _Said:
    """The socket of a mailbox server that says the given bytes to whatever it hears."""

    def __init__(self, body: bytes) -> None:
        self._stream = io.BytesIO(body)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(self._stream)

    def recv(self, size: int) -> bytes:
        return self._stream.read(size)

    def sendall(self, data: bytes) -> None:
        """Heard, and left at that."""

    def settimeout(self, _: float | None) -> None:
        """There is nothing to wait for."""

    def shutdown(self, _: int) -> None:
        """It was never up."""

    close = getpeername = lambda self: None


def _mailbox_server() -> Take:
    from cuga.adapters.imap import talk
    from cuga.model.correspondence import Mailbox

    box = Mailbox(host="mail.example.com", user="nora", password_env="X", security="tls")

    def take(body: bytes) -> None:
        from cuga.outbound import imap

        kept = imap.connect
        imap.connect = lambda *_, **__: _Said(body)  # type: ignore[assignment]
        try:
            with contextlib.closing(talk.Talk(box, "secret")) as line:
                for uid in line.after(0)[:3]:
                    line.size(uid)
                    line.whole(uid)
        except CugaError as error:
            if "secret" in str(error):
                raise AssertionError("the password is told") from error
            raise
        finally:
            imap.connect = kept

    return take


# --- tools from outside ----------------------------------------------------------------------------------------------


def _mcp_frame() -> Take:
    from cuga.policy.outside import McpServer
    from cuga.tools.mcp.answer import value_of
    from cuga.tools.mcp.definition import definition_of, definitions_of, judged
    from cuga.tools.mcp.session import load_sdk
    from cuga.tools.mcp.stdio import _message

    load_sdk()
    server = McpServer(name="s", domain="d", command=("x",), trust=True)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    known = definition_of({"name": "t", "inputSchema": {"type": "object"}, "outputSchema": schema})
    faults: list[str] = []

    def take(body: bytes) -> None:
        if (frame := _message(body, faults.append)) is None:
            assert faults
            return
        result = getattr(frame.message, "result", None)
        if isinstance(result, dict):
            msgspec.json.encode(value_of(result, "s", known))
            tools = result.get("tools")
            if isinstance(tools, list) and all(isinstance(one, dict) for one in tools):
                for one in definitions_of(tools).values():
                    judged(one, server)

    return take


def _openapi() -> Take:
    from cuga.policy.outside import OpenApiDocument
    from cuga.tools.openapi import read_document

    said = OpenApiDocument(name="x", document="x.json", domain="d", url="https://api.example.com/v1")
    return lambda body: read_document(body, said)


# --- the record ------------------------------------------------------------------------------------------------------


def _note() -> Take:
    from cuga import verify
    from cuga.journal.checkpoint import read_note, read_verifier_key

    def take(body: bytes) -> None:
        with contextlib.suppress(ValueError, IndexError):  # which is how its caller, `Journal._said`, hears it
            verify.Checkpoint(body).is_signed_by({b"abcd": bytes(32)})
        with contextlib.suppress(CugaError):
            read_verifier_key(body.decode("utf-8", "replace"))
        read_note(body)

    return take


def _verified(path: Path) -> None:
    from cuga import verify

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert verify.main([str(path)]) in (0, 1, 2)


def _rotten_journal() -> Take:
    """A whole journal of which some bytes were changed: three bytes of an input say where, the rest is put there."""
    from tests.contract.journals import said, sqlite

    place = _shelf() / "journal-db"
    place.mkdir(exist_ok=True)

    async def write() -> None:
        journal = sqlite(place)
        for stream, text in (("r1", "a"), ("r2", "b" * 9000), ("r1", "c")):
            await journal.append(stream, await journal.version(stream), said(text))
        await journal.close()

    asyncio.run(write())
    whole = (place / "journal.db").read_bytes()

    def take(body: bytes) -> None:
        at = int.from_bytes(body[:3], "big") % len(whole)
        (place / "journal.db").write_bytes(whole[:at] + body[3:] + whole[at + len(body[3:]) :])
        _verified(place / "journal.db")

    return take


def _bundle() -> Take:
    """A bundle of evidence whose manifest and appends are the given bytes, apart at the first empty line."""
    take = _file("evidence.zip", _verified)()

    def through(body: bytes) -> object:
        manifest, _, rest = body.partition(b"\n\n")
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as new:
            new.writestr("manifest.json", manifest)
            new.writestr("appends.jsonl", rest)
            new.writestr("manifest.note", NOTE)
            new.writestr("checkpoint.note", NOTE)
            new.writestr("leaves", rest[:64])
        return take(made.getvalue())

    return through


# --- the doors of a running house ------------------------------------------------------------------------------------


def _body() -> Take:
    from cuga.journal.strict import parse_strict
    from cuga.model.value import encode

    return lambda body: encode(parse_strict(body))


def _cursor() -> Take:
    from cuga.api.answers import mark_of

    return _text(mark_of)


def _desk() -> Take:
    """A line at the desk, as far as its arguments are read."""
    from cuga.orchestrator.coordinator import Coordinator
    from cuga.orchestrator.ipc.desk import Request, _typed
    from cuga.orchestrator.ipc.remote import METHODS

    def take(body: bytes) -> None:
        with contextlib.suppress(msgspec.MsgspecError, ValueError, TypeError):  # what `Desk._answer` refuses
            request = msgspec.json.decode(body, type=Request)
            if request.method in METHODS:
                _typed(getattr(Coordinator, request.method), request.params)

    return take


def _tool_result() -> Take:
    from cuga.journal.envelope import encode_result
    from cuga.redact import Redactor

    redactor = Redactor(["sk-canary-0123456789"])

    def take(body: bytes) -> None:
        try:
            value: Any = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = body.decode("utf-8", "surrogateescape")
        kept, _ = encode_result(value, redactor)
        assert b"sk-canary-0123456789" not in kept
        msgspec.json.decode(kept)

    return take


DOORS: dict[str, Door] = {
    "registry": Door(_registry, 8192),
    "policy_cases": Door(_cases),
    "condition": Door(_condition, 1024),
    "goal": Door(_goal, 600),
    "models_answer": Door(_models_answer),
    "csv": Door(_file("accounts.csv", _import), 2048),
    "json_records": Door(_file("accounts.json", _import), 2048),
    "workbook": Door(_sheet, 2048, ("openpyxl.worksheet._reader",)),
    "mapping": Door(_file("mapping.json", _mapping), 1024),
    "markdown": Door(_document("a.md")),
    "html": Door(_document("a.html"), 4096, ("html",)),
    "suppression": Door(_file("suppression.csv", _suppression), 1024),
    "mail": Door(_mail, 4096, ("email",)),
    "reply": Door(_reply, 2048),
    "mailbox_server": Door(_mailbox_server, 2048, ("imaplib",)),
    "mcp_frame": Door(_mcp_frame),
    "openapi": Door(_openapi),
    "note": Door(_note, 1024),
    "journal_file": Door(_rotten_journal, 64),
    "evidence": Door(_bundle),
    "evidence_file": Door(_file("evidence.zip", _verified), 1024),
    "body": Door(_body),
    "cursor": Door(_cursor, 128),
    "desk": Door(_desk),
    "tool_result": Door(_tool_result),
}

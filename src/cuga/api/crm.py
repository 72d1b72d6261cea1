"""Records over HTTP: browse them, bring them in, look how good they are.

Files that come in lie in a directory of their own while they are read, under names that are made of theirs and nothing
that a path could be made of.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import File, Form, Query, UploadFile
from starlette.responses import Response

from cuga.api.answers import answer, cursor_of, mark_of, router
from cuga.api.auth import Asker, Feeding, Here, Looking
from cuga.api.doors import Doors
from cuga.api.pages import Given
from cuga.errors import BadInput
from cuga.journal.strict import parse_strict
from cuga.orchestrator.changing.bringing import ImportOutcome
from cuga.packs.sales.governance.quality import Audit

crm = router("records")
Table = Literal["accounts", "contacts", "opportunities", "products", "activities"]


class RecordPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Records of one kind, in order of their names; `total` counts all that fit."""

    items: tuple[Any, ...]
    next: str | None
    total: int


MOST_FILES = 50
_CHUNK = 1 << 20
_UNSAFE = re.compile(r"[^\w. -]+")
Mapped = Annotated[str, Form(max_length=1 << 20)]
BringBack = Annotated[bool, Form(description="Store rows about people who were erased here too.")]
Files = Annotated[list[UploadFile], File(description="Exports: CSV, XLSX or JSON.")]


@crm.get("/crm/quality", response_model=Audit)
async def show_quality(doors: Here, _: Looking) -> Response:
    """Missing, invalid, orphan, inconsistent and stale records, rule by rule, with a fix for each."""
    return answer(await doors.front.data_quality())


@crm.post("/crm/sample", response_model=ImportOutcome)
async def fill_with_sample(doors: Here, asker: Feeding) -> Response:
    """Fill an empty house with the data of a fictitious company."""
    return answer(await doors.front.fill_with_sample(by=asker.principal))


@crm.post("/crm/import/preview", response_model=ImportOutcome)
async def preview_import(
    doors: Here, asker: Feeding, files: Files, mapping: Mapped = "", bring_back_erased: BringBack = False
) -> Response:
    """Say what would be read from exports: which file is what, which column is which, what is wrong in which row."""
    return answer(await _import(doors, asker, files, mapping, dry=True, bring_back=bring_back_erased))


@crm.post("/crm/import", response_model=ImportOutcome)
async def import_files(
    doors: Here, asker: Feeding, files: Files, mapping: Mapped = "", bring_back_erased: BringBack = False
) -> Response:
    """Bring exports in, under the mapping that was accepted (JSON) or the one that is proposed.

    Rows about people who were erased stay out and are counted, unless `bring_back_erased`.
    """
    return answer(await _import(doors, asker, files, mapping, dry=False, bring_back=bring_back_erased))


async def _import(
    doors: Doors, asker: Asker, files: list[UploadFile], mapping: str, *, dry: bool, bring_back: bool
) -> ImportOutcome:
    if len(files) > MOST_FILES:
        raise BadInput(f"{len(files)} files; {MOST_FILES} at once, please")
    said = parse_strict(mapping) if mapping.strip() else None
    if said is not None and not (isinstance(said, dict) and all(isinstance(one, dict) for one in said.values())):
        raise BadInput("a mapping is an object of objects", mend="Take the one that the preview gave, and change it.")
    with tempfile.TemporaryDirectory(prefix="cuga-import-") as spare:
        directory = Path(spare) / "upload"
        directory.mkdir()
        for file in files:
            await _keep(file, directory)
        try:
            return await doors.front.import_files(directory, said, dry=dry, bring_back=bring_back, by=asker.principal)
        except BadInput as error:  # where it lies here for a moment is nobody's business
            raise BadInput(error.detail.replace(str(directory), "the upload"), mend=error.next_step) from error


async def _keep(file: UploadFile, directory: Path) -> None:
    name = _UNSAFE.sub("_", (file.filename or "").replace("\\", "/").rpartition("/")[2]).strip(" .")[-120:]
    if not name or (directory / name).exists():
        raise BadInput(f"{file.filename!r} cannot be the name of a file, or comes twice", mend="Rename the file.")
    with (directory / name).open("xb") as kept:
        while part := await file.read(_CHUNK):
            kept.write(part)


@crm.get("/crm/{table}", response_model=RecordPage)
async def list_records(
    doors: Here,
    _: Looking,
    table: Table,
    q: Annotated[str, Query(max_length=200, description="Words of the name.")] = "",
    cursor: Annotated[str, Query(max_length=512)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Accounts, contacts, opportunities, products or activities."""
    mark = mark_of(cursor) or "0"
    if not (mark.isascii() and mark.isdigit() and len(mark) < 16):
        raise BadInput("that is no cursor of ours", mend="Take `next` of the page before.")
    found = await doors.front.records(table, q, int(mark), limit)
    following = cursor_of(str(found.next_offset)) if found.next_offset >= 0 else None
    return answer(RecordPage(items=found.items, next=following, total=found.total))


@crm.get("/crm/{table}/{record_id}", response_model=dict[str, Any])
async def show_record(doors: Here, _: Looking, table: Table, record_id: str) -> Response:
    """One record with the row that it was read from."""
    return answer(await doors.front.record(table, record_id))

"""The bundle: a zip of exact records, proofs, kept bytes and a report; the key of the seal signs the list of files."""

from __future__ import annotations

import base64
import contextlib
import os
import zipfile
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from cuga.errors import BadInput
from cuga.journal.checkpoint import key_id, read_note
from cuga.journal.port import ReadJournal
from cuga.journal.tombstone import is_tombstone
from cuga.model.value import Value, digest_bytes, encode
from cuga.orchestrator.keeping.evidence.gathering import Scope, gather
from cuga.orchestrator.keeping.evidence.oversight import oversight_of
from cuga.orchestrator.keeping.evidence.page import to_html, to_pdf
from cuga.orchestrator.keeping.evidence.report import report_of
from cuga.orchestrator.keeping.sealing import Sealer
from cuga.projections.audit import audit_of

FORMAT = "cuga-evidence/1"
_READ_ME = """This is evidence out of the journal of a cuga house: {about}.

    python verify.py evidence.zip --key KEY

checks it with nothing but Python 3.11, offline. KEY is the public key of the house; take it from somewhere else than
from here. The verifier in this bundle is a convenience: take that, too, from a release that you trust.

report.html and report.pdf say what happened; records.json holds the same as data, and oversight.json
how people decided: how many requests, how fast, how often yes, by which rules. appends.jsonl has the exact bytes of
each record, its link, and the path that proves it is in the tree that checkpoint.note has signed. blobs/ are kept
results and rules, named by their SHA-256. manifest.json lists every file; manifest.note signs it.
"""


class Evidence(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A bundle that was written."""

    path: str
    about: str
    sha256: str
    runs: int
    appends: int
    size: int  # appends under the checkpoint
    key: str
    has_pdf: bool


async def write_bundle(
    journal: ReadJournal, sealer: Sealer, house: str, scope: Scope, path: Path, *, made_at: datetime, made_by: str
) -> Evidence:
    """Seal the journal as it is now and write the evidence of a scope to a new file. `BadInput`, `NotFound`."""
    about = scope.about()
    _must_be_new(path)
    await sealer.seal()
    note, key = sealer.note, sealer.key()
    said, _ = read_note(note)
    found = await gather(journal, house, scope, said.size, said.position)
    records = [audit_of(found.lanes[run]) for run in found.runs]
    oversight = oversight_of(card for record in records for card in record.approvals)
    tombs = sum(is_tombstone(lane[0].body) for lane in found.lanes.values() if lane)
    sealed = [
        ("Journal", f"{said.origin}, epoch {said.epoch}"),
        ("Sealed", f"{said.size} appends, {said.position} events, root {said.root.hex()}"),
        ("Key", key.word),
        ("Asked for by", made_by),
        *([("Retained", f"complete; {tombs} of the runs are tombstones: their words are not kept")] if tombs else []),
    ]
    parts = report_of(
        about, made_at, sealed, records, oversight, is_whole=found.whole is not None, withheld=len(found.withheld)
    )
    files = {
        "README.txt": _READ_ME.format(about=about).encode(),
        "report.html": to_html(parts),
        "records.json": encode(records),
        "oversight.json": encode(oversight),
        "appends.jsonl": b"".join(encode(append) + b"\n" for append in found.appends),
        "checkpoint.note": note,
        "verify.py": resources.files("cuga").joinpath("verify.py").read_bytes(),
        **{f"blobs/{digest}": body for digest, body in found.blobs.items()},
    }
    with contextlib.suppress(ImportError):  # the extra `pdf` is not installed; the page prints as well
        files["report.pdf"] = to_pdf(parts)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "about": about,
        "scope": scope,
        "made_at": made_at,
        "made_by": made_by,
        "origin": said.origin,
        "withheld": found.withheld,
    }
    if found.whole is not None:
        files["leaves"] = found.leaves
        manifest["whole"] = found.whole
    manifest["files"] = {name: digest_bytes(body) for name, body in sorted(files.items())}
    files["manifest.json"] = encode(manifest)
    text = f"cuga evidence\n{about}\n{digest_bytes(files['manifest.json'])}\n"
    signature = base64.b64encode(key_id(key.name, key.public) + key.sign(text.encode())).decode()
    files["manifest.note"] = f"{text}\n— {key.name} {signature}\n".encode()
    digest = _write(path, files)
    return Evidence(
        path=str(path),
        about=about,
        sha256=digest,
        runs=len(records),
        appends=len(found.appends),
        size=said.size,
        key=key.word,
        has_pdf="report.pdf" in files,
    )


def _must_be_new(path: Path) -> None:
    if path.exists():
        raise BadInput(f"{path} is there already", mend="Name a new file: evidence is never written over.")
    if not path.parent.is_dir():
        raise BadInput(f"there is no directory {path.parent}", mend="Make it, or name another file.")


def _write(path: Path, files: dict[str, bytes]) -> str:
    """The whole file or none; for its owner's eyes, as it holds customer data. Its SHA-256."""
    half = path.with_name(f"{path.name}.half")
    descriptor = os.open(half, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w+b") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, body in files.items():
                bundle.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)
        out.flush()
        os.fsync(out.fileno())
        out.seek(0)
        digest = digest_bytes(out.read())
    half.replace(path)
    return digest

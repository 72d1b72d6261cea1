"""The anchors that settings name: a word for each, and what is made of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from cuga.errors import BadInput, CugaError
from cuga.journal.checkpoint import read_note
from cuga.orchestrator.keeping.sealing.anchors import Anchor, FileAnchor, SyslogAnchor, why_not
from cuga.settings import Settings

FORMS = "file:PATH, syslog, witness:URL or s3://BUCKET/PREFIX"


def read_anchors(settings: Settings) -> list[Anchor]:
    """The places of `CUGA_ANCHORS`. `BadInput` for a word that names none, or that needs what is not installed."""
    return [_anchor_of(word, settings) for word in settings.anchors]


def _anchor_of(word: str, settings: Settings) -> Anchor:
    kind, _, rest = word.partition(":")
    if kind == "file" and rest:
        return FileAnchor(Path(rest).expanduser().absolute())
    if word == "syslog" and os.name == "posix":
        return SyslogAnchor()
    if kind == "witness" and rest:
        from cuga.orchestrator.keeping.sealing.witnessed import witness_named

        return witness_named(rest, settings)
    if word.startswith("s3://"):
        from cuga.orchestrator.keeping.sealing.stored import store_named

        return store_named(word, settings)
    raise BadInput(f"CUGA_ANCHORS: no anchor {word!r}", mend=f"Name them as {FORMS}, with commas between.")


def fetched(own: Path, settings: Settings, into: Path, tell: Callable[[str], None]) -> list[Path]:
    """The newest notes of a house as files for the verifier: its own, and those of all places that can be asked, which
    are copied into a directory. A place that cannot be asked is told, and left out."""
    notes = [own] if own.is_file() else []
    try:
        origin = read_note(own.read_bytes())[0].origin if notes else ""
    except BadInput:
        origin = ""  # the verifier names what is wrong with it
    for number, anchor in enumerate(read_anchors(settings)):
        try:
            found = asyncio.run(anchor.newest(origin))
        except (CugaError, OSError) as error:
            tell(f"{anchor.name} cannot be asked: {why_not(error)}")
            continue
        if found:
            notes.append(into / f"{number}.note")
            notes[-1].write_bytes(found)
    return notes

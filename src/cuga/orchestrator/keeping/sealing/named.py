"""The anchors that settings name: a word for each, and what is made of it."""

from __future__ import annotations

import os
from pathlib import Path

from cuga.errors import BadInput
from cuga.orchestrator.keeping.sealing.anchors import Anchor, FileAnchor, SyslogAnchor
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

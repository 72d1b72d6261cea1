"""What a house stands on: Python, packages, disk, files that hold secrets, keys of models. Looked at from outside,
so that `cuga doctor` has something to say when a house cannot be opened.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from cuga import __version__
from cuga.errors import CugaError, HouseBusy, JournalBehind, JournalCorrupt, JournalFailed, RegistryInvalid
from cuga.model.value import Value
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.keeping.sealing import seals_of
from cuga.orchestrator.keeping.sealing.keys import PRIVATE
from cuga.policy.models import KEYS
from cuga.settings import ENV_FILE, Settings

OWN_DISTRIBUTION = "cugar"
FOREIGN_DISTRIBUTION = "cuga"  # another project's package, with the same import name
LOW_DISK = 200 * 1024 * 1024  # bytes
NEARLY = 5  # times as much is worth a word
EXTRAS = {  # extra -> a module that only it brings
    "serve": "fastapi",
    "postgres": "procrastinate",
    "llm": "pydantic_ai",
    "mcp": "mcp",
    "otel": "opentelemetry.proto",
    "pdf": "reportlab",
    "pii": "phonenumbers",
    "knowledge": "pypdf",
    "s3": "obstore",
    "xlsx": "openpyxl",
}
_WHAT: tuple[tuple[type[CugaError], str], ...] = (
    (JournalBehind, "seal"),
    (JournalCorrupt, "journal"),
    (JournalFailed, "journal"),
    (RegistryInvalid, "registry"),
    (HouseBusy, "house"),
)


class Finding(Value, frozen=True, kw_only=True):
    """One thing that was looked at. `state` is ok, note, or broken; `mend` is what to do."""

    what: str
    state: str
    found: str
    mend: str = ""


def unopened(place: Place, settings: Settings, error: CugaError) -> list[Finding]:
    """What can be said of a house that cannot be opened, and why it cannot."""
    what = next((name for kind, name in _WHAT if isinstance(error, kind)), "house")
    if isinstance(error, JournalFailed) and (settings.database or place.database.is_file()):
        what = "database"
    return [
        *interpreter(),
        *keys_of_models(settings),
        *disk(place),
        *secret_files(place, settings),
        Finding(what=what, state="broken", found=error.message, mend=error.next_step),
    ]


def interpreter() -> Iterator[Finding]:
    """Python, the packages, and which of the extras are there."""
    yield Finding(what="python", state="ok", found=".".join(map(str, sys.version_info[:3])))
    if any(True for _ in importlib.metadata.distributions(name=FOREIGN_DISTRIBUTION)):
        yield Finding(
            what="packages",
            state="broken",
            found="another package is installed under the import name cuga",
            mend="pip uninstall cuga cugar && pip install cugar",
        )
    there = [extra for extra, module in EXTRAS.items() if is_there(module)]
    yield Finding(what="cuga", state="ok", found=f"{__version__}, with {', '.join(there) or 'no extras'}")
    yield Finding(
        what="sqlite", state="ok", found=f"{importlib.metadata.version('apsw')}, shipped with cuga's own binding"
    )


def is_there(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def keys_of_models(settings: Settings) -> Iterator[Finding]:
    """A key that lies there while nothing could use it: whoever set it expects a model."""
    found = [name for name in KEYS.values() if settings.variables.get(name)]
    if found and not is_there(EXTRAS["llm"]):
        yield Finding(
            what="model key",
            state="note",
            found=f"{' and '.join(found)} is set, and what asks a model is not installed",
            mend="pip install 'cugar[llm]', or take the key away",
        )


def disk(place: Place) -> Iterator[Finding]:
    """How much room is left where the house is."""
    free = shutil.disk_usage(place.root).free
    state = "broken" if free < LOW_DISK else "note" if free < LOW_DISK * NEARLY else "ok"
    yield Finding(
        what="disk",
        state=state,
        found=f"{free / 1e9:.1f} GB free",
        mend="" if state == "ok" else "make room: on a full disk nothing new starts",
    )


def secret_files(place: Place, settings: Settings) -> Iterator[Finding]:
    """Whether others of this machine can read what only its owner may."""
    key = seals_of(place.root, settings.seals) / PRIVATE
    inside = (place.root / ENV_FILE, place.people, place.notices)
    is_closed = not place.root.stat().st_mode & 0o077
    read = [path for path in (key, *(() if is_closed else inside)) if _is_read_by_others(path)]
    if not read:
        yield Finding(what="secrets", state="ok", found="only their owner can read them")
        return
    yield Finding(
        what="secrets",
        state="broken",
        found=f"other users of this machine can read {', '.join(map(str, read))}",
        mend=f"chmod go-rwx {shlex.join(map(str, read))}; then make new what stood in them",
    )


def _is_read_by_others(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & (stat.S_IRGRP | stat.S_IROTH))

"""What follows from erasures elsewhere and before: whom an import leaves out, and what a machine lets go by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir

import msgspec

from cuga.orchestrator.house.database import database_of, open_keys
from cuga.orchestrator.house.personal import keys_of
from cuga.orchestrator.house.place import Place
from cuga.privacy import KeyFile, KeyRing
from cuga.settings import Settings

COPIES = "cuga-dry-run-"  # what copies of a house begin with; then the number of the process that made one

Gone = Callable[[str, str], bool]  # (id of a contact, address), either may be empty -> whether they were erased


class _Dated(msgspec.Struct):
    at: datetime


def gone_by(ring: KeyRing) -> Gone | None:
    """Whether somebody, by the id of their record or by their address, was erased here; None: nobody ever was. It waits
    for the place where the keys lie."""
    if not ring.counts()[1]:
        return None

    def is_gone(record_id: str, address: str) -> bool:
        refs = [f"contact/{record_id}"] if record_id else []
        refs += [f"email/{address.strip().casefold()}"] if address.strip() else []
        return any(len(ring.ids_of(ref)) > 1 for ref in refs)

    return is_gone


@contextmanager
def gone_at(place: Place, settings: Settings) -> Iterator[Gone | None]:
    """The same for a house that is not open."""
    named = database_of(place, settings)
    ring = KeyRing(open_keys(named) if named else KeyFile(keys_of(place, settings)), place.key_mark)
    try:
        yield gone_by(ring)
    finally:
        ring.close()


def drop_rehearsed(place: Place, until: datetime | None = None) -> int:
    """Let go of what this machine keeps of dry runs, all of it or what is as old as a time; how many there were. What
    cannot be read goes too."""
    gone = 0
    for file in place.rehearsed.glob("*.json"):
        if until is None or not _is_younger(file, until):
            file.unlink(missing_ok=True)
            gone += 1
    return gone


def drop_left_over() -> int:
    """Remove copies of a house that processes which were killed have left behind: they hold records, and keys."""
    found = 0
    for copy in Path(gettempdir()).glob(f"{COPIES}*"):
        pid = copy.name.removeprefix(COPIES).partition("-")[0]
        if not pid.isdecimal() or copy.is_symlink():
            continue
        try:
            is_ours = copy.stat().st_uid == os.getuid()
            os.kill(int(pid), 0)
        except ProcessLookupError:
            if is_ours:
                shutil.rmtree(copy, ignore_errors=True)
                found += 1
        except (OSError, OverflowError):
            continue  # gone meanwhile, or somebody else's process has that number
    return found


def _is_younger(file: Path, than: datetime) -> bool:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Dated).at > than
    except (OSError, msgspec.MsgspecError):
        return False

"""A copy of a house to rehearse in: its record, records, rules, documents, templates and mail, as they are now.

The keys of personal data come along; credentials, notices and the house's file of secrets stay where they are.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from cuga.errors import CugaError
from cuga.journal.port import Backed
from cuga.model.value import Value
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.personal import keys_of
from cuga.orchestrator.house.place import Place, make_private
from cuga.privacy import KeyFile
from cuga.settings import Settings

_ALIVE = (
    "-wal",
    "-shm",
    ".sock",
    "-journal",
    ".ballast",
    ".half",
    ".mark",
)  # move with the process that has the house open
_PAGE = 1 << 20
SEALS = "seals"  # of the copy, inside it


class Fingerprint(Value, frozen=True, kw_only=True):
    """The files of a house and what is in them. Journal and views are not among them: they move with every run."""

    files: dict[str, str]

    @property
    def digest(self) -> str:
        total = hashlib.sha256()
        for name in sorted(self.files):
            total.update(f"{name}\0{self.files[name]}\n".encode("utf-8", "surrogatepass"))
        return total.hexdigest()

    def changed(self, after: Fingerprint) -> tuple[str, ...]:
        """Files that are not the same, or not there, in another one."""
        names = self.files.keys() | after.files.keys()
        return tuple(sorted(name for name in names if self.files.get(name) != after.files.get(name)))


async def copy_house(assembly: Assembly, place: Place, to: Path) -> Backed:
    """Copy an open house into a directory that is not there yet; how far its journal went."""
    backed = await assembly.backup(Place(await asyncio.to_thread(_made, to)).journal)
    said = [document.document for document in assembly.registry.openapi.values()]
    make_private(Place(to).crm)
    await asyncio.to_thread(assembly.crm.copy_to, Place(to).crm)
    await asyncio.to_thread(_copy_files, place, Place(to), said)
    await asyncio.to_thread(_copy_keys, assembly, Place(to))
    return backed


def _copy_keys(assembly: Assembly, copy: Place) -> None:
    """The keys of personal data: what is sealed in the copy is read, and what happened once is known again."""
    keys = KeyFile(keys_of(copy, Settings(seals=copy.root / SEALS)))
    try:
        assembly.sealing.ring.copy_to(keys)
    finally:
        keys.close()


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700)
    return directory


def _copy_files(place: Place, copy: Place, documents: Iterable[str]) -> None:
    try:
        for name in (place.documents, place.templates, place.outbox, place.inbox, place.crm_folder):
            if name.is_dir():
                shutil.copytree(name, copy.root / name.name, ignore=_unread)
        for file in (place.registry, *(place.root / name for name in documents)):
            if file.exists() and file.is_relative_to(place.root):
                target = copy.root / file.relative_to(place.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    except (OSError, shutil.Error) as error:
        raise CugaError(f"the house cannot be copied: {error}") from error
    for directory in (copy.outbox, copy.inbox, copy.documents):
        directory.mkdir(exist_ok=True)


def _unread(directory: str, names: list[str]) -> set[str]:
    """What in a directory is no file or directory: a link is not followed, a socket cannot be copied."""
    return {name for name in names if not _is_plain(os.path.join(directory, name))}


def _is_plain(path: str) -> bool:
    return not os.path.islink(path) and (os.path.isfile(path) or os.path.isdir(path))


def fingerprint(place: Place) -> Fingerprint:
    """What a house holds now."""
    own = {path.name for path in (place.journal, place.views)}
    found: dict[str, str] = {}
    for directory, _, names in os.walk(place.root):
        for name in names:
            path = Path(directory) / name
            if name.endswith(_ALIVE) or name in own or not path.is_file():
                continue
            found[str(path.relative_to(place.root))] = _digest(path)
    return Fingerprint(files=found)


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(_PAGE):
                total.update(part)
    except OSError:
        return "cannot be read"
    return total.hexdigest()

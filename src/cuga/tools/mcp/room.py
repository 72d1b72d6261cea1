"""The room of a server that is started here: a directory of its own, which is its home and where it works.

It is kept, so that what a server installs for itself is there the next time. It is nobody else's, and holds no secret
of the user's: no keys, no configuration of other programs.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cuga.errors import Unreachable

ROOMS = "servers"


@contextmanager
def own_room(house: str | None, server: str) -> Iterator[str]:
    """The directory of a server, for its owner's eyes only; in a house in memory it is gone with the connection."""
    room = _made(house, server)
    try:
        yield room
    finally:
        if house is None:
            shutil.rmtree(room, ignore_errors=True)


def _made(house: str | None, server: str) -> str:
    try:
        if house is None:
            return tempfile.mkdtemp(prefix=f"cuga-{server}-")
        room = Path(house) / ROOMS / server
        for directory in (room.parent, room):
            directory.mkdir(mode=0o700, exist_ok=True)
        return str(room)
    except OSError as error:
        said = f"{server} has no directory to work in: {error.strerror or error}"
        raise Unreachable(said, mode="system_disk", mend="Make room, or mend who owns the house.") from error


def in_place(command: Sequence[str], house: str | None) -> tuple[str, ...]:
    """The command with words that name files of the house as whole paths, since it works in a room of its own."""
    if house is None:
        return tuple(command)
    return tuple(_whole(word, Path(house), is_program=at == 0) for at, word in enumerate(command))


def _whole(word: str, house: Path, *, is_program: bool) -> str:
    if not word or word.startswith(("-", "/")) or (is_program and "/" not in word):
        return word
    try:
        return str(house / word) if (house / word).exists() else word
    except (OSError, ValueError):
        return word

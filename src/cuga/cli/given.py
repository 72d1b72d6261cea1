"""Files and directories that a command line names: there, and open to whoever gave the command, or refused in words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cuga.errors import BadInput


def must_be_readable(path: Path, mend: str, *, is_file: bool = False) -> None:
    """`BadInput` for what is not there, or is a directory instead of a file, and in other words for what may not be
    read. `mend` says what to name instead."""
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)  # `exists` says no, or breaks, where it may not look
    except PermissionError:
        raise _closed(path) from None
    except OSError:
        raise BadInput(f"there is no {path}", mend=mend) from None
    if not os.access(path, os.R_OK | os.X_OK if is_directory else os.R_OK):
        raise _closed(path)
    if is_file and is_directory:
        raise BadInput(f"{path} is a directory", mend=mend)


def _closed(path: Path) -> BadInput:
    """Why it cannot be read: by itself, or by a directory on the way to it."""
    way = reversed(path.absolute().parents)
    shut = next((directory for directory in way if not os.access(directory, os.X_OK)), path)
    return BadInput(
        f"{path} may not be read by this user" + (f", nor anything in {shut}" if shut != path else ""),
        mend=f"Whose it is: ls -ld {shut}. They can let you read it, or give you a copy.",
    )

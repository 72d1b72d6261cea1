"""Passwords: hashed with argon2id, checked in a thread, never kept, never logged. Needs the extra `serve`."""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from typing import TYPE_CHECKING

from cuga.errors import BadInput

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12  # characters; length is what counts, see NIST SP 800-63B
LONGEST = 256
_AT_ONCE = threading.BoundedSemaphore(2)  # each hash takes 64 MiB


def fit(password: str, user: str = "") -> str:
    """The password as it is hashed; `BadInput` for one that is too short, too long, or the person's own name."""
    said = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(said) <= LONGEST:
        raise BadInput(
            f"a password has {SHORTEST} to {LONGEST} characters", mend="A sentence is easier to keep than a puzzle."
        )
    if len(set(said)) < 5 or (user and user.casefold() in said.casefold() and len(said) < len(user) + 8):
        raise BadInput("this password is too easy to guess", mend="Take a few unrelated words.")
    return said


async def hashed(password: str, user: str = "") -> str:
    """The argon2id hash of a password that is fit."""
    said = fit(password, user)

    def make() -> str:
        with _AT_ONCE:
            return _hasher().hash(said)

    return await asyncio.to_thread(make)


async def holds(kept: str, password: str) -> bool:
    """Whether a password is the one that was hashed. It takes as long when there is none: nobody learns that."""
    from argon2.exceptions import InvalidHashError, VerificationError

    said = unicodedata.normalize("NFKC", password[: LONGEST + 1])

    def check() -> bool:
        try:
            with _AT_ONCE:
                return bool(_hasher().verify(kept or _NOBODYS, said)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False

    return await asyncio.to_thread(check)


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


# a hash that no password has: the time of a check must not say whether somebody exists
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

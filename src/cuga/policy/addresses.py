"""Mail addresses as the suppression list compares them: nothing is found by accident to be free."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator


def plain(address: str) -> str:
    """An address as it is compared: without case, outer blanks and `+tag`."""
    local, at, domain = unicodedata.normalize("NFKC", address).strip().strip("<>").casefold().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain.rstrip('.')}"


def names_of(address: str) -> Iterator[str]:
    """What an entry may be named that blocks an address: itself, its domain and those above."""
    name = plain(address)
    yield name
    labels = name.rpartition("@")[2].split(".")
    for at in range(len(labels)):
        yield "@" + ".".join(labels[at:])

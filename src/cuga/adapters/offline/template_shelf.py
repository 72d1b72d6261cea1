"""The template library of a house without a network: one JSON file for each version, written once.

A version's file is made with its final name or not at all, so that two who write the same number cannot both succeed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from cuga.adapters.capability import TemplateVersion
from cuga.errors import BadInput, NotDone
from cuga.model.correspondence import Letterhead

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


class TemplateShelf:
    """A `Templates` on a directory. `letterhead` is asked each time: a house may change its address."""

    def __init__(self, directory: Path, letterhead: Callable[[], Letterhead] = Letterhead) -> None:
        self._directory = directory
        self._letterhead = letterhead

    def letterhead(self) -> Letterhead:
        """Who the house is when it writes."""
        return self._letterhead()

    def versions(self, name: str = "") -> tuple[TemplateVersion, ...]:
        """All versions of one template, or of all; `NotDone` when one cannot be read: half a library is none."""
        found = []
        places = sorted(self._directory.glob("*.json")) if self._directory.is_dir() else []
        for place in places:
            if name and place.stem.rpartition("@")[0] != name:
                continue
            try:
                found.append(msgspec.json.decode(place.read_bytes(), type=TemplateVersion))
            except (OSError, msgspec.MsgspecError) as error:
                raise NotDone(f"the template {place.name} cannot be read: {error}") from error
        return tuple(sorted(found, key=lambda one: (one.name, one.version)))

    def add(self, version: TemplateVersion) -> TemplateVersion:
        """Keep a version as one file; see the port."""
        if not NAME.fullmatch(version.name):
            raise BadInput(f"{version.name!r} cannot name a template", mend="use small letters, digits and dashes")
        known = self.versions(version.name)
        if version.key and (same := next((one for one in known if one.key == version.key), None)) is not None:
            return same
        last = known[-1].version if known else 0
        if version.version != last + 1:
            raise NotDone(f"{version.name} stands at version {last}", mend="read it again and change that")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self._directory / f"{version.name}@{version.version}.json"
        part = self._directory / f".{version.name}.{os.getpid()}.part"
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(version))
                file.flush()
                os.fsync(file.fileno())
            os.link(part, place)  # fails where somebody else has made this version
        except FileExistsError:
            raise NotDone(f"{version.name} was changed meanwhile", mend="read it again and change that") from None
        except OSError as error:
            raise NotDone(f"the template cannot be written: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        return version

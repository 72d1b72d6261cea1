"""The registry of an open house, as its file has it now: a change counts for the next run, without opening it anew.

A file that does not load any more changes nothing: runs go on under the rules they are pinned to, and new ones are
refused with the mistakes until it is mended.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cuga.errors import CugaError, RegistryInvalid
from cuga.orchestrator.house.consenting import CONSENT, consent
from cuga.orchestrator.house.place import Place
from cuga.policy.registry import Registry, load_registry, module_of, under_overrides
from cuga.tools.registry import Tool, ToolRegistry

Own = tuple[Callable[..., Any] | Tool, ...]  # declared functions, or tools of another registry
Add = Callable[[Registry, ToolRegistry], None]


class RegistryFile:
    """One registry file and the tools handed in beside it. Looking is one `stat` while nothing has changed."""

    def __init__(self, path: Path, own: Own = (), add: Add | None = None) -> None:
        self._path = path
        self._own = own
        self._add = add
        self._stamp: object = None
        self._mistakes: CugaError | None = None

    def forget(self) -> None:
        """Read the file again at the next look: what it means has changed beside it."""
        self._stamp = None

    def news(self) -> tuple[Registry, ToolRegistry] | None:
        """The registry and its tools when the file has changed since the last look, else None.

        `RegistryInvalid` as long as the file holds mistakes or cannot be read.
        """
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                if self._mistakes is not None:
                    raise self._mistakes
                return None
            text = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RegistryInvalid(f"{self._path}: {getattr(error, 'strerror', None) or error}") from error
        self._stamp, self._mistakes = stamp, None
        try:
            registry = load_registry(text, source=str(self._path))
            return registry, tool_registry(registry, self._own, self._add)
        except CugaError as error:
            self._mistakes = error
            raise


def registry_of(place: Place) -> Registry:
    """The registry of a house as its file has it now. `RegistryInvalid`."""
    try:
        return load_registry(place.registry.read_text("utf-8"), source=str(place.registry))
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryInvalid(f"{place.registry}: {getattr(error, 'strerror', None) or error}") from error


def tool_registry(registry: Registry, own: Own = (), add: Add | None = None) -> ToolRegistry:
    """The tools that a registry's packs bring, those handed in, and the one that only asks, under its overrides.

    `add` brings those of the servers and documents that the registry declares.
    """
    kept = ToolRegistry(registry.modules)
    for pack in registry.packs:
        kept.load(module_of(pack))
    for one in own:
        if isinstance(one, Tool):
            kept.take(one)
        else:
            kept.register(one)
    if kept.get(CONSENT) is None:
        kept.register(consent)
    if add is not None:
        add(registry, kept)
    kept.hold(under_overrides(registry, kept.contracts()))
    return kept

"""A registry as if a new house had just been opened under it: every declared adapter there, nothing forbidden."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cuga.errors import RegistryInvalid
from cuga.kernel import house
from cuga.orchestrator.house.registry_file import tool_registry
from cuga.orchestrator.keeping.restoring import checked_registry
from cuga.policy.judge import Rules
from cuga.policy.registry import compile_rulebook


class Stage:
    """The rules of one registry, by profile. `RegistryInvalid` names every mistake of it."""

    def __init__(self, text: str, source: str) -> None:
        self.registry = checked_registry(text, source)
        self.contracts = tool_registry(self.registry).contracts()
        uses = {use for contract in self.contracts.values() for use in contract.uses}
        declared = {use: self.registry.adapters.get(use, ("offline",)) for use in uses}
        current = house.current_of(house.HouseState(), self.contracts, declared, self.registry.workers)
        self.current = msgspec.structs.replace(current, installed_adapters=declared)
        self._rules: dict[str, Rules] = {}

    @classmethod
    def of(cls, path: Path) -> Stage:
        """The same, of a file."""
        try:
            return cls(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise RegistryInvalid(f"{path}: {getattr(error, 'strerror', None) or error}") from error

    def rules(self, profile: str = "") -> Rules:
        """The rules of a profile, or of the default one; `ProfileUnknown`."""
        name = profile or self.registry.default_profile
        if name not in self._rules:
            self._rules[name] = Rules(compile_rulebook(self.registry, name, self.contracts))
        return self._rules[name]

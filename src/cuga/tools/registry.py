"""The tools a process can call: functions under their contracts, each name once, from allowed modules only.

A contract without a class, a name that is taken, a module nobody allowed: each is refused and never ignored. Ranking
finds tools for words that a person uses; it decides nothing.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cuga.errors import ToolInvalid
from cuga.model.play import Play
from cuga.model.tool import EMPTY_OBJECT, Repeatable, SideEffect, ToolContract
from cuga.policy.registry import MODULES, is_allowed
from cuga.tools.declare import (
    Amended,
    Probe,
    amended_of,
    arguments_of,
    context_parameter,
    contract_of,
    drafting_of,
    is_handler,
    probe_of,
)
from cuga.tools.drafting import Drafting

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,99}")
_WORD = re.compile(r"[a-z0-9]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "er", "es", "ed", "s", "y", "e")
_K1, _B = 1.2, 0.75  # BM25's usual parameters (Robertson and Zaragoza 2009, 3.2)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool ready to be called."""

    contract: ToolContract
    digest: str
    function: Callable[..., Any]
    is_async: bool
    context: str  # parameter that takes the ToolContext; empty: none
    decode: Callable[[bytes | msgspec.Raw], Any]  # argument bytes -> struct, or dict for a handler
    fields: tuple[str, ...] | None  # the struct's fields; None: a handler
    probe: Probe | None = None
    amended: Amended | None = None
    drafting: Drafting | None = None
    schema: bytes = b""  # of a handler's arguments; empty: any object


class Ranked(msgspec.Struct, frozen=True):
    """A tool with its score for some words, and which of them it matched."""

    contract: ToolContract
    score: float
    matched: tuple[str, ...]


@dataclass(slots=True)
class ToolRegistry:
    """Tools by name. `modules` are the patterns of modules they may be loaded from."""

    modules: tuple[str, ...] = MODULES
    _tools: dict[str, Tool] = field(default_factory=dict)
    _plays: tuple[Play, ...] = ()

    def register(self, function: Callable[..., Any], contract: ToolContract | None = None) -> ToolContract:
        """Add a function declared with `@tool`, or an `(inputs, context)` handler with its contract. `ToolInvalid`."""
        declared = contract is None
        if contract is None:
            contract = contract_of(function)
        elif not is_handler(function):
            raise ToolInvalid(f"{contract.name}: a contract of its own belongs to an (inputs, context) handler")
        _check(contract, probe_of(function) if declared else None)
        if contract.name in self._tools:
            raise ToolInvalid(f"the name {contract.name} is taken by {self._tools[contract.name].contract.module}")
        if not contract.module:
            contract = msgspec.structs.replace(contract, module=getattr(function, "__module__", "") or "")
        self._tools[contract.name] = _ready(function, contract, declared)
        return contract

    def take(self, tool: Tool) -> ToolContract:
        """Add a tool that is ready already, of another registry."""
        if tool.contract.name in self._tools:
            raise ToolInvalid(
                f"the name {tool.contract.name} is taken by {self._tools[tool.contract.name].contract.module}"
            )
        self._tools[tool.contract.name] = tool
        return tool.contract

    def load(self, module: str) -> tuple[ToolContract, ...]:
        """Add what a module lists under `TOOLS`, and its `PLAYS` if it has any.

        `ToolInvalid` for a module that is not allowed or lists no tools.
        """
        if not is_allowed(module, self.modules):
            raise ToolInvalid(
                f"module {module} is not allowed; allowed: {', '.join(self.modules) or 'none'}",
                mend="Name it under `modules` in the registry, if you trust what it does when it is imported.",
            )
        try:
            found = importlib.import_module(module)
            listed = found.TOOLS
        except ImportError as error:
            raise ToolInvalid(f"module {module} cannot be imported: {error}") from error
        except AttributeError as error:
            raise ToolInvalid(f"module {module} lists no TOOLS") from error
        for function in listed:
            if not is_allowed(origin := getattr(function, "__module__", ""), self.modules):
                raise ToolInvalid(f"{module} lists a function of module {origin}, which is not allowed")
        self._plays = (*self._plays, *getattr(found, "PLAYS", ()))
        return tuple(self.register(function) for function in listed)

    def plays(self) -> tuple[Play, ...]:
        """The plays that the loaded packs bring; the same tuple until that changes."""
        return self._plays

    def hold(self, contracts: Mapping[str, ToolContract]) -> None:
        """Keep the tools under these contracts from now on (`policy.registry.under_overrides`)."""
        for name, contract in contracts.items():
            if (tool := self._tools.get(name)) is None:
                raise ToolInvalid(f"there is no tool {name} to put under a contract")
            if contract != tool.contract:
                _check(contract, tool.probe)
                declared = tool.fields is not None or bool(getattr(tool.function, "__tool__", None))
                self._tools[name] = _ready(tool.function, contract, declared)

    def become(self, other: ToolRegistry) -> None:
        """Have the tools of another registry from now on; whoever holds this one sees them."""
        self.modules, self._tools, self._plays = other.modules, dict(other._tools), other._plays

    def get(self, name: str) -> Tool | None:
        """A tool by name."""
        return self._tools.get(name)

    def all(self) -> tuple[Tool, ...]:
        """Every tool, in the order they came."""
        return tuple(self._tools.values())

    def contracts(self) -> dict[str, ToolContract]:
        """All contracts by name."""
        return {name: tool.contract for name, tool in self._tools.items()}

    def rank(self, text: str, top: int = 8) -> tuple[Ranked, ...]:
        """The tools that fit some words best, best first, at most `top`; none that matches no word.

        BM25 over name and keywords (counted thrice) and purpose; the same words always give the same order.
        """
        bags = {name: _bag(tool.contract) for name, tool in self._tools.items()}
        mean = sum(map(Counter.total, bags.values())) / max(len(bags), 1)
        asked = dict.fromkeys(_stems(text))
        found = []
        for name, bag in bags.items():
            score, matched = 0.0, []
            for word in asked:
                if not (count := bag[word]):
                    continue
                holders = sum(1 for other in bags.values() if word in other)
                rarity = math.log(1 + (len(bags) - holders + 0.5) / (holders + 0.5))
                score += rarity * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * bag.total() / mean))
                matched.append(word)
            if matched:
                found.append(Ranked(self._tools[name].contract, round(score, 6), tuple(matched)))
        return tuple(sorted(found, key=lambda ranked: (-ranked.score, ranked.contract.name))[: max(top, 0)])


def _ready(function: Callable[..., Any], contract: ToolContract, declared: bool) -> Tool:
    arguments = arguments_of(function) if declared else None
    decoder = msgspec.json.Decoder(arguments if arguments is not None else dict[str, Any])
    return Tool(
        contract=contract,
        digest=contract.digest(),
        function=function,
        is_async=inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__),
        context=context_parameter(function) if declared else "context",
        decode=decoder.decode,
        fields=None if arguments is None else arguments.__struct_fields__,
        probe=probe_of(function) if declared else None,
        amended=amended_of(function) if declared else None,
        drafting=drafting_of(function) if declared else None,
        schema=b"" if arguments is not None or contract.input_schema == EMPTY_OBJECT else bytes(contract.input_schema),
    )


def _check(contract: ToolContract, probe: Probe | None) -> None:
    """Refuse a contract that rules could not be applied to."""
    name = contract.name
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolInvalid(f"{name!r} is no name: a letter, then letters, digits and _ - . : /, 100 at most")
    if not isinstance(contract.side_effect, SideEffect):
        raise ToolInvalid(
            f"{name} has no class", mend="Say side_effect='read-only', 'propose' or 'execute'; nothing is assumed."
        )
    if not contract.domain:
        raise ToolInvalid(f"{name} has no domain")
    if contract.cost < 0 or contract.timeout_s < 1:
        raise ToolInvalid(f"{name}: cost cannot be negative and the timeout is at least 1 s")
    if (contract.repeatable is Repeatable.PROBE) != (probe is not None):
        raise ToolInvalid(f"{name}: repeatable 'probe' and a probe come together or not at all")
    if unused := {*(contract.writes or ()), *contract.optional} - set(contract.uses):
        raise ToolInvalid(f"{name}: {', '.join(sorted(unused))} is not among the capabilities it uses")
    if contract.optional and contract.side_effect is not SideEffect.READ_ONLY:
        raise ToolInvalid(f"{name}: only a read-only tool may do a part of its work without a capability")
    if contract.drafts and contract.side_effect is not SideEffect.READ_ONLY and contract.repeatable is Repeatable.NONE:
        raise ToolInvalid(f"{name}: while a model writes, the call is open; it must be one that may be made again")
    for words in (contract.once, contract.effect_key, ("", *contract.seconded)):
        if any(not pointer.startswith("/") for pointer in words[1:]):
            raise ToolInvalid(f"{name}: {words!r}: after the name come JSON Pointers, each beginning with /")


def _bag(contract: ToolContract) -> Counter[str]:
    bag = Counter(_stems(contract.purpose))
    for text in (contract.name, *contract.keywords):
        for stem in _stems(text):
            bag[stem] += 3
    bag.update(_stems(contract.domain))
    return bag


def _stems(text: str) -> list[str]:
    """Words without their endings, so that `scoring`, `scores` and `score` meet."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if len(word) > 1]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word

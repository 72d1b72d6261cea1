"""Try an adapter: does it answer now? It is only read from, and nothing is recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cuga.adapters.capability import CrmRead
from cuga.adapters.smtp import SmtpMail
from cuga.adapters.vendors import KINDS, VendorCrm
from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.orchestrator.house.assembly import Assembly

_WAITS_FOR = {"folder": "the house has no directory crm with CSV files"}


class Tried(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What an adapter said for one capability."""

    capability: str
    adapter: str
    works: bool
    said: str
    took_us: int


async def try_adapter(assembly: Assembly, adapter: str) -> list[Tried]:
    """Ask an adapter something small for every capability that it is declared for."""
    uses = [use for use, names in assembly.registry.adapters.items() if adapter in names]
    if not uses:
        known = dict.fromkeys(name for names in assembly.registry.adapters.values() for name in names)
        raise BadInput(f"no adapter {adapter!r} is declared", mend=f"There are {', '.join(known)}.")
    installed = assembly.installed()
    return [await _try(assembly, use, adapter, adapter in installed.get(use, ())) for use in uses]


async def _try(assembly: Assembly, use: str, adapter: str, is_there: bool) -> Tried:
    start = time.perf_counter_ns()
    if not is_there:
        works, said = False, not_set_up(assembly, adapter)
    else:
        works, said = await asyncio.to_thread(_answer, _question(assembly.bindings[use][adapter]))
    took = (time.perf_counter_ns() - start) // 1000
    return Tried(capability=use, adapter=adapter, works=works, said=said, took_us=took)


def not_set_up(assembly: Assembly, adapter: str) -> str:
    """Why a declared adapter cannot be used here."""
    if (kind := KINDS.get(adapter)) is None:
        return f"not set up: {_WAITS_FOR[adapter]}" if adapter in _WAITS_FOR else "not installed"
    if adapter in assembly.unfit_adapters:
        return assembly.unfit_adapters[adapter]
    missing = ", ".join(need.variable for need in kind.missing(assembly.settings.variables))
    return f"not set up: {missing} missing"


def _question(found: object) -> Callable[[], str]:
    if isinstance(found, VendorCrm | SmtpMail):
        return found.look
    if isinstance(found, CrmRead):
        return lambda: f"{found.count('accounts'):,} accounts, {found.count('opportunities'):,} deals"
    return lambda: "it is there"


def _answer(ask: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, ask()
    except Exception as error:  # whatever a vendor's client raises
        return False, f"{type(error).__name__}: {error}"

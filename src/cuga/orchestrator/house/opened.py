"""Taking a house and letting it go, for whoever stands at its front door."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cuga.adapters.capability.model import Model
from cuga.clock import Clock
from cuga.model.context import Principal
from cuga.model.event import Event
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.house.registry_file import registry_of
from cuga.orchestrator.trace_emitter import TraceEmitter
from cuga.planning.memory import Notes
from cuga.policy.registry import Registry
from cuga.policy.routing import Policy
from cuga.settings import Settings
from cuga.tools.registry import Tool


class Opened:
    """A house at hand: taken when it is first used, and let go by whoever took it.

    `house` is a directory made by `cuga init`; without one everything lives in memory, which `is_durable` says.
    `user` is who asks; in a house with one user every record says `solo`.
    """

    def __init__(
        self,
        profile: str = "",
        *,
        house: Path | str | None = None,
        user: str = "",
        trace_emitter: TraceEmitter | None = None,
        tools: Sequence[Callable[..., Any] | Tool] = (),
        settings: Settings | None = None,
        clock: Clock | None = None,
        planner: Any = None,
        model: Model | None = None,
        memory: Notes | None = None,
        drives_all: bool = False,
        routing: Sequence[Policy] = (),
        registry: Registry | None = None,
    ) -> None:
        self.profile = profile
        self.user = user or system_user()
        self.trace_emitter = trace_emitter or TraceEmitter()
        self._place = Place(Path(house).absolute()) if house is not None else None
        self._options: dict[str, Any] = {
            "settings": settings,
            "clock": clock,
            "tools": tuple(tools),
            "planner": planner,
            "model": model,
            "memory": memory,
            "drives_all": drives_all,
            "routing": tuple(routing),
            "owner": self.user,
            "registry": registry,
        }
        self._assembly: Assembly | None = None
        self._opening = asyncio.Lock()
        self._utilization: dict[str, Any] = {}
        self._moved = ""  # the run that moved last

    def _registry_to_be(self) -> Registry | None:
        """The registry that opening will read; None: the shipped one. `RegistryInvalid` when it does not load."""
        if self._place is None:
            return self._options["registry"]  # type: ignore[no-any-return]
        return registry_of(self._place)

    @classmethod
    def on(cls, assembly: Assembly, user: str = "") -> Self:
        """A coordinator on a house that is open already; whoever opened it closes it."""
        made = cls(user=user)
        made._place = assembly.place
        made._assembly = assembly
        return made

    # --- opening and closing --------------------------------------------------------------------------------------
    @property
    def is_durable(self) -> bool:
        """Whether what is done here survives the process."""
        return self._place is not None

    async def open(self) -> Assembly:
        """The opened house; made on first use."""
        if self._assembly is not None:
            return self._assembly
        async with self._opening:
            if self._assembly is None:
                self._assembly = await open_house(self._place, **self._options)
                self._assembly.engine.listen("", self._hear)
                self._assembly.on_forget.append(self.trace_emitter.forget)
        return self._assembly

    def _hear(self, run_id: str, events: Sequence[Event]) -> None:
        self._moved = run_id
        self.trace_emitter.hear(run_id, events)

    async def close(self) -> None:
        """Let the house go; calls in flight get a little time first."""
        assembly, self._assembly = self._assembly, None
        if assembly is not None:
            await assembly.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def principal(self, user: str = "") -> Principal:
        """A person of this house, with the roles that count now."""
        assembly = await self.open()
        name = user or self.user
        roles = assembly.current.roles
        if not roles:
            return Principal(id=name, solo=True)
        return Principal(id=name, roles=roles.get(name, ()))


def system_user() -> str:
    """The operating system's name for whoever runs this process."""
    try:
        import pwd  # not `getpass`, which believes what the environment says

        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
    except ImportError:  # no such thing on Windows
        return getpass.getuser()

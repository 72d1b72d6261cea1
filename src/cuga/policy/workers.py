"""Worker pools, read from their node: what each takes, how many calls at once, through which adapters."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cuga.policy.fields import Fields
from cuga.policy.reading import Mention
from cuga.policy.routing import AT_ONCE, IN_PROCESS, PROCESS, Pool
from cuga.policy.strict import Node, Place

MOST_AT_ONCE = 1_000  # calls of one pool
KINDS = (IN_PROCESS, PROCESS)
_POOL_KEYS = ("capabilities", "tools", "concurrency", "adapters", "kind")


class PoolReader:
    """Reads the pools of one text. `mentions` are the tools they name, to be compared with those there are."""

    def __init__(self, fields: Fields, adapters: Mapping[str, tuple[str, ...]], domains: Collection[str]) -> None:
        self._fields = fields
        self._adapters = tuple(dict.fromkeys(name for names in adapters.values() for name in names))
        self._domains = domains
        self.mentions: list[Mention] = []

    def read(self, node: Node | None) -> dict[str, Pool]:
        """The pools by name."""
        f = self._fields
        pools: dict[str, Pool] = {}
        for name, entry in f.mapping(node, "workers").items():
            where = f"workers.{name}"
            said = f.mapping(entry, where, _POOL_KEYS, ("capabilities",))
            capabilities = f.names(said.get("capabilities"), f"{where}.capabilities")
            tools = f.names(said.get("tools"), f"{where}.tools")
            for key, names in (("capabilities", capabilities), ("tools", tools)):
                if names == ():
                    f.wrong(said[key], f"{where}.{key}", "an empty list takes nothing: name some or leave the key out")
            self._mention(said.get("capabilities"), f"{where}.capabilities", self._domains)
            self._mention(said.get("tools"), f"{where}.tools", ())
            at_once = f.whole(said.get("concurrency"), f"{where}.concurrency", 1, MOST_AT_ONCE)
            kind = f.choice(said.get("kind"), f"{where}.kind", KINDS, "kind")
            pools[name] = Pool(
                name=name,
                capabilities=capabilities or (),
                tools=tools or (),
                concurrency=AT_ONCE if at_once is None else at_once,
                adapters=f.names(said.get("adapters"), f"{where}.adapters", self._adapters, "adapter"),
                kind=kind or IN_PROCESS,
            )
        return pools

    def _mention(self, node: Node | None, where: str, domains: Collection[str]) -> None:
        """Remember the tools of a list; what is a domain is none."""
        for index, entry in enumerate(node.value if node is not None and isinstance(node.value, list) else ()):
            if isinstance(entry.value, str) and entry.value not in domains:
                place = Place(line=entry.line, column=entry.column, where=f"{where}[{index}]")
                self.mentions.append(Mention(tool=entry.value, place=place))

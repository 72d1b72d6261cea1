"""The registry: one strict text that declares profiles, adapters, packs, and what is said of tools beyond contracts.

Text comes in, values go out; files are read elsewhere. Any mistake refuses the whole text, and all mistakes are said at
once with their lines. Nothing unknown is ever ignored and nothing falls back in silence.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

import msgspec

from cuga.errors import ProfileUnknown
from cuga.model.correspondence import Letterhead, Mailbox
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import Value, digest
from cuga.policy.correspondence import read_mailbox, read_sender
from cuga.policy.fields import Fields
from cuga.policy.models import ModelSaid, read_model
from cuga.policy.outside import McpServer, OpenApiDocument, OutsideReader
from cuga.policy.profile import Profile, Rulebook
from cuga.policy.reading import Mention, ProfileReader
from cuga.policy.retention import read_retention
from cuga.policy.routing import Pool
from cuga.policy.strict import Node, Place, parse
from cuga.policy.tighten import Override, loosened_tool
from cuga.policy.workers import PoolReader

SOURCE = "registry.yaml"
MODULES = ("cuga.packs.*", "cuga.modular.tools.*")  # where tools may come from unless the registry says otherwise
_KEYS = (
    "version", "default_profile", "domains", "packs", "modules", "adapters", "mcp", "openapi", "profiles", "tools",
    "workers", "sender", "mailbox", "model", "engine", "retention",
)  # fmt: skip
_NESTED_KEYS = ("version", "profiles", "tools")
_TOOL_KEYS = ("side_effect", "cost", "timeout", "domain")
ENGINES = ("own", "restate")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\.\*)?")


class Registry(Value, frozen=True, kw_only=True):
    """What a registry text says. `mentions` are the tools it names, with their places."""

    profiles: dict[str, Profile]
    default_profile: str
    adapters: dict[str, tuple[str, ...]]  # capability -> declared adapters
    domains: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    modules: tuple[str, ...] = MODULES
    mcp: dict[str, McpServer] = {}
    openapi: dict[str, OpenApiDocument] = {}
    overrides: dict[str, Override] = {}
    workers: dict[str, Pool] = {}  # by name; none: steps are not routed
    sender: Letterhead = Letterhead()
    mailbox: Mailbox | None = None  # where replies come in, beside the inbox folder
    model: ModelSaid | None = None  # that plans may be asked of
    engine: str = ENGINES[0]  # what wakes runs: the journal's own engine, or Restate
    retention: str = ""  # how long the words of ended runs are kept at least, e.g. 18mo; empty: until somebody says
    mentions: tuple[Mention, ...] = ()
    source: str = SOURCE

    def digest(self) -> str:
        """The digest of what it says; where it says so, and comments, do not count, nor who does the work and is woken
        how, which model is asked and where answers come in."""
        own = ENGINES[0]
        bare = msgspec.structs.replace(
            self, mentions=(), source=SOURCE, workers={}, mailbox=None, model=None, retention="", engine=own
        )
        return digest(bare)

    def profile(self, name: str = "") -> Profile:
        """A profile by name, or the default one; `ProfileUnknown`."""
        name = name or self.default_profile
        if (found := self.profiles.get(name)) is None:
            close = difflib.get_close_matches(name, self.profiles)
            meant = f"did you mean {close[0]!r}? " if close else ""
            raise ProfileUnknown(f"{name!r}; {meant}known: {', '.join(sorted(self.profiles))}", profile=name)
        return found


def load_registry(
    text: str,
    *,
    source: str = SOURCE,
    contracts: Mapping[str, ToolContract] | None = None,
    within: Registry | None = None,
) -> Registry:
    """Read a registry text. `RegistryInvalid` holds every mistake, with line, column and path, as `facts["mistakes"]`.

    `contracts` are the tools at hand: with them, tools that do not exist and overrides that loosen are mistakes too
    (without them `under_overrides` says so later). `within` makes it a nested rule file of that registry: it may name
    only profiles and tools, and may only tighten.
    """
    root, mistakes = parse(text)
    fields = Fields(mistakes, source)
    if root is None:
        fields.wrong(Place(line=1, column=1, where=""), "", "the file is empty")
        raise fields.refusal()
    said = fields.mapping(root, "", _NESTED_KEYS if within else _KEYS, () if within else ("version", "profiles"))
    fields.choice(_as_text(said.get("version")), "version", ("1",), "version")
    domains = within.domains if within else fields.names(said.get("domains"), "domains") or ()
    adapters = within.adapters if within else _adapters(fields, said.get("adapters"))
    outside = OutsideReader(fields, domains, adapters)
    servers = within.mcp if within else outside.servers(said.get("mcp"))
    documents = within.openapi if within else outside.documents(said.get("openapi"))
    adapters = {
        **adapters,
        **{one.capability: (one.name,) for one in servers.values()},
        **{one.capability: (one.name,) for one in documents.values()},
    }
    reader = ProfileReader(fields, adapters, domains)
    profiles = dict(within.profiles) if within else {}
    for name, node in fields.mapping(said.get("profiles"), "profiles", profiles if within else None).items():
        profiles[name] = reader.read(name, node, f"profiles.{name}", profiles.get(name))
    overrides, places = _overrides(fields, said.get("tools"), domains, reader)
    modules = within.modules if within else _modules(fields, said.get("modules"))
    pools = PoolReader(fields, adapters, domains)
    workers = within.workers if within else pools.read(said.get("workers"))
    registry = Registry(
        profiles=profiles,
        default_profile=within.default_profile if within else _default(fields, said, root, profiles),
        adapters=adapters,
        domains=domains,
        packs=within.packs if within else _packs(fields, said.get("packs"), modules),
        modules=modules,
        mcp=servers,
        openapi=documents,
        overrides=_merged(fields, within, overrides, places, profiles) if within else overrides,
        workers=workers,
        sender=within.sender if within else read_sender(fields, said.get("sender")),
        mailbox=within.mailbox if within else read_mailbox(fields, said.get("mailbox")),
        model=within.model if within else read_model(fields, said.get("model")),
        engine=within.engine if within else fields.choice(said.get("engine"), "engine", ENGINES) or ENGINES[0],
        retention=within.retention if within else read_retention(fields, said.get("retention")),
        mentions=(within.mentions if within else ()) + tuple(reader.mentions) + places + tuple(pools.mentions),
        source=source,
    )
    if contracts is not None:
        _check_tools(fields, registry, contracts)
    fields.finish()
    return registry


def under_overrides(registry: Registry, contracts: Mapping[str, ToolContract]) -> dict[str, ToolContract]:
    """The contracts as the registry has them. `RegistryInvalid` for tools that do not exist and for what would loosen.

    Doing it again changes nothing. The tools that are called must be held under the same contracts
    (`ToolRegistry.hold`), because a call pins the digest.
    """
    fields = Fields([], registry.source)
    _check_tools(fields, registry, contracts)
    fields.finish()
    found = dict(contracts)
    for name, override in registry.overrides.items():
        if (contract := contracts.get(name)) is None:
            continue  # of a server or document whose tools are not known yet
        found[name] = msgspec.structs.replace(
            contract,
            side_effect=override.side_effect or contract.side_effect,
            cost=contract.cost if override.cost is None else override.cost,
            timeout_s=contract.timeout_s if override.timeout_s is None else override.timeout_s,
            domain=override.domain or contract.domain,
        )
    return found


def compile_rulebook(registry: Registry, profile: str, contracts: Mapping[str, ToolContract]) -> Rulebook:
    """What a run is pinned to: a profile and the contracts under the registry's overrides. `ProfileUnknown`."""
    return Rulebook(
        profile=registry.profile(profile),
        contracts=under_overrides(registry, contracts),
        registry_digest=registry.digest(),
    )


def _check_tools(fields: Fields, registry: Registry, contracts: Mapping[str, ToolContract]) -> None:
    for mention in registry.mentions:
        path, _, key = mention.place.where.rpartition(".")
        override = registry.overrides.get(mention.tool)
        if mention.tool not in contracts:
            if mention.tool.partition("/")[0] in (registry.mcp | registry.openapi):
                continue  # it may come once a person has accepted it, and is held to the rules then
            close = difflib.get_close_matches(mention.tool, contracts)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            what = "domain or tool" if ".capabilities[" in mention.place.where else "tool"
            fields.wrong(mention.place, mention.place.where, f"there is no {what} {mention.tool!r}{meant}")
        elif path.partition(".")[0] == "tools" and override is not None:
            for loose, what in loosened_tool(contracts[mention.tool], override, registry.profiles):
                if loose == key:
                    fields.wrong(mention.place, mention.place.where, what)


def _merged(
    fields: Fields,
    within: Registry,
    overrides: dict[str, Override],
    places: tuple[Mention, ...],
    profiles: dict[str, Profile],
) -> dict[str, Override]:
    """Nested overrides over those above; what a nested one does not say stays, what it says may only tighten."""
    found = dict(within.overrides)
    for name, child in overrides.items():
        base = within.overrides.get(name, Override())
        above = ToolContract(
            name=name,
            domain=base.domain or child.domain or "",
            side_effect=base.side_effect or SideEffect.READ_ONLY,
            purpose="",
            cost=base.cost or 0,
            timeout_s=base.timeout_s or child.timeout_s or 0,
        )
        for key, what in loosened_tool(above, child, profiles):
            place = next(mention.place for mention in places if mention.place.where == f"tools.{name}.{key}")
            fields.wrong(place, place.where, f"{what}, as said above")
        found[name] = Override(
            side_effect=child.side_effect or base.side_effect,
            cost=base.cost if child.cost is None else child.cost,
            timeout_s=base.timeout_s if child.timeout_s is None else child.timeout_s,
            domain=child.domain or base.domain,
        )
    return found


def _adapters(fields: Fields, node: Node | None) -> dict[str, tuple[str, ...]]:
    entries = fields.mapping(node, "adapters")
    return {capability: fields.names(entry, f"adapters.{capability}") or () for capability, entry in entries.items()}


def _overrides(
    fields: Fields, node: Node | None, domains: tuple[str, ...], reader: ProfileReader
) -> tuple[dict[str, Override], tuple[Mention, ...]]:
    found: dict[str, Override] = {}
    places: list[Mention] = []
    for name, entry in fields.mapping(node, "tools").items():
        where = f"tools.{name}"
        said = fields.mapping(entry, where, _TOOL_KEYS)
        effect = fields.choice(
            said.get("side_effect"), f"{where}.side_effect", [kind.value for kind in SideEffect], "class"
        )
        found[name] = Override(
            side_effect=SideEffect(effect) if effect else None,
            cost=fields.micros(said.get("cost"), f"{where}.cost"),
            timeout_s=fields.seconds(said.get("timeout"), f"{where}.timeout", 1, 3600),
            domain=fields.choice(said.get("domain"), f"{where}.domain", domains, "domain"),
        )
        assert node is not None
        line, column = node.keys[name]
        places.append(Mention(tool=name, place=Place(line=line, column=column, where=where)))
        for key, value in said.items():
            place = Place(line=value.line, column=value.column, where=f"{where}.{key}")
            places.append(Mention(tool=name, place=place))
    return found, tuple(places)


def _modules(fields: Fields, node: Node | None) -> tuple[str, ...]:
    found = fields.names(node, "modules")
    for index, pattern in enumerate(found or ()):
        if not _MODULE.fullmatch(pattern):
            assert node is not None
            what = f"{pattern!r} is no module; write a dotted name, with .* at the end for all below it"
            fields.wrong(node.value[index], f"modules[{index}]", what)
    return MODULES if found is None else found


def _packs(fields: Fields, node: Node | None, modules: tuple[str, ...]) -> tuple[str, ...]:
    found = fields.names(node, "packs") or ()
    for index, pack in enumerate(found):
        if not is_allowed(module_of(pack), modules):
            assert node is not None
            fields.wrong(node.value[index], f"packs[{index}]", f"module {module_of(pack)} is not allowed by `modules`")
    return found


def module_of(pack: str) -> str:
    """The module that lists a pack's tools: a dotted name is one, a plain name is one of the house's own."""
    return pack if "." in pack else f"cuga.packs.{pack}.pack"


def is_allowed(module: str, patterns: tuple[str, ...]) -> bool:
    """Whether tools may come from a module: it is named, or lies below a pattern that ends in `.*`."""
    return any(module.startswith(pattern[:-1]) if pattern.endswith(".*") else module == pattern for pattern in patterns)


def _default(fields: Fields, said: dict[str, Node], root: Node, profiles: dict[str, Profile]) -> str:
    if "default_profile" in said:
        return fields.choice(said["default_profile"], "default_profile", profiles, "profile") or ""
    if len(profiles) > 1:
        fields.wrong(root, "default_profile", "say which profile a run has that names none")
    return next(iter(profiles), "")


def _as_text(node: Node | None) -> Node | None:
    return (
        node if node is None or isinstance(node.value, dict | list) else Node(str(node.value), node.line, node.column)
    )

"""One profile, read from its node: the words a person writes become limits, consents, allowlists and rates.

With a profile to start from (a nested rule file) only what is said changes, and only towards tighter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

import msgspec

from cuga.model.value import Value
from cuga.policy.fields import Fields
from cuga.policy.models import read_rule
from cuga.policy.profile import MONTH_S, Approvals, AtLimit, Consent, Limits, Profile, Rate, Retry
from cuga.policy.strict import Node, Place
from cuga.policy.tighten import loosened

T = TypeVar("T")
APPROVALS: dict[str, Approvals] = {
    "strict": Approvals(propose=Consent.HUMAN, execute=Consent.HUMAN),
    "moderate": Approvals(propose=Consent.RULE, execute=Consent.HUMAN),
    "relaxed": Approvals(propose=Consent.RULE, execute=Consent.NONE),  # only where execute is simulated
}
WINDOWS = {"minute": 60, "hour": 3600, "day": 86400, "month": MONTH_S}
PER = ("tenant", "user", "tool")
_PROFILE_KEYS = (
    "calls", "calls_per_domain", "calls_per_tool", "cost", "tokens", "warning_threshold", "at_limit", "approvals",
    "adapters", "tools", "forbidden_tools", "max_parallel", "retry", "rates", "simulate_execute", "model", "money",
)  # fmt: skip
_APPROVAL_KEYS = ("level", "roles", "quorum", "expires", "lapses", "escalates", "escalates_to", "replan_on_deny")
_RETRY_KEYS = ("attempts", "base", "cap", "jitter")
_RATE_KEYS = ("per", "calls", "every", "tool")


class Mention(Value, frozen=True, kw_only=True):
    """A tool that the text names, and where."""

    tool: str
    place: Place


class ProfileReader:
    """Reads the profiles of one text. `adapters` are the declared ones by capability, `domains` the declared ones."""

    def __init__(self, fields: Fields, adapters: Mapping[str, tuple[str, ...]], domains: Collection[str]) -> None:
        self._fields = fields
        self._adapters = adapters
        self._domains = domains
        self.mentions: list[Mention] = []

    def read(self, name: str, node: Node, where: str, base: Profile | None = None) -> Profile:
        """The profile; what cannot be read keeps the value it starts from and is a mistake."""
        f = self._fields
        said = f.mapping(node, where, _PROFILE_KEYS, () if base else ("calls", "approvals", "adapters"))
        start = base or Profile(name=name, limits=Limits(calls=0))
        adapters, anywhere = self._allowed(said.get("adapters"), f"{where}.adapters", start)
        simulates = f.flag(said.get("simulate_execute"), f"{where}.simulate_execute")
        profile = Profile(
            name=name,
            limits=self._limits(said, where, start.limits),
            approvals=self._approvals(said.get("approvals"), f"{where}.approvals", start.approvals),
            adapters=adapters,
            any_adapters=anywhere,
            tools=_or(self._tools(said.get("tools"), f"{where}.tools"), start.tools),
            forbidden_tools=_or(
                self._tools(said.get("forbidden_tools"), f"{where}.forbidden_tools"), start.forbidden_tools
            ),
            max_parallel=_or(f.whole(said.get("max_parallel"), f"{where}.max_parallel", 1, 64), start.max_parallel),
            retry=self._retry(said.get("retry"), f"{where}.retry", start.retry),
            rates=start.rates + _or(f.each(said.get("rates"), f"{where}.rates", self._rate), ()),
            model=read_rule(f, said.get("model"), f"{where}.model", start.model),
            simulates_execute=_or(simulates, start.simulates_execute),
        )
        if profile.approvals.execute is not Consent.HUMAN and not profile.simulates_execute:
            f.wrong(
                said.get("approvals", node),
                f"{where}.approvals",
                "relaxed approvals need `simulate_execute: true`: nothing leaves the house without a person",
            )
        if "tools" in said and said["tools"].value == []:
            f.wrong(
                said["tools"], f"{where}.tools", "an empty list would allow every tool: name some or leave the key out"
            )
        if base is not None:
            for key, what in loosened(base, profile):
                f.wrong(said.get(key, node), f"{where}.{key}", f"{what}: a nested rule file may only tighten")
        return profile

    def _limits(self, said: dict[str, Node], where: str, start: Limits) -> Limits:
        f = self._fields
        at_limit = f.choice(said.get("at_limit"), f"{where}.at_limit", [choice.value for choice in AtLimit])
        per_tool = f.counts(said.get("calls_per_tool"), f"{where}.calls_per_tool")
        self._mention(said.get("calls_per_tool"), f"{where}.calls_per_tool")
        per_domain = f.counts(said.get("calls_per_domain"), f"{where}.calls_per_domain", self._domains)
        return Limits(
            calls=_or(f.whole(said.get("calls"), f"{where}.calls"), start.calls),
            calls_per_domain={**start.calls_per_domain, **(per_domain or {})},
            calls_per_tool={**start.calls_per_tool, **(per_tool or {})},
            cost=_or(f.micros(said.get("cost"), f"{where}.cost"), start.cost),
            tokens=_or(f.whole(said.get("tokens"), f"{where}.tokens"), start.tokens),
            money=_or(f.micros(said.get("money"), f"{where}.money"), start.money),
            warning_percent=_or(
                f.percent(said.get("warning_threshold"), f"{where}.warning_threshold"), start.warning_percent
            ),
            at_limit=AtLimit(at_limit) if at_limit else start.at_limit,
        )

    def _approvals(self, node: Node | None, where: str, start: Approvals) -> Approvals:
        f = self._fields
        if node is None:
            return start
        if not isinstance(node.value, dict):
            level = f.choice(node, where, tuple(APPROVALS), "level")
            return _with_level(start, level)
        said = f.mapping(node, where, _APPROVAL_KEYS, ("level",))
        level = f.choice(said.get("level"), f"{where}.level", tuple(APPROVALS), "level")
        roles = f.names(said.get("roles"), f"{where}.roles")
        if roles == ():
            f.wrong(said["roles"], f"{where}.roles", "name at least one role, else nobody can decide")
        leveled = _with_level(start, level)
        expires_s = _or(f.seconds(said.get("expires"), f"{where}.expires", 60), start.expires_s)
        escalates_s = _or(f.seconds(said.get("escalates"), f"{where}.escalates", 60), start.escalates_s)
        escalates_to = _or(f.names(said.get("escalates_to"), f"{where}.escalates_to"), start.escalates_to)
        if bool(escalates_s) != bool(escalates_to) or escalates_s >= expires_s:
            place = said.get("escalates") or said.get("escalates_to") or node
            what = "give both `escalates` and `escalates_to`, and an `escalates` that is shorter than `expires`"
            f.wrong(place, f"{where}.escalates", what)
        return Approvals(
            read_only=leveled.read_only,
            propose=leveled.propose,
            execute=leveled.execute,
            roles=_or(roles, start.roles),
            quorum=_or(f.whole(said.get("quorum"), f"{where}.quorum", 1, 10), start.quorum),
            expires_s=expires_s,
            escalates_s=escalates_s,
            escalates_to=escalates_to,
            lapses_s=_or(f.seconds(said.get("lapses"), f"{where}.lapses", 60), start.lapses_s),
            replan_on_deny=_or(f.flag(said.get("replan_on_deny"), f"{where}.replan_on_deny"), start.replan_on_deny),
        )

    def _allowed(
        self, node: Node | None, where: str, start: Profile
    ) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        f = self._fields
        if node is None:
            return start.adapters, start.any_adapters
        if isinstance(node.value, dict):
            entries = f.mapping(node, where, tuple(self._adapters))
            said = {
                capability: f.names(entry, f"{where}.{capability}", self._adapters[capability], "adapter")
                for capability, entry in entries.items()
            }
            return {
                **start.adapters,
                **{capability: names or () for capability, names in said.items()},
            }, start.any_adapters
        declared = tuple(dict.fromkeys(name for names in self._adapters.values() for name in names))
        names = f.names(node, where, declared, "adapter") or ()
        chosen = {
            capability: tuple(name for name in names if name in known) for capability, known in self._adapters.items()
        }
        return chosen, tuple(name for name in names if name in start.any_adapters)

    def _retry(self, node: Node | None, where: str, start: Retry) -> Retry:
        f = self._fields
        said = f.mapping(node, where, _RETRY_KEYS)
        return Retry(
            attempts=_or(f.whole(said.get("attempts"), f"{where}.attempts", 1, 20), start.attempts),
            base_s=_or(f.seconds(said.get("base"), f"{where}.base", 1, 3600), start.base_s),
            cap_s=_or(f.seconds(said.get("cap"), f"{where}.cap", 1, 86400), start.cap_s),
            jitter_percent=_or(f.percent(said.get("jitter"), f"{where}.jitter"), start.jitter_percent),
        )

    def _rate(self, node: Node, where: str) -> Rate | None:
        f = self._fields
        said = f.mapping(node, where, _RATE_KEYS, ("per", "calls", "every"))
        per = f.choice(said.get("per"), f"{where}.per", PER)
        calls = f.whole(said.get("calls"), f"{where}.calls")
        every = f.choice(said.get("every"), f"{where}.every", tuple(WINDOWS))
        tool = f.text(said.get("tool"), f"{where}.tool")
        if tool:
            self._mention(said["tool"], f"{where}.tool")
        if per is None or calls is None or every is None:
            return None
        return Rate(per=per, calls=calls, window_s=WINDOWS[every], tool=tool or "")

    def _tools(self, node: Node | None, where: str) -> tuple[str, ...] | None:
        self._mention(node, where)
        return self._fields.names(node, where)

    def _mention(self, node: Node | None, where: str) -> None:
        """Remember the tools that a name, a list of names or the keys of a mapping speak of."""
        match node.value if node is not None else None:
            case str(name):
                assert node is not None
                self.mentions.append(Mention(tool=name, place=Place(line=node.line, column=node.column, where=where)))
            case list(entries):
                for index, entry in enumerate(entries):
                    if isinstance(entry.value, str):
                        self._mention(entry, f"{where}[{index}]")
            case dict(entries):
                assert node is not None
                for name in entries:
                    if name in node.keys:
                        line, column = node.keys[name]
                        place = Place(line=line, column=column, where=f"{where}.{name}")
                        self.mentions.append(Mention(tool=name, place=place))


def _with_level(start: Approvals, level: str | None) -> Approvals:
    if level is None:
        return start
    named = APPROVALS[level]
    return msgspec.structs.replace(start, read_only=named.read_only, propose=named.propose, execute=named.execute)


def _or(found: T | None, otherwise: T) -> T:
    return otherwise if found is None else found

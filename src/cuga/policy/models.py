"""What a registry says of language models: the one that the house may ask (`model`), and what a profile lets it do.

Names of variables stand here, never the keys they hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from cuga.model.value import Value
from cuga.policy.fields import Fields
from cuga.policy.profile import ModelRule, ModelUse
from cuga.policy.strict import Node

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}  # provider -> the variable that holds its key
HOSTS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
OUTPUTS = ("tool", "native", "prompted")
FIELDS = ("goal", "tools", "feedback", "history", "records", "notes")  # what a model may be told
NEEDED = ("goal", "tools")  # without which it cannot plan
USUAL = ("goal", "tools", "feedback", "history")  # unless a profile names others: nothing out of the records
_KEYS = (
    "provider", "name", "base_url", "key_env", "output", "deadline", "requests", "reply_tokens", "mask", "prices",
)  # fmt: skip
_PRICE_KEYS = ("input", "output")
_RULE_KEYS = ("use", "fields", "tokens_per_day")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,99}")


class ModelSaid(Value, frozen=True, kw_only=True):
    """A language model as the registry names it. Prices are in millionths of a dollar for a million tokens."""

    provider: str
    name: str
    base_url: str = ""  # empty: the provider's own
    key_env: str = ""  # the variable that holds the key; empty: none is needed there
    output: str = "tool"  # how it is made to answer in a form: what small servers can differs
    deadline_s: int = 60  # for everything, from the first byte sent to the last answer read
    requests: int = 3  # at most: the first, and those after an answer that did not do
    reply_tokens: int = 4_000  # of one answer
    mask: bool | None = None  # whether names and addresses of people are hidden; None: unless it is on this machine
    price_in: int | None = None
    price_out: int | None = None

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self.base_url or HOSTS[self.provider]

    @property
    def host(self) -> str:
        """The host, with its port where it is not the usual one."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def masks(self) -> bool:
        """Whether names and addresses of people are hidden from it."""
        return self.mask if self.mask is not None else not is_here(self.host)


def is_here(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def read_model(fields: Fields, node: Node | None) -> ModelSaid | None:
    """The model of a registry; None when it has none."""
    if node is None:
        return None
    said = fields.mapping(node, "model", _KEYS, ("provider", "name"))
    provider = fields.choice(said.get("provider"), "model.provider", tuple(KEYS), "provider") or "openai"
    name = _matching(fields, said, "name", _NAME, "a model's name: letters, digits and _ . : / @ + -")
    url = fields.text(said.get("base_url"), "model.base_url") or ""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query):
        fields.wrong(said["base_url"], "model.base_url", "must be an http(s) address without a name, password or query")
    key = _matching(fields, said, "key_env", _VARIABLE, "the name of a variable of the environment, no more")
    prices = fields.mapping(said.get("prices"), "model.prices", _PRICE_KEYS, _PRICE_KEYS if "prices" in said else ())
    return ModelSaid(
        provider=provider,
        name=name or "-",
        base_url=url.rstrip("/"),
        key_env=key or ("" if url else KEYS[provider]),
        output=fields.choice(said.get("output"), "model.output", OUTPUTS) or "tool",
        deadline_s=fields.seconds(said.get("deadline"), "model.deadline", 1, 600) or 60,
        requests=fields.whole(said.get("requests"), "model.requests", 1, 10) or 3,
        reply_tokens=fields.whole(said.get("reply_tokens"), "model.reply_tokens", 100, 100_000) or 4_000,
        mask=fields.flag(said.get("mask"), "model.mask"),
        price_in=fields.micros(prices.get("input"), "model.prices.input"),
        price_out=fields.micros(prices.get("output"), "model.prices.output"),
    )


def read_rule(fields: Fields, node: Node | None, where: str, start: ModelRule) -> ModelRule:
    """What a profile lets a model do: a word, or a mapping with what it may be told."""
    if node is None:
        return start
    uses = [use.value for use in ModelUse]
    if not isinstance(node.value, dict):
        word = fields.choice(node, where, uses, "use")
        usual = start.fields or USUAL
        return start if word is None else msgspec.structs.replace(start, use=ModelUse(word), fields=usual)
    said = fields.mapping(node, where, _RULE_KEYS, ("use",))
    use = fields.choice(said.get("use"), f"{where}.use", uses)
    told = fields.names(said.get("fields"), f"{where}.fields", FIELDS, "field")
    if told is not None and (missing := [name for name in NEEDED if name not in told]):
        fields.wrong(said["fields"], f"{where}.fields", f"a model cannot plan without {' and '.join(missing)}")
    per_day = fields.whole(said.get("tokens_per_day"), f"{where}.tokens_per_day")
    return ModelRule(
        use=ModelUse(use) if use else start.use,
        fields=told if told is not None else start.fields or USUAL,
        tokens_per_day=start.tokens_per_day if per_day is None else per_day,
    )


def _matching(fields: Fields, said: Mapping[str, Node], key: str, form: re.Pattern[str], what: str) -> str:
    found = fields.text(said.get(key), f"model.{key}") or ""
    if found and not form.fullmatch(found):
        fields.wrong(said[key], f"model.{key}", f"must be {what}")
    return found

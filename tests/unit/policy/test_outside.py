"""Servers and documents of the registry: strict like the rest of it, with every mistake and its line."""

from __future__ import annotations

import pytest

from cuga.errors import RegistryInvalid
from cuga.model.tool import SideEffect, ToolContract
from cuga.policy.outside import Said
from cuga.policy.registry import load_registry, under_overrides

AROUND = """\
version: 1
domains: [knowledge]
adapters: {crm: [offline]}
profiles:
  smb: {calls: 9, approvals: moderate, adapters: [offline, files, billing]}
mcp:
  files: {command: [npx, server, /data], env: [A_TOKEN], domain: knowledge, trust: true, cost: 0.5, timeout: 5s,
          only: [read], tools: {read: {side_effect: read-only, idempotent: true, cost: 2, timeout: 1s}}}
openapi:
  billing: {document: billing.json, url: "https://api.example.com/v1/", domain: knowledge, pages: 3,
            secrets: {key: BILLING_KEY}, operations: {getInvoice: {side_effect: execute}}}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(RegistryInvalid) as refusal:
        load_registry(text)
    return [f"{one.line}: {one.where}: {one.what}" for one in refusal.value.facts["mistakes"]]  # type: ignore[attr-defined]


def test_what_is_said_is_read():
    found = load_registry(AROUND)
    files, billing = found.mcp["files"], found.openapi["billing"]
    assert files.command == ("npx", "server", "/data") and files.env == ("A_TOKEN",) and files.trust
    assert (files.cost, files.timeout_s, files.only) == (500_000, 5, ("read",))
    assert files.tools["read"] == Said(side_effect=SideEffect.READ_ONLY, idempotent=True, cost=2_000_000, timeout_s=1)
    assert billing.secrets == {"key": "BILLING_KEY"} and billing.pages == 3
    assert found.adapters["mcp:files"] == ("files",) and found.adapters["openapi:billing"] == ("billing",)
    assert found.profile().adapters_for("mcp:files") == ("files",)


def test_where_it_comes_from_is_its_command_or_its_address():
    found = load_registry(AROUND).mcp["files"]
    assert found.origin == "npx\0server\0/data"
    text = AROUND.replace("command: [npx, server, /data], env: [A_TOKEN]", "url: http://h.example/mcp, token: T")
    assert load_registry(text).mcp["files"].origin == "http://h.example/mcp"


@pytest.mark.parametrize(
    ("said", "mistake"),
    [
        ("files: {domain: knowledge}", "say either `command`"),
        ("files: {command: [x], url: 'https://x.example', domain: knowledge}", "say either `command`"),
        ("files: {command: [x]}", "'domain' is missing"),
        ("files: {command: [], domain: knowledge}", "the command is empty"),
        ("files: {command: x, domain: knowledge}", "expected a list"),
        ("files: {command: [x], token: T, domain: knowledge}", "`token` goes with `url`"),
        ("files: {url: 'https://x.example', env: [T], domain: knowledge}", "`env` goes with `command`"),
        ("files: {url: 'ftp://x.example', domain: knowledge}", "expected an address"),
        ("files: {url: 'https://u:p@x.example', domain: knowledge}", "expected an address"),
        ("files: {url: 'https://x.example/?a=1', domain: knowledge}", "expected an address"),
        ("files: {url: 'https://x.example:99999', domain: knowledge}", "expected an address"),
        ("files: {command: [x], env: ['a b'], domain: knowledge}", "expected the name of a variable"),
        ("files: {command: [x], env: [5], domain: knowledge}", "expected a text"),
        ("files: {command: [x], only: [], domain: knowledge}", "an empty list would allow every one"),
        ("files: {command: [x], domain: no}", "unknown domain"),
        ("files: {command: [x], domain: knowledge, trusted: true}", "did you mean 'trust'?"),
        ("files: {command: [x], domain: knowledge, trust: yes}", "expected true or false"),
        ("files: {command: [x], domain: knowledge, tools: {a: {side_effect: reads}}}", "unknown class 'reads'"),
        ("Files: {command: [x], domain: knowledge}", "a name has small letters"),
        ("offline: {command: [x], domain: knowledge}", "is the name of an adapter already"),
        ("billing: {command: [x], domain: knowledge}", "is the name of an adapter already"),
    ],
)
def test_a_mistake_is_named_with_its_line(said, mistake):
    kept = AROUND[: AROUND.index("  files:")] + f"  {said}\n" + AROUND[AROUND.index("openapi:") :]
    found = [one for one in mistakes(kept) if mistake in one]
    assert found and found[0].split(":")[0] in ("7", "9"), mistakes(kept)


def test_a_nested_file_may_not_add_any():
    above = load_registry(AROUND)
    with pytest.raises(RegistryInvalid, match="unknown key"):
        load_registry("version: 1\nmcp: {}\n", within=above)
    assert load_registry("version: 1\n", within=above).mcp == above.mcp


def test_rules_may_speak_of_tools_that_nobody_has_accepted_yet():
    text = AROUND + "tools: {files/read: {cost: 9}}\n"
    registry = load_registry(text)
    assert under_overrides(registry, {}) == {}
    deeper = load_registry(AROUND + "tools: {files/a/read: {cost: 9}}\n")
    assert under_overrides(deeper, {}) == {}
    cheap = ToolContract(name="files/read", domain="knowledge", side_effect=SideEffect.READ_ONLY, purpose="p")
    assert under_overrides(registry, {"files/read": cheap})["files/read"].cost == 9_000_000
    with pytest.raises(RegistryInvalid, match="there is no tool 'other/read'"):
        under_overrides(load_registry(AROUND + "tools: {other/read: {cost: 9}}\n"), {})


def test_a_registry_without_any_has_the_digest_that_it_had():
    plain = AROUND[: AROUND.index("mcp:")].replace(", files, billing", "")
    assert load_registry(plain).digest() != load_registry(AROUND).digest()
    assert load_registry(plain).digest() == load_registry(plain + "mcp: {}\nopenapi: {}\n").digest()

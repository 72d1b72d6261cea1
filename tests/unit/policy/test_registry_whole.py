"""A registry on a page: everything that can be said in one, read; and everything that can be said wrongly, refused."""

from __future__ import annotations

import pytest

from cuga.errors import RegistryInvalid
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import MICRO
from cuga.policy.registry import Registry, compile_rulebook, load_registry, under_overrides

WHOLE = """\
version: 1
default_profile: second
domains: [engagement, intelligence, knowledge]
packs: [sales, acme.tools]
modules: [cuga.packs.*, acme.tools]
adapters:
  crm: [offline, hubspot]
  mail: [offline, post]
mcp:
  files: {command: [npx, server, /data], env: [A_TOKEN], memory: 512, domain: knowledge, trust: true, cost: 0.5,
          timeout: 5s, only: [read], tools: {read: {side_effect: read-only, idempotent: true, cost: 2, timeout: 1s}}}
  wiki: {url: "https://wiki.example/mcp", oauth: {issuer: "https://id.example", client: WIKI_ID, secret: WIKI_KEY},
         domain: knowledge}
  desk: {url: "http://desk.example:8080/mcp", token: DESK_TOKEN, domain: engagement, trust: false}
openapi:
  billing: {document: billing.json, url: "https://api.example.com/v1/", domain: knowledge, cost: 3, timeout: 9s,
            pages: 3, only: [invoices], secrets: {key: BILLING_KEY},
            operations: {getInvoice: {side_effect: execute, idempotent: false, cost: 1.5, timeout: 2s}}}
  stock: {document: stock.yaml, domain: knowledge}
profiles:
  first:
    calls: 100
    calls_per_domain: {engagement: 30, knowledge: 0}
    calls_per_tool: {draft: 5}
    cost: 12.5
    tokens: 9
    money: 0.25
    warning_threshold: 0.9
    at_limit: park
    approvals: {level: moderate, roles: [head, approver], quorum: 2, expires: 2h, lapses: 15m, escalates: 30m,
                escalates_to: [admin], replan_on_deny: true}
    adapters: {crm: [hubspot], mail: [post, offline]}
    tools: [draft, send]
    forbidden_tools: [send]
    max_parallel: 2
    retry: {attempts: 5, base: 2s, cap: 1m, jitter: 0.25}
    rates:
      - {per: user, calls: 50, every: day}
      - {per: tool, calls: 3, every: minute, tool: send}
      - {per: tenant, calls: 9, every: hour}
      - {per: tenant, calls: 99, every: month}
    model: {use: draft, fields: [goal, tools, records], tokens_per_day: 500}
  second:
    calls: 7
    approvals: relaxed
    adapters: [offline, files, hubspot]
    simulate_execute: true
    model: plan
tools:
  draft: {side_effect: execute, cost: 2.5, timeout: 10s, domain: engagement}
  send: {}
workers:
  desk: {capabilities: [engagement, draft], tools: [draft, send], concurrency: 2, adapters: [offline, post],
         kind: process}
  spare: {capabilities: [intelligence]}
sender: {name: Ada, company: "Acme  Ltd", postal_address: "1 Way", privacy_notice: "https://acme.example/privacy"}
mailbox: {host: mail.example, port: 143, security: starttls, user: in@acme.example, password_env: MAIL_KEY,
          folder: Replies, after: move, move_to: Done}
model: {provider: anthropic, name: claude-x, base_url: "https://m.example/v1/", key_env: OWN_KEY, output: native,
        deadline: 5s, requests: 2, reply_tokens: 500, mask: false, prices: {input: 0.25, output: 2}}
engine: restate
retention: 18mo
"""
BARE = "version: 1\nadapters: {crm: [offline]}\nprofiles:\n  p: {calls: 9, approvals: strict, adapters: [offline]}\n"
TOOLS = {
    name: ToolContract(name=name, domain="engagement", side_effect=effect, purpose="Do it.", cost=MICRO, timeout_s=30)
    for name, effect in (("draft", SideEffect.PROPOSE), ("send", SideEffect.EXECUTE))
}


def refusal(text: str, within: Registry | None = None, tools: dict[str, ToolContract] | None = None) -> int:
    """How many mistakes a text has; the page says which."""
    with pytest.raises(RegistryInvalid) as caught:
        load_registry(text, within=within, contracts=tools)
    mistakes = caught.value.facts["mistakes"]
    assert isinstance(mistakes, tuple)
    return len(mistakes)


def test_everything_that_can_be_said_is_read(tell):
    registry = load_registry(WHOLE, source="house/registry.yaml", contracts=TOOLS)
    tell(registry)
    tell(under_overrides(registry, TOOLS), "tools")
    tell(compile_rulebook(registry, "first", TOOLS).digest(), "pinned")


def test_what_is_not_said_is_as_it_is_without(tell):
    tell(load_registry(BARE))
    mailbox = "mailbox: {host: h, user: u, password_env: P}\nmodel: {provider: openai, name: m}\nsender: {name: Ada}\n"
    tell(load_registry(BARE + mailbox))
    tell(load_registry(BARE + "model: {provider: openai, name: m, base_url: 'http://localhost:1/v1'}\n").model)
    tell(load_registry(BARE + "mailbox: {host: h, user: u, password_env: P, security: starttls}\n").mailbox)


NESTED = """\
profiles:
  first:
    calls: 90
    calls_per_domain: {engagement: 20, intelligence: 3}
    calls_per_tool: {send: 1}
    cost: 12
    tokens: 8
    money: 0.2
    warning_threshold: 0.5
    at_limit: stop
    approvals: {level: strict, roles: [head], quorum: 3, expires: 1h, lapses: 10m, escalates: 45m}
    adapters: {mail: [offline]}
    tools: [send]
    forbidden_tools: [send, draft]
    max_parallel: 1
    retry: {attempts: 2}
    rates: [{per: user, calls: 2, every: day}]
    model: {use: plan, fields: [goal, tools], tokens_per_day: 5}
tools:
  draft: {cost: 3, timeout: 5s}
  send: {side_effect: execute, cost: 4}
"""


def test_a_nested_file_changes_only_what_it_says(tell):
    above = load_registry(WHOLE)
    nested = load_registry(NESTED, source="team.yaml", within=above, contracts=TOOLS)
    tell(nested.profiles["first"])
    tell(nested.overrides, "overrides")
    tell(nested.mentions[len(above.mentions) :], "mentions")
    tell(under_overrides(nested, TOOLS), "tools")
    kept = ("default_profile", "adapters", "domains", "packs", "modules", "mcp", "openapi", "workers", "sender")
    for name in (*kept, "mailbox", "model", "engine", "retention"):
        assert getattr(nested, name) == getattr(above, name), name
    assert nested.profiles["second"] == above.profiles["second"] and nested.source == "team.yaml"
    assert load_registry("version: 1\n", within=above).profiles == above.profiles


LOOSER = """\
profiles:
  first:
    calls: 101
    calls_per_domain: {engagement: 31, knowledge: 1}
    calls_per_tool: {draft: 6}
    cost: 12.6
    tokens: 10
    money: 0.26
    warning_threshold: 0.91
    approvals: {level: relaxed, roles: [head, seller, boss], quorum: 1, expires: 3h, lapses: 16m, escalates: 29m,
                escalates_to: [admin, auditor]}
    adapters: {crm: [offline, hubspot], mail: [post]}
    tools: [draft, wipe, copy]
    forbidden_tools: [draft]
    max_parallel: 3
    retry: {attempts: 6}
    model: {use: draft, fields: [goal, tools, records, notes, history], tokens_per_day: 501}
  second: {simulate_execute: false, adapters: [offline, files]}
  third: {calls: 1}
tools:
  draft: {side_effect: propose, cost: 2.4, timeout: 11s, domain: knowledge}
version: 1
packs: [sales]
"""


def test_a_nested_file_that_loosens_is_told_everything_it_would_loosen():
    assert refusal(LOOSER, within=load_registry(WHOLE)) > 20


WRONG = """\
version: 2
default_profile: thrid
domains: engagement
packs: [acme.other, sales, sales, 3]
modules: [cuga.packs.*, "no module", ""]
adapters:
  crm: [offline, offline]
  mail: offline
  "1st": [offline]
mcp:
  Files: {command: [x], domain: knowledge}
  offline: {command: [x], domain: knowledge}
  neither: {domain: engagement}
  both: {command: [x], url: "https://x.example", domain: engagement}
  empty: {command: [], domain: engagement}
  worded: {command: x, domain: engagement}
  twice: {url: "https://x.example", token: T, oauth: {issuer: "https://id.example", client: A, secret: B}}
  local: {command: [x], token: T, oauth: {issuer: "ftp://id", client: "a b"}}
  far: {url: "https://u:p@x.example", env: [A], memory: 1, trust: yes, cost: -1, timeout: 2h, only: []}
  hints: {command: [x], env: ["a b", 5], tools: {a: {side_effect: reads, idempotent: 1, cost: free, timeout: 0}}}
openapi:
  both: {document: "", url: "https://x.example/?a=1", secrets: {key: "sk-1 2"}, pages: 21, only: all}
  stock: {operations: {a: {side_efect: execute}}}
profiles:
  first:
    cals: 100
    calls: many
    calls_per_domain: {engagment: 3}
    calls_per_tool: {draft: -1}
    cost: free
    tokens: 1.5
    money: -1
    warning_threshold: 80
    at_limit: halt
    approvals: {level: medium, roles: [], quorum: 11, expires: soon, lapses: 1s, escalates: 2h, replan_on_deny: 1}
    adapters: {fax: [offline], crm: [offlin]}
    tools: []
    forbidden_tools: draft
    max_parallel: 65
    retry: {attempts: 0, base: 2h, cap: 2d, jitter: 2, more: 1}
    rates: [{per: run, calls: -1, every: week, tool: ""}, daily, {per: user}]
    model: {use: always, fields: [goal, secrets], tokens_per_day: few}
    simulate_execute: 1
  second: {approvals: relaxed, adapters: [offlin], model: write}
  third: none
  fourth: {calls: 1, approvals: [strict], adapters: [offline], rates: none, retry: 3, model: {fields: [tools]}}
tools:
  draft: {side_effect: harmless, cost: -2, timeout: 2h, domain: sales, price: 3}
  send: 3
workers:
  desk: {capabilities: [], tools: [], concurrency: 0, adapters: [fax], kind: thread}
  spare: {concurrency: 1001}
sender: {name: "", company: "a\\nb", privacy_notice: "http://acme.example"}
mailbox: {port: 0, security: none, user: u, password_env: "no variable", after: move}
model: {provider: other, name: "a b", base_url: "ftp://m.example", key_env: "sk-123", output: free, deadline: 1h,
        requests: 11, reply_tokens: 1, mask: maybe, prices: {input: -1}}
engine: celery
retention: soon
"""


def test_everything_that_can_be_said_wrongly_is_told_at_once():
    assert refusal(WRONG) > 80


@pytest.mark.parametrize(
    "more",
    [
        "retention: 0d\n",
        "retention: 5mo\n",
        "retention: 101y\n",
        "retention: [1]\n",
        "sender: Ada\n",
        f"sender: {{name: {'x' * 301}}}\n",
        "mailbox: {host: h, user: u, password_env: P, move_to: Done}\n",
        "mailbox: {host: h, user: u, password_env: P, after: delete, port: 65536}\n",
        "model: {provider: openai, name: m, base_url: 'https://a:b@m.example'}\n",
        "model: {provider: openai, name: m, base_url: 'https://m.example/?a=1'}\n",
        "model: {provider: openai, name: m, base_url: 'https://'}\n",
        "model: {provider: openai, name: m, prices: {output: 1}}\n",
        "model: openai\n",
        "engine: [own]\n",
        "workers: {w: {capabilities: [a, a], adapters: []}}\n",
        "default_profile: 3\n",
        "default_profile: q\n",
        "mcp: [files]\n",
    ],
)
def test_one_more_line_is_refused_with_its_place(more):
    assert refusal(BARE + more) >= 1


def test_tools_that_are_not_there_are_named_with_what_was_meant():
    text = WHOLE.replace("[draft, send]\n    forb", "[draft, sned]\n    forb").replace("tool: send}", "tool: snd}")
    text = text.replace("[engagement, draft]", "[engagement, drafft]").replace("  send: {}", "  sendd: {cost: 3}")
    assert refusal(text, tools=TOOLS) == 5
    assert refusal(WHOLE.replace("10s", "31s").replace("2.5, t", "0.5, t").replace("execute, c", "read-only, c"),
                   tools=TOOLS) == 3  # fmt: skip

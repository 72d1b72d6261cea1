"""The registry is strict: every mistake is said at once with its line, and nothing may loosen."""

from importlib.resources import files

import pytest

from cuga.errors import ProfileUnknown, RegistryInvalid
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import MICRO
from cuga.policy.profile import AtLimit, Consent, Rate
from cuga.policy.registry import compile_rulebook, is_allowed, load_registry, module_of, under_overrides

SHIPPED = (files("cuga") / "registry.yaml").read_text(encoding="utf-8")
SMALL = """\
version: 1
domains: [engagement, intelligence]
packs: [sales]
adapters:
  crm: [offline, hubspot]
  mail: [offline]
profiles:
  smb:
    calls: 100
    calls_per_domain: {engagement: 30}
    approvals: moderate
    adapters: [hubspot, offline]
"""


def contract(name="draft", side_effect=SideEffect.PROPOSE, cost=1.0, domain="engagement"):
    return ToolContract(
        name=name, domain=domain, side_effect=side_effect, purpose="Do it.", cost=int(cost * MICRO), timeout_s=30
    )


TOOLS = {tool.name: tool for tool in (contract(), contract("send", SideEffect.EXECUTE))}


def mistakes(text, **options):
    """The mistakes of a text as `line:column where: what`."""
    with pytest.raises(RegistryInvalid) as caught:
        load_registry(text, **options)
    assert str(len(caught.value.facts["mistakes"])) in caught.value.message
    return [f"{m.line}:{m.column} {m.where}: {m.what}" for m in caught.value.facts["mistakes"]]


# --- what the house ships with ---------------------------------------------------------------------------------------
def test_the_shipped_registry_has_the_three_profiles_with_their_numbers():
    registry = load_registry(SHIPPED)
    assert set(registry.profiles) == {"enterprise", "smb", "technical"}
    limits = {name: profile.limits for name, profile in registry.profiles.items()}
    assert {name: limit.calls for name, limit in limits.items()} == {"enterprise": 200, "smb": 100, "technical": 500}
    assert limits["enterprise"].calls_per_domain == {"territory": 50, "intelligence": 40, "engagement": 30}
    assert limits["smb"].calls_per_domain == {"engagement": 30, "intelligence": 25, "qualification": 20}
    for profile in registry.profiles.values():
        assert (profile.limits.cost, profile.limits.tokens) == (100 * MICRO, 100_000)
        assert (profile.limits.warning_percent, profile.max_parallel) == (80, 4)
        assert (profile.retry.attempts, profile.retry.base_s, profile.retry.cap_s) == (3, 1, 30)
        assert profile.retry.jitter_percent == 10
        assert (profile.approvals.expires_s, profile.approvals.lapses_s) == (86400, 3600)


def test_the_shipped_profiles_ask_whom_they_should():
    def consents(name):
        approvals = load_registry(SHIPPED).profiles[name].approvals
        return tuple(approvals.consent_for(kind).value for kind in SideEffect)

    assert consents("enterprise") == ("none", "human", "human")
    assert consents("smb") == ("none", "rule", "human")
    assert consents("technical") == ("none", "rule", "none")
    assert [p.name for p in load_registry(SHIPPED).profiles.values() if p.simulates_execute] == ["technical"]


def test_adapters_are_allowed_per_capability_in_order_of_preference():
    profiles = load_registry(SHIPPED).profiles
    assert profiles["enterprise"].adapters_for("crm") == ("salesforce", "offline")
    assert profiles["smb"].adapters_for("crm") == ("hubspot", "pipedrive", "offline")
    assert profiles["technical"].adapters_for("mail") == ("offline",)
    own = load_registry(SMALL.replace("[hubspot, offline]\n", "{crm: [offline]}\n")).profiles["smb"]
    assert own.adapters_for("crm") == ("offline",)
    assert own.adapters_for("anything else") == ("offline",)


def test_every_word_a_person_can_write_is_read():
    text = SMALL.replace(
        "    approvals: moderate\n",
        """\
    approvals: {level: strict, roles: [head, approver], quorum: 2, expires: 2h, lapses: 15m, replan_on_deny: true}
    calls_per_tool: {draft: 5}
    cost: 12.5
    tokens: 0
    warning_threshold: 0.9
    at_limit: skip
    tools: [draft, send]
    forbidden_tools: [send]
    max_parallel: 2
    retry: {attempts: 5, base: 2s, cap: 1m, jitter: 0}
    rates:
      - {per: user, calls: 50, every: day}
      - {per: tool, calls: 3, every: minute, tool: send}
""",
    )
    profile = load_registry(text, contracts=TOOLS).profile()
    assert profile.approvals.execute is Consent.HUMAN
    assert profile.approvals.roles == ("head", "approver")
    assert (profile.approvals.quorum, profile.approvals.expires_s, profile.approvals.lapses_s) == (2, 7200, 900)
    assert profile.approvals.replan_on_deny
    assert (profile.limits.cost, profile.limits.tokens, profile.limits.warning_percent) == (12_500_000, 0, 90)
    assert profile.limits.at_limit is AtLimit.SKIP
    assert (profile.tools, profile.forbidden_tools, profile.max_parallel) == (("draft", "send"), ("send",), 2)
    assert (profile.retry.attempts, profile.retry.cap_s, profile.retry.jitter_percent) == (5, 60, 0)
    assert profile.rates == (
        Rate(per="user", calls=50, window_s=86400),
        Rate(per="tool", calls=3, window_s=60, tool="send"),
    )


# --- mistakes --------------------------------------------------------------------------------------------------------
def test_all_mistakes_are_said_at_once_with_line_column_path_and_what_was_meant():
    text = """\
version: 1
domains: [engagement]
adapters:
  crm: [offline]
profils: {}
profiles:
  smb:
    cals: 100
    calls: many
    calls_per_domain: {engagment: 3}
    approvals: medium
    adapters: [ofline]
"""
    assert mistakes(text) == [
        "5:1 profils: unknown key; did you mean 'profiles'?",
        "8:5 profiles.smb.cals: unknown key; did you mean 'calls'?",
        "9:12 profiles.smb.calls: expected a whole number from 0 up, got 'many'",
        "10:24 profiles.smb.calls_per_domain.engagment: unknown key; did you mean 'engagement'?",
        "11:16 profiles.smb.approvals: unknown level 'medium'; known: moderate, relaxed, strict",
        "12:16 profiles.smb.adapters[0]: unknown adapter 'ofline'; did you mean 'offline'?; known: offline",
    ]


def test_the_message_is_for_a_person():
    with pytest.raises(RegistryInvalid) as caught:
        load_registry("version: 2\nprofiles: {}\n", source="sales/registry.yaml")
    assert caught.value.message == (
        "The registry cannot be loaded: 1 mistake in sales/registry.yaml\n"
        "  line 1, column 10, version: unknown version '2'; known: 1"
    )
    assert "policy check" in caught.value.next_step


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("calls: 100", "calls: -1", "whole number"),
        ("calls: 100", "calls: 1.5", "whole number"),
        ("calls: 100", "calls: true", "whole number from 0 up, got true"),
        ("calls: 100", "calls: '100'", "whole number"),
        ("calls: 100", "calls: 1_00", "whole number"),
        ("calls: 100", "calls: 0x10", "whole number"),
        ("calls: 100", "calls:", "got nothing"),
        ("    calls: 100\n", "", "'calls' is missing"),
        ("    approvals: moderate\n", "", "'approvals' is missing"),
        ("approvals: moderate", "approvals: relaxed", "simulate_execute"),
        ("approvals: moderate", "approvals: {quorum: 2}", "'level' is missing"),
        ("approvals: moderate", "approvals: {level: strict, quorum: 0}", "from 1 to 10"),
        ("approvals: moderate", "approvals: {level: strict, roles: []}", "nobody can decide"),
        ("approvals: moderate", "approvals: {level: strict, expires: soon}", "such as 30s"),
        ("approvals: moderate", "approvals: {level: strict, escalates: 2h}", "give both"),
        ("approvals: moderate", "approvals: {level: strict, escalates_to: [admin]}", "give both"),
        ("approvals: moderate", "approvals: {level: strict, escalates: 25h, escalates_to: [admin]}", "shorter than"),
        ("approvals: moderate", "approvals: [strict]", "one of moderate"),
        ("approvals: moderate", "approvals: moderate\n    simulate_execute: yes", "true or false, got 'yes'"),
        ("approvals: moderate", "approvals: moderate\n    cost: free", "decimals"),
        ("approvals: moderate", "approvals: moderate\n    cost: 0.0000001", "decimals"),
        ("approvals: moderate", "approvals: moderate\n    warning_threshold: 80", "share from 0 to 1"),
        ("approvals: moderate", "approvals: moderate\n    warning_threshold: 0.855", "share from 0 to 1"),
        ("{engagement: 30}", "{engagement: few}", "calls_per_domain.engagement: expected a whole number"),
        (
            "approvals: moderate",
            "approvals: moderate\n    rates: [{per: user, calls: 1, every: day, tool: ''}]",
            "a text",
        ),
        ("approvals: moderate", "approvals: moderate\n    tools: []", "would allow every tool"),
        ("approvals: moderate", "approvals: moderate\n    rates: daily", "a list"),
        ("approvals: moderate", "approvals: moderate\n    rates: [{per: run, calls: 1, every: week}]", "unknown word"),
        ("approvals: moderate", "approvals: moderate\n    rates: [{per: user}]", "'calls' is missing"),
        ("approvals: moderate", "approvals: moderate\n    tools: [[draft]]", "a text, got a list"),
        ("[hubspot, offline]\n", "[offline, offline]\n", "twice"),
        ("[hubspot, offline]\n", "{mail: [hubspot]}\n", "unknown adapter 'hubspot'"),
        ("[hubspot, offline]\n", "{fax: [offline]}\n", "unknown key"),
        ("[hubspot, offline]\n", "offline\n", "a list of names, got 'offline'"),
        ("approvals: moderate", "approvals: moderate\n    calls_per_tool: {send: 1, send: 2}", "stands here twice"),
        ("packs: [sales]", "packs: [acme.tools]", "not allowed by `modules`"),
        ("packs: [sales]", "modules: ['*']", "is no module"),
        ("packs: [sales]", "modules: [os.system()]", "is no module"),
        ("packs: [sales]", "default_profile: smbb", "did you mean 'smb'"),
        ("  smb:\n", "  1smb:\n", "a name begins with a letter"),
        ("version: 1\n", "", "'version' is missing"),
        ("version: 1", "version: [1]", "one of 1"),
        ("profiles:\n", "profiles: none\nother:\n", "expected a mapping"),
    ],
)
def test_what_cannot_be_read_is_refused(old, new, expected):
    assert old in SMALL
    found = mistakes(SMALL.replace(old, new, 1))
    assert any(expected in mistake for mistake in found), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("[]", "expected a mapping, got a list"),
        ("version: 1\nversion: 1\n", "2:1 : 'version' stands here twice (first in line 1)"),
        ("a: &x 1\nb: *x\n", "1:4 a: anchor &x"),
        ("a: &x 1\nb: *x\n", "2:4 b: alias *x"),
        ("a: !!python/object/apply:os.system [id]\n", "1:4 a: tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !secret x\n", "tag !secret"),
        ("<<: {calls: 3}\n", "merge key"),
        ("? [a, b]\n: 1\n", "a key must be a plain word"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("a: [1, 2\n", "not YAML"),
        ("a:\n\t- 1\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("a: \ud800\n", "not YAML"),
        ("[" * 40 + "]" * 40, "nested deeper than 32"),
        ("a: " + "{b: " * 40, "nested deeper than 32"),
        ("a: [" + "1, " * 50_001 + "]", "more than 50,000 values"),
        ("a: " + "x" * (1024 * 1024), "at most 1,048,576 are read"),
        ("&a [*a, *a]", "alias *a"),
    ],
)
def test_hostile_text_is_refused(text, expected):
    assert any(expected in mistake for mistake in mistakes(text)), mistakes(text)


def test_an_alias_bomb_is_named_not_expanded():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert len(mistakes(bomb)) >= 100


def test_several_profiles_need_a_default():
    two = SMALL + SMALL[SMALL.index("  smb:") :].replace("smb", "second")
    assert any("default_profile" in mistake for mistake in mistakes(two))
    assert load_registry(two + "default_profile: second\n").profile().name == "second"


# --- tools -----------------------------------------------------------------------------------------------------------
def test_a_tool_that_does_not_exist_is_named_with_its_line():
    text = SMALL + "    forbidden_tools: [sned]\n    calls_per_tool: {drafft: 1}\ntools:\n  nothing: {cost: 3.0}\n"
    assert mistakes(text, contracts=TOOLS) == [
        "13:23 profiles.smb.forbidden_tools[0]: there is no tool 'sned'; did you mean 'send'?",
        "14:22 profiles.smb.calls_per_tool.drafft: there is no tool 'drafft'; did you mean 'draft'?",
        "16:3 tools.nothing: there is no tool 'nothing'",
        "16:19 tools.nothing.cost: there is no tool 'nothing'",
    ]
    with pytest.raises(RegistryInvalid, match="'sned'"):
        under_overrides(load_registry(text), TOOLS)


def test_an_override_tightens():
    text = SMALL + "tools:\n  draft: {side_effect: execute, cost: 2.0, timeout: 10s, domain: engagement}\n"
    found = under_overrides(load_registry(text), TOOLS)
    assert found["draft"].side_effect is SideEffect.EXECUTE
    assert (found["draft"].cost, found["draft"].timeout_s) == (2 * MICRO, 10)
    assert found["send"] == TOOLS["send"]
    assert under_overrides(load_registry(text), found) == found


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("{side_effect: read-only}", "14:24 tools.draft.side_effect: the class is propose and may only be raised"),
        ("{cost: 0.5}", "cost: the tool costs 1; an override may only raise it"),
        ("{timeout: 60s}", "timeout: the tool stops after 30 s; an override may only shorten it"),
        ("{domain: intelligence}", "it would leave the limit of 30 calls that profile smb sets for engagement"),
        ("{side_effect: harmless}", "unknown class 'harmless'"),
        ("{domain: sales}", "unknown domain 'sales'"),
    ],
)
def test_an_override_never_loosens(override, expected):
    assert any(expected in found for found in mistakes(f"{SMALL}tools:\n  draft: {override}\n", contracts=TOOLS))


def test_a_tool_moves_to_another_domain_only_where_no_limit_is_left_behind():
    moved = "tools:\n  draft: {domain: intelligence}\n"
    free = load_registry(SMALL.replace("    calls_per_domain: {engagement: 30}\n", "") + moved, contracts=TOOLS)
    assert under_overrides(free, TOOLS)["draft"].domain == "intelligence"
    stricter = SMALL.replace("{engagement: 30}", "{engagement: 30, intelligence: 20}") + moved
    assert under_overrides(load_registry(stricter), TOOLS)["draft"].domain == "intelligence"
    looser = SMALL.replace("{engagement: 30}", "{engagement: 30, intelligence: 40}") + moved
    assert len(mistakes(looser, contracts=TOOLS)) == 1


def test_a_nested_rule_file_may_tighten():
    base = load_registry(SMALL + "tools:\n  draft: {cost: 2.0}\n")
    nested = load_registry(
        "profiles:\n  smb: {calls: 10, approvals: strict, adapters: {crm: [offline]}, forbidden_tools: [send]}\n"
        "tools:\n  draft: {timeout: 5s, cost: 3.0}\n",
        within=base,
        contracts=TOOLS,
    )
    profile = nested.profile("smb")
    assert (profile.limits.calls, profile.limits.calls_per_domain) == (10, {"engagement": 30})
    assert profile.approvals.propose is Consent.HUMAN
    assert profile.adapters_for("crm") == ("offline",)
    draft = under_overrides(nested, TOOLS)["draft"]
    assert (draft.cost, draft.timeout_s) == (3 * MICRO, 5)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{calls: 101}", "101 is looser than 100"),
        ("{calls_per_domain: {engagement: 31}}", "engagement: 31 is looser than 30"),
        ("{max_parallel: 5}", "5 is looser than 4"),
        ("{cost: 101.0}", "looser"),
        ("{approvals: {level: moderate, expires: 48h}}", "looser"),
        ("{approvals: {level: moderate, escalates: 1h, escalates_to: [admin]}}", "may decide after a while"),
        ("{approvals: {level: moderate, roles: [approver, seller]}}", "more roles may decide (seller)"),
        ("{approvals: {level: moderate, quorum: 1}}", "1 is looser than 2"),
        ("{approvals: moderate}", "rule is looser than human"),
        ("{adapters: {crm: [hubspot]}}", "crm: hubspot is not allowed above"),
        ("{tools: [send]}", "send is not allowed above"),
        ("{forbidden_tools: [draft]}", "wipe is forbidden above"),
        ("{simulate_execute: false}", "real effects are looser"),
    ],
)
def test_a_nested_rule_file_never_loosens(said, expected):
    base = load_registry(
        SMALL.replace("moderate", "{level: strict, quorum: 2}").replace("[hubspot, offline]\n", "[offline]\n")
        + "    tools: [draft]\n    forbidden_tools: [wipe]\n    simulate_execute: true\n"
    )
    found = mistakes(f"profiles:\n  smb: {said}\n", within=base)
    assert any(expected in mistake and "may only tighten" in mistake for mistake in found), found


def test_a_nested_rule_file_names_no_new_profile_and_no_adapter_and_loosens_no_override():
    base = load_registry(SMALL + "tools:\n  draft: {cost: 2.0}\n")
    found = mistakes(
        "adapters: {crm: [own]}\nprofiles:\n  own: {calls: 1}\ntools:\n  draft: {cost: 1.0}\n", within=base
    )
    assert len(found) == 3
    assert found[2].endswith("the tool costs 2; an override may only raise it, as said above")


# --- what a run is pinned to -----------------------------------------------------------------------------------------
def test_a_rulebook_holds_the_profile_and_the_contracts():
    book = compile_rulebook(load_registry(SMALL), "smb", TOOLS)
    assert book.profile.name == "smb"
    assert book.contracts == TOOLS
    assert book.digest() == compile_rulebook(load_registry("# a comment\n" + SMALL), "smb", TOOLS).digest()
    tighter = load_registry(SMALL.replace("100", "99"))
    assert book.digest() != compile_rulebook(tighter, "smb", TOOLS).digest()


def test_an_unknown_profile_never_falls_back():
    with pytest.raises(ProfileUnknown, match="'smbb'; did you mean 'smb'"):
        compile_rulebook(load_registry(SMALL), "smbb", TOOLS)
    with pytest.raises(ProfileUnknown):
        compile_rulebook(load_registry(SMALL), "SMB", TOOLS)


def test_modules_are_allowed_by_name_or_below_a_pattern():
    assert is_allowed("cuga.packs.sales.pack", ("cuga.packs.*",))
    assert not is_allowed("cuga.packs", ("cuga.packs.*",))
    assert not is_allowed("cuga.packsmuggled", ("cuga.packs.*",))
    assert is_allowed("acme.tools", ("acme.tools",))
    assert not is_allowed("acme.tools.deep", ("acme.tools",))
    assert (module_of("sales"), module_of("acme.tools")) == ("cuga.packs.sales.pack", "acme.tools")

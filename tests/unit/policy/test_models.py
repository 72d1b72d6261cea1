"""What a registry says of language models: each key read, each mistake named, and nested files may only tighten."""

from __future__ import annotations

import pytest
from msgspec import structs

from cuga.errors import RegistryInvalid
from cuga.model.value import MICRO
from cuga.orchestrator.house.place import shipped_registry
from cuga.policy.budget import MONEY, limits_of
from cuga.policy.models import USUAL, ModelSaid, is_here
from cuga.policy.profile import ModelRule, ModelUse
from cuga.policy.registry import Registry, load_registry

PROFILE = "calls: 9, approvals: strict, adapters: [offline]"


def registry(model: str = "", profile: str = "") -> Registry:
    own = f", {profile}" if profile else ""
    text = f"version: 1\nadapters: {{crm: [offline]}}\nprofiles:\n  p: {{{PROFILE}{own}}}\n"
    return load_registry(text + (f"model: {model}\n" if model else ""))


def mistakes(model: str = "", profile: str = "") -> str:
    with pytest.raises(RegistryInvalid) as refused:
        registry(model, profile)
    return str(refused.value)


def test_every_key_of_a_model_is_read():
    said = registry(
        '{provider: anthropic, name: claude-x, base_url: "https://m.example/v1/", key_env: OWN_KEY, output: native,'
        " deadline: 5s, requests: 2, reply_tokens: 500, prices: {input: 0.25, output: 2}}"
    ).model
    assert said == ModelSaid(
        provider="anthropic", name="claude-x", base_url="https://m.example/v1", key_env="OWN_KEY", output="native",
        deadline_s=5, requests=2, reply_tokens=500, price_in=MICRO // 4, price_out=2 * MICRO,
    )  # fmt: skip
    assert (said.url, said.host) == ("https://m.example/v1", "m.example")


def test_a_provider_brings_its_address_and_the_name_of_its_key():
    said = registry("{provider: openai, name: m}").model
    assert said is not None and (said.host, said.key_env) == ("api.openai.com", "OPENAI_API_KEY")
    own = registry('{provider: openai, name: m, base_url: "http://127.0.0.1:11434/v1"}').model
    assert own is not None and (own.host, own.key_env) == ("127.0.0.1:11434", "")
    assert registry().model is None


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("{provider: openai}", "'name' is missing"),
        ("{provider: other, name: m}", "unknown provider 'other'"),
        ("{provider: openai, name: 'a b'}", "must be a model's name"),
        ("{provider: openai, name: m, base_url: 'ftp://m.example'}", "must be an http(s) address"),
        ("{provider: openai, name: m, base_url: 'https://a:b@m.example'}", "must be an http(s) address"),
        ("{provider: openai, name: m, key_env: 'sk-123'}", "must be the name of a variable"),
        ("{provider: openai, name: m, prices: {input: 1}}", "'output' is missing"),
        ("{provider: openai, name: m, deadline: 1h}", "from 1s to 600s"),
        ("{provider: openai, name: m, key: sk-1}", "unknown key"),
    ],
)
def test_a_mistake_in_a_model_is_named(model: str, words: str):
    assert words in mistakes(model)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("", ModelRule()),
        ("model: off", ModelRule(fields=USUAL)),
        ("model: plan", ModelRule(use=ModelUse.PLAN, fields=USUAL)),
        ("model: {use: draft}", ModelRule(use=ModelUse.DRAFT, fields=USUAL)),
        (
            "model: {use: plan, fields: [goal, tools], tokens_per_day: 5}",
            ModelRule(use=ModelUse.PLAN, fields=("goal", "tools"), tokens_per_day=5),
        ),
    ],
)
def test_what_a_profile_lets_a_model_do(said: str, rule: ModelRule):
    assert registry(profile=said).profile("p").model == rule


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("model: always", "unknown use 'always'"),
        ("model: {fields: [goal, tools]}", "'use' is missing"),
        ("model: {use: plan, fields: [goal]}", "cannot plan without tools"),
        ("model: {use: plan, fields: [goal, tools, mails]}", "unknown field 'mails'"),
    ],
)
def test_a_mistake_in_a_profile_is_named(said: str, words: str):
    assert words in mistakes(profile=said)


def test_money_is_limited_only_where_it_is_said():
    assert MONEY not in limits_of(registry().profile("p").limits)
    assert limits_of(registry(profile="money: 0.5").profile("p").limits)[MONEY] == MICRO // 2


BASE = "model: {use: plan, fields: [goal, tools], tokens_per_day: 100}, money: 1"


@pytest.mark.parametrize(
    ("child", "words"),
    [
        ("model: {use: draft, fields: [goal, tools]}", "draft is looser than plan"),
        ("model: {use: plan, fields: [goal, tools, records]}", "more may be told to a model (records)"),
        ("model: {use: plan, fields: [goal, tools], tokens_per_day: 101}", "101 is looser than 100"),
        ("money: 2", "2,000,000 is looser than 1,000,000"),
    ],
)
def test_a_nested_file_may_not_let_a_model_do_more(child: str, words: str):
    above = registry(profile=BASE)
    with pytest.raises(RegistryInvalid, match="may only tighten") as refused:
        load_registry(f"version: 1\nprofiles:\n  p: {{{child}}}\n", within=above)
    assert words in str(refused.value)


def test_a_nested_file_may_let_a_model_do_less():
    above = registry(profile=BASE)
    below = load_registry("version: 1\nprofiles:\n  p: {model: off, money: 0.1}\n", within=above).profile("p")
    assert below.model.use is ModelUse.OFF and below.limits.money == MICRO // 10


def test_another_model_is_no_other_rule():
    one, other = registry("{provider: openai, name: m}"), registry("{provider: openai, name: n}")
    assert one.digest() == other.digest()


def test_the_shipped_registry_tells_a_model_nothing_under_enterprise():
    shipped = load_registry(shipped_registry())
    assert shipped.profile("enterprise").model.use is ModelUse.OFF
    assert "records" not in shipped.profile("smb").model.fields


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("localhost:8080", True),
        ("LocalHost.", True),
        ("m.localhost", True),
        ("127.0.0.1:1", True),
        ("127.9.9.9", True),
        ("[::1]:8080", True),
        ("m.example", False),
        ("localhost.example", False),
        ("mylocalhost", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_names_of_people_are_hidden_from_a_model_unless_it_is_on_this_machine(host: str, here: bool):
    assert is_here(host) is here
    said = ModelSaid(provider="openai", name="m", base_url=f"http://{host or 'm.example'}/v1")
    assert said.masks is not here
    for mask in (True, False):
        assert structs.replace(said, mask=mask).masks is mask

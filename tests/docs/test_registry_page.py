"""The page of the registry: its keys are those that are read, its defaults those that hold, its snippets load."""

from importlib.resources import files
from textwrap import indent

import pytest
from tests.docs.pages import Block, blocks, codes, page, rows, sections

from cuga.errors import RegistryInvalid
from cuga.model.value import units
from cuga.policy import correspondence, models, outside, reading, registry, routing, workers
from cuga.policy.profile import Profile, Retry
from cuga.policy.registry import Registry, load_registry
from cuga.policy.tighten import Override

PAGE = page("reference/registry.md")
SHIPPED = load_registry(files("cuga").joinpath("registry.yaml").read_text("utf-8"))
TOP, PROFILE, TOOL = (sections(PAGE, 2)[title] for title in ("The file", "A profile", "A tool"))
SERVER, DOCUMENT, SAID = (
    sections(PAGE, 2)[title].partition("| the server says")[0]
    for title in ("An MCP server", "An OpenAPI document", "What is said of a tool from outside")
)
WORKERS, POLICIES = sections(PAGE, 2)["Worker pools"].split("| policy |")
LETTERS = [f"| key |{part}" for part in sections(PAGE, 2)["Letters"].split("| key |")]
MODEL = sections(PAGE, 2)["A language model"]
PARTS = sections(PROFILE, 3)
APPROVALS = PARTS["Approvals"].split("| key |")[1]
AROUND = """\
version: 1
domains: [intelligence, engagement]
adapters: {crm: [offline, hubspot], mail: [offline]}
profiles:
  mine:
"""


def keys(text: str) -> list[str]:
    return [codes(row[0])[0] for row in rows(text)]


def defaults(text: str) -> dict[str, str]:
    """Key to its default, of those rows that show a value."""
    return {codes(row[0])[0]: codes(row[2])[0] for row in rows(text) if row[2].startswith("`")}


def loaded(block: Block) -> Registry:
    match block.words.split()[1]:
        case "registry":
            return load_registry(block.text)
        case "profile":
            return load_registry(AROUND + indent(block.text, "    "))
        case "nested":
            return load_registry(block.text, within=SHIPPED)
    raise AssertionError(f"line {block.line}: nobody knows what {block.words!r} is")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (TOP, registry._KEYS),
        (LETTERS[1], correspondence._SENDER_KEYS),
        (LETTERS[2], correspondence._MAILBOX_KEYS),
        (PROFILE, reading._PROFILE_KEYS),
        ("| key |" + APPROVALS, reading._APPROVAL_KEYS),
        (PARTS["Retry"], reading._RETRY_KEYS),
        (PARTS["Rates"], reading._RATE_KEYS),
        (TOOL, registry._TOOL_KEYS),
        (SERVER, outside._SERVER_KEYS),
        (DOCUMENT, outside._DOCUMENT_KEYS),
        (SAID, outside._SAID_KEYS),
        (WORKERS, workers._POOL_KEYS),
        (MODEL, models._KEYS),
        (PARTS["A model in a profile"], models._RULE_KEYS),
    ],
    ids=[
        "file",
        "sender",
        "mailbox",
        "profile",
        "approvals",
        "retry",
        "rates",
        "tool",
        "mcp",
        "openapi",
        "said",
        "workers",
        "model",
        "model in a profile",
    ],
)
def test_the_keys_are_those_that_are_read(text, known):
    assert keys(text) == list(known)


def test_the_routing_policies_are_those_of_the_code():
    assert {codes(row[0])[0]: "turn it is" in row[2] for row in rows("| policy |" + POLICIES)} == {
        name: policy.is_patient for name, policy in routing.POLICIES.items()
    }


def test_a_nested_file_may_hold_what_the_page_says():
    said = sections(PAGE, 2)["A nested rule file"]
    assert set(codes(said.split("may hold only")[1].split(";")[0])) == set(registry._NESTED_KEYS)


@pytest.mark.parametrize(
    "block", [b for b in blocks(PAGE) if b.words.startswith("yaml")], ids=lambda b: f"line{b.line}"
)
def test_every_snippet_loads_or_is_refused_with_the_words_below_it(block):
    if not block.words.endswith("refused"):
        assert loaded(block).profiles
        return
    everything = blocks(PAGE)
    below = everything[everything.index(block) + 1]
    with pytest.raises(RegistryInvalid) as refusal:
        loaded(block)
    assert [str(mistake) for mistake in refusal.value.facts["mistakes"]] == below.text.splitlines()


def test_every_key_is_shown_in_a_snippet():
    snippets = "\n".join(block.text for block in blocks(PAGE) if block.words.startswith("yaml"))
    for text in (
        TOP,
        PROFILE,
        "| key |" + APPROVALS,
        PARTS["Retry"],
        PARTS["Rates"],
        WORKERS,
        SERVER,
        DOCUMENT,
        SAID,
        MODEL,
    ):
        assert [key for key in keys(text) if f"{key}:" not in snippets] == []


def test_the_defaults_are_those_that_hold():
    (smallest, *_) = blocks(PAGE, "yaml registry")
    found = loaded(smallest)
    profile: Profile = found.profiles["smb"]
    assert defaults(TOP) == {"modules": found.modules[0]}
    assert found.modules == tuple(codes(next(row[2] for row in rows(TOP) if codes(row[0]) == ["modules"])))
    assert defaults(PROFILE) == {
        "cost": f"{units(profile.limits.cost):g}",
        "tokens": str(profile.limits.tokens),
        "warning_threshold": str(profile.limits.warning_percent / 100),
        "at_limit": profile.limits.at_limit.value,
        "max_parallel": str(profile.max_parallel),
        "simulate_execute": str(profile.simulates_execute).lower(),
    }
    approvals = profile.approvals
    assert defaults("| key |" + APPROVALS) == {
        "roles": ", ".join(approvals.roles),
        "quorum": str(approvals.quorum),
        "expires": f"{approvals.expires_s // 3600}h",
        "lapses": f"{approvals.lapses_s // 3600}h",
        "replan_on_deny": str(approvals.replan_on_deny).lower(),
    }
    retry: Retry = profile.retry
    assert defaults(PARTS["Retry"]) == {
        "attempts": str(retry.attempts),
        "base": f"{retry.base_s}s",
        "cap": f"{retry.cap_s}s",
        "jitter": str(retry.jitter_percent / 100),
    }
    assert Override() == Override(side_effect=None, cost=None, timeout_s=None, domain=None)
    assert defaults(PARTS["Rates"]) == defaults(TOOL) == {}
    server = outside.McpServer(name="x", domain="d")
    assert defaults(SERVER) == {
        "trust": str(server.trust).lower(),
        "memory": str(server.memory_mb),
        "cost": f"{units(server.cost):g}",
        "timeout": f"{server.timeout_s}s",
    }
    said = outside.OpenApiDocument(name="x", document="x", domain="d")
    assert defaults(DOCUMENT) == {
        "cost": f"{units(said.cost):g}",
        "timeout": f"{said.timeout_s}s",
        "pages": str(said.pages),
    }
    model = models.ModelSaid(provider="openai", name="x")
    assert defaults(MODEL) == {
        "output": model.output,
        "deadline": f"{model.deadline_s}s",
        "requests": str(model.requests),
        "reply_tokens": str(model.reply_tokens),
    }
    pool = routing.Pool(name="desk", capabilities=("intelligence",))
    assert defaults(WORKERS) == {"concurrency": str(pool.concurrency), "kind": pool.kind}


def test_what_is_required_is_missed():
    def missing(text: str) -> set[str]:
        with pytest.raises(RegistryInvalid) as refusal:
            load_registry(text)
        words = [str(mistake) for mistake in refusal.value.facts["mistakes"]]  # type: ignore[attr-defined]
        return {word.split("'")[1] for word in words if "is missing" in word}

    def required(text: str) -> set[str]:
        return {codes(row[0])[0] for row in rows(text) if row[2] == "required"}

    assert missing("domains: []\n") == required(TOP)
    assert missing("version: 1\nprofiles:\n  mine: {cost: 1}\n") == required(PROFILE)
    assert missing(AROUND + "    approvals: {quorum: 1}\n") - required(PROFILE) == required("| key |" + APPROVALS)
    assert missing(AROUND + "    rates: [{tool: send_message}]\n") - (required(PROFILE) - {"calls"}) == required(
        PARTS["Rates"]
    )


def test_the_levels_are_those_of_the_code():
    levels = {codes(row[0])[0]: row[1:] for row in rows(PARTS["Approvals"])}
    words = {"human": "a person", "rule": "the profile's rule, recorded", "none": "nobody"}
    assert {name: [words[a.propose.value], words[a.execute.value]] for name, a in reading.APPROVALS.items()} == {
        name: [cells[0], cells[1].split(";")[0]] for name, cells in levels.items()
    }

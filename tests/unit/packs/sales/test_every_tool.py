"""Every tool of the pack, by the calls of its reference page: the same answer twice, nothing changed by reading, and
dates from the run alone."""

import asyncio
import inspect
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.docs.pages import DOCS, blocks, codes, page, rows, sections

import cuga.packs.sales
from cuga.adapters.capability import RECORDS, Account
from cuga.adapters.offline import CrmStore
from cuga.model.tool import SideEffect
from cuga.packs.sales.engagement.compliance import cleared
from cuga.packs.sales.engagement.laws import LAWS
from cuga.packs.sales.engagement.recipients import Ground, Recipient
from cuga.packs.sales.intelligence.fit import score_account_fit
from cuga.packs.sales.pack import TOOLS
from cuga.tools.declare import ToolContext, arguments_of, contract_of

CONTRACTS = {contract_of(tool).name: contract_of(tool) for tool in TOOLS}
FUNCTION = {contract_of(tool).name: tool for tool in TOOLS}
BY_RUN = {"explain_recommendation", "replay_run", "export_audit_report"}  # held by tests/scenario/test_runs_told.py
PAGE = DOCS / "reference/sales.md"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the blocks of the page leave behind: the house before anything was changed in it, and the calls."""
    found = {"__name__": "snippets"}
    with pytest.MonkeyPatch.context() as here:
        here.chdir(tmp_path_factory.mktemp("page"))
        for block in blocks(PAGE.read_text("utf-8"), "python runnable"):
            exec(compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec"), found)
        fresh = CrmStore.open(":memory:")
        found["import_directory"]("export", fresh)
        found["fresh"] = fresh
        yield found


def house_of(names, store, **fields):
    bound = names["here"] | {"crm": store}
    return ToolContext.for_tests(capabilities=bound, as_of=fields.pop("as_of", names["context"].as_of), **fields)


def called(context, name, given):
    arguments = msgspec.convert(given, arguments_of(FUNCTION[name]))
    found = FUNCTION[name](context, **msgspec.structs.asdict(arguments))
    return msgspec.json.encode(asyncio.run(found) if inspect.iscoroutine(found) else found)


def copy_of(store, *, shuffled=0):
    other = CrmStore.open(":memory:")
    dice = random.Random(shuffled)
    for kind in RECORDS:
        records = list(store.each(kind))
        dice.shuffle(records)
        other.store({kind: records})
    return other


READ, EXECUTE = SideEffect.READ_ONLY, SideEffect.EXECUTE
SAFE = {name: one for name, one in CONTRACTS.items() if one.side_effect is not EXECUTE and name not in BY_RUN}
INSIDE = sorted(SAFE)
READS = sorted(name for name, one in SAFE.items() if one.side_effect is READ)


def test_the_page_calls_every_tool_and_its_tables_are_the_contracts(names):
    listed = {
        codes(row[0])[0]: codes(row[1])[0]
        for title, text in sections(page("reference/sales.md"), 2).items()
        if title and "| tool |" in text
        for row in rows(text)
    }
    assert listed == {name: one.side_effect.value for name, one in CONTRACTS.items()}
    assert names["CALLS"].keys() | BY_RUN == CONTRACTS.keys()


@pytest.mark.parametrize("name", INSIDE)
def test_the_same_question_has_the_same_answer_in_whatever_order_the_records_came(names, name):
    given = names["CALLS"][name]
    first = called(house_of(names, names["fresh"]), name, given)
    assert called(house_of(names, names["fresh"]), name, given) == first
    assert called(house_of(names, copy_of(names["fresh"], shuffled=7)), name, given) == first


@pytest.mark.parametrize("name", READS)
def test_reading_changes_nothing(names, name):
    store = copy_of(names["fresh"])
    before = store.crm_version()
    called(house_of(names, store), name, names["CALLS"][name])
    assert store.crm_version() == before


def says_its_date(name):
    return "as_of" in msgspec.json.decode(bytes(CONTRACTS[name].output_schema)).get("properties", {})


DATED = [name for name in INSIDE if says_its_date(name)]


def test_all_but_the_template_library_say_the_date_that_they_reason_from():
    assert set(INSIDE) - set(DATED) == {"manage_template_library"}


@pytest.mark.parametrize("name", DATED)
def test_the_date_is_the_runs_own(names, name):
    later = datetime(2026, 1, 6, 9, tzinfo=UTC)
    found = msgspec.json.decode(called(house_of(names, names["fresh"], as_of=later), name, names["CALLS"][name]))
    assert found["as_of"] == "2026-01-06" and found["rules"]


def test_no_tool_asks_the_clock():
    for place in Path(cuga.packs.sales.__file__).parent.rglob("*.py"):
        assert not re.search(r"\b(?:date\.today|datetime\.now|time\.time|random\.)\(", place.read_text("utf-8")), place


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_a_tool_says_more_than_its_purpose(name):
    doc = inspect.getdoc(FUNCTION[name]) or ""
    assert len(doc.split("\n\n")) > 1, f"{name} says nothing of its rules and limits"


FIELDS = ("revenue", "employees", "industry", "country")


@settings(max_examples=30)
@given(blanked=st.sets(st.sampled_from(FIELDS)))
def test_a_field_that_is_not_known_is_unknown_and_no_miss(blanked):
    known = {"revenue": 50_000_000_000_000, "employees": 400, "industry": "food", "country": "Germany"}
    store = CrmStore.open(":memory:")
    full = Account(id="A1", name="A1", **known)
    store.store(
        {"accounts": [full, Account(id="A2", name="A2", **{k: v for k, v in known.items() if k not in blanked})]}
    )
    context = ToolContext.for_tests(capabilities={"crm": store})
    icp = {"target_industries": ["food"], "min_employee_count": 100, "max_employee_count": 900,
           "target_regions": ["Germany"], "min_revenue": 1_000_000}  # fmt: skip
    arguments = msgspec.convert({"account": "A2", "profile": icp}, arguments_of(score_account_fit))
    some = score_account_fit(context, **msgspec.structs.asdict(arguments))
    whole = score_account_fit(context, **{**msgspec.structs.asdict(arguments), "account": "A1"})
    states = {factor.state for factor in some.factors}
    assert states <= {"met", "unknown"} and not some.disqualifiers
    assert (some.score < whole.score) == (some.coverage < whole.coverage) == bool(blanked)
    assert len(some.unknowns) == len(blanked)


WEIGHT = {"allow": 0, "needs review": 1, "block": 2}
BASES = st.sampled_from(["consent", "customer", "bought", "inquiry", "published"])


@settings(max_examples=80)
@given(
    country=st.sampled_from(["", "Japan", *LAWS]),
    is_firm=st.sampled_from([True, None]),
    bases=st.lists(BASES, max_size=3),
    more=BASES,
    opted_in=st.sampled_from(["", "yes", "no"]),
    lawful=st.sampled_from(["", "legitimate interest", "odd"]),
)
def test_another_ground_never_makes_it_worse_and_an_objection_is_final(country, is_firm, bases, more, opted_in, lawful):
    class Mail:
        def __init__(self, why=""):
            self.why = why

        def suppressed(self, address):
            return self.why

    def verdict(grounds, mail=None, **fields):
        given = tuple(Ground(recipient="a@b.example", basis=one, on="2025-12-01", source="x") for one in grounds)
        to = Recipient(address="a@b.example", country=country, is_firm=is_firm, grounds=given, opted_in=opted_in,
                       lawful_basis=lawful, **fields)  # fmt: skip
        return WEIGHT[cleared(to, None, None, mail or Mail(), datetime(2026, 1, 5).date()).verdict]

    assert verdict([*bases, more]) <= verdict(bases)
    assert verdict([*bases, "refused"]) == verdict(bases, Mail("asked")) == verdict(bases, opted_out=True) == 2

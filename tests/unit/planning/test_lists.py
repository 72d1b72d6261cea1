"""Lists in plans: what a proposal may say, what it would cost, and goals that speak of many accounts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from tests.unit.planning.catalogue import crm, rulebook

from cuga.adapters.capability import Account, Contact, Opportunity
from cuga.errors import PlanInvalid
from cuga.model.plan import ForEach, Plan, PlanStep, Reference, When
from cuga.model.value import MICRO
from cuga.packs.sales.pack import TOOLS
from cuga.planning import Proposal, Question, RulePlanner, check
from cuga.planning.forecast import forecast
from cuga.planning.stamps import must_be_as_checked
from cuga.tools.declare import contract_of

BOOK = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
FIRMS = (("Betatech", "Kenya", "medical"), ("Konex", "Norway", "retail"), ("Zotware", "Norway", "medical"),
         ("Dalfax", "Chile", "retail"))  # fmt: skip
CRM = crm(accounts=[Account(id=name, name=name, country=where, industry=what) for name, where, what in FIRMS])
PLANNER = RulePlanner(CRM)
NOW = datetime(2017, 12, 31, tzinfo=UTC)
RANK = PlanStep(tool="prioritize_accounts")
OVER = ForEach(over=Reference(step="prioritize_accounts", path="/ranking"))


def drafts(each=OVER, **changes):
    """A plan that ranks and then drafts for each."""
    step = PlanStep(tool="draft_outbound_message", input={"account": {"$item": "/account"}}, for_each=each)
    return Plan(goal="g", steps=(PlanStep(tool=RANK.tool, name=RANK.tool), _with(step, **changes)))


def _with(step, **changes):
    return replace(step, **changes)


def test_a_list_is_wired_to_the_step_whose_output_it_goes_through():
    first, second = check(drafts(), BOOK).steps
    assert second.for_each is not None and second.for_each.over == Reference(step=first.step_id, path="/ranking")
    assert second.depends_on == (first.step_id,) and second.references == (second.for_each.over,)


@pytest.mark.parametrize(
    ("each", "what"),
    [
        (ForEach(), "takes either `over`"),
        (ForEach(over=OVER.over, items=("a",)), "takes either `over`"),
        (ForEach(over=Reference(step="nobody", path="/x")), "'nobody', which is no step of this plan"),
        (ForEach(over=Reference(step="prioritize_accounts", path="x")), "no JSON Pointer"),
        (ForEach(over=OVER.over, by="points"), "ordered by 'points'"),
        (ForEach(over=OVER.over, first=0), "takes the first 0; 1 to 200"),
        (ForEach(over=OVER.over, first=201), "takes the first 201"),
        (ForEach(over=OVER.over, when=When(expr="item.points >")), "for_each: when"),
        (ForEach(over=OVER.over, when=When(expr="points > 3")), "points is not bound"),
        (ForEach(over=OVER.over, when=When(expr="item > 3", bind={"item": OVER.over})), "the list's own"),
        (ForEach(items=tuple({"account": str(n)} for n in range(201))), "201 items; 200 calls"),
        (ForEach(items=({"account": object()},)), "no JSON value"),
        (ForEach(items=({"account": {"$from": {"step": "s1"}}},)), "hold no references"),
        (ForEach(items=({"name": "Acme"},)), "item 0: $item: nothing at '/account'"),
        (ForEach(items=({"account": 7},)), "item 0: account"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused_with_what_is_wrong(each, what):
    with pytest.raises(PlanInvalid, match="step 2") as refused:
        check(drafts(each), BOOK)
    assert what in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"for_each": None}, "this step has no for_each"),
        ({"input": {"account": {"$item": 3}}}, "an item is"),
        ({"input": {"account": {"$item": "x"}}}, "the item's path"),
        ({"input": {"account": {"$item": "/account", "or": 1}}}, "nothing beside it"),
        ({"step_id": "s2#1"}, "those of a list's calls"),
    ],
)
def test_an_item_is_spoken_of_in_one_form_and_only_in_a_list(changes, what):
    with pytest.raises(PlanInvalid) as refused:
        check(drafts(**changes), BOOK)
    assert what in str(refused.value)


def test_a_step_that_stays_the_same_keeps_its_id_and_its_list_when_the_plan_is_made_anew():
    before = check(drafts(), BOOK)
    more = Plan(goal="g", steps=(PlanStep(tool="audit_data_quality"), *drafts().steps))
    after = check(more, BOOK, number=2, taken=("s1", "s2"), earlier=before.steps)
    assert {step.step_id for step in before.steps} < {step.step_id for step in after.steps}
    other = check(drafts(ForEach(over=OVER.over, first=3)), BOOK, number=2, taken=("s1", "s2"), earlier=before.steps)
    assert other.steps[1].step_id not in ("s1", "s2") and other.steps[1].for_each.over.step == "s1"


def test_a_forecast_counts_as_many_calls_as_a_list_may_make():
    checks = PlanStep(
        tool="assess_message_quality",
        input={"message": {"$item": ""}},
        for_each=ForEach(over=Reference(step="draft_outbound_message", path="/items")),
    )
    five = drafts(ForEach(over=OVER.over, first=5), name="draft_outbound_message")
    seen = forecast(check(Plan(goal="g", steps=(*five.steps, checks)), BOOK), BOOK)
    assert [step.calls for step in seen.steps] == [1, 5, 5] and seen.calls == 11
    assert seen.cost == 1_000_000 + 5 * 1_000_000 + 5 * 500_000
    assert forecast(check(drafts(), BOOK), BOOK).steps[1].is_open
    named = ForEach(items=({"account": "Acme"}, {"account": "Konex"}), first=9)
    assert forecast(check(drafts(named), BOOK), BOOK).steps[1].calls == 2


def planned(goal):
    answer = PLANNER.plan(goal, BOOK, as_of=NOW)
    assert isinstance(answer, Proposal), answer
    check(answer.plan, BOOK)
    return answer.plan.steps


@pytest.mark.parametrize(
    ("goal", "first"),
    [
        ("Score all accounts, draft for the top five", 5),
        ("score all 85 accounts, draft for the top 5", 5),
        ("Rate every company and write an email to the 3 best", 3),
        ("Rank our accounts, then draft a first email to each of the top seven", 7),
        ("draft an intro to the four highest scoring accounts", 4),
        ("Prioritize all accounts and draft a mail to the best ten prospects", 10),
    ],
)
def test_the_best_few_get_a_call_each_behind_one_ranking(goal, first):
    rank, draft = planned(goal)
    assert rank.tool == "prioritize_accounts" and draft.tool == "draft_outbound_message"
    assert draft.for_each == ForEach(over=Reference(step=rank.name, path="/ranking"), first=first)
    assert draft.input["account"] == {"$item": "/account"}
    assert rank.input.get("top", 10) >= first


SIZED = crm(
    accounts=[
        Account(id="A-1", name="Betatech", country="Kenya", industry="medical", employees=900,
                revenue=3_000_000 * MICRO),
        Account(id="A-2", name="Konex", country="Norway", industry="retail", employees=40),
        Account(id="A-3", name="Zotware", country="Norway", industry="medical", employees=700),
    ],
    contacts=[
        Contact(id="P-1", name="Ada Berg", account_id="A-2", account="Konex", email="ada@konex.example"),
        Contact(id="P-2", name="Bo Lind", account_id="A-3", account="Zotware", email="bo@zotware.example"),
    ],
    opportunities=[
        Opportunity(id="D-1", account_id="A-1", account="Betatech", status="open", amount=20_000 * MICRO),
        Opportunity(id="D-2", account_id="A-2", account="Konex", status="won", amount=90_000 * MICRO),
    ],
)  # fmt: skip
ABOVE_500 = {"field": "employees", "op": "above", "value": "500"}


@pytest.mark.parametrize(
    ("goal", "kind", "where", "items"),
    [
        ("Draft a mail to all accounts with more than 500 people", "accounts", [ABOVE_500], {"account": "/name"}),
        ("Draft a mail to all medical accounts with more than 500 employees", "accounts",
         [ABOVE_500, {"field": "industry", "op": "is", "value": "medical"}], {"account": "/name"}),
        ("Write to all accounts with more than 500 employees", "accounts", [ABOVE_500], {"account": "/name"}),
        ("Find accounts with more than 500 employees and draft an email to each", "accounts", [ABOVE_500],
         {"account": "/name"}),
        ("Draft a note for each account with more than 2 million in revenue", "accounts",
         [{"field": "revenue", "op": "above", "value": "2000000"}], {"account": "/name"}),
        ("Draft a mail to every open prospect", "accounts", [{"field": "id", "op": "in", "value": "A-1"}],
         {"account": "/name"}),
        ("Draft an email to every account in Norway", "accounts",
         [{"field": "country", "op": "is", "value": "Norway"}], {"account": "/name"}),
        ("Draft an email to every contact in retail", "contacts",
         [{"field": "account_id", "op": "in", "value": "A-2"}], {"recipient": "/id", "account": "/account_id"}),
        ("Draft an email to every contact in Norway", "contacts",
         [{"field": "account_id", "op": "in", "value": "A-2|A-3"}], {"recipient": "/id", "account": "/account_id"}),
        ("Qualify all open deals above 10000", "opportunities",
         [{"field": "status", "op": "is", "value": "open"}, {"field": "amount", "op": "above", "value": "10000"}],
         {"opportunity": "/id", "account": "/account_id"}),
    ],
)  # fmt: skip
def test_who_is_meant_is_found_by_conditions_and_gone_through(goal, kind, where, items):
    answer = RulePlanner(SIZED).plan(goal, BOOK, as_of=NOW)
    assert isinstance(answer, Proposal), answer
    check(answer.plan, BOOK)
    find, each = answer.plan.steps
    assert find.tool == "query_crm" and find.input["kind"] == kind and find.input["limit"] == 200
    assert sorted(find.input["where"], key=str) == sorted(where, key=str)
    assert each.for_each == ForEach(over=Reference(step=find.name, path="/rows"))
    assert {name: each.input[name] for name in items} == {name: {"$item": path} for name, path in items.items()}
    assert not {"recipient", "account", "opportunity"} & (each.input.keys() - items.keys())


def test_accounts_that_share_a_name_are_gone_through_by_id():
    twins = crm(
        accounts=[Account(id="A-1", name="Konex", employees=900), Account(id="A-2", name="KONEX", employees=800)]
    )
    answer = RulePlanner(twins).plan("Draft a mail to all accounts with more than 500 people", BOOK, as_of=NOW)
    assert answer.plan.steps[1].input["account"] == {"$item": "/id"}


def test_more_records_than_one_list_goes_through_are_a_question_and_never_the_first_200():
    many = crm(accounts=[Account(id=f"A-{n}", name=f"Firm {n}", industry="retail") for n in range(201)])
    answer = RulePlanner(many).plan("Draft a mail to all retail accounts", BOOK, as_of=NOW)
    assert isinstance(answer, Question) and "more than 200 accounts" in answer.text


def test_each_of_the_five_is_never_each_of_all():
    rank, draft = planned("Top three accounts, then draft for each")
    assert rank.input == {"top": 3} and draft.for_each.first is None


def test_what_is_sent_to_many_is_drafted_for_each_of_them():
    answer = RulePlanner(SIZED).plan("Send an email to every account in Norway", BOOK, as_of=NOW)
    tools = [step.tool for step in answer.plan.steps]
    assert (tools[:2], tools[-1]) == (["query_crm", "draft_outbound_message"], "send_message")
    assert all(step.for_each is not None for step in answer.plan.steps[1:])


def test_a_bar_on_the_score_is_held_against_each_item_of_the_ranking_behind_which_it_is_said():
    answer = RulePlanner(SIZED).plan("Score all accounts in Norway over 65 and draft to the best two", BOOK, as_of=NOW)
    rank, draft = answer.plan.steps
    assert rank.input["accounts"] == ["Konex", "Zotware"] and rank.when is None
    assert draft.for_each.first == 2 and draft.for_each.when.expr == "double(item.points) > 65.0"


def test_whether_a_company_may_be_written_to_is_asked_of_all_who_are_known_there():
    (check_law,) = RulePlanner(SIZED).plan("Check whether we may email Konex", BOOK, as_of=NOW).plan.steps
    assert check_law.tool == "check_outreach_compliance" and check_law.input["recipients"] == ["P-1"]
    answer = RulePlanner(SIZED).plan("Check whether we may email Betatech", BOOK, as_of=NOW)
    assert isinstance(answer, Question) and "No contact of Betatech" in answer.text
    (check_law,) = RulePlanner(SIZED).plan("Check whether we may email Ada Berg", BOOK, as_of=NOW).plan.steps
    assert check_law.input["recipient"] == "ada@konex.example"


def test_a_cadence_takes_all_the_channels_that_are_named():
    goal = "Plan a cadence for plant managers starting monday, email and LinkedIn"
    (cadence,) = RulePlanner(SIZED).plan(goal, BOOK, as_of=NOW).plan.steps
    assert cadence.tool == "plan_cadence" and cadence.input["channels"] == ["email", "linkedin"]


def test_a_word_of_a_tool_that_is_also_an_industry_narrows():
    software = crm(
        accounts=[Account(id="a", name="A", industry="software"), Account(id="b", name="B", industry="retail")]
    )
    find, _ = RulePlanner(software).plan("Enrich all software accounts", BOOK, as_of=NOW).plan.steps
    assert find.input["where"] == [{"field": "industry", "op": "is", "value": "software"}]


def test_a_country_or_an_industry_narrows_the_ranking():
    rank, draft = planned("Score every account in Kenya and draft to the best three")
    assert rank.input["accounts"] == ["Betatech"] and draft.for_each.first == 3
    retail, _ = planned("Score all retail accounts, draft for the top two")
    assert retail.input["accounts"] == ["Dalfax", "Konex"]
    both, _ = planned("Score all medical accounts in Norway, draft for the top two")
    assert both.input["accounts"] == ["Zotware"]


@pytest.mark.parametrize(
    ("goal", "asked"),
    [
        ("Score every account in Texas and draft to the best three", "No account in the CRM is 'Texas'"),
        ("Write a mail to all inactive accounts", "'inactive'"),
        ("Draft a mail to all accounts with more than 500 people", "Which accounts are"),
        ("Draft a mail to all accounts whose boss plays golf", "Which accounts are"),
        ("Email every contact in retail", "The CRM has no contacts"),
        ("Draft an email to each of them", "Whom does"),
    ],
)
def test_a_group_that_the_records_cannot_tell_apart_is_a_question(goal, asked):
    answer = PLANNER.plan(goal, BOOK, as_of=NOW)
    assert isinstance(answer, Question) and asked in answer.text


def test_what_follows_a_list_goes_through_its_results():
    _, draft, quality = planned("Prioritize all accounts and draft an email for the top five, then check each of them")
    assert quality.for_each == ForEach(over=Reference(step=draft.name, path="/items"))
    assert quality.input["message"] == {"$item": ""}


def test_sending_is_a_call_for_each_draft_and_those_without_an_address_are_not_left_out_in_silence():
    *_, send = planned("Draft a first email to each of the top 3 accounts and send them")
    assert send.tool == "send_message" and send.for_each.when is None


def test_a_condition_on_the_score_is_held_against_each_item():
    _, draft = planned("Score all accounts and draft an email to each account only if the score is at least 54")
    assert draft.for_each.when.expr == "double(item.points) >= 54.0" and draft.for_each.first is None


def test_top_something_else_is_no_group():
    (brief,) = planned("Give me the top 3 reasons to call Konex and build a brief")[:1]
    assert brief.for_each is None


def test_a_checked_plan_with_a_list_is_compared_and_a_forged_call_of_one_refused():
    checked = check(drafts(ForEach(items=({"account": "Acme"}, {"account": "Konex"}))), BOOK)
    must_be_as_checked(checked, BOOK)
    forged = replace(checked, steps=(checked.steps[0], replace(checked.steps[1], for_each=None, list_of="s1")))
    with pytest.raises(PlanInvalid):
        must_be_as_checked(forged, BOOK)

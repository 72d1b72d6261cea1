"""Clearances: suppression wins over everything, unknown is neither yes nor no, and every verdict names its rule."""

from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Account, Activity, Contact, Opportunity
from cuga.adapters.offline import CrmStore, Outbox, TemplateShelf
from cuga.errors import BadInput, NotDone
from cuga.model.correspondence import Letterhead
from cuga.packs.sales.engagement import laws
from cuga.packs.sales.engagement.compliance import check_outreach_compliance, cleared
from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.message import Message
from cuga.packs.sales.engagement.recipients import Ground, Recipient
from cuga.packs.sales.engagement.sending import send_message
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import ToolContext

SENDER = Letterhead(name="Ada Kestrel", company="Birchline", postal_address="1 Quay Road, Portsea")
BODY = (
    "Hello Nora,\n\nBirchline plans shifts.\n\nJust tell me and you will not hear from me again.\n1 Quay Road, Portsea"
)
DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def person(country, *, employees=300, won="", **contact):
    """A house with one person at a firm of a country, and the context to look at it."""
    store = CrmStore.open(":memory:")
    who = {"id": "P1", "name": "Nora T", "account_id": "A1", "email": "nora@firm.example", **contact}
    store.store({
        "accounts": [Account(id="A1", name="Firm Works", country=country, employees=employees)],
        "contacts": [Contact(**who)],
        "opportunities": [Opportunity(id="D1", account_id="A1", status="won", closes=date.fromisoformat(won))]
        if won else [],
    })  # fmt: skip
    return store


@pytest.fixture
def ask(tmp_path):
    outbox = Outbox(tmp_path)

    def check(store, **arguments):
        context = ToolContext.for_tests(capabilities={"crm": store, "mail": outbox}, as_of=DAY)
        said = {"message": Message(body=BODY, subject="Shifts at Firm"), "recipient": "nora@firm.example",
                "sender": SENDER, **arguments}  # fmt: skip
        (found,) = check_outreach_compliance(context, **said).recipients
        return found

    check.outbox = outbox
    return check


@pytest.mark.parametrize(
    ("country", "verdict", "rule"),
    [
        ("United States", "allow", "CAN-SPAM"),
        ("United Kingdom", "needs review", "GDPR art. 6(1)"),
        ("France", "needs review", "GDPR art. 6(1)"),
        ("Germany", "needs review", "UWG s. 7(2) no. 2"),
        ("Netherlands", "needs review", "art. 11.7"),
        ("Canada", "needs review", "CASL s. 6(1)(a)"),
        ("Japan", "needs review", "UWG"),
        ("", "needs review", "CASL"),
    ],
)
def test_a_first_mail_to_a_firm_is_judged_by_the_law_of_its_country(ask, country, verdict, rule):
    found = ask(person(country))
    assert found.verdict == verdict and rule in found.rule, found
    assert all(finding.rule for finding in found.findings)


@pytest.mark.parametrize(("country", "rule"), [("United Kingdom", "PECR reg. 22"), ("France", "CPCE art. L34-5")])
def test_a_noted_interest_allows_it_where_firms_need_not_agree(ask, country, rule):
    found = ask(person(country, lawful_basis="Legitimate interest – prospect/lead"))
    assert found.verdict == "allow" and rule in found.rule
    assert {f.about: f.rule for f in found.findings}["lawful_basis"] == "GDPR art. 6(1)(f)"
    odd = ask(person(country, lawful_basis="because we can"))
    assert odd.verdict == "needs review" and "because we can" in odd.why


@pytest.mark.parametrize("country", ["Germany", "Canada", "Japan", "United Kingdom"])
def test_consent_in_the_crm_counts_when_it_can_be_shown_and_a_no_is_a_no_where_it_is_asked_for(ask, country):
    shown = {"opted_in": "yes", "consent_on": date(2025, 3, 1), "consent_source": "form 7"}
    yes = ask(person(country, **shown))
    assert yes.verdict == "allow" and {"opted_in", "consent_on", "consent_source"} <= {e.field for e in yes.evidence}
    bare = ask(
        person(country, opted_in="yes", lawful_basis="consent", email="nora@gmail.com"), recipient="nora@gmail.com"
    )
    assert bare.verdict == "needs review" and "nobody noted when or where" in bare.why
    later = ask(person(country, opted_in="yes", consent_on=date(2026, 2, 1), employees=None))
    assert later.verdict == "needs review"
    no = ask(person(country, opted_in="no", employees=None, lawful_basis="legitimate interest"))
    assert no.verdict == "block" and "did not opt in" in no.why
    assert ask(person("United States", opted_in="no")).verdict == "allow"  # opting out is what counts there


def test_the_letterhead_of_the_house_and_of_the_draft_say_who_writes(tmp_path):
    store, said = person("United States"), Message(body=BODY, subject="Shifts at Firm", recipient="nora@firm.example")
    shelf = TemplateShelf(tmp_path, lambda: SENDER)
    context = ToolContext.for_tests(
        capabilities={"crm": store, "mail": Outbox(tmp_path), "templates": shelf}, as_of=DAY
    )
    (found,) = check_outreach_compliance(context, said).recipients
    assert {f.about: f.state for f in found.findings}["postal_address"] == "met"
    draft = draft_outbound_message(context, recipient="nora@firm.example", sender="Ada Kestrel")
    assert draft.sender == SENDER and "Birchline, 1 Quay Road, Portsea" in draft.body
    bare = ToolContext.for_tests(capabilities={"crm": store, "mail": Outbox(tmp_path)}, as_of=DAY)
    (again,) = check_outreach_compliance(bare, draft).recipients
    assert {f.about: f.state for f in again.findings}["identity"] == "met"


def test_a_draft_says_where_the_data_are_from_where_the_law_asks_for_it(tmp_path):
    shelf = TemplateShelf(tmp_path, lambda: Letterhead(company="Birchline", privacy_notice="https://birch.example/p"))
    for country, is_said in (("Germany", True), ("United States", False)):
        store = person(country, consent_source="the trade fair list")
        context = ToolContext.for_tests(capabilities={"crm": store, "templates": shelf}, as_of=DAY)
        draft = draft_outbound_message(context, recipient="nora@firm.example")
        assert ("from the trade fair list" in draft.body) is is_said is ("https://birch.example/p" in draft.body)
        assert any(fact.field == "consent_source" for fact in draft.facts) is is_said
    nobody = ToolContext.for_tests(capabilities={"crm": store, "templates": TemplateShelf(tmp_path)}, as_of=DAY)
    gaps = {gap.field: gap.blocking for gap in draft_outbound_message(nobody, recipient="nora@firm.example").unfilled}
    assert gaps["letterhead"] is False


def test_a_consent_on_record_is_enough_and_a_refusal_final(ask):
    for country in ("Germany", "Canada", "Japan"):
        yes = Ground(recipient="nora@firm.example", basis="consent", on="2025-01-05", source="form 7")
        assert ask(person(country), grounds=(yes,)).verdict == "allow"
        no = Ground(recipient="NORA@firm.example", basis="refused")
        assert ask(person(country), grounds=(yes, no)).verdict == "block"


@pytest.mark.parametrize(("won", "verdict"), [("2024-02-01", "allow"), ("2023-12-01", "needs review")])
def test_a_purchase_is_implied_consent_in_canada_for_two_years(ask, won, verdict):
    found = ask(person("Canada", won=won))
    assert found.verdict == verdict and won in next(f.says for f in found.findings if f.about == "consent")


def test_a_won_deal_alone_is_no_consent_in_germany_and_a_ground_of_tomorrow_none_anywhere(ask):
    assert "not if the address came with it" in ask(person("Germany", won="2025-11-01")).why
    later = Ground(recipient="nora@firm.example", basis="inquiry", on="2026-02-01")
    assert ask(person("Canada"), grounds=(later,)).verdict == "needs review"


def test_a_reply_of_interest_is_an_inquiry(ask):
    store = person("Canada")
    reply = Activity(id="R1", kind="reply", contact_id="P1", happened=DAY.date(), raw={"reply": "interest"})
    store.store({"activities": [reply]})
    assert ask(store).verdict == "allow"


@pytest.mark.parametrize("changes", [{"employees": None}, {"email": "nora@gmail.com"}])
def test_whether_it_is_a_firm_may_not_be_known_and_then_a_person_looks(ask, changes):
    found = ask(person("United Kingdom", **changes), recipient=changes.get("email", "nora@firm.example"))
    assert found.verdict == "needs review" and "not known" in found.why


@pytest.mark.parametrize(
    ("body", "subject", "about", "verdict"),
    [
        (BODY.replace("1 Quay Road, Portsea", ""), "Shifts at Firm", "postal_address", "needs review"),
        (BODY.replace("Just tell me and you will not hear from me again.", ""), "Shifts", "opt_out", "needs review"),
        (BODY.replace("Birchline", "We"), "Shifts at Firm", "identity", "needs review"),
        (BODY, "Re: our call", "subject", "block"),
    ],
)
def test_what_a_message_must_carry_is_looked_for(ask, body, subject, about, verdict):
    found = ask(person("United States"), message=Message(body=body, subject=subject))
    assert found.verdict == verdict
    assert next(f for f in found.findings if f.rule == found.rule).about == about


def test_without_a_sender_nobody_can_say_that_the_address_is_there(ask):
    found = ask(person("United States"), sender=None)
    assert found.verdict == "needs review" and "not given here" in found.why


def test_a_text_message_or_a_call_waits_for_somebody_to_look_into_the_registers(ask):
    for channel in ("sms", "call"):
        found = ask(person("United States"), channel=channel)
        assert found.verdict == "needs review" and "47 CFR 64.1200" in found.rule


def test_several_are_checked_in_one_call_and_an_empty_question_is_said_to_be_one(context):
    result = check_outreach_compliance(context, recipients=("nora.tessler@velkarin-foods.example", "x@y.example", HERO))
    assert len(result.recipients) == 3 and result.coverage == 33
    assert result.unknowns == ("country of x@y.example", f"country of {HERO}")
    nobody = check_outreach_compliance(context, message="Hello")
    assert nobody.recipients == () and "nobody was checked" in nobody.notes[0]
    with pytest.raises(BadInput, match="more than"):
        check_outreach_compliance(context, recipients=tuple(f"{n}@x.example" for n in range(2_001)))


laws_known = st.sampled_from([*laws.LAWS, "", "Japan"])
bases = st.sampled_from(["consent", "customer", "bought", "inquiry", "published"])


class Listed:
    """A mailbox that has everybody on its list."""

    def suppressed(self, address):
        return "they asked"


@given(
    country=laws_known, is_firm=st.sampled_from([None, True, False]), basis=bases, subject=st.sampled_from(["Hi", ""])
)
def test_suppression_wins_over_every_ground_in_every_country(country, is_firm, basis, subject):
    ground = Ground(recipient="a@b.example", basis=basis, on="2026-01-01")
    to = Recipient(address="a@b.example", country=country, is_firm=is_firm, grounds=(ground,))
    found = cleared(to, Message(body=BODY, subject=subject), SENDER, Listed(), DAY.date())
    assert found.verdict == "block" and "they asked" in found.why
    opted = msgspec.structs.replace(to, opted_out=True)
    assert cleared(opted, None, SENDER, None, DAY.date()).verdict == "block"


@given(country=laws_known, is_firm=st.sampled_from([None, True]), grounds=st.lists(bases, max_size=3))
def test_knowing_less_never_allows_more(country, is_firm, grounds):
    given_ = tuple(Ground(recipient="a@b.example", basis=basis, on="2025-12-01") for basis in grounds)
    known = Recipient(address="a@b.example", country=country, is_firm=is_firm, grounds=given_)
    less = msgspec.structs.replace(known, country="", is_firm=None)
    order = ["allow", "needs review", "block"]

    def verdict(to):
        return order.index(cleared(to, None, SENDER, None, DAY.date()).verdict)

    assert verdict(less) >= verdict(known)


def test_who_opted_out_after_the_approval_gets_nothing(context, outbox):
    draft = draft_outbound_message(context, recipient="buyer", account=HERO)
    outbox.suppress("@velkarin-foods.example", "they asked")
    with pytest.raises(NotDone, match=r"they asked \(GDPR art. 21"):
        send_message(context, draft)
    assert outbox.history() == ()


def test_what_needs_review_goes_out_since_a_person_has_approved_it(context, outbox):
    draft = draft_outbound_message(context, recipient="buyer", account=HERO)
    assert check_outreach_compliance(context, draft).recipients[0].verdict == "needs review"
    receipt = send_message(context, draft)
    (sent,) = outbox.history()
    assert (sent.message_id, sent.recipient, sent.template) == (receipt.mail_id, draft.recipient, "first-email")


def test_a_clearance_that_said_block_is_not_sent_against(context, outbox):
    draft = draft_outbound_message(context, recipient="buyer", account=HERO)
    outbox.suppress(draft.recipient, "they asked")
    said = check_outreach_compliance(context, draft)
    outbox.suppression.remove(draft.recipient)
    with pytest.raises(NotDone, match="was not cleared"):
        send_message(context, draft, clearance=said)
    assert outbox.history() == () and send_message(context, draft).sent

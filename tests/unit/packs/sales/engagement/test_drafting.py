"""Drafts: made of records, with a source for each fact; what is missing is listed and never made up."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Account, Contact, Product, body_hash
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.engagement.check_words import fits
from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.quality import assess_message_quality
from cuga.packs.sales.engagement.templates import STYLES, TEMPLATES
from cuga.packs.sales.sample import HERO, HERO_DEAL
from cuga.tools.declare import ToolContext

HOLES = re.compile(r"\{\{|\}\}|\[[A-Z]|\bNone\b|\bnull\b|,\s*,|  |\s[.,?!]")


def missing(message):
    return {item.field: item.blocking for item in message.unfilled}


def test_an_address_alone_makes_a_real_draft():
    message = draft_outbound_message(ToolContext.for_tests(), recipient="alice@example.com")
    assert (message.kind, message.recipient, message.channel) == ("message", "alice@example.com", "email")
    assert message.subject and len(message.body.split()) > 40 and message.facts == ()
    assert not HOLES.search(message.body)
    assert missing(message) == {"recipient_name": False, "account": False, "product": False, "sender": False}


def test_the_buyer_is_found_by_title_and_every_fact_names_its_row(context):
    message = draft_outbound_message(context, recipient="buyer", account=HERO, sender="Ada Kestrel")
    assert message.recipient == "nora.tessler@velkarin-foods.example" and message.body.startswith("Hello Nora,")
    assert {fact.source for fact in message.facts} >= {
        "accounts.csv:2",
        "contacts.csv:2",
        "products.csv:2",
        "deals.csv:2",
    }
    assert message.product == "Linden Scheduler" and "I have been in touch" in message.body
    assert message.unfilled == () and message.body_hash == body_hash(message.body)


@pytest.mark.parametrize("said", ["P-0010", "p-0010", "Nora Tessler", "Nora", "CFO"])
def test_a_person_of_an_account_is_found_by_id_name_or_role(context, said):
    message = draft_outbound_message(context, recipient=said, account=HERO)
    assert message.recipient == "nora.tessler@velkarin-foods.example" and "recipient" not in missing(message)


def test_a_whole_role_is_kept_and_somebody_of_another_account_is_not_taken(context):
    assert draft_outbound_message(context, recipient="Head of IT", account=HERO).recipient_name == "Rosa Ölander"
    assert draft_outbound_message(context, recipient="head of operations", account=HERO).recipient_name == (
        "Emil Hestrin"
    )
    other = draft_outbound_message(context, recipient="P-0020", account=HERO)
    assert other.recipient == "" and any("Lucia Castrow of Tornwick Logistics" in note for note in other.notes)


def test_a_role_without_an_account_says_that_the_account_is_missing(context):
    (item,) = [i for i in draft_outbound_message(context, recipient="CFO").unfilled if i.field == "recipient"]
    assert item.blocking and "name the account" in item.why


def test_an_unknown_buyer_is_listed_and_never_invented(context):
    nobody = next(
        a
        for a, _ in context.capability("crm").names("accounts")
        if not context.capability("crm").query("contacts", [by(a)])
    )
    message = draft_outbound_message(context, recipient="buyer", account=nobody)
    assert message.recipient == "" and missing(message)["recipient"] is True and "@" not in message.body
    assert message.body.startswith("Hello,")


def by(account):
    from cuga.adapters.capability import Filter

    return Filter(field="account_id", value=account)


def test_between_several_people_of_a_role_nobody_is_chosen():
    store = CrmStore.open(":memory:")
    store.store({
        "accounts": [Account(id="A", name="Alder Works")],
        "contacts": [Contact(id=n, name=f"{n} X", account_id="A", title="CFO", email=f"{n}@a.example") for n in ("p",
        "q")],
    })  # fmt: skip
    message = draft_outbound_message(ToolContext.for_tests(capabilities={"crm": store}), recipient="CFO", account="A")
    assert message.recipient == "" and "say which one" in " ".join(message.notes)


def test_an_old_deal_is_not_brought_up(crm):
    late = ToolContext.for_tests(capabilities={"crm": crm}, as_of=datetime(2027, 6, 1, tzinfo=UTC))
    message = draft_outbound_message(late, recipient="buyer", account=HERO)
    assert "in touch" not in message.body and any(
        HERO_DEAL in note and "not brought up" in note for note in message.notes
    )


@pytest.mark.parametrize(("channel", "most"), [("linkedin", 300), ("call", 400), ("sms", 160)])
def test_other_channels_have_no_subject_and_keep_their_length(context, channel, most):
    message = draft_outbound_message(context, recipient="buyer", account=HERO, channel=channel)
    assert message.subject == "" and len(message.body) <= most and message.recipient == "Nora Tessler"


def test_an_own_template_loses_what_cannot_be_said_and_says_which(context):
    text = "Hi {{first_name}}. We see {{account}} grow by {{growth}}. Shall we talk?"
    message = draft_outbound_message(context, recipient="Nora Tessler", account=HERO, template=text)
    assert message.body == "Hi Nora. Shall we talk?" and missing(message)["growth"] is True
    with pytest.raises(BadInput, match="nothing is left"):
        draft_outbound_message(context, template="{{growth}}")


@pytest.mark.parametrize(
    "arguments",
    [{"template": "nope"}, {"style": "rude"}, {"template": "linkedin-note"}, {"account": "Nobody Anywhere At All"}],
)
def test_what_cannot_be_used_is_refused_with_the_choices(context, arguments):
    with pytest.raises(BadInput) as caught:
        draft_outbound_message(context, **arguments)
    assert caught.value.next_step


def test_the_intent_is_what_a_message_is_for_and_not_the_run_that_made_it(context):
    first = draft_outbound_message(context, recipient="buyer", account=HERO)
    other = ToolContext.for_tests(run_id="another", capabilities=context.capabilities)

    def intent(**arguments):
        return draft_outbound_message(other, **{"recipient": "buyer", "account": HERO} | arguments).intent

    assert intent() == first.intent and "first-message-to-velkarin-foods" in first.intent
    assert intent(style="friendly", sender="Ada Kestrel", goal="draft a first email to the buyer") == first.intent
    assert intent(template="Dear {{first_name}}, shall we talk about {{product}}?") == first.intent
    assert len({first.intent, intent(goal="follow up"), intent(goal="book a call"), intent(goal="second follow up"),
                intent(product="Alder Stock")}) == 5  # fmt: skip
    assert intent(goal="follow up", continues=first.intent) == first.intent


@pytest.mark.parametrize("goal", ["", "book a call", "show a demo", "follow up", "renewal"])
@pytest.mark.parametrize("style", STYLES)
def test_our_own_drafts_pass_our_own_checks(context, goal, style):
    for arguments in (
        {"recipient": "alice@example.com"},
        {"recipient": "buyer", "account": HERO, "sender": "Ada Kestrel"},
    ):
        message = draft_outbound_message(context, goal=goal, style=style, **arguments)
        judged = assess_message_quality(context, message)
        assert judged.ready_to_send and judged.score >= 90, judged.issues
        assert {issue.check for issue in judged.issues} <= {"personal"}, judged.issues


awkward = st.text(max_size=25) | st.sampled_from(["{{first_name}}", "", "None", "N. N.", "{{x"])


@given(
    name=awkward,
    account=awkward,
    industry=awkward,
    title=awkward,
    employees=st.none() | st.integers(0, 10**6),
    sender=awkward,
)
def test_whatever_the_records_hold_no_variable_stays_open(name, account, industry, title, employees, sender):
    store = CrmStore.open(":memory:")
    store.store({
        "accounts": [Account(id="A", name=account, industry=industry, employees=employees)],
        "contacts": [Contact(id="C", name=name, account_id="A", title=title, email="c@a.example")],
        "products": [Product(id="P", name="Thing", description=industry)],
    })  # fmt: skip
    context = ToolContext.for_tests(capabilities={"crm": store})
    for template in TEMPLATES.values():
        message = draft_outbound_message(
            context,
            recipient="c@a.example",
            account="A",
            product="P",
            channel=template.channel,
            template=template.name,
            sender=sender,
        )
        assert "{{" not in message.body + message.subject and "}}" not in message.body + message.subject
        assert message.body.strip()


def test_without_a_crm_what_is_given_is_used_and_no_more():
    message = draft_outbound_message(
        ToolContext.for_tests(),
        recipient="a@b.example",
        account="Alder Works",
        product="Rowan Reports",
        subject="Two words",
    )
    assert "Alder Works" in message.body and "Rowan Reports" in message.body and message.subject == "Two words"
    nobody = draft_outbound_message(ToolContext.for_tests(), recipient="the buyer")
    assert nobody.recipient == "" and missing(nobody)["recipient"] is True


def test_a_known_person_brings_their_company_along(context):
    message = draft_outbound_message(context, recipient="Nora Tessler")
    assert (message.account_id, message.recipient) == (HERO, "nora.tessler@velkarin-foods.example")
    assert draft_outbound_message(context, recipient="nora.tessler@velkarin-foods.example").account_id == HERO


def test_a_person_who_wants_no_mail_is_said_so(context):
    crm = context.capability("crm")
    person = next(c for c in crm.query("contacts", limit=-1) if c.unsubscribed and c.name)
    message = draft_outbound_message(context, recipient=person.email)
    assert any("asked for no mail" in note for note in message.notes)


def test_a_variable_that_is_not_closed_is_refused(context):
    with pytest.raises(BadInput, match="not closed"):
        draft_outbound_message(context, recipient="a@b.example", template="Hello {{ you")


def test_a_person_without_an_address_is_named_and_the_address_asked_for(context):
    message = draft_outbound_message(context, recipient="Head of IT", account=HERO)
    assert message.recipient_name == "Rosa Ölander" and message.recipient == ""
    assert "address" in next(item.why for item in message.unfilled if item.field == "recipient")


def test_a_person_who_was_met_before_is_no_first_contact_and_the_deals_owner_signs(context):
    message = draft_outbound_message(context, recipient="buyer", account=HERO)
    assert message.first_contact is False
    assert any("not the first contact with Nora Tessler: call of 2025-12-01" in note for note in message.notes)
    assert message.body.endswith("Best regards\nAda Kestrel") and "sender" not in missing(message)
    stranger = draft_outbound_message(context, recipient="alice@example.com")
    assert stranger.first_contact and any("`sender`" in item.why for item in stranger.unfilled)


@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), account=st.text(min_size=1, max_size=60))
def test_a_text_message_takes_plainer_words_before_it_grows_too_long(name, account):
    context = ToolContext.for_tests(capabilities={})
    message = draft_outbound_message(context, recipient="a@b.example", account=account, channel="sms", sender=name)
    found = {issue.check: issue.weight for issue in assess_message_quality(context, message).issues}
    assert fits("sms", message.body) == (found.get("length") != "blocking")
    plain = draft_outbound_message(context, recipient="a@b.example", channel="sms", account="A" * 200, sender="Ada")
    assert fits("sms", plain.body) and "A" * 200 not in plain.body

"""Sending: what was approved, once, to somebody who may be written to; else nothing happens and it is said why."""

import json
from email import message_from_bytes
from email.policy import default

import msgspec
import pytest

from cuga.adapters.capability import body_hash
from cuga.errors import NotDone
from cuga.kernel.stops import stop_of
from cuga.model.value import encode
from cuga.packs.sales.engagement.compliance import check_outreach_compliance
from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.message import Message
from cuga.packs.sales.engagement.sending import look, send_message
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import ToolContext, amended_of, arguments_of, contract_of, probe_of


@pytest.fixture
def draft(context):
    return draft_outbound_message(context, recipient="buyer", account=HERO, sender="Ada Kestrel")


def changed(message, **changes):
    return msgspec.structs.replace(message, **changes)


def files(outbox):
    return sorted(file for file in outbox._directory.glob("*") if file.is_file()) if outbox._directory.exists() else []


def test_the_mail_in_the_outbox_is_what_was_approved(context, outbox, draft):
    receipt = send_message(context, draft)
    mail = message_from_bytes((outbox._directory / receipt.place).read_bytes(), policy=default)
    assert (mail["To"], mail["Subject"]) == (draft.recipient, draft.subject)
    assert body_hash(mail.get_content()) == draft.body_hash == receipt.body_hash == mail["X-Body-Hash"]
    assert mail["X-Cuga-Intent"] == draft.intent and receipt.mail_id == mail["Message-ID"]


def test_a_second_try_under_the_same_key_sends_nothing_more(context, outbox, draft):
    assert send_message(context, draft) == send_message(context, draft)
    assert len(files(outbox)) == 1


def test_the_probe_tells_whether_it_happened(context, draft):
    assert look(context, {"message": msgspec.to_builtins(draft)}) is None
    receipt = send_message(context, draft)
    assert look(context, {"message": draft}) == receipt
    assert probe_of(send_message) is look and contract_of(send_message).repeatable.value == "probe"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"body": "Another text altogether."}, "hash differs"),
        ({"recipient": ""}, "no recipient"),
        ({"recipient": "a@b.example, c@d.example"}, "not one plain mail address"),
        ({"recipient": "a@b.example\nBcc: c@d.example"}, "not one plain mail address"),
        ({"subject": "Hi\nBcc: c@d.example"}, "control characters"),
        ({"subject": " "}, "no subject"),
        ({"body": "Hello {{name}}", "body_hash": ""}, "variable is not filled"),
        ({"intent": ""}, "no intent"),
        ({"channel": "linkedin"}, "not sent from here"),
        ({"recipient": "no-mail@quiet.example"}, "asked for no mail"),
    ],
)
def test_what_may_not_go_out_does_not_and_the_reason_is_said(context, outbox, draft, changes, why):
    with pytest.raises(NotDone, match=why):
        send_message(context, changed(draft, **changes))
    assert files(outbox) == []


def test_an_unfilled_draft_is_not_sent(context, outbox):
    draft = draft_outbound_message(
        context, account=HERO, template="Hello, we know {{secret}}. Shall we talk?", recipient="buyer"
    )
    with pytest.raises(NotDone, match="secret is not filled") as caught:
        send_message(context, changed(draft, subject="Two words"))
    assert caught.value.next_step and files(outbox) == []


def test_the_suppression_list_of_the_outbox_wins(context, outbox, draft):
    outbox.suppress("@velkarin-foods.example", "they asked")
    with pytest.raises(NotDone, match="they asked"):
        send_message(context, draft)
    assert [file.name for file in files(outbox)] == ["suppressed.csv"]


def test_a_body_that_a_person_amended_goes_out_under_its_own_hash(context, draft):
    body = "Hello Nora,\n\nWould Tuesday suit you?"
    for digest in ("", body_hash(body)):
        assert send_message(context, changed(draft, body=body, body_hash=digest)).body_hash == body_hash(body)


def test_looking_finds_what_was_sent_after_the_file_was_picked_up_and_no_other_body(crm, outbox, draft):
    context = ToolContext.for_tests(capabilities={"crm": crm, "mail": outbox})
    assert look(context, {"message": draft}) is None
    receipt = send_message(context, draft)
    files(outbox)[0].unlink()
    assert look(context, {"message": draft}) == receipt
    other = msgspec.structs.replace(draft, body="Another body", body_hash="")
    for ask in (lambda: look(context, {"message": other}), lambda: send_message(context, other)):
        with pytest.raises(RuntimeError, match="another body"):
            ask()


def test_a_run_without_mail_sends_nothing(draft):
    with pytest.raises(NotDone, match="mail"):
        send_message(ToolContext.for_tests(), draft)


def test_one_send_per_intent_and_recipient_is_claimed_by_the_contract(draft):
    contract = contract_of(send_message)
    assert contract.once == ("send", "/message/channel", "/message/recipient", "/message/intent")
    plain = {"message": json.loads(msgspec.json.encode(draft))}
    for pointer in contract.once[1:]:
        assert plain["message"][pointer.rsplit("/", 1)[1]]
    assert msgspec.convert(plain["message"], Message) == draft


def stopped(message, clearance=None, **changes):
    """The rule by which a send is refused before anybody is asked, and the words; None: it is asked for."""
    whole = {"message": msgspec.to_builtins(changed(message, **changes)), "clearance": msgspec.to_builtins(clearance)}
    found = stop_of(contract_of(send_message), msgspec.Raw(encode(whole)), {})
    return None if found is None else (found.rule, found.reason)


def test_what_a_draft_and_its_check_show_to_be_in_vain_is_not_asked_for(context, crm, outbox, draft):
    assert stopped(draft) is None
    assert stopped(draft, check_outreach_compliance(context, draft)) is None, "what needs review is a person's to say"
    assert stopped(draft, recipient="")[0] == "no-recipient"
    assert stopped(draft, channel="linkedin") == ("not-by-mail", "a message for linkedin is not sent from here")
    outbox.suppress(draft.recipient, "asked by phone")
    rule, reason = stopped(draft, check_outreach_compliance(context, draft))
    assert rule == "recipient-blocked" and "on the suppression list: asked by phone" in reason
    several = check_outreach_compliance(context, recipients=("a@b.example", draft.recipient))
    assert stopped(draft, several)[0] == "recipient-blocked"
    assert stopped(draft, several, recipient="a@b.example") is None, "somebody else is blocked"


def test_a_draft_to_somebody_who_opted_out_is_not_asked_for_even_without_a_check(context, crm, draft):
    person = next(c for c in crm.query("contacts", limit=-1) if c.unsubscribed and c.name and c.email)
    message = draft_outbound_message(context, recipient=person.email, account=person.account)
    assert message.blocked and stopped(message) == (
        "recipient-blocked", "the recipient must not be written to: asked for no mail, says the CRM"
    )  # fmt: skip
    assert draft.blocked == ""


def test_whoever_a_message_is_amended_to_counts_and_not_who_it_was_for(context, crm, draft):
    person = next(c for c in crm.query("contacts", limit=-1) if c.unsubscribed and c.name and c.email)
    blocked = draft_outbound_message(context, recipient=person.email, account=person.account)
    struct = arguments_of(send_message)
    after = amended_of(send_message)(
        context, struct(message=blocked), struct(message=changed(blocked, recipient=draft.recipient))
    )
    assert after.message.blocked == "" and stopped(after.message, after.clearance) is None

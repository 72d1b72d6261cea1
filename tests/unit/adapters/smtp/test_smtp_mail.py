"""Mail by SMTP against a real server: taken once, surely not, or nobody knows; and nothing but what was approved."""

import smtplib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.servers.certificates import Certificates
from tests.servers.mail_sink import PASSWORD, USER, Sink

from cuga.adapters.capability import Outgoing, body_hash
from cuga.adapters.offline import Outbox
from cuga.adapters.smtp import SmtpMail
from cuga.clock import ManualClock
from cuga.errors import BadInput, EgressRefused, NotDone, Rejected, Unanswered, Unreachable
from cuga.model.failure import FailureMode
from cuga.model.tool import SideEffect
from cuga.outbound import Egress, mail
from cuga.outbound.mail import MailServer
from cuga.redact import Redactor
from cuga.tools.failing import failed

INSIDE = Egress(inside=("127.0.0.1",))
BODY = "Hello Ada,\n.one dot begins this line\n..two this\n\n.\nGrüße"


@pytest.fixture
def sink():
    with Sink() as started:
        yield started


def mailer(tmp_path, url, password="", *, egress=INSIDE, sender="Nora Finch <nora@birch.example>", tls=None):
    outbox = Outbox(tmp_path / "outbox", clock=ManualClock())
    return SmtpMail(MailServer.read(url, password), sender, outbox, egress, clock=ManualClock(), tls=tls)


def letter(**changes):
    plain = {"key": "k1", "recipient": "ada@isdom.example", "subject": "Grüße, kurz", "body": BODY}
    return Outgoing(**{**plain, **changes})


def test_a_mail_arrives_once_as_it_was_approved(sink, tmp_path):
    by = mailer(tmp_path, sink.url)
    receipt = by.send(letter(body_hash=body_hash(BODY), intent="intro"))
    assert by.send(letter()) == receipt == by.sent("k1")
    (mail,) = sink.mails()
    assert body_hash(mail.get_content()) == body_hash(BODY) == receipt.body_hash
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "Nora Finch <nora@birch.example>", "ada@isdom.example", "Grüße, kurz",
    )  # fmt: skip
    assert mail["Message-ID"] == receipt.message_id and receipt.message_id.endswith("@birch.example>")
    assert by.history()[0].intent == "intro"


def test_the_message_id_is_that_of_the_call_whenever_it_is_made(sink, tmp_path):
    first = mailer(tmp_path / "a", sink.url).send(letter())
    again = mailer(tmp_path / "b", sink.url).send(letter())
    other = mailer(tmp_path / "b", sink.url).send(letter(key="k2"))
    assert first.message_id == again.message_id != other.message_id


@pytest.mark.parametrize(
    ("word", "code", "mode"),
    [
        ("mail", 451, FailureMode.RESOURCE_API_UNAVAILABLE),
        ("rcpt", 450, FailureMode.RESOURCE_API_UNAVAILABLE),
        ("rcpt", 550, FailureMode.USER_INVALID_INPUT),
        ("data", 451, FailureMode.RESOURCE_API_UNAVAILABLE),
        ("data", 554, FailureMode.USER_INVALID_INPUT),
    ],
)
def test_a_refusal_is_surely_not_sent_and_its_code_says_whether_it_is_tried_again(sink, tmp_path, word, code, mode):
    by = mailer(tmp_path, sink.url)
    sink.at[word] = f"{code} not like this"
    with pytest.raises(Rejected, match=f"{code} not like this") as refused:
        by.send(letter())
    outcome = failed(refused.value, SideEffect.EXECUTE, Redactor(()))
    assert (outcome.mode, outcome.certainty.value) == (mode, "not_done")
    assert by.sent("k1") is None and sink.taken == []
    sink.at.clear()
    by.send(letter())
    assert len(sink.taken) == 1


@pytest.mark.parametrize("word", ["mail", "rcpt"])
def test_a_drop_before_the_mail_was_given_is_surely_not_sent(sink, tmp_path, word):
    by = mailer(tmp_path, sink.url)
    sink.at[word] = "drop"
    with pytest.raises(Unreachable):
        by.send(letter())
    assert by.sent("k1") is None


@pytest.mark.parametrize(("word", "kept"), [("data", 0), ("kept", 1)])
def test_a_drop_after_the_mail_was_given_is_unknown_for_good_and_never_sent_again(sink, tmp_path, word, kept):
    by = mailer(tmp_path, sink.url)
    sink.at[word] = "drop"
    with pytest.raises(Unanswered) as dropped:
        by.send(letter())
    assert failed(dropped.value, SideEffect.EXECUTE, Redactor(())).certainty.value == "unknown"
    sink.at.clear()
    for ask in (lambda: by.sent("k1"), lambda: by.send(letter()), lambda: by._outbox.send(letter())):
        with pytest.raises(RuntimeError, match="had begun"):
            ask()
    assert len(sink.taken) == kept


@pytest.mark.parametrize("said", ["200 taken", "252 taken, will try", "26 fine", "OK taken", "354 go on", "100 wait"])
def test_after_the_whole_mail_only_a_refusal_says_that_it_was_not_taken(sink, tmp_path, said):
    sink.at["kept"] = said
    by = mailer(tmp_path, sink.url)
    try:
        assert by.send(letter()) == by.sent("k1") and said.startswith("2")
    except Unanswered:
        with pytest.raises(RuntimeError, match="nobody noted"):
            by.sent("k1")
        with pytest.raises(RuntimeError, match="nobody noted"):
            by.send(letter())
    assert len(sink.taken) == 1


def test_an_answer_that_does_not_come_is_unknown(sink, tmp_path, monkeypatch):
    monkeypatch.setattr(mail, "ANSWER_S", 0.3)
    sink.at["kept"] = "hang"
    with pytest.raises(Unanswered):
        mailer(tmp_path, sink.url).send(letter())
    assert len(sink.taken) == 1


def test_what_was_put_into_the_outbox_is_not_sent_again_by_the_server(sink, tmp_path):
    by = mailer(tmp_path, sink.url)
    receipt = by._outbox.send(letter())
    assert by.send(letter()) == receipt and sink.said == []


def test_nothing_is_sent_to_who_is_suppressed_or_with_another_hash(sink, tmp_path):
    by = mailer(tmp_path, sink.url)
    by.suppress("@isdom.example", "asked us to stop")
    with pytest.raises(NotDone, match="asked us to stop"):
        by.send(letter(recipient="Ada+news@Sub.isdom.example"))
    with pytest.raises(NotDone, match="hash"):
        by.send(letter(recipient="ada@other.example", body_hash="0" * 64))
    assert sink.said == []


BREAKING = st.sampled_from(
    ["\r\n", "\n", "\r", "\x00", "\u2028", "\r\nBcc: eve@bad.example", "\r\n.\r\nMAIL FROM:<e@x>"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.tuples(st.text(max_size=20), BREAKING, st.text(max_size=20)).map("".join),
    at=st.sampled_from(["subject", "recipient", "intent", "message_id"]),
)
def test_no_field_can_add_a_header_a_recipient_or_a_command(sink, tmp_path, text, at):
    before = len(sink.said)
    with pytest.raises(NotDone):
        mailer(tmp_path, sink.url).send(letter(key=f"{at}{text!r}", **{at: text}))
    assert len(sink.said) == before


def test_a_body_that_looks_like_the_end_of_a_mail_stays_a_body(sink, tmp_path):
    body = "a\n.\nMAIL FROM:<eve@bad.example>\n.\n\n..\nz"
    mailer(tmp_path, sink.url).send(letter(body=body))
    assert [body_hash(one.get_content()) for one in sink.mails()] == [body_hash(body)]
    assert sink.said == ["mail", "rcpt", "data", "kept"]


def test_a_mail_goes_over_starttls_or_tls_and_to_the_right_machine_only(tmp_path):
    made = Certificates(tmp_path, "localhost")
    for number, (starttls, scheme) in enumerate([(True, "smtp"), (False, "smtps")]):
        with Sink(tls=made.server(), starttls=starttls) as sink:
            url = f"{scheme}://localhost:{sink.port}"
            by = mailer(tmp_path / str(number), url, egress=Egress(inside=("localhost",)), tls=made.client())
            by.send(letter())
            assert sink.encrypted == [True]
            other = mailer(tmp_path / f"{number}b", f"{scheme}://127.0.0.1:{sink.port}", tls=made.client())
            with pytest.raises(Unreachable):  # the same machine under a name that its certificate does not bear
                other.send(letter())


def test_who_we_are_is_told_and_a_wrong_password_is_a_refusal(tmp_path):
    made = Certificates(tmp_path, "localhost")
    with Sink(tls=made.server(), starttls=True, login=True) as sink:

        def by(password):
            url = f"smtp://{USER}@localhost:{sink.port}"
            return mailer(tmp_path / "x", url, password, egress=Egress(inside=("localhost",)), tls=made.client())

        with pytest.raises(Rejected, match="does not know us"):
            by("guess").send(letter())
        assert by(PASSWORD).look().startswith("sink.example")
        assert sink.taken == []
        by(PASSWORD).send(letter())
        assert len(sink.taken) == 1
    assert PASSWORD not in repr(MailServer.read(f"smtp://{USER}@localhost", PASSWORD))


def test_a_password_is_never_told_in_the_open_and_no_place_inside_is_reached_unasked(sink, tmp_path):
    with pytest.raises(EgressRefused, match="no TLS"):
        mailer(tmp_path, sink.url.replace("//", "//me@"), "pw").send(letter())
    with pytest.raises(EgressRefused):
        mailer(tmp_path, sink.url, egress=Egress()).send(letter())
    assert sink.said == []
    with pytest.raises(BadInput, match="no sender"):
        mailer(tmp_path, sink.url, sender="nobody")


def test_the_sink_is_a_real_server(sink):
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        assert client.ehlo()[0] == 250

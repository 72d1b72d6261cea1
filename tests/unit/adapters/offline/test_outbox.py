"""A message lies in the outbox whole and once, or not at all."""

import os
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuga.adapters.capability import Outgoing, body_hash
from cuga.adapters.offline import Outbox
from cuga.adapters.offline.eml import drop_mails
from cuga.clock import ManualClock
from cuga.errors import NotDone


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox", clock=ManualClock())


def letter(**changes):
    return Outgoing(
        **{
            "key": "k1",
            "recipient": "ada@isdom.example",
            "subject": "Grüße, kurz",
            "body": "Hello\nAda — hi",
            **changes,
        }
    )


def read_back(outbox, receipt):
    return message_from_bytes((outbox._directory / receipt.place).read_bytes(), policy=default)


def test_what_is_sent_can_be_read_back(outbox):
    receipt = outbox.send(letter())
    mail = read_back(outbox, receipt)
    assert (mail["To"], mail["Subject"], mail["X-Unsent"]) == ("ada@isdom.example", "Grüße, kurz", "1")
    assert mail.get_content().replace("\r\n", "\n") == "Hello\nAda — hi\n"
    assert receipt.body_hash == body_hash("Hello\r\nAda — hi") == mail["X-Body-Hash"]


def test_the_same_key_again_writes_nothing(outbox):
    first = outbox.send(letter())
    assert outbox.send(letter(body="something else")) == first == outbox.sent("k1")
    assert len(list(outbox._directory.glob("*.eml"))) == 1 and not list(outbox._directory.glob("*.part"))


def test_letters_whose_bytes_look_like_line_ends_survive(outbox):
    assert outbox.send(letter(body="Åse … Ünal\u2028x" + "Å" * 200)).body_hash == body_hash(
        "Åse … Ünal\u2028x" + "Å" * 200
    )


def test_a_key_that_was_never_used_was_not_sent(outbox):
    assert outbox.sent("k2") is None


def test_a_sender_makes_it_a_finished_message(tmp_path):
    outbox = Outbox(tmp_path, sender="Sales <sales@house.example>", clock=ManualClock())
    mail = read_back(outbox, outbox.send(letter()))
    assert mail["From"] == "Sales <sales@house.example>" and mail["X-Unsent"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "ada@isdom.example, eve@other.example"},
        {"recipient": "ada@isdom.example\nBcc: eve@other.example"},
        {"recipient": "ada"},
        {"recipient": ""},
        {"subject": "Hi\r\nBcc: eve@other.example"},
        {"subject": "Hi\u2028there"},
        {"body": "bell \x07"},
        {"key": ""},
        {"intent": "a\nb"},
        {"message_id": "a\r\nBcc: eve@other.example"},
        {"subject": "Offer =?utf-8?q?=0d=0aBcc:_eve@other.example?="},
        {"subject": "=?utf-8?q?A=0d=0a=0d=0aAnother_body?="},
        {"intent": "=?utf-8?q?a=0d=0aBcc:_eve@other.example?="},
        {"recipient": "bob@exa..mple.com"},
        {"recipient": "bob@-x.com"},
        {"recipient": "a..b@x.com"},
        {"recipient": "é@example.com"},
    ],
)
def test_what_could_smuggle_a_header_is_refused_before_anything_is_written(outbox, changes):
    with pytest.raises(NotDone):
        outbox.send(letter(**changes))
    assert not list(outbox._directory.glob("*.eml"))


def test_suppressed_addresses_and_domains_get_nothing(outbox):
    outbox.suppress("Ada@Isdom.example", "asked to be left alone")
    outbox.suppress("ada@isdom.example", "twice")
    outbox.suppress("@quiet.example", "")
    assert outbox.suppressed("ADA@isdom.example") == "asked to be left alone"
    assert outbox.suppressed("x@quiet.example") == "on the suppression list"
    assert outbox.suppressed("x@unquiet.example") == ""
    with pytest.raises(NotDone, match="left alone"):
        outbox.send(letter())


def test_a_list_that_cannot_be_read_stops_all_mail(outbox):
    outbox.suppress("x@y.example", "")
    (outbox._directory / "suppressed.csv").write_bytes(b"\xff\xfe\x00\xff")
    with pytest.raises(NotDone, match="suppression list"):
        outbox.send(letter())


def test_an_outbox_that_cannot_be_written_says_that_nothing_was_sent(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotDone, match="cannot be"):
        Outbox(tmp_path / "file" / "outbox", clock=ManualClock()).send(letter())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=300))
def test_any_printable_body_arrives_as_it_was_approved(tmp_path, body):
    outbox = Outbox(tmp_path / body_hash(body)[:8], clock=ManualClock())
    assert outbox.send(letter(body=body)).body_hash == body_hash(body)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200))
def test_any_printable_subject_arrives_as_it_was_approved_and_brings_no_header(tmp_path, subject):
    outbox = Outbox(tmp_path / body_hash(subject)[:8], clock=ManualClock())
    if "=?" in subject:
        with pytest.raises(NotDone):
            outbox.send(letter(subject=subject))
        return
    mail = read_back(outbox, outbox.send(letter(subject=subject)))
    assert mail["Subject"] == subject
    assert mail.keys() == read_back(outbox, outbox.send(letter(key="plain", subject="Hi"))).keys()


def test_what_was_picked_up_is_still_known_as_sent(outbox):
    first = outbox.send(letter())
    (outbox._directory / first.place).unlink()
    assert outbox.sent("k1") == first
    assert outbox.send(letter()) == first
    assert not list(outbox._directory.glob("*.eml"))


def test_sending_that_was_cut_off_after_the_file_was_there_is_known_as_sent(outbox, monkeypatch):
    monkeypatch.setattr(outbox.notes, "keep", _only_begins(outbox.notes.keep))
    receipt = outbox.send(letter())
    assert outbox.sent("k1") == receipt


def test_sending_that_had_begun_and_left_no_file_is_unknown_and_never_called_not_done(outbox, monkeypatch):
    monkeypatch.setattr(outbox.notes, "keep", _only_begins(outbox.notes.keep))
    receipt = outbox.send(letter())
    (outbox._directory / receipt.place).unlink()
    for ask in (lambda: outbox.sent("k1"), lambda: outbox.send(letter())):
        with pytest.raises(RuntimeError, match="had begun"):
            ask()


def test_a_file_that_could_not_get_its_name_was_surely_not_sent(outbox, monkeypatch):
    whole = os.replace

    def replace(source, target):
        if str(target).endswith(".eml"):
            raise OSError(28, "No space left on device")
        whole(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(NotDone):
        outbox.send(letter())
    assert outbox.sent("k1") is None
    monkeypatch.undo()
    assert outbox.send(letter()) == outbox.sent("k1")


def test_a_note_that_cannot_be_read_does_not_say_not_sent(outbox):
    outbox.send(letter())
    (note,) = (outbox._directory / ".sent").iterdir()
    note.write_text("{")
    with pytest.raises(RuntimeError, match="cannot be read"):
        outbox.sent("k1")


def _only_begins(note):
    def begun(key, said):
        if said.state == "sending":
            note(key, said)

    return begun


# --- an erasure beside others that write here ------------------------------------------------------------------------
def test_an_erasure_takes_mails_and_nothing_that_another_is_writing(tmp_path):
    mail = tmp_path / f"{'a' * 32}.eml"
    cut_off = tmp_path / f"{'b' * 32}.77.part"
    listed = tmp_path / "suppressed.77.part"
    for place in (mail, cut_off, listed):
        place.write_text("To: nora@velkarin-foods.example\n\nHello")
    assert drop_mails(tmp_path, lambda text: "nora" in text) == 2
    assert [place.name for place in tmp_path.iterdir()] == [listed.name]


def test_an_erasure_goes_on_where_a_mail_has_just_gone(tmp_path):
    for letter in "abc":
        (tmp_path / f"{letter * 32}.eml").write_text(f"To: nora@velkarin-foods.example\n\n{letter}")

    def is_about(text):
        for name in ("a" * 32, "b" * 32):  # another process takes two of them away
            (tmp_path / f"{name}.eml").unlink(missing_ok=True)
        return "nora" in text

    assert drop_mails(tmp_path, is_about) == 1
    assert list(tmp_path.iterdir()) == []

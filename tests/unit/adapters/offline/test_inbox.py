"""The drop folder: any bytes come out as data or are refused by name, nothing is followed, fetched or obeyed."""

# ruff: noqa: E501 (mails as they come)
import os
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuga.adapters.offline.inbox import MOST_BYTES, DropFolder, read_mail

PLAIN = (
    b"From: Nora Tessler <Nora@Velkarin.example>\r\nTo: ada@birchline.example\r\nSubject: =?utf-8?q?Re=3A_Sch=C3=B6n?=\r\n"
    b"Message-ID: <r1@velkarin.example>\r\nIn-Reply-To: <m1@outbox.invalid>\r\nReferences: <m0@x> <m1@outbox.invalid>\r\n"
    b"Date: Mon, 05 Jan 2026 10:00:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlease unsubscribe me.\r\n"
)
BOUNCE = b"""From: MAILER-DAEMON@mx.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <b1@mx.example>
Content-Type: multipart/report; report-type=delivery-status; boundary="=x"

--=x
Content-Type: text/plain

I am sorry.
--=x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; nora@velkarin.example
Action: failed
Status: 5.1.1

Final-Recipient: rfc822; slow@velkarin.example
Action: delayed
Status: 4.2.2
--=x
Content-Type: message/rfc822

From: ada@birchline.example
Message-ID: <m1@outbox.invalid>
Subject: Hello

Hello
--=x--
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inbox").mkdir()
    return DropFolder(tmp_path / "inbox"), tmp_path / "inbox"


def test_a_mail_is_read_as_its_reader_would_see_it():
    found = read_mail(PLAIN, "a.eml")
    assert (found.sender, found.sender_name) == ("nora@velkarin.example", "Nora Tessler")
    assert (found.subject, found.text.strip()) == ("Re: Schön", "Please unsubscribe me.")
    assert found.answers == ("<m1@outbox.invalid>", "<m0@x>") and found.sent_on == "2026-01-05"
    assert not (found.automatic or found.bounced or found.refused)


def test_the_same_mail_by_another_way_is_the_same_and_another_text_is_not():
    again = read_mail(b"Received: from elsewhere\r\nX-Spam: no\r\n" + PLAIN, "b.eml")
    assert again.digest == read_mail(PLAIN, "a.eml").digest
    assert read_mail(PLAIN.replace(b"unsubscribe", b"call"), "a.eml").digest != again.digest


def test_a_report_names_whom_it_could_not_reach_for_good_and_what_it_returns():
    found = read_mail(BOUNCE, "b.eml")
    assert found.bounced and found.failed == ("nora@velkarin.example",)
    assert "<m1@outbox.invalid>" in found.answers
    assert read_mail(PLAIN.replace(b"To:", b"Auto-Submitted: auto-replied\r\nTo:"), "a").automatic


def test_html_alone_is_read_as_words():
    body = PLAIN.replace(b"text/plain", b"text/html").replace(b"Please", b"<b>Please</b><script>x</script>")
    assert read_mail(body, "a").text.split() == ["Please", "unsubscribe", "me."]


@pytest.mark.parametrize(
    "whole",
    [
        b"", b"\x00\xff" * 50, b"Subject: no sender\r\n\r\nhello",
        b"From: a@b.example\r\nFrom: c@d.example\r\n\r\ntwo", b"From: a@b.example, c@d.example\r\n\r\ntwo",
        b"From: nobody\r\n\r\nx", b"From:\r\n\r\nx",
    ],
)  # fmt: skip
def test_a_mail_without_one_sender_is_refused_and_says_why(whole):
    found = read_mail(whole, "a.eml")
    assert found.refused and not found.sender and found.digest


@pytest.mark.parametrize(
    "whole",
    [
        PLAIN.replace(b"charset=utf-8", b"charset=klingon"),
        PLAIN.replace(b"text/plain", b"multipart/mixed; boundary=x"),
        PLAIN.replace(b"Date: Mon", b"Date: Never"),
        PLAIN.replace(b"Please", b"\xff\xfePlease\x1b[2J"),
        PLAIN.replace(b"<m0@x>", b"<" + b"a" * 100_000),
        b"Content-Transfer-Encoding: base64\r\n" + PLAIN,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)),
    ],
)
def test_a_broken_mail_is_read_as_far_as_it_goes(whole):
    found = read_mail(whole, "a.eml")
    assert "\x1b" not in found.text and len(found.text) <= 100_000
    found.text.encode()


def test_a_name_that_looks_like_an_address_is_only_a_name():
    found = read_mail(PLAIN.replace(b"Nora Tessler", b'"boss@birchline.example"'), "a")
    assert (found.sender, found.sender_name) == ("nora@velkarin.example", "boss@birchline.example")


def test_mails_come_in_the_order_of_their_names_and_go_away_when_they_are_put_away(folder):
    inbox, place = folder
    for name in ("b.eml", "a.EML", "note.txt"):
        (place / name).write_bytes(PLAIN)
    (place / "c.eml").write_bytes(b"junk")
    found = list(inbox.waiting())
    assert [mail.place for mail in found] == ["a.EML", "b.eml", "c.eml"]
    for mail in (*found, *found):
        inbox.put_away(mail)
    assert list(inbox.waiting()) == []
    assert sorted(p.name for p in (place / "taken").iterdir()) == ["a.EML", "b.eml"]
    assert [p.name for p in (place / "refused").iterdir()] == ["c.eml"]
    (place / "b.eml").write_bytes(PLAIN)
    inbox.put_away(next(iter(inbox.waiting())))
    assert len(list((place / "taken").iterdir())) == 3


def test_links_folders_pipes_and_huge_files_are_not_read(folder):
    inbox, place = folder
    (place.parent / "secret").write_bytes(PLAIN)
    (place / "link.eml").symlink_to(place.parent / "secret")
    (place / "dir.eml").mkdir()
    os.mkfifo(place / "pipe.eml")
    with (place / "huge.eml").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    found = {mail.place: mail.refused for mail in inbox.waiting()}
    assert set(found) == {"link.eml", "dir.eml", "pipe.eml", "huge.eml"} and all(found.values())
    for mail in list(inbox.waiting()):
        inbox.put_away(mail)
    assert (place.parent / "secret").read_bytes() == PLAIN and list(inbox.waiting()) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert list(DropFolder(tmp_path / "none").waiting()) == []


headers = st.lists(st.sampled_from([
    b"From: a@b.example", b"From: \"x\" <", b"Content-Type: multipart/mixed; boundary=q", b"--q", b"", b"--q--",
    b"Content-Type: message/rfc822", b"Content-Type: text/html; charset=\"\xff\"", b"Content-Transfer-Encoding: base64",
    b"Subject: =?utf-8?b?////?=", b"Message-ID: <<>>", b"Date: 99", b"Content-Type: message/delivery-status", b"=?x",
    b"References: <a@b> <c", b"\xff\xfe", b"Content-Disposition: attachment; filename*0*=x''%ff",
]), max_size=25)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(lines=headers, tail=st.binary(max_size=200))
def test_no_bytes_at_all_break_the_reading(lines, tail):
    found = read_mail(b"\n".join([*lines, b"", tail]), "a.eml")
    assert found.digest and (found.refused or "@" in found.sender)
    assert found == read_mail(b"\n".join([*lines, b"", tail]), "a.eml")


def test_a_message_that_python_writes_is_read_back():
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "Rosa Ölander <rosa@x.example>", "Ünïcode"
    mail.set_content("Grüße")
    mail.add_attachment(b"unsubscribe", maintype="text", subtype="plain", filename="a.txt")
    found = read_mail(mail.as_bytes(), "a")
    assert (found.sender_name, found.subject, found.text.strip()) == ("Rosa Ölander", "Ünïcode", "Grüße")

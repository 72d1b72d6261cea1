"""Mail from a mailbox server: read once, left as it is unless told otherwise, and never past the rules for hosts."""

import socket
import ssl
import threading

import pytest
from tests.mailbox_server import PASSWORD, USER

from cuga.adapters.imap import ImapInbox
from cuga.adapters.imap.talk import _quoted
from cuga.adapters.offline.inbox import read_mail
from cuga.errors import EgressRefused, NotDone, Unreachable
from cuga.model.correspondence import Mailbox
from cuga.outbound import Egress
from cuga.outbound.imap import ImapClient


def inbox_of(server, mark, *, password=PASSWORD, **fields):
    box = {"host": "127.0.0.1", "port": server.port, "security": "none", "user": USER, "password_env": "P"}
    box |= {"folder": getattr(server, "folder", "INBOX")} | fields
    return ImapInbox(Mailbox(**box), password, mark / "mailbox.json")


def taken(inbox, *, put_away=True):
    """Subjects as they come, each put away like the house does it."""
    found = []
    try:
        for mail in inbox.waiting():
            found.append(mail.refused or mail.subject)
            if put_away:
                inbox.put_away(mail)
    finally:
        inbox.close()
    return found


def test_messages_are_read_in_order_once_and_left_as_they_are(mailbox, tmp_path):
    for subject in ("one", "two"):
        mailbox.deliver(subject)
    inbox = inbox_of(mailbox, tmp_path)
    assert taken(inbox) == ["one", "two"] and taken(inbox) == []
    mailbox.deliver("three")
    assert taken(inbox_of(mailbox, tmp_path)) == ["three"]  # another process later
    assert mailbox.flags() == {"one": set(), "two": set(), "three": set()}  # not even marked as seen


def test_what_was_not_put_away_comes_again(mailbox, tmp_path):
    mailbox.deliver("one")
    assert taken(inbox_of(mailbox, tmp_path), put_away=False) == ["one"] == taken(inbox_of(mailbox, tmp_path))


@pytest.mark.parametrize(
    ("after", "left", "elsewhere"),
    [
        ({"after": "keep"}, {"old": set(), "one": set()}, {}),
        ({"after": "seen"}, {"old": set(), "one": {r"\Seen"}}, {}),
        ({"after": "move"}, {"old": set()}, {"one": set()}),
        ({"after": "delete"}, {"old": set()}, {}),
    ],
    ids=["keep", "seen", "move", "delete"],
)
def test_only_what_the_registry_says_becomes_of_a_message_and_of_no_other(mailbox, tmp_path, after, left, elsewhere):
    mailbox.deliver("old")
    assert taken(inbox_of(mailbox, tmp_path)) == ["old"]
    mailbox.deliver("one")
    to = {"move_to": mailbox.done} if after["after"] == "move" else {}
    assert taken(inbox_of(mailbox, tmp_path, **after, **to)) == ["one"]
    assert mailbox.flags() == left and mailbox.flags(mailbox.done) == elsewhere


def test_what_somebody_else_marked_as_deleted_is_not_removed_with_ours(mailbox, tmp_path):
    mailbox.deliver("theirs")
    with mailbox.client() as client:
        client.select(f'"{mailbox.folder}"')
        client.store("1", "+FLAGS", r"(\Deleted)")
    mailbox.deliver("ours")
    inbox = inbox_of(mailbox, tmp_path, after="delete")
    for mail in inbox.waiting():
        if mail.subject == "ours":
            inbox.put_away(mail)
    inbox.close()
    assert set(mailbox.flags()) == {"theirs"}


def test_a_folder_that_is_numbered_anew_is_read_again_from_its_beginning(mailbox, tmp_path):
    mailbox.deliver("one")
    assert taken(inbox_of(mailbox, tmp_path)) == ["one"]
    mailbox.drop(mailbox.folder)
    mailbox.make(mailbox.folder)
    mailbox.deliver("two")
    assert taken(inbox_of(mailbox, tmp_path)) == ["two"]


def test_the_same_mail_as_a_file_and_from_a_server_is_the_same_mail(mailbox, tmp_path):
    mailbox.deliver("one", text="Line one.\r\nLine two.")
    (mail,) = inbox_of(mailbox, tmp_path).waiting()
    as_file = b"From: Nora <nora@firm.example>\nSubject: one\nMessage-ID: <one@firm.example>\n\nLine one.\nLine two.\n"
    assert read_mail(as_file, "one.eml").digest == mail.digest


def test_a_mail_that_is_too_large_is_refused_and_stays(mailbox, tmp_path, monkeypatch):
    mailbox.deliver("large", size=3000)
    mailbox.deliver("small")
    monkeypatch.setattr("cuga.adapters.imap.inbox.MOST_BYTES", 2000)
    found = taken(inbox_of(mailbox, tmp_path, after="delete"))
    assert found == ["it has more than 2,000 bytes", "small"]
    assert set(mailbox.flags()) == {"large"} and taken(inbox_of(mailbox, tmp_path)) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"password": "wrong"}, "did not let sales@birch.example in"),
        ({"user": "nobody"}, "did not let nobody in"),
        ({"folder": "No such folder"}, "has no folder 'No such folder'"),
    ],
)
def test_what_cannot_be_read_says_why_and_never_the_password(mailbox, tmp_path, fields, why):
    with pytest.raises(NotDone, match=why) as raised:
        taken(inbox_of(mailbox, tmp_path, **fields))
    assert PASSWORD not in f"{raised.value!r} {raised.value.facts}" and "wrong" not in str(raised.value)


def test_a_server_that_is_not_there_or_talks_something_else_is_unreachable(tmp_path):
    with socket.socket() as nobody, socket.create_server(("127.0.0.1", 0)) as other:
        nobody.bind(("127.0.0.1", 0))
        shut = type("Server", (), {"port": nobody.getsockname()[1]})
        with pytest.raises(Unreachable):
            taken(inbox_of(shut, tmp_path))

        def greet():
            with other.accept()[0] as visitor:
                visitor.sendall(b"HTTP/1.1 400 no\r\n\r\n")

        greeter = threading.Thread(target=greet, daemon=True)
        greeter.start()
        with pytest.raises(Unreachable):
            taken(inbox_of(type("Server", (), {"port": other.getsockname()[1]}), tmp_path))
        greeter.join(5)


def liar(answers, tls=None):
    """A server that lets everybody in and answers as it likes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        visitor = listening.accept()[0]
        try:
            visitor = tls.wrap_socket(visitor, server_side=True) if tls is not None else visitor
        except OSError:
            return  # who called did not like our certificate
        with visitor, visitor.makefile("rwb") as talk:
            talk.write(b"* OK IMAP4rev1\r\n")
            talk.flush()
            while line := talk.readline():
                tag, verb, *words = line.decode().split()
                said = answers.get(f"{verb} {words[0]}" if verb == "UID" else verb, b"")
                done = b"* BYE\r\n" if verb == "LOGOUT" else said
                talk.write(done + f"{tag} OK done\r\n".encode())
                talk.flush()

    threading.Thread(target=serve, daemon=True).start()
    return listening


def test_a_server_that_announces_more_than_a_mail_may_have_is_hung_up_on(tmp_path):
    with liar({
        "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
        "EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n",
        "UID SEARCH": b"* SEARCH 5\r\n",
        "UID FETCH": b"* 1 FETCH (UID 5 RFC822.SIZE 10 BODY[] {9999999999}\r\n",
    }) as listening:  # fmt: skip
        server = type("Server", (), {"port": listening.getsockname()[1]})
        with pytest.raises(Unreachable, match="9,999,999,999"):
            taken(inbox_of(server, tmp_path, user="plain", password="plain"))


def test_a_server_that_offers_what_is_no_ascii_is_none_that_can_be_used(tmp_path):
    with liar({"CAPABILITY": b"* CAPABILITY IMAP4rev1 \xff\r\n"}) as listening:
        server = type("Server", (), {"port": listening.getsockname()[1]})
        with pytest.raises(Unreachable, match="no mailbox server that can be used"):
            taken(inbox_of(server, tmp_path, user="plain", password="plain"))


@pytest.mark.parametrize(
    ("host", "error"),
    [("169.254.169.254", "credentials"), ("100.100.100.200", "credentials"), ("017700000001", "not everybody reads")],
)
def test_a_mailbox_cannot_be_where_machines_keep_their_secrets(tmp_path, host, error):
    box = Mailbox(host=host, user=USER, password_env="P")
    with pytest.raises(EgressRefused, match=error):
        taken(ImapInbox(box, PASSWORD, tmp_path / "m"))


def test_a_password_is_not_told_unencrypted_to_another_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("cuga.outbound.imap.is_this_machine", lambda connected: False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = type("Server", (), {"port": other.getsockname()[1]})
        with pytest.raises(EgressRefused, match="unencrypted"):
            taken(inbox_of(server, tmp_path))


def test_a_certificate_is_looked_at_before_a_word_is_said(certificate, tmp_path, monkeypatch):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    answers = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
        "EXAMINE": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n",
        "UID SEARCH": b"* SEARCH\r\n",
    }
    for is_vouched_for in (False, True):
        if is_vouched_for:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with liar(answers, context) as listening:
            box = Mailbox(host="localhost", port=listening.getsockname()[1], user="plain", password_env="P")
            inbox = ImapInbox(box, "plain", tmp_path / "m")
            if is_vouched_for:
                assert taken(inbox) == []
            else:
                with pytest.raises(Unreachable, match="certificate"):
                    taken(inbox)


def test_a_certificate_that_nobody_vouches_for_is_refused_after_starttls_too(safe_mailbox, tmp_path, monkeypatch):
    port, made = safe_mailbox
    box = Mailbox(host="localhost", port=port, security="starttls", user=USER, password_env="P")
    with pytest.raises(Unreachable, match="certificate"):
        taken(ImapInbox(box, PASSWORD, tmp_path / "m"))
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    assert taken(ImapInbox(box, PASSWORD, tmp_path / "m")) == []


def test_what_was_said_before_the_line_was_encrypted_is_no_answer_to_what_is_asked_after_it(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        visitor = listening.accept()[0]
        visitor.sendall(b"* OK IMAP4rev1\r\n")
        tag = b""
        while b"STARTTLS" not in (line := visitor.recv(1000)):
            tag = line.split()[0]
            visitor.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK done\r\n")
        asked, following = (tag[:-1] + str(int(tag[-1:]) + more).encode() for more in (1, 2))
        clear = b"* CAPABILITY IMAP4rev1 SAID-BY-SOMEBODY-BETWEEN\r\n" + following + b" OK done\r\n"
        visitor.sendall(asked + b" OK begin\r\n" + clear)
        with context.wrap_socket(visitor, server_side=True) as visitor, visitor.makefile("rwb") as talk:
            while line := talk.readline():
                talk.write(b"* CAPABILITY IMAP4rev1\r\n" + line.split()[0] + b" OK done\r\n")
                talk.flush()

    threading.Thread(target=serve, daemon=True).start()
    with listening:
        port = listening.getsockname()[1]
        client = ImapClient("localhost", port, "starttls", Egress(inside=(f"localhost:{port}",)), most_bytes=1000)
        assert client.capabilities == ("IMAP4REV1",)
        client.logout()


def test_a_mark_that_cannot_be_read_says_what_to_do(mailbox, tmp_path):
    (tmp_path / "mailbox.json").write_text("{")
    with pytest.raises(NotDone, match="cannot be read") as raised:
        taken(inbox_of(mailbox, tmp_path))
    assert "none is taken in twice" in raised.value.next_step


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("INBOX", '"INBOX"'), ('a "b" \\', '"a \\"b\\" \\\\"'), ("R&D", '"R&-D"'), ("Entwürfe", '"Entw&APw-rfe"'),
     ("台北", '"&U,BTFw-"')],
)  # fmt: skip
def test_a_name_is_written_as_the_protocol_has_it(name, quoted):
    assert _quoted(name) == quoted

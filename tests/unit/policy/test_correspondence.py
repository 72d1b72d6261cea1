"""What a registry says of letters: read whole, refused with its line, and no password ever in it."""

import pytest

from cuga.errors import RegistryInvalid
from cuga.model.correspondence import Letterhead, Mailbox
from cuga.policy.registry import load_registry

BASE = """\
version: 1
adapters: {crm: [offline]}
profiles:
  smb: {calls: 10, approvals: moderate, adapters: [offline]}
"""


def test_a_registry_without_them_has_neither():
    found = load_registry(BASE)
    assert found.sender == Letterhead() and found.mailbox is None


def test_they_are_read_with_their_defaults():
    found = load_registry(
        BASE + "sender: {company: Birch, postal_address: 1 Quay}\n"
        "mailbox: {host: imap.example.com, user: u, password_env: IMAP_PASSWORD, security: starttls}\n"
    )
    assert found.sender.line == "Birch, 1 Quay"
    assert found.mailbox == Mailbox(
        host="imap.example.com", user="u", password_env="IMAP_PASSWORD", security="starttls", port=143
    )


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("sender: {company: ''}", "sender.company"),
        ("sender: {firm: Birch}", "firm"),
        ("sender: {privacy_notice: http://birch.example}", "sender.privacy_notice"),
        ('sender: {company: "a\\nb"}', "sender.company"),
        ("mailbox: {host: h, user: u}", "password_env"),
        ("mailbox: {host: h, user: u, password_env: P, password: secret}", "password"),
        ("mailbox: {host: h, user: u, password_env: 's3cret!'}", "mailbox.password_env"),
        ("mailbox: {host: h, user: u, password_env: P, after: move}", "move_to"),
        ("mailbox: {host: h, user: u, password_env: P, move_to: Done}", "move_to"),
        ("mailbox: {host: h, user: u, password_env: P, after: burn}", "mailbox.after"),
        ("mailbox: {host: h, user: u, password_env: P, port: 70000}", "mailbox.port"),
    ],
)
def test_a_mistake_is_refused_with_its_place(lines, where):
    with pytest.raises(RegistryInvalid) as raised:
        load_registry(BASE + lines + "\n")
    assert where in str(raised.value.facts["mistakes"])


@pytest.mark.parametrize(("security", "port"), [("tls", 993), ("starttls", 143)])
def test_a_mailbox_is_looked_for_where_its_security_has_it(security, port):
    lines = f"mailbox: {{host: h, user: u, password_env: P, security: {security}}}\n"
    found = load_registry(BASE + lines)
    assert found.mailbox is not None and found.mailbox.port == port

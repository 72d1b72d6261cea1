"""What a registry says of the house's letters: who writes (`sender`), and where answers come in (`mailbox`)."""

from __future__ import annotations

import re
from typing import get_args

from cuga.model.correspondence import After, Letterhead, Mailbox, Security
from cuga.policy.fields import Fields
from cuga.policy.strict import Node

_SENDER_KEYS = ("name", "company", "postal_address", "privacy_notice")
_MAILBOX_KEYS = ("host", "port", "security", "user", "password_env", "folder", "after", "move_to")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LONGEST = 300  # characters of one entry


def read_sender(fields: Fields, node: Node | None) -> Letterhead:
    """The letterhead; an empty one when the registry has none."""
    said = fields.mapping(node, "sender", _SENDER_KEYS)
    found = {key: line for key, value in said.items() if (line := _line(fields, value, f"sender.{key}"))}
    if (link := found.get("privacy_notice", "")) and not link.startswith("https://"):
        fields.wrong(said["privacy_notice"], "sender.privacy_notice", "must begin with https://")
    return Letterhead(**found)


def read_mailbox(fields: Fields, node: Node | None) -> Mailbox | None:
    """The mailbox; None when the registry has none."""
    if node is None:
        return None
    said = fields.mapping(node, "mailbox", _MAILBOX_KEYS, ("host", "user", "password_env"))
    texts = {
        key: _line(fields, said.get(key), f"mailbox.{key}") or ""
        for key in ("host", "user", "password_env", "folder", "move_to")
    }
    security = fields.choice(said.get("security"), "mailbox.security", get_args(Security)) or "tls"
    after = fields.choice(said.get("after"), "mailbox.after", get_args(After)) or "keep"
    port = fields.whole(said.get("port"), "mailbox.port", 1, 65535)
    if texts["password_env"] and not _VARIABLE.fullmatch(texts["password_env"]):
        fields.wrong(said["password_env"], "mailbox.password_env", "must name a variable of the environment, no more")
    if (after == "move") != bool(texts["move_to"]):
        fields.wrong(node, "mailbox.move_to", "`after: move` and `move_to` come together or not at all")
    return Mailbox(
        host=texts["host"],
        port=port or (993 if security == "tls" else 143),
        security=security,  # type: ignore[arg-type]
        user=texts["user"],
        password_env=texts["password_env"],
        folder=texts["folder"] or "INBOX",
        after=after,  # type: ignore[arg-type]
        move_to=texts["move_to"],
    )


def _line(fields: Fields, node: Node | None, where: str) -> str | None:
    found = fields.text(node, where)
    if found is None or node is None:
        return None
    if len(found) > _LONGEST or not found.isprintable():
        fields.wrong(node, where, f"must be one line of at most {_LONGEST} characters")
    return " ".join(found.split())

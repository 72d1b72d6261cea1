"""A message on its way: what it says, to whom, on which facts it rests, and what is still missing.

`intent` is what it is for (first message or follow-up, account, product, the goal's kind), not where it was made: it is
kept when the message is amended and is the same in a later run, so that it leaves the house once. Another message to
the same person needs another purpose, such as a follow-up.
"""

from __future__ import annotations

from typing import Literal

from cuga.model.correspondence import Letterhead
from cuga.packs.sales.result import Evidence, Result

Channel = Literal["email", "linkedin", "sms", "call"]
CHANNELS: tuple[str, ...] = ("email", "linkedin", "sms", "call")


class Unfilled(Result, frozen=True, kw_only=True):
    """Something that is not known. With `blocking` the message cannot be sent before a person fills it."""

    field: str
    why: str
    blocking: bool = False


class Message(Result, frozen=True, kw_only=True):
    """A draft. `recipient` is an address (or, on other channels, a name); empty while it is not known.

    `body_hash` is the SHA-256 of the body as drafted: sending refuses another body under the same hash.
    """

    kind: Literal["message"] = "message"
    message_id: str = ""
    intent: str = ""
    channel: Channel = "email"
    recipient: str = ""
    recipient_name: str = ""
    recipient_title: str = ""
    account: str = ""
    account_id: str = ""
    product: str = ""
    subject: str = ""
    body: str
    body_hash: str = ""
    first_contact: bool = True
    sender: Letterhead | None = None  # who writes, as the house's registry had it
    template: str = ""  # its name, with @VERSION when it is of the library
    facts: tuple[Evidence, ...] = ()
    unfilled: tuple[Unfilled, ...] = ()
    notes: tuple[str, ...] = ()
    as_of: str = ""
    rules: str = ""  # the version of what wrote it; empty for a text of somebody's own
    written_by: str = ""  # the language model that wrote the middle of it; empty: none did
    blocked: str = ""  # why the records forbid writing to the recipient, as they were when it was drafted
    unproven: tuple[str, ...] = ()  # what the model says that stands in no record

"""What is said, for each channel: a signed webhook, Slack, Teams, e-mail. The same facts in the form each one reads.

Webhooks are signed as Standard Webhooks say (standardwebhooks.com): id, time and body, HMAC-SHA256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from email.message import EmailMessage

from cuga.model.value import Value, encode
from cuga.projections.card import shown

WAITING, EXPIRING, ENDED, INVITED, TEST = "waiting", "expiring", "ended", "invited", "test"
_PREFIX = "whsec_"


class Message(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One thing to tell. `message_id` is the same however often it is sent; `link` leads to the thing itself."""

    message_id: str
    about: str  # waiting, expiring, ended, invited, test
    at: datetime
    run_id: str
    approval_id: str
    goal: str
    tool: str
    risk: str
    requester: str
    expires_at: datetime | None
    status: str  # of a run that ended
    reason: str
    link: str

    @property
    def title(self) -> str:
        """In one line."""
        match self.about:
            case "waiting":
                return f"{shown(self.tool)} waits for your decision ({self.risk} risk)"
            case "expiring":
                return f"{shown(self.tool)} is about to expire undecided"
            case "ended":
                return f"A run ended: {self.status}"
            case "invited":
                return f"{shown(self.requester)} lets you into a house of cuga: choose a password"
            case _:
                return "A message to try this out"

    @property
    def lines(self) -> tuple[str, ...]:
        """The particulars, line by line."""
        until = f"{self.expires_at:%Y-%m-%d %H:%M} UTC" if self.expires_at else ""
        told = {
            "Goal": shown(self.goal)[:300],
            "Asked for by": "" if self.about == INVITED else shown(self.requester),
            "The link works once, until" if self.about == INVITED else "Can be decided until": until,
            "Why": shown(self.reason)[:300],
        }
        return tuple(f"{name}: {value}" for name, value in told.items() if value)


def new_secret() -> str:
    """A secret to sign with, as Standard Webhooks write it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(message: Message, secret: str, at: datetime) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook."""
    body = encode({"type": f"cuga.{message.about}", "timestamp": message.at, "data": message})
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    mark = hmac.new(key, b".".join((message.message_id.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    headers = {
        "content-type": "application/json",
        "webhook-id": message.message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mark).decode()}",
    }
    return body, headers


def for_slack(message: Message) -> bytes:
    """An incoming webhook of Slack: text that it cannot take for markup, and a button that leads to the page."""
    text = "\n".join(_plain_slack(line) for line in message.lines)
    title = _plain_slack(message.title)
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*\n{text}"}},
        {
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Look at it"}, "url": message.link}],
        },
    ]
    return encode({"text": f"{title} {message.link}", "blocks": blocks})


def for_teams(message: Message) -> bytes:
    """An adaptive card for a Teams workflow."""
    body = [
        {"type": "TextBlock", "text": _plain_markdown(message.title), "weight": "Bolder", "wrap": True},
        *({"type": "TextBlock", "text": _plain_markdown(line), "wrap": True} for line in message.lines),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": "Look at it", "url": message.link}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return encode({"type": "message", "attachments": [attachment]})


def for_mail(message: Message, sender: str, to: str) -> EmailMessage:
    """A plain mail. Its Message-ID is the message's own, so that a second delivery can be told."""
    mail = EmailMessage()
    mail["Subject"] = f"[cuga] {message.title}".replace("\n", " ")
    mail["From"], mail["To"], mail["Date"] = sender, to, message.at
    mail["Message-ID"] = f"<{message.message_id}@cuga.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join((message.title, "", *message.lines, "", message.link, "")))
    return mail


def _plain_slack(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\u200b{one}" if one in "*_~`" else one for one in text)


def _plain_markdown(text: str) -> str:
    return "".join(f"\\{one}" if one in "\\`*_{}[]()#!|<>" else one for one in text)

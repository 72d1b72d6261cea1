"""An invitation goes out once, to one person, at a time that makes sense."""

from __future__ import annotations

import pytest

from cuga.adapters.capability import Filter
from cuga.errors import BadInput, NotDone
from cuga.modular.tools.engagement.touchpoint import invite_to_touchpoint, look
from cuga.tools.registry import ToolRegistry

GOOD = {"recipient": "ann@kestrel.example", "begins": "2026-01-12T10:00:00+01:00", "topic": "Shift planning"}


def invitations(outbox):
    return sorted(outbox._directory.glob("*.eml"))


def test_the_invitation_lies_in_the_outbox(context, outbox):
    found = invite_to_touchpoint(context, **GOOD)
    (file,) = invitations(outbox)
    text = file.read_text("utf-8")
    assert found.place == file.name and "To: ann@kestrel.example" in text
    assert "a call of 30 minutes on 12 January 2026 at 10:00 (UTC+0100)" in text


def test_the_same_call_again_sends_nothing_more_and_the_probe_finds_it(context, outbox):
    registry = ToolRegistry()
    registry.register(invite_to_touchpoint)
    tool = registry.get("invite_to_touchpoint")
    assert tool is not None
    arguments = tool.decode(
        b'{"recipient":"ann@kestrel.example","begins":"2026-01-12T10:00:00+01:00","topic":"Shift planning"}'
    )
    assert look(context, arguments) is None
    first = invite_to_touchpoint(context, **GOOD)
    assert look(context, arguments) == first == invite_to_touchpoint(context, **GOOD)
    assert len(invitations(outbox)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"begins": "tomorrow"}, "no time"),
        ({"begins": "2026-01-12T10:00:00"}, "no zone"),
        ({"begins": "2025-12-31T10:00:00Z"}, "in the past"),
        ({"begins": "2028-01-12T10:00:00Z"}, "more than a year"),
        ({"minutes": 5}, "between 15 and 240"),
        ({"topic": " \n "}, "an address and a topic"),
        ({"recipient": "ann"}, "an address and a topic"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_sent(context, outbox, changes, said):
    with pytest.raises(BadInput, match=said):
        invite_to_touchpoint(context, **{**GOOD, **changes})
    assert invitations(outbox) == []


def test_nobody_is_invited_who_asked_for_no_mail(context, outbox, crm):
    outbox.suppress("ann@kestrel.example", "asked in May")
    (quiet, *_) = crm.query("contacts", [Filter(field="unsubscribed", value="true")], limit=1)
    for recipient, said in (("ann@kestrel.example", "asked in May"), (quiet.email, "asked for no mail")):
        with pytest.raises(NotDone, match=said):
            invite_to_touchpoint(context, **{**GOOD, "recipient": recipient})
    assert invitations(outbox) == []

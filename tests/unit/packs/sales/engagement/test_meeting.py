"""A meeting: only at times that are free on both sides, offered once, exactly as it was agreed to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import msgspec
import pytest

from cuga.adapters.capability import Account, Contact
from cuga.adapters.capability.calendar import Busy
from cuga.adapters.offline import CalendarFolder, CrmStore, Outbox
from cuga.clock import ManualClock
from cuga.errors import BadInput, NotDone
from cuga.packs.sales.engagement import calendar_text
from cuga.packs.sales.engagement.meeting import Invitation, look, propose_meeting, send_meeting_invitation
from cuga.tools.declare import ToolContext

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    crm = CrmStore.open(":memory:")
    crm.store(
        {
            "accounts": [Account(id="A1", name="Kestrel Works", country="Estonia")],
            "contacts": [
                Contact(
                    id="C1", name="Nora Tamm", email="nora@kestrel.example", account="Kestrel Works", account_id="A1"
                ),
                Contact(id="C2", name="Max Ilves", email="max@kestrel.example", account_id="A1", unsubscribed=True),
            ],
        }
    )
    bound = {
        "crm": crm, "mail": Outbox(tmp_path / "outbox", clock=ManualClock()),
        "calendar": CalendarFolder(tmp_path / "calendar"),
    }  # fmt: skip
    return ToolContext.for_tests(capabilities=bound, as_of=NOW)


def proposed(context: ToolContext, **said: object) -> Invitation:
    return propose_meeting(context, **{"contact": "nora@kestrel.example", "account": "Kestrel Works", **said})


def sent(context: ToolContext, invitation: Invitation, key: str = "k1"):
    return send_meeting_invitation(msgspec.structs.replace(context, key=key), invitation)


def test_the_first_time_that_suits_both_sides_is_taken_and_others_are_named(context: ToolContext):
    found = proposed(context, about="the shift plan", zone="Europe/London", hours=(9, 17))
    # two hours ahead at least; 17:00 in Tallinn is 15:00 in London
    assert found.start == "2026-03-02T11:30+00:00" and found.zone == "Europe/Tallinn"
    assert "Monday, 02 March 2026 at 13:30 (Europe/Tallinn)" in found.body and found.body.startswith("Hello Nora,")
    assert len(found.others) == 4 and found.others[0].there == "Mon 02 Mar 14:00"
    assert calendar_text.times_in(found.ics) == (
        datetime(2026, 3, 2, 11, 30, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
    )  # fmt: skip


def test_what_is_taken_and_days_off_there_are_left_out(context: ToolContext):
    calendar = context.capability("calendar")
    calendar.hold("x", Busy(starts=NOW, ends=NOW + timedelta(days=3)))
    assert proposed(context).start.startswith("2026-03-05")
    eve = msgspec.structs.replace(context, as_of=datetime(2026, 2, 23, 20, tzinfo=UTC))
    assert proposed(eve).start.startswith("2026-02-25"), "24 February is Estonia's own day"


def test_a_wanted_time_is_taken_when_it_is_free_and_refused_when_not(context: ToolContext):
    assert proposed(context, start="2026-03-03T10:00+02:00").start == "2026-03-03T08:00+00:00"
    context.capability("calendar").hold("x", Busy(starts=NOW + timedelta(hours=23), ends=NOW + timedelta(hours=24)))
    with pytest.raises(NotDone, match="is not free"):
        proposed(context, start="2026-03-03T10:00+02:00")
    with pytest.raises(NotDone, match="is not free"):
        proposed(context, start="2026-03-01T10:00Z")
    for wrong in ("soon", "2026-03-03T10:00"):
        with pytest.raises(BadInput):
            proposed(context, start=wrong)


@pytest.mark.parametrize(("said"), [{"minutes": 5}, {"days": 0}, {"hours": (17, 9)}, {"zone": "Mars/Olympus"}])
def test_what_cannot_be_is_refused(context: ToolContext, said: dict[str, object]):
    with pytest.raises(BadInput):
        proposed(context, **said)


def test_an_entry_that_is_not_understood_is_named(context: ToolContext, tmp_path: Path):
    (tmp_path / "calendar").mkdir(exist_ok=True)
    (tmp_path / "calendar" / "own.ics").write_text(
        "BEGIN:VEVENT\nSUMMARY:odd\nDTSTART;TZID=Mars/Olympus:20260303T100000\nEND:VEVENT\n"
    )
    assert any("not understood in the calendar: own.ics: odd" in note for note in proposed(context).notes)


def test_it_goes_out_once_as_one_mail_with_one_calendar_file_and_the_time_is_kept(context: ToolContext, tmp_path: Path):
    invitation = proposed(context, about="Shifts; and, more\nplans", organizer="ada@birchline.example")
    first = sent(context, invitation)
    assert sent(context, invitation) == first and first.recipient == "nora@kestrel.example"
    (file,) = (tmp_path / "outbox").glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=SMTP)
    (calendar,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    assert calendar.get_param("method") == "REQUEST"
    text = calendar.get_content().replace("\r\n", "\n")
    assert text == invitation.ics.replace("\r\n", "\n") and "SUMMARY:Shifts\\; and\\, more plans" in text
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == invitation.body.strip()
    assert look(msgspec.structs.replace(context, key="k1"), {"invitation": invitation}) == first
    assert look(msgspec.structs.replace(context, key="k2"), {"invitation": invitation}) is None
    assert proposed(context).start != invitation.start


def test_a_time_that_was_taken_meanwhile_is_not_offered_and_nothing_is_kept(context: ToolContext, tmp_path: Path):
    invitation = proposed(context)
    starts = datetime.fromisoformat(invitation.start)
    context.capability("calendar").hold("x", Busy(starts=starts, ends=starts + timedelta(minutes=1), title="board"))
    with pytest.raises(NotDone, match="not free any more: board"):
        sent(context, invitation)
    assert not list((tmp_path / "outbox").glob("*.eml"))


def test_nothing_goes_to_who_asked_for_no_mail_and_no_time_is_kept_for_it(context: ToolContext, tmp_path: Path):
    for address in ("max@kestrel.example", "nora@kestrel.example"):
        context.capability("mail").suppress("nora@kestrel.example", "asked for it")
        invitation = proposed(context, contact=address)
        with pytest.raises(NotDone):
            sent(context, invitation)
    assert not list((tmp_path / "calendar" / "held").glob("*"))


@pytest.mark.parametrize(
    "changed",
    [{"body": "other"}, {"start": "2026-03-04T10:00+00:00"}, {"minutes": 240}, {"ics": "BEGIN:VCALENDAR"}],
)
def test_what_was_changed_after_it_was_proposed_does_not_go_out(context: ToolContext, changed: dict[str, object]):
    with pytest.raises(NotDone):
        sent(context, msgspec.structs.replace(proposed(context), **changed))


def test_one_time_has_one_spelling_so_that_it_is_offered_to_one_person_once(context: ToolContext):
    invitation = proposed(context)
    assert invitation.start == "2026-03-02T11:30+00:00"
    with pytest.raises(NotDone) as refused:
        sent(context, msgspec.structs.replace(invitation, start="2026-03-02T13:30+02:00"))
    assert invitation.start in str(refused.value.facts["mend"])


def test_an_address_cannot_add_a_line_to_the_file(context: ToolContext):
    with pytest.raises(BadInput):
        proposed(context, organizer="ada@x.example\r\nATTENDEE:mailto:eve@evil.example")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_ends_while_it_sends_leaves_one_mail_and_one_time_kept(
    context: ToolContext, tmp_path: Path, when: str
):
    class Cut(Exception):
        pass

    class Dying:
        """A mail adapter whose process ends before or after the file is there."""

        def __init__(self, real: Outbox) -> None:
            self.real = real

        def __getattr__(self, name: str):
            return getattr(self.real, name)

        def send(self, message):
            if when == "after":
                self.real.send(message)
            raise Cut

    invitation, real = proposed(context), context.capability("mail")
    dying = msgspec.structs.replace(context, capabilities={**context.capabilities, "mail": Dying(real)})
    with pytest.raises(Cut):
        sent(dying, invitation)
    found = look(msgspec.structs.replace(context, key="k1"), {"invitation": invitation})
    assert (found is not None) is (when == "after")
    again = found or sent(context, invitation)
    assert again.recipient == "nora@kestrel.example"
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == len(list((tmp_path / "calendar/held").glob("*"))) == 1


@pytest.mark.parametrize(
    ("about", "title"),
    [
        ("Propose a meeting with Nora about the shift plan.", "the shift plan"), ("the ovens", "the ovens"),
        ("Propose a meeting with Nora at Kestrel Works", "Meeting with us"), ("", "Meeting with us"),
    ],
)  # fmt: skip
def test_the_title_is_what_it_is_about(context: ToolContext, about: str, title: str):
    assert proposed(context, about=about).title == title


async def test_a_goal_becomes_a_proposal_and_a_mail_that_waits_for_a_person():
    from cuga.orchestrator import Coordinator

    async with Coordinator("smb") as house:
        people = [Contact(id="C1", name="Nora Tamm", email="nora@kestrel.example", account_id="A1")]
        accounts = [Account(id="A1", name="Kestrel Works", country="Estonia")]
        (await house.open()).crm.store({"accounts": accounts, "contacts": people})
        result = await house.run("Propose a meeting with Nora Tamm at Kestrel Works and send the invitation")
        (card,) = await house.inbox(result.run_id)
        assert card.tool == "send_meeting_invitation" and card.side_effect == "execute" and card.risk == "high"
        assert "ORGANIZER" not in result.results["s1"]["ics"] and "Would " in "".join(card.readable)
        await house.answer(card.approval_id, "approve", digest=card.digest)
        assert (await house.wait(result.run_id)).results["s2"]["recipient"] == "nora@kestrel.example"

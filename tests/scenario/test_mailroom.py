"""Mail at the front door: taken in once through any crash, and the list of those who get nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cuga.adapters.capability import Contact, Filter
from cuga.adapters.offline import DropFolder
from cuga.clock import ManualClock
from cuga.errors import BadInput, NotAllowed
from cuga.journal.codec import events_of
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.orchestrator import Coordinator
from cuga.orchestrator.assemble import Assembly
from cuga.orchestrator.place import make

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
NORA = "nora@firm.example"


@pytest.fixture
def place(tmp_path):
    return make(tmp_path / "house")


def dropped(place, name="a", text="Please unsubscribe me.", sender=NORA):
    mail = f"From: {sender}\nMessage-ID: <{name}@x>\nSubject: Re: hi\n\n{text}\n"
    (place.inbox / f"{name}.eml").write_text(mail)


def opened(place):
    return Coordinator(house=place.root, clock=ManualClock(AT), user="sam")


async def stream(front):
    assembly = await front.open()
    return events_of(await assembly.journal.read("house/local"))


async def test_mail_is_taken_in_kept_told_and_put_away(place):
    dropped(place)
    dropped(place, "b", "Sounds good", "tom@firm.example")
    (place.inbox / "c.eml").write_bytes(b"\x00")
    async with opened(place) as front:
        (await front.open()).crm.store({"contacts": [Contact(id="P1", name="Nora T", email=NORA)]})
        found = await front.take_replies()
        assert (found.new, found.known, found.refused, found.suppressed) == (2, 0, 1, 1)
        assert (await front.take_replies()).mails == ()
        (event,) = [e for e in await stream(front) if isinstance(e, h.RepliesTaken)]
        assert (event.mails, event.kinds, event.refused) == (2, {"interest": 1, "unsubscribe": 1}, 1)
        assert event.crm_version == (await front.house()).crm_version
        standing = await front.standing(NORA)
        assert standing.blocked and standing.contacts == ("Nora T",) and standing.entry.source == "mail <a@x>"
    assert sorted(p.name for p in place.inbox.iterdir()) == ["refused", "taken"]


@pytest.mark.parametrize("where", ["store", "change", "put_away"])
async def test_whatever_is_cut_off_is_made_whole_the_next_time_and_nothing_is_taken_in_twice(place, monkeypatch, where):
    dropped(place)

    class Cut(Exception):
        pass

    def cut(*_args, **_named):
        raise Cut

    async with opened(place) as front:
        assembly = await front.open()
        with monkeypatch.context() as patch:
            if where == "store":
                patch.setattr(assembly.crm, "store", cut)
            elif where == "change":
                patch.setattr(Assembly, "change", cut)
            else:
                patch.setattr(DropFolder, "put_away", cut)
            with pytest.raises(Cut):
                await front.take_replies()
            assert assembly.outbox.suppressed(NORA)
    async with opened(place) as front:
        await front.take_replies()
        assembly = await front.open()
        assert assembly.crm.count("activities", [Filter(field="kind", value="reply")]) == 1
        assert len(assembly.outbox.suppression.entries()) == 1
        assert [p.name for p in place.inbox.iterdir()] == ["taken"]


async def test_the_list_is_changed_with_a_reason_and_the_stream_says_who_without_the_address(place):
    async with opened(place) as front:
        assert await front.suppress((NORA, "@quiet.example"), "asked on the phone") == 2
        assert await front.suppress((NORA,), "again") == 0
        with pytest.raises(BadInput, match="needs a reason"):
            await front.suppress(("x@y.example",), " ")
        with pytest.raises(BadInput, match="needs a reason"):
            await front.lift_suppression(NORA, "")
        assert len(await front.suppressed()) == 2
        gone = await front.lift_suppression("Nora@FIRM.example", "signed up again")
        assert gone.reason == "asked on the phone" and not (await front.standing(NORA)).blocked
        with pytest.raises(BadInput, match="no entry of its own") as caught:
            await front.lift_suppression("x@quiet.example", "why not")
        assert "blocked by @quiet.example" in caught.value.next_step
        events = await stream(front)
        kinds = [type(event).__name__ for event in events]
        assert kinds == ["HouseOpened", "AddressesSuppressed", "SuppressionLifted"]
        assert all("firm.example" not in str(event) for event in events) and events[-1].by == "sam"


async def test_only_an_admin_takes_somebody_off_and_a_refusal_changes_nothing(place):
    olga = Principal(id="olga", roles=("operator",))
    async with opened(place) as front:
        await front.change(h.UserAdded(at=AT, user="olga", roles=("operator",)))
        await front.suppress((NORA,), "asked", by=olga)
        with pytest.raises(NotAllowed):
            await front.lift_suppression(NORA, "please", by=olga)
        assert (await front.standing(NORA)).blocked


async def test_a_house_in_memory_has_no_inbox():
    async with Coordinator() as front:
        with pytest.raises(BadInput, match="no inbox"):
            await front.take_replies()

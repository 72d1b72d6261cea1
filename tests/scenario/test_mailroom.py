"""Mail at the front door: taken in once through any crash, and the list of those who get nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.mailbox_server import PASSWORD, USER

from cuga.adapters.capability import Contact, Filter
from cuga.adapters.imap import ImapInbox
from cuga.adapters.offline import DropFolder
from cuga.clock import ManualClock
from cuga.errors import BadInput, NotAllowed
from cuga.journal.codec import events_of
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import make
from cuga.packs.sales.engagement.intake import OF_ERASED
from cuga.settings import read_settings

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


def named(place, box, **more):
    """Name a mailbox in the registry of a house."""
    said = {"host": "127.0.0.1", "port": box.port, "security": "none", "user": USER, "password_env": "BOX_WORD",
            "folder": box.folder} | more  # fmt: skip
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in said.items())
    place.registry.write_text(f"{place.registry.read_text()}\nmailbox:\n{lines}")


def reached(place, word=PASSWORD):
    settings = read_settings({"BOX_WORD": word} if word else {})
    return Coordinator(house=place.root, clock=ManualClock(AT), user="sam", settings=settings)


async def test_replies_come_from_the_folder_and_from_the_mailbox_each_once(place, mailbox):
    named(place, mailbox, after="seen")
    dropped(place, "a", "Sounds good", "tom@firm.example")
    mailbox.deliver("stop", "Please unsubscribe me.", NORA)
    async with reached(place) as front:
        found = await front.take_replies()
        assert (found.new, found.suppressed, found.trouble) == (2, 1, ())
        assert (await front.standing(NORA)).blocked
        again = await front.take_replies()
        assert (again.mails, again.trouble) == ((), ())
    assert mailbox.flags() == {"stop": {r"\Seen"}}
    (place.inbox / ".mailbox.json").unlink()  # what was noted is lost: all is read again, and nothing follows twice
    async with reached(place) as front:
        found = await front.take_replies()
        assert (found.new, found.known, found.suppressed) == (0, 1, 0)


@pytest.mark.parametrize("where", ["store", "change", "put_away"])
async def test_taking_from_a_mailbox_can_be_cut_off_anywhere(place, mailbox, where, monkeypatch):
    named(place, mailbox, after="delete")
    mailbox.deliver("stop", "Please unsubscribe me.", NORA)
    async with reached(place) as front:
        assembly = await front.open()
        at = {"store": (assembly.crm, "store"), "change": (assembly, "change"), "put_away": (ImapInbox, "put_away")}
        with monkeypatch.context() as cut:
            cut.setattr(*at[where], lambda *args, **more: (_ for _ in ()).throw(OSError("cut")))
            with pytest.raises(OSError, match="cut"):
                await front.take_replies()
        assert mailbox.flags() == {"stop": set()}  # still there: it was not put away
        assert (await front.take_replies()).trouble == ()
        kept = [a for a in assembly.crm.query("activities", limit=10) if a.kind == "reply"]
        assert len(kept) == 1 and mailbox.flags() == {} and (await front.standing(NORA)).blocked


async def test_mail_of_somebody_who_was_erased_brings_nothing_of_them_back(place, mailbox):
    named(place, mailbox)
    nora, words = Contact(id="P1", name="Nora T", email=NORA), "The harbour at Zanaria suits us."
    mailbox.deliver("before", words, NORA)
    mailbox.deliver("other", "Sounds good", "tom@firm.example")
    async with reached(place) as front:
        (await front.open()).crm.store({"contacts": [nora]})
        assert (await front.take_replies()).new == 2
        await front.erase_person(NORA, "asked for it")
    (place.inbox / ".mailbox.json").unlink()  # all is read again, as by another machine of the house
    mailbox.deliver("since", f"Unsubscribe me. {words}", NORA)
    async with reached(place) as front:
        found = await front.take_replies()
        assert (found.new, found.known, found.refused, found.suppressed) == (0, 1, 2, 0)
        assert [one.notes for one in found.mails if one.state == "refused"] == [(OF_ERASED,)] * 2
        assert (await front.take_replies()).mails == () and len(mailbox.flags()) == 3
        assert (await front.standing(NORA)).blocked
    files = [file.read_bytes() for file in place.root.rglob("*") if file.is_file()]
    assert not any(word in body for body in files for word in (b"Zanaria", NORA.encode()))
    (place.inbox / ".mailbox.json").unlink()
    async with reached(place) as front:
        (await front.open()).crm.store({"contacts": [nora]})  # brought back
        assert (await front.take_replies()).new == 2


@pytest.mark.parametrize(("word", "why"), [("", "BOX_WORD is not set"), ("wrong", "did not let")])
async def test_a_mailbox_that_cannot_be_read_keeps_nobody_from_the_folder(place, mailbox, word, why):
    named(place, mailbox)
    dropped(place, "a", "Sounds good")
    async with reached(place, word) as front:
        found = await front.take_replies()
    assert found.new == 1 and why in found.trouble[0]

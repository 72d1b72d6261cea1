"""What is personal is sealed before it is written; erasing somebody leaves nothing of them, and a record that holds."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from cuga import verify as verifier
from cuga.adapters.capability import Account, Activity, Contact, Edit, Opportunity
from cuga.api.live import Live
from cuga.clock import ManualClock
from cuga.errors import BadInput, InvalidTransition, JournalFailed, NotAllowed, NotFound
from cuga.journal.tombstone import RETIRED
from cuga.model import command as c
from cuga.model import house_event as h
from cuga.model.event import ApprovalRequested, ToolCallStart
from cuga.model.plan import Plan, PlanStep
from cuga.model.value import encode
from cuga.observability import exporter
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.orchestrator.keeping import retaining
from cuga.orchestrator.keeping.evidence import Scope
from cuga.orchestrator.keeping.sealing import seals_of
from cuga.policy.access import ROLES
from cuga.privacy import ERASED, UNREADABLE
from cuga.projections.check import check_rows
from cuga.projections.projection import Mark
from cuga.projections.telemetry.spans import spans_of
from cuga.settings import read_settings

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
NAME, ADDRESS, PHONE = "Zanaria Quillfeather", "zq7431@canary.example", "+49 30 7431 7431 99"
STREET, WORDS = "7431 Canary Wharf Lane", "the blue heron has landed on pier 7431"
CANARIES = ("Zanaria", "Quillfeather", "zq7431", "7431 Canary", "blue heron", "7431743199")


@pytest.fixture
def place(tmp_path):
    return make(tmp_path / "house")


def opened(place, user="sam", days=0):
    return Coordinator(house=place.root, clock=ManualClock(AT + timedelta(days=days)), user=user)


async def furnished(front):
    assembly = await front.open()
    assembly.crm.store(
        {
            "accounts": [Account(id="A1", name="Birchline Ltd", industry="Retail", country="DE")],
            "contacts": [
                Contact(
                    id="P1", name=NAME, email=ADDRESS, phone=PHONE, account="Birchline Ltd", account_id="A1",
                    title="Head of Operations", opted_in="yes", lawful_basis="consent", raw={"street": STREET},
                ),
                Contact(
                    id="P2", name="Otto Plainman", email="otto@plain.example", account="Birchline Ltd", account_id="A1",
                    title="Buyer", opted_in="yes", lawful_basis="consent",
                ),
            ],
            "activities": [
                Activity(id="X1", name="call", kind="call", account="Birchline Ltd", account_id="A1", contact_id="P1",
                         text=f"{NAME} said that {WORDS}"),
            ],
        }
    )  # fmt: skip
    return assembly


def writing_to(address, name, words=WORDS, intent="hello"):
    message = {
        "kind": "message", "channel": "email", "intent": intent, "recipient": address, "recipient_name": name,
        "subject": f"For {name.split()[0]}", "body": f"Hello {name.split()[0]},\n{words}.\n",
        "account": "Birchline Ltd",
    }  # fmt: skip
    return Plan(
        goal=f"Write to {name} at Birchline",
        steps=(
            PlanStep(tool="draft_outbound_message", input={"recipient": name, "account": "Birchline Ltd"}),
            PlanStep(tool="send_message", input={"message": message}),
        ),
    )


async def sent(front, address=ADDRESS, name=NAME, words=WORDS):
    """A run that writes to somebody, agreed to by the one user of the house."""
    result = await front.execute_plan(writing_to(address, name, words))
    for card in await front.inbox():
        result = await front.answer(card.approval_id, "approve")
    return await front.wait(result.run_id)


def hits(*places: Path, canaries=CANARIES) -> list[str]:
    """Every file below some places that holds a canary, with the canary."""
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()]
    return [f"{file}: {one}" for file in files for one in canaries if one.encode() in file.read_bytes()]


def seals(place):
    return seals_of(place.root, read_settings().seals)


def book(place):
    return [file for file in place.root.iterdir() if file.name.startswith("journal.db") and "ballast" not in file.name]


async def test_a_journal_holds_nothing_of_a_person_in_clear_and_reads_as_ever(place):
    async with opened(place) as front:
        await furnished(front)
        result = await sent(front)
        assert result.status.value == "success"
        shown = encode(await front.events(result.run_id)).decode()
        assert NAME in shown and ADDRESS in shown and WORDS in shown
        events = await front.events(result.run_id)
        guessed = [one.key for one in events if isinstance(one, ToolCallStart)]
        guessed += [one.digest for one in events if isinstance(one, ApprovalRequested)]
        assert len(guessed) == 4
        assert hits(*book(place), canaries=(*CANARIES, *guessed)) == [], "nor a digest that trying would find"
    assert hits(*book(place), seals(place)) == []
    async with opened(place) as front:
        again = encode(await front.events(result.run_id)).decode()
        assert again == shown
        assert await front.verify() == []
    assert verifier.main([str(place.journal), "--key", str(seals(place) / "seal.pub")]) == 0


async def test_somebody_who_is_erased_is_nowhere_in_the_house_and_the_record_holds(place):
    (place.inbox / "r.eml").write_text(f"From: {ADDRESS}\nMessage-ID: <r@x>\nSubject: Re\n\nplease {WORDS}\n")
    async with opened(place) as front:
        assembly = await furnished(front)
        first = await sent(front)
        other = await sent(front, "otto@plain.example", "Otto Plainman", "the harbour opens at nine")
        waiting = await front.execute_plan(writing_to(ADDRESS, NAME, WORDS, "second"))
        await front.suppress((ADDRESS,), "asked for it")
        await front.signals()
        await assembly.acts.read()
        before = await front.person_data("P1")
        assert before.runs == (first.run_id, waiting.run_id) and before.unfinished == (waiting.run_id,)
        assert hits(place.root), "the canaries are planted"
        assert NAME in encode(front.get_trace()).decode()
        erased = await front.erase_person(NAME, f"{NAME} asked for it by letter")
        assert erased.cancelled == (waiting.run_id,) and erased.runs == 2 and erased.clear_events == 0
        assert hits(place.root, seals(place)) == []
        assert not any(one in encode(front.get_trace()).decode() for one in CANARIES), "nor in what this process saw"
    assert hits(place.root, seals(place)) == []
    async with opened(place, days=1) as front:
        shown = encode(await front.events(first.run_id)).decode()
        assert ERASED in shown and not any(one in shown for one in CANARIES)
        assert f'"key":"{ERASED}"' in shown and f'"digest":"{ERASED}"' in shown, "nobody guesses by trying"
        assert (await front.result(first.run_id)).status.value == "success"
        await front.show(first.run_id)
        await front.audit(first.run_id)
        await front.trace(first.run_id)
        assert any(ERASED in line.goal for line in await front.runs())
        kept = encode(await front.events(other.run_id)).decode()
        assert "the harbour opens at nine" in kept and "otto@plain.example" in kept, "nobody else lost anything"
        standing = await front.standing(ADDRESS.upper())
        assert standing.blocked and "erased" in standing.entry.reason
        assert await front.verify() == []
        again = await front.execute_plan(writing_to(ADDRESS, NAME, WORDS, "third"))
        for card in await front.inbox():
            again = await front.answer(card.approval_id, "approve")
        assert (await front.wait(again.run_id)).status.value != "success", "they are never written to again"
        with pytest.raises(NotFound):
            await front.person_data(NAME)
        await front.evidence(Scope(run_id=first.run_id), str(place.root.parent / "evidence.zip"))
    key = str(seals(place) / "seal.pub")
    assert verifier.main([str(place.journal), "--key", key, "--all-signatures"]) == 0
    assert verifier.main([str(place.root.parent / "evidence.zip"), "--key", key]) == 0


async def test_the_proof_of_a_change_keeps_no_words_of_a_record_that_went_with_somebody(place):
    async with opened(place) as front:
        assembly = await furnished(front)
        said = {"kind": "call", "contact_id": "P1", "account_id": "A1", "text": WORDS, "happened": "2026-01-04"}
        added = Edit(kind="activities", record="X2", is_new=True, was={}, becomes=said, key="k1", on="2026-01-05")
        made = assembly.crm.edit(added)
        assembly.crm.edit(
            Edit(kind="activities", record="X1", was={"text": f"{NAME} said that {WORDS}"}, becomes={"text": WORDS},
                 key="k2", on="2026-01-05")
        )  # fmt: skip
        assembly.crm.begin_call("hubspot", replace(added, record="", key="k3"), AT)
        await front.erase_person("P1", "asked for it")
        assert hits(place.root) == []
        proof = assembly.crm.edited("k1")
        assert proof is not None and (proof.record, proof.version) == (made.record, made.version), "it is made once"
        assert assembly.crm.begun_call("k3") is not None


async def test_who_watches_a_run_slowly_keeps_no_words_for_those_who_come_after_an_erasure(place):
    async with opened(place) as front:
        await furnished(front)
        run = (await sent(front)).run_id
        live = Live(front)
        await live.open()
        slow = live.watch(run, everything=True)
        assert NAME in (await anext(slow)).body
        await front.erase_person("P1", "asked for it")
        told = "".join([burst.body async for burst in live.watch(run, everything=True)])
        assert ERASED in told and '"end"' in told and not any(one in told for one in CANARIES)
        rest = "".join([burst.body async for burst in slow])
        assert not any(one in rest for one in CANARIES)
        await live.close()


async def test_what_was_taught_about_somebody_goes_with_them(place):
    for folder, name in ((place.calendar, "free.ics"), (place.facts, "people.json")):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"of {NAME}")
    place.rehearsed.mkdir()
    (place.rehearsed / "R1.json").write_text(f'{{"goal":"write to {NAME}"}}')
    async with opened(place) as front:
        await furnished(front)
        await front.execute_plan(writing_to(ADDRESS, NAME))
        (card,) = await front.inbox()
        await front.answer(card.approval_id, "deny", reason=f"never {WORDS} to {NAME}")
        (lesson,) = await front.lessons()
        assert lesson.mentions(NAME) and hits(place.root / "views.db", place.root / "views.db-wal")
        erased = await front.erase_person("P1", "by letter")
        assert set(erased.left) == {"calendar/free.ics", "facts/people.json"}, "files of others are named to a person"
        assert erased.cleaned["rehearsals"] == 1 and not hits(place.rehearsed)
        told = encode(await front.lessons()).decode()
        assert not any(one in told for one in CANARIES)
        await front.signals()
    assert hits(*(place.root / f"views.db{log}" for log in ("", "-wal", "-shm")), *book(place)) == []


async def test_nothing_of_the_house_goes_on_about_somebody_who_is_erased(place):
    async with opened(place) as front:
        assembly = await furnished(front)
        now = assembly.clock.now()
        every = {"weekdays": tuple(range(7)), "time": "10:00", "zone": "UTC"}
        await front.change(h.ScheduleAdded(at=now, schedule_id="n1", goal=f"Draft an email to {NAME}", **every))
        await front.change(h.ScheduleAdded(at=now, schedule_id="n2", goal="Find all accounts", **every))
        for rule, who in (("r1", NAME), ("r2", "Otto Plainman")):
            await front.change(
                h.StandingRuleAdded(
                    at=now, rule_id=rule, tool="draft_outbound_message", matches={"/recipient": who},
                    expires_at=now + timedelta(days=9), uses=3,
                )
            )  # fmt: skip
        told = await front.add_notice("email", ADDRESS)
        other = await front.add_notice("email", "otto@plain.example")
        await front.change(h.Halted(at=now, reason=f"{NAME} rang"))
        await front.change(h.HaltLifted(at=now))
        await front.change(h.ToolForbidden(at=now, tool="send_message", reason=f"{NAME} rang"))
        assert set((await front.person_data("P1")).ending) == {"n1", "r1", told.notice_id}
        assert hits(place.root / "notices.db", place.root / "notices.db-wal"), "the address is planted"
        erased = await front.erase_person(NAME, "by letter")
        assert set(erased.ended) == {"n1", "r1", told.notice_id}
        shown = encode([await front.house(), await front.notices(), assembly.current.forbidden_tools]).decode()
        assert not any(one in shown for one in CANARIES), "nor does a process know it that was open before"
        assert [one.rule_id for one in assembly.current.standing_rules] == ["r2"]
        assert assembly.outgoing().target(other.notice_id).address == "otto@plain.example"
        with pytest.raises(NotFound):
            assembly.outgoing().target(told.notice_id)
        assembly.clock.advance(timedelta(days=1))
        begun = (await front.start_due()).begun
        assert [one.schedule_id for one in begun] == ["n2"]
        await front.wait(begun[0].run_id)
        assert hits(place.root, seals(place)) == []
    assert hits(place.root, seals(place)) == []


async def test_a_schedule_whose_words_are_gone_begins_nothing(place):
    async with opened(place) as front:
        assembly = await furnished(front)
        by = await front.principal()
        every = {"weekdays": tuple(range(7)), "time": "10:00", "zone": "UTC"}
        added = h.ScheduleAdded(at=assembly.clock.now(), by=by.id, schedule_id="n1", goal=f"Mail {NAME}", **every)
        await assembly.change(added, by)
        ring = assembly.sealing.ring
        ring.destroy([ring.id_of("contact/P1")])  # as an erasure did that left schedules as they were
    async with opened(place, days=1) as front:
        found = await front.start_due()
        (problem,) = found.problems
        assert found.begun == () and problem.endswith("the words of its goal are gone: `cuga schedule remove n1`")
        assert await front.runs() == []


async def test_somebody_who_has_a_part_in_the_house_leaves_before_they_are_erased(place):
    boss, ann = "boss@corp.example", "ann@corp.example"
    async with opened(place, boss) as front:
        await furnished(front)
        await front.invite(ann, ["operator", "approver"])
        for who in (boss, ann):
            with pytest.raises(InvalidTransition, match="somebody of this house"):
                await front.erase_person(who.upper(), "by letter")
        await front.user_leaves(ann)
        await front.erase_person(ann, "by letter")
    async with opened(place, boss) as front:
        assert (await front.open()).current.roles == {boss: ROLES}
        await front.invite("eve", ["admin"])


async def test_runs_of_long_ago_are_kept_as_tombstones_and_the_record_still_holds(place):
    async with opened(place) as front:
        await furnished(front)
        old = await sent(front)
    async with opened(place, days=600) as front:
        young = await sent(front, "otto@plain.example", "Otto Plainman", "the harbour opens at nine")
        with pytest.raises(BadInput, match="six months"):
            await front.retain("5mo")
        would = await front.retain("18mo", dry_run=True)
        assert would.runs == (old.run_id,) and would.is_dry and would.retired == 0
        assert "Zanaria" in encode(await front.events(old.run_id)).decode()
        done = await front.retain("18mo")
        assert done.runs == (old.run_id,) and done.events == would.events and done.retired == 1
        assert (await front.retain("18mo")).runs == () and (await front.retain("18mo")).retired == 1
        events = encode(await front.events(old.run_id)).decode()
        assert RETIRED in events and not any(one in events for one in CANARIES)
        assert (await front.result(old.run_id)).status.value == "success"
        await front.show(old.run_id)
        await front.audit(old.run_id)
        assert "the harbour opens at nine" in encode(await front.events(young.run_id)).decode()
        assert await front.verify() == []
        assembly = await front.open()
        assert await check_rows(assembly.journal) == ()
        march = Scope(since=AT, until=AT + timedelta(days=601))
        await front.evidence(march, str(place.root.parent / "evidence.zip"))
        with zipfile.ZipFile(place.root.parent / "evidence.zip") as bundle:
            assert "complete; 1 of the runs are tombstones" in bundle.read("report.html").decode()
        await front.backup(str(place.root.parent / "copy.db"))
    key = str(seals(place) / "seal.pub")
    for file in (place.journal, place.root.parent / "copy.db", place.root.parent / "evidence.zip"):
        assert verifier.main([str(file), "--key", key]) == 0


async def test_a_record_that_is_blanked_in_secret_or_a_tombstone_that_is_altered_is_found(place, capsys):
    async with opened(place) as front:
        await furnished(front)
        old = await sent(front)
        other = await sent(front, "otto@plain.example", "Otto Plainman", "the harbour opens at nine")
    async with opened(place, days=600) as front:
        assembly = await front.open()
        kept = {old.run_id: await reduced(assembly, old.run_id)}
        await retaining._retire(assembly, kept, AT, "", await front.principal())
        assert await front.verify() == [] and verifier.main([str(place.journal)]) == 0
        await assembly.journal.retire({other.run_id: await reduced(assembly, other.run_id)})
        (fault,) = await front.verify()
        assert (fault.kind, fault.where) == ("edited", f"{other.run_id} #1")
    assert verifier.main([str(place.journal)]) == 1
    assert f"edited: {other.run_id} #1: its words were blanked" in capsys.readouterr().out
    with closing(sqlite3.connect(place.journal)) as db, db:
        swap = "update journal set events = cast(replace(events, ?, ?) as blob)"
        db.execute(
            f"{swap} where run = (select pk from stream where name = ?)",
            (b'"status":"success"', b'"status":"failed"', old.run_id),
        )
    assert verifier.main([str(place.journal)]) == 1
    assert f"edited: {old.run_id} #1: its words were blanked" in capsys.readouterr().out


@pytest.mark.parametrize("when", ["before", "between", "after"])
async def test_what_is_remarked_of_a_run_whose_words_go_is_neither_lost_nor_called_a_forgery(place, when):
    async with opened(place) as front:
        await furnished(front)
        old = await sent(front)
    async with opened(place, days=600) as front:
        assembly, by = await front.open(), await front.principal()

        async def remark():
            late = c.Annotate(at=assembly.clock.now(), text="it came back after all", by=by)
            await assembly.driver.handle(old.run_id, late)

        if when == "before":
            await remark()
        kept = {old.run_id: await reduced(assembly, old.run_id)}
        if when == "between":
            await remark()
        await retaining._retire(assembly, kept, AT, "", by)
        if when == "after":
            await remark()
        assert await front.verify() == []
        last = (await front.events(old.run_id))[-1]
        assert last.text == (RETIRED if when == "before" else "it came back after all")
        assert (await front.result(old.run_id)).status.value == "success"
        await front.evidence(Scope(run_id=old.run_id), str(place.root.parent / "evidence.zip"))
    for file in (place.journal, place.root.parent / "evidence.zip"):
        assert verifier.main([str(file)]) == 0


async def reduced(assembly, run_id):
    return (await retaining._reduced(assembly, run_id))[0]


async def test_with_keys_that_are_not_its_own_a_house_is_read_and_writes_to_nobody_again(place):
    async with opened(place) as front:
        await furnished(front)
        first = await sent(front)
    keys = seals(place) / "subjects.db"
    kept = keys.read_bytes()
    for others in (None, b""):
        keys.unlink(missing_ok=True)
        if others is not None:
            keys.write_bytes(others)
        async with opened(place, days=1) as front:
            with pytest.raises(JournalFailed, match="not those of this house") as lost:
                await sent(front)
            assert "keys.mark" in str(lost.value.facts["mend"])
            assert UNREADABLE in encode(await front.events(first.run_id)).decode()
        assert len(list(place.outbox.glob("*.eml"))) == 1
    keys.write_bytes(kept)
    async with opened(place, days=1) as front:
        await sent(front)
        assert "already done" in encode(await front.events((await front.runs())[0].run_id)).decode()
    keys.unlink()
    place.key_mark.unlink()
    async with opened(place, days=2) as front:
        assert (await sent(front)).status.value == "success", "somebody said that they are gone for good"


async def test_whoever_is_told_that_a_run_ended_is_told_nothing_of_whom_it_was_about(place):
    async with opened(place) as front:
        assembly = await furnished(front)
        told = h.NoticeAdded(at=AT, by="sam", notice_id="n1", channel="webhook", address="x.example", about=("ended",))
        postman = await front.postman()
        postman._targets = lambda: {"n1": told}
        await postman.look()
        await front.execute_plan(writing_to(ADDRESS, NAME))
        await postman.look()
        await front.erase_person("P1", "asked for it")
        await postman.look()
        (ended,) = assembly.outgoing().due()
        assert ended.message.about == "ended" and ended.message.goal == ERASED


@pytest.mark.parametrize("how", ["erased", "retained"])
async def test_a_run_that_has_lost_words_is_not_called_decided_otherwise_and_its_plan_is_not_run_again(place, how):
    async with opened(place) as front:
        await furnished(front)
        old = await sent(front)
        assert (await front.replay(old.run_id)).verdict == "same"
    async with opened(place, days=600) as front:
        await (front.retain("18mo") if how == "retained" else front.erase_person("P1", "asked for it"))
        told = await front.replay(old.run_id)
        assert told.verdict == "cannot be told" and told.holds
        assert any("kept no more" in one.why for one in told.decisions)
        with pytest.raises(BadInput, match="lost words"):
            await front.start("", planned_in=old.run_id)


async def test_a_copy_that_a_killed_dry_run_left_behind_goes_with_whom_it_knows(place, monkeypatch):
    spare = place.root.parent / "spare"
    ended = await asyncio.create_subprocess_exec("true")
    await ended.wait()
    left, kept = spare / f"cuga-dry-run-{ended.pid}-x", spare / f"cuga-dry-run-{os.getpid()}-x"
    for copy in (left, kept, spare / "cuga-dry-run-of-somebody"):
        copy.mkdir(parents=True)
        (copy / "subjects.db").write_text("keys")
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    async with opened(place) as front:
        await furnished(front)
        assert (await front.erase_person("P1", "asked for it")).cleaned["copies of dry runs"] == 1
    assert not left.exists() and kept.exists() and len(list(spare.glob("cuga-dry-run-*"))) == 2


@pytest.mark.parametrize("how", ["erased", "retained"])
async def test_what_has_lost_its_words_is_no_advice_any_more(place, how):
    """Neither in the list of what was taught nor in the reasons of a plan; who said it without naming anybody stays."""
    async with opened(place) as front:
        await furnished(front)
        for verdict, said in (("deny", f"never {WORDS} to {NAME}"), ("request-changes", f"more formal for {NAME}")):
            await front.execute_plan(writing_to(ADDRESS, NAME, intent=verdict))
            (card,) = await front.inbox()
            await front.answer(card.approval_id, verdict, reason=said)
            for other in await front.inbox():
                await front.answer(other.approval_id, "deny", reason="enough of it")
        await front.execute_plan(writing_to(ADDRESS, NAME, intent="amended"))
        (card,) = await front.inbox()
        await front.answer(card.approval_id, "amend", changes={"message.subject": f"About {WORDS}"})
        for other in await front.inbox():
            await front.answer(other.approval_id, "deny", reason="enough of it")
        assert any(NAME in lesson.text for lesson in await front.lessons())
    async with opened(place, days=600) as front:
        await (front.retain("18mo") if how == "retained" else front.erase_person("P1", "asked for it"))
        told = encode(await front.lessons()).decode()
        assert RETIRED not in told and ERASED not in told and not any(one in told for one in CANARIES)
        said = {lesson.text for lesson in await front.lessons() if lesson.kind != "amended"}
        assert said == ({"enough of it"} if how == "erased" else set())
        planned = await front.plan("Draft an email to Otto Plainman")
        whole = encode(planned).decode()
        assert planned.plan is not None and RETIRED not in whole and ERASED not in whole


@pytest.mark.parametrize("how", ["erased", "retained"])
async def test_what_a_collector_was_given_is_not_handed_over_again_for_words_that_go(place, how):
    async with opened(place) as front:
        await furnished(front)
        await sent(front)
    async with opened(place, days=600) as front:
        views, given = (await front.open()).views, Mark(position=5, hash=b"five")
        for name in (exporter.NAME, "lessons"):
            assert views.save(name, views.begin(name, exporter.VERSION), given, {"row": b"{}"})
        await (front.retain("18mo") if how == "retained" else front.erase_person("P1", "asked for it"))
        assert views.begin(exporter.NAME, exporter.VERSION) == given
        assert views.begin("lessons", exporter.VERSION) != given


async def test_a_run_without_words_still_has_its_spans(place):
    class Collector:
        async def take(self, spans):
            return 0, ""

    async with opened(place) as front:
        await furnished(front)
        old = await sent(front)
        whole = spans_of(await (await front.open()).journal.read(old.run_id))
    async with opened(place, days=600) as front:
        await front.retain("18mo")
        assembly = await front.open()
        left = spans_of(await assembly.journal.read(old.run_id))
        assert [(one.name, one.span_id) for one in left] == [(one.name, one.span_id) for one in whole] and whole
        given = exporter.Exporter(assembly.journal, assembly.views, Collector(), assembly.clock)
        await given.step()
        assert given.now().refused == 0 and given.now().spans == len(whole)


@pytest.mark.parametrize("who", ["P8", ADDRESS])
async def test_whoever_was_known_by_another_record_before_is_erased_as_well(place, who):
    async with opened(place) as front:
        assembly = await furnished(front)
        old = await sent(front)
        # as an export that does not have them any more
        assembly.crm.erase(("P1",), lambda _: False, ERASED, lambda _: False)
        if who != ADDRESS:
            assembly.crm.store({"contacts": [Contact(id="P8", name=NAME, email=ADDRESS)]})
    async with opened(place, days=1) as front:
        assert "Zanaria" in encode(await front.events(old.run_id)).decode()
        assert (await front.person_data(who)).runs == (old.run_id,)
        await front.erase_person(who, "asked for it")
        told = encode(await front.events(old.run_id)).decode()
        assert ERASED in told and not any(one in told for one in CANARIES)
        assert await front.verify() == []


async def test_what_a_row_of_theirs_shares_with_the_records_of_others_stays(place):
    """A row of an export names the company, its country and whose deal it is; they are not the person's own."""
    row = {
        "account": "Birchline Ltd",
        "country": "Germany",
        "owner": "Ada Kestrel",
        "source": "Web form",
        "street": STREET,
    }
    async with opened(place) as front:
        crm = (await front.open()).crm
        said = {"name": "Birchline Ltd", "country": "Germany", "owner": "Ada Kestrel"}
        crm.store(
            {
                "accounts": [
                    Account(id="Birchline Ltd", **said, raw=dict(said)),
                    Account(id="A2", name="Birchline Mills", parent="Birchline Ltd", parent_id="Birchline Ltd"),
                ],
                "contacts": [
                    Contact(
                        id="P1", name=NAME, email=ADDRESS, account="Birchline Ltd", account_id="Birchline Ltd", raw=row
                    ),
                    Contact(id="P2", name="Otto Plainman", email="otto@plain.example", raw={"source": "Web form"}),
                ],
                "opportunities": [
                    Opportunity(id="D1", account="Birchline Ltd", account_id="Birchline Ltd", owner="Ada Kestrel",
                                notes=STREET, raw={"account": "Birchline Ltd", "how": "Web form"}),
                ],
            }
        )  # fmt: skip
        before = [crm.get(*one) for one in (("accounts", "Birchline Ltd"), ("accounts", "A2"), ("contacts", "P2"))]
        await front.erase_person("P1", "by letter")
        assert [
            crm.get(*one) for one in (("accounts", "Birchline Ltd"), ("accounts", "A2"), ("contacts", "P2"))
        ] == before
        deal = crm.get("opportunities", "D1")
        assert (deal.account, deal.account_id, deal.owner) == ("Birchline Ltd", "Birchline Ltd", "Ada Kestrel")
        assert deal.raw == {"account": "Birchline Ltd", "how": "Web form"}
        assert deal.notes == ERASED and not hits(place.crm)


@pytest.mark.parametrize("where", ["destroy", "mail", "views", "records"])
async def test_whoever_is_cut_off_while_erasing_erases_once_more(place, monkeypatch, where):
    class Cut(Exception):
        pass

    def cut(*_args, **_named):
        raise Cut

    async with opened(place) as front:
        assembly = await furnished(front)
        await sent(front)
        with monkeypatch.context() as patch:
            owner, name = {
                "destroy": (assembly.sealing.ring, "destroy"),
                "mail": (assembly.outbox, "erase"),
                "views": (assembly.views, "wipe"),
                "records": (assembly.crm, "erase"),
            }[where]
            patch.setattr(owner, name, cut)
            with pytest.raises(Cut):
                await front.erase_person("P1", "asked for it")
    async with opened(place, days=1) as front:
        assert hits(place.root), "it was not finished"
        await front.erase_person("P1", "asked for it")
        assert await front.verify() == []
    assert hits(place.root, seals(place)) == []


async def test_only_an_admin_erases_or_reduces_and_only_with_a_reason(place):
    async with opened(place) as front:
        await furnished(front)
        with pytest.raises(BadInput, match="reason"):
            await front.erase_person("P1", " ")
        await front.change(h.UserAdded(at=AT, user="vera", roles=("approver",)))
        vera = await front.principal("vera")
        for asked in (
            front.person_data("P1", by=vera),
            front.erase_person("P1", "r", by=vera),
            front.retain("2y", by=vera),
        ):
            with pytest.raises(NotAllowed):
                await asked
        assert (await front.person_data("P1")).contacts == ("P1",), "nothing was erased"


async def test_several_of_one_name_are_told_apart_by_id(place):
    async with opened(place) as front:
        assembly = await furnished(front)
        assembly.crm.store({"contacts": [Contact(id="P9", name=NAME, email="other@canary.example")]})
        with pytest.raises(BadInput, match="2 people"):
            await front.erase_person(NAME, "asked for it")
        await front.erase_person("P9", "asked for it")
        assert assembly.crm.get("contacts", "P1").name == NAME and assembly.crm.get("contacts", "P9") is None


async def test_what_was_written_before_anything_was_sealed_is_told(place):
    async with opened(place) as front:
        assembly = await furnished(front)
        assembly.journal._codec.personal = None
        await front.execute_plan(writing_to(ADDRESS, NAME))
        assembly.journal._codec.personal = assembly.sealing
        held = await front.person_data("P1")
        assert held.runs == () and held.clear_events > 3

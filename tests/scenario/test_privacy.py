"""What is personal is sealed before it is written; erasing somebody leaves nothing of them, and a record that holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cuga import verify as verifier
from cuga.adapters.capability import Account, Activity, Contact
from cuga.clock import ManualClock
from cuga.model.plan import Plan, PlanStep
from cuga.model.value import encode
from cuga.orchestrator import Coordinator
from cuga.orchestrator.place import make
from cuga.orchestrator.sealing import seals_of
from cuga.settings import read_settings

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
NAME, ADDRESS, PHONE = "Zanaria Quillfeather", "zq7431@canary.example", "+49 30 7431 7431 99"
STREET, WORDS = "7431 Canary Wharf Lane", "the blue heron has landed on pier 7431"
CANARIES = ("Zanaria", "Quillfeather", "zq7431", "7431 Canary", "blue heron", "7431743199")


@pytest.fixture
def place(tmp_path):
    return make(tmp_path / "house")


def opened(place, user="sam"):
    return Coordinator(house=place.root, clock=ManualClock(AT), user=user)


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


def writing_to(address, name, words=WORDS):
    message = {
        "kind": "message", "channel": "email", "intent": "hello", "recipient": address, "recipient_name": name,
        "subject": f"For {name.split()[0]}", "body": f"Hello {name.split()[0]},\n{words}.\n", "account": "Birchline Ltd",
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
        assert [hit for file in book(place) for hit in hits(file)] == []
    assert hits(*book(place), seals(place)) == []
    async with opened(place) as front:
        again = encode(await front.events(result.run_id)).decode()
        assert again == shown
        assert await front.verify() == []
    assert verifier.main([str(place.journal), "--key", str(seals(place) / "seal.pub")]) == 0

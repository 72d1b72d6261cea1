"""What a text claims beyond the records: numbers, names, promises and ways to be reached, and nothing that is known."""

from __future__ import annotations

import pytest

from cuga.packs.sales.proving import MOST, unproven

KNOWN = (
    "Kestrel Works has about 420 people in tooling",
    "Turnstone Planner plans shifts",
    "from 1 December",
    "Ada Kestrel",
)


def claims(text: str) -> list[str]:
    return [f"{one.kind}: {one.text}" for one in unproven(text, KNOWN)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Kestrel Works has 420 people.", []),
        ("Would a short call next week suit you? I would like to hear from you.", []),
        ("It helps. Turnstone Planner’s shifts suit Kestrel Works.", []),
        ("We saved Norvane 37% last year.", ["name: Norvane", "number: 37%"]),
        ("It takes 42 people.", ["number: 42"]),  # a part of a longer number proves nothing
        ("Prices begin at €1,200 on 5.10.2026.", ["number: €1,200", "number: 5.10.2026"]),
        ("Write to eve@evil.example or see www.evil.example.", ["address: eve@evil.example", "link: www.evil.example"]),
        ("See evil.example/now today.", ["link: evil.example/now"]),
        ("Ring +44 20 7946 0018.", ["phone: +44 20 7946 0018"]),
        ("We guarantee a discount, as agreed.", ["promise: guarantee", "promise: discount", "promise: as agreed"]),
        ("Marek from Acme Tools said so.", ["name: Acme Tools"]),  # the first word of a sentence is no name by itself
        ("And Marek Novak said so.", ["name: Marek Novak"]),
        ("Norvane Bank has signed. Our Ovens rest.", ["name: Norvane Bank", "name: Ovens"]),
    ],
)
def test_what_is_said_beyond_the_records(text: str, found: list[str]):
    assert claims(text) == found


def test_what_leads_somebody_away_is_told_apart():
    by_kind = {one.kind: one.reaches for one in unproven("See ab.example, +44 20 7946 0018, a@b.example, 37%.", ())}
    assert by_kind == {"link": True, "phone": True, "address": True, "number": False}


def test_each_claim_is_listed_once_and_a_flood_is_cut():
    assert claims("It is 37. It is 37.") == ["number: 37"]
    assert len(unproven(", ".join(str(number) for number in range(1000, 1100)), ())) == MOST

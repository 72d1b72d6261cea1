"""A small fictitious house of records, for trying things out: `write_sample(directory)`.

The same seed and date give the same bytes everywhere. The dirt of real exports is planted in it on purpose and listed
in
`PLANTED`, so that a test can ask whether the import finds all of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from cuga.packs.sales import sample_words as words

T = TypeVar("T")
TODAY = date(2026, 1, 5)
ACCOUNTS, DEALS = 60, 400
HERO, HERO_DEAL = "Velkarin Foods", "D-1001"
PLANTED = {  # kind of problem -> how many of them the import must report
    "industry_respelled": 3,
    "country_respelled": 2,
    "product_name_differs": 12,
    "open_deal_without_account": 9,
    "account_not_found": 2,
    "parent_not_found": 1,
    "owner_without_team": 1,
    "team_member_without_deal": 2,
    "possible_duplicate": 1,
    "id_twice": 1,
    "row_repeated": 1,
    "date_not_read": 2,
    "amount_not_read": 1,
    "address_not_read": 1,
    "row_too_short": 1,
    "contact_unsubscribed": 2,
}


class _Dice:
    """Chance that is the same on every machine (Knuth's MMIX linear congruence, high bits)."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 33) % limit

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]


def write_sample(directory: Path | str, *, today: date = TODAY, seed: int = 7) -> list[Path]:
    """Write the CSV files of the sample house and return their paths. Dates lie around `today`."""
    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in sample_files(today=today, seed=seed).items():
        (place / name).write_text(text, encoding="utf-8", newline="")
        written.append(place / name)
    return written


def sample_files(*, today: date = TODAY, seed: int = 7) -> dict[str, str]:
    """File name -> text."""
    dice = _Dice(seed)
    accounts = _accounts(dice)
    contacts = _contacts(dice, accounts)
    deals = _deals(dice, accounts, today)
    activities = _activities(dice, deals, contacts, today)
    return {
        "accounts.csv": _csv(accounts),
        "contacts.csv": _csv(contacts, ";"),
        "products.csv": _csv(
            [("product", "series", "sales_price", "description"), *((n, s, str(p), d) for n, s, p, d in words.PRODUCTS)]
        ),
        "deals.csv": _csv(deals) + "D-9998,Ada Kestrel,Rowan Reports\r\n",
        "activities.csv": _csv(activities),
        "sales_teams.csv": _csv([("sales_agent", "manager", "regional_office"), *words.SELLERS, ("Hale Unwin",
        "Ruth Ambler", "East")]),
        "suppression.csv": _csv([("email", "reason"), ("no-mail@quiet.example", "asked us not to write")]),
        "data_dictionary.csv": _csv(
            [("Table", "Field", "Description"), ("accounts", "revenue", "Annual revenue (in millions of USD)"),
             ("deals", "close_value", "Value of the deal (USD)"), ("products", "sales_price", "List price (USD)")]
        ),
    }  # fmt: skip


def _accounts(dice: _Dice) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("account", "sector", "employees", "revenue", "office_location", "subsidiary_of", "website")
    ]
    for number in range(ACCOUNTS):
        front = words.FRONTS[number % len(words.FRONTS)]
        trade, sector, per_head = words.TRADES[(number + number // len(words.FRONTS) * 3) % len(words.TRADES)]
        people = 40 + dice.below(900) + (dice.below(4000) if number % 5 == 0 else 0)
        revenue = f"{people * per_head * (80 + dice.below(40)) / 100 / 1000:.2f}"
        site = f"{front}-{trade}.example".lower()
        rows.append((f"{front} {trade}", sector, str(people), revenue, dice.pick(words.COUNTRIES), "", site))
    rows[1] = (HERO, "food", "420", "109.20", "Germany", "", "velkarin-foods.example")
    for at, column, value in (
        (4, 1, "technolgy"),
        (14, 1, "technolgy"),
        (5, 1, "manufactoring"),
        (9, 4, "Germny"),
        (19, 4, "Netherlnds"),
    ):
        rows[at] = (*rows[at][:column], value, *rows[at][column + 1 :])
    rows[21] = (*rows[21][:5], HERO, rows[21][6])
    rows[22] = (*rows[22][:5], "Grandhollow Group", rows[22][6])
    rows[33] = (*rows[33][:2], "", "", *rows[33][4:])  # size not known
    rows.append((f"{HERO} Ltd", "food", "", "", "Germany", "", ""))
    return rows


def _contacts(dice: _Dice, accounts: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("contact_id", "full_name", "account", "job_title", "email", "do_not_contact")]
    for number, account in enumerate(accounts[1:ACCOUNTS], 1):
        if number % 7 == 0:
            continue  # nobody is known there
        domain = account[6]
        for seat in range(1 + dice.below(3)):
            first, last = dice.pick(words.FIRST), words.LAST[(number * 3 + seat) % len(words.LAST)]
            title = "CFO" if seat == 0 and number % 2 else words.TITLES[(number + seat) % len(words.TITLES)]
            address = f"{first}.{last}@{domain}".lower()
            rows.append((f"P-{number:03d}{seat}", f"{first} {last}", account[0], title, address, "no"))
    hero = [row for row in rows if row[2] != HERO]
    hero[1:1] = [
        ("P-0010", "Nora Tessler", HERO, "CFO", "nora.tessler@velkarin-foods.example", "no"),
        ("P-0011", "Emil Hestrin", HERO, "Operations Director", "emil.hestrin@velkarin-foods.example", "no"),
        ("P-0012", "Rosa Ölander", HERO, "Head of IT", "rosa.olander(at)velkarin-foods", "no"),
    ]
    hero[6] = (*hero[6][:5], "yes")
    hero.append(("P-9990", "Lars Nowhere", "Nimbleford Group", "CEO", "lars@nimbleford.example", "no"))
    return hero


def _deals(dice: _Dice, accounts: list[tuple[str, ...]], today: date) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            "opportunity_id",
            "sales_agent",
            "product",
            "account",
            "deal_stage",
            "engage_date",
            "close_date",
            "close_value",
        )
    ]
    for number in range(DEALS):
        seller, product = dice.pick(words.SELLERS[:-1]), dice.pick(words.PRODUCTS)
        account = accounts[1 + dice.below(ACCOUNTS)][0]
        begun = today - timedelta(days=10 + dice.below(700))
        price = str(round(product[2] * (70 + dice.below(50)) / 100))
        outcome = dice.below(100)
        if outcome < 45 or outcome >= 70:
            won = outcome < 45
            closed = min(begun + timedelta(days=15 + dice.below(120)), today - timedelta(days=1))
            row = (
                product[0],
                account,
                "Won" if won else "Lost",
                begun.isoformat(),
                closed.isoformat(),
                price if won else "0",
            )
        else:
            recent = today - timedelta(days=3 + dice.below(120))
            row = (product[0], account, dice.pick(words.STAGES), recent.isoformat(), "", "")
        rows.append((f"D-{1001 + number}", seller[0], *row))
    rows = [
        rows[0],
        *(
            (*row[:3], "Tornwick Logistics", *row[4:]) if row[3] == HERO and row[5] and not row[6] else row
            for row in rows[1:]
        ),
    ]
    started = (today - timedelta(days=40)).isoformat()
    rows[1] = (HERO_DEAL, "Ada Kestrel", "Linden Scheduler", HERO, "Proposal", started, "", "")
    return _soil(rows)


def _soil(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Plant the dirt of real exports."""
    opened = [at for at, row in enumerate(rows) if at > 1 and row[4] in words.STAGES and row[3] != HERO]
    closed = [at for at, row in enumerate(rows) if at > 1 and row[4] in ("Won", "Lost")]
    for at in opened[:9]:
        rows[at] = (*rows[at][:3], "", *rows[at][4:])
    spaced = [at for at in closed if rows[at][2] == "Linden Scheduler"][:12]
    for at in spaced:
        rows[at] = (*rows[at][:2], "LindenScheduler", *rows[at][3:])
    left = [at for at in closed if at not in spaced]
    rows[left[0]] = (*rows[left[0]][:3], "Nimbleford Group", *rows[left[0]][4:])
    rows[left[1]] = (rows[left[1]][0], "Ignace Farlow", *rows[left[1]][2:])
    rows[left[2]] = (*rows[left[2]][:5], "31/02/2025", *rows[left[2]][6:])
    rows[left[3]] = (*rows[left[3]][:5], "soon", *rows[left[3]][6:])
    rows[left[4]] = (*rows[left[4]][:7], "ask Ben")
    rows.append(rows[left[5]])
    rows.append(
        (rows[left[6]][0], "Ben Lowrie", "Alder Stock", "Wexcombe Energy", "Proposal", rows[left[6]][5], "", "")
    )
    return rows


def _activities(
    dice: _Dice, deals: list[tuple[str, ...]], contacts: list[tuple[str, ...]], today: date
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("activity_id", "type", "date", "who", "account", "opportunity_id", "subject", "notes")
    ]
    people: dict[str, str] = {}
    for contact in contacts[1:]:
        people.setdefault(contact[2], contact[1])
    hero = (
        (
            35,
            "call",
            "Nora Tessler",
            "Budget of 12k is approved for this year. I sign off on it myself, said Nora, the CFO signs off.",
        ),
        (
            21,
            "meeting",
            "Emil Hestrin",
            "Planning shifts by hand costs us 30 hours a week. It has to go live by the end of March.",
        ),
        (
            9,
            "email",
            "Emil Hestrin",
            "Emil presented it internally to the board. They are also looking at building it in-house.",
        ),
    )
    for days, kind, who, text in hero:
        rows.append(
            (f"A-{len(rows):04d}", kind, (today - timedelta(days=days)).isoformat(), who, HERO, HERO_DEAL, "", text)
        )
    for deal in deals[2:]:
        if deal[4] not in words.STAGES or not deal[3]:
            continue
        who = people.get(deal[3], "")
        for _ in range(dice.below(3)):
            text = dice.pick(words.NOTES).format(first=who.split()[0] if who else "The caller")
            day = min(date.fromisoformat(deal[5]) + timedelta(days=dice.below(60)), today)
            rows.append(
                (
                    f"A-{len(rows):04d}",
                    dice.pick(("call", "email", "note")),
                    day.isoformat(),
                    who,
                    deal[3],
                    deal[0],
                    "",
                    text,
                )
            )
    return rows


def _csv(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()

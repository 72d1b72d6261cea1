"""The documents of the sample house: product sheets, a case study, a battlecard, answers to objections. All invented.

One is out of date, one nobody approved, one names a customer who has not agreed: a tool must see each of these.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from cuga.packs.sales import sample_words as words

COMPETITOR = "Harrow Rota"
_SHEETS = {
    "Linden Scheduler": """## What it does
Linden Scheduler plans shifts for teams of up to 500 people. It fills a week in under a minute and shows who is missing.
It works offline and catches up when the network is back.

## For hospitals and clinics
In clinics it keeps rest times between night shifts and warns before one is broken. It does not keep patient data.

## Limits
One site only. It does not connect to payroll.""",
    "Linden Scheduler Plus": """## What it does
Linden Scheduler Plus plans shifts over several sites and moves people between them. It connects to payroll by file.

## Limits
It does not work offline.""",
    "Alder Stock": """## What it does
Alder Stock counts what is in a store room with a phone. It reads bar codes and works offline.

## Limits
It does not order parts.""",
    "Alder Stock Pro": """## What it does
Alder Stock Pro orders parts by mail before they run out and keeps a minimum for each part.

## For manufacturers
It plans spare parts for machines that must not stand still.""",
    "Rowan Reports": """## What it does
Rowan Reports sends one page of figures each Monday. It reads CSV files and needs no setup.""",
}


def write_documents(folder: Path | str, *, today: date) -> list[Path]:
    """Write the sample documents into a folder and return their paths. Dates lie around `today`."""
    place = Path(folder)
    written = []
    for name, text in documents(today=today).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8", newline="\n")
        written.append(place / name)
    return written


def documents(*, today: date) -> dict[str, str]:
    """Path -> text."""
    recent, old = (today - timedelta(days=60)).isoformat(), (today - timedelta(days=800)).isoformat()
    found = {}
    for product, _, price, _ in words.PRODUCTS:
        head = _head(title=product, type="datasheet", product=product, approved="yes", date=recent, stage="Discovery")
        priced = f"## List price\nThe list price is {price} USD a year and site.\n"
        found[f"products/{product.lower().replace(' ', '-')}.md"] = (
            f"{head}# {product}\n\n{_SHEETS[product]}\n\n{priced}"
        )
    return found | {
        "stories/tornwick-logistics.md": _head(
            title="Tornwick Logistics plans a week in ten minutes",
            type="case study",
            product="Linden Scheduler Plus",
            industry="logistics",
            persona="Operations Director | Plant Manager",
            stage="Proposal",
            customer="Tornwick Logistics",
            permission="yes",
            approved="yes",
            date=recent,
        )
        + "# Tornwick Logistics plans a week in ten minutes\n\n## Before\nPlanning took two people a day each week.\n\n"
        "## After\nPlanning takes ten minutes. Overtime fell by 11 percent in six months.\n",
        "stories/dunhollow-clinics.md": _head(
            title="Night shifts without gaps at Dunhollow Clinics",
            type="case study",
            product="Linden Scheduler",
            industry="medical",
            persona="Head of IT | CFO",
            stage="Proposal",
            customer="Dunhollow Clinics",
            permission="no",
            approved="yes",
            date=recent,
        )
        + "# Night shifts without gaps\n\n## After\nBroken rest times fell from nine a month to none.\n",
        "stories/anonymous-hospital.html": _page(
            "A hospital with 300 beds fills its night shifts",
            recent,
            "<h2>After</h2><p>The plan for four weeks is ready in one hour. <script>ignore()</script></p>",
        ),
        "battlecards/harrow-rota.md": _head(
            title=f"Against {COMPETITOR}",
            type="battlecard",
            competitor=COMPETITOR,
            product="Linden Scheduler",
            approved="yes",
            date=recent,
        )
        + f"# Against {COMPETITOR}\n\n## Where we win\n"
        f"- Linden Scheduler works offline; {COMPETITOR} needs a network.\n"
        "- A week is filled in under a minute.\n\n"
        f"## Where we lose\n- {COMPETITOR} connects to payroll, Linden Scheduler does not.\n"
        f"- {COMPETITOR} has an app for employees.\n\n"
        f"## Price\n- {COMPETITOR} lists 6 USD a person and month.\n\n"
        "## Ask\n- What happens on your floor when the network is down?\n",
        "battlecards/harrow-rota-rumours.md": _head(
            title="Heard in the market", type="battlecard", competitor=COMPETITOR, date=recent
        )
        + f"# Heard\n\n## Weaknesses\n- {COMPETITOR} is said to lose money.\n",
        "objections.md": _head(title="Answers to objections", type="objections", approved="yes", date=recent)
        + """# Answers to objections

## It is too expensive
Answer: The list price is on the sheet and is the same for everybody. What counts is the time that planning takes today.
Proof: Tornwick Logistics plans a week in ten minutes instead of two days.
Ask: How many hours a week does planning take you now, and whose hours are they?

## We plan in a spreadsheet and are happy
Answer: A spreadsheet is fine until somebody is ill on Monday morning.
Proof: Linden Scheduler shows who is missing and who may step in.
Ask: What happened the last time two people were ill on one day?

## Is our data secure
Answer: Data stays on your own machines. Questions beyond that go to the security desk.
Ask: Who on your side must agree to it?
""",
        "old/price-list.txt": _head(title="Price list", type="price list", date=old, approved="yes")
        + "Linden Scheduler 4,100 USD a year and site.\nAlder Stock 2,900 USD a year and site.\n",
    }


def _head(**said: str) -> str:
    return "---\n" + "".join(f"{name}: {value}\n" for name, value in said.items()) + "---\n"


def _page(title: str, day: str, body: str) -> str:
    meta = {"type": "case study", "product": "Linden Scheduler", "industry": "medical", "persona": "CFO | Head of IT",
            "stage": "Discovery", "approved": "yes", "date": day}  # fmt: skip
    head = "".join(f'<meta name="{name}" content="{value}">' for name, value in meta.items())
    return f"<!doctype html><html><head><title>{title}</title>{head}</head><body><h1>{title}</h1>{body}</body></html>\n"

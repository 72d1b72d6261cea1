"""What a large import costs: a million deals from CSV into the store. Prints one JSON line: seconds, memory, rows.

`python bench/importing.py [--deals 1000000] [--accounts 20000] [--form csv|jsonl|xlsx] [--directory DIR]` makes the
files, then imports them twice in a fresh process each; the second import must change nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from cuga.adapters.offline import CrmStore
from cuga.packs.sales.importing import import_directory

STAGES = ("Prospecting", "Engaging", "Won", "Lost")
KEYS, DATES = ("opportunity_id", "sales_agent", "product", "account"), ("deal_stage", "engage_date", "close_date")
HEADER = (*KEYS, *DATES, "close_value")


def rows(deals: int, accounts: int):
    start = date(2020, 1, 1)
    for n in range(deals):
        stage = STAGES[n * 7 % 4]
        begun = start + timedelta(days=n % 1500)
        closed = (begun + timedelta(days=n % 90)).isoformat() if stage in ("Won", "Lost") else ""
        key = f"{n * 2654435761 % 2**32:08X}-{n}"
        account = "" if n % 50 == 0 else f"Account {n % accounts:06d}"
        yield key, f"Agent {n % 300}", f"Product {n % 12}", account, stage, begun.isoformat(), closed, str(n % 9000)


def make(directory: Path, deals: int, accounts: int, form: str) -> None:
    with (directory / "accounts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("account", "sector", "employees", "office_location"))
        writer.writerows((f"Account {n:06d}", "retail", 10 + n % 900, "Germany") for n in range(accounts))
    with (directory / "products.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("product", "sales_price"), *((f"Product {n}", 100 * n) for n in range(12))])
    if form == "xlsx":
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet("deals")
        sheet.append(HEADER)
        for row in rows(deals, accounts):
            sheet.append(row)
        book.save(directory / "deals.xlsx")
        return
    with (directory / f"deals.{form}").open("w", newline="", encoding="utf-8") as file:
        if form == "csv":
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(rows(deals, accounts))
        else:
            file.writelines(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in rows(deals, accounts))


def bring(directory: Path, house: Path) -> None:
    store = CrmStore.open(house)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter()
    report = import_directory(directory, store)
    took = time.perf_counter() - began
    print(
        json.dumps(
            {
                "seconds": round(took, 1),
                "rows_per_second": round(report.rows / took),
                "rss_mb_before": round(before),
                "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "rows": report.rows,
                "stored": report.stored,
                "added": report.added,
                "changed": report.changed,
                "unchanged": report.unchanged,
                "remarks": report.remarks,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--form", choices=("csv", "jsonl", "xlsx"), default="csv")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--bring", nargs=2, type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.bring:
        bring(*said.bring)
        return
    with tempfile.TemporaryDirectory(dir=said.directory) as spare:
        source, house = Path(spare) / "export", Path(spare) / "crm.db"
        source.mkdir()
        make(source, said.deals, said.accounts, said.form)
        size = sum(file.stat().st_size for file in source.iterdir())
        answers = [
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--bring", str(source), str(house)], check=True, capture_output=True
                ).stdout
            )
            for _ in range(2)
        ]
        store_mb = round(house.stat().st_size / 1e6)
    line = {"deals": said.deals, "form": said.form, "files_mb": round(size / 1e6), "store_mb": store_mb}
    print(json.dumps({**line, "first": answers[0], "again": answers[1]}))


if __name__ == "__main__":
    main()

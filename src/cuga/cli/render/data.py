"""The state of the data as a person who keeps it reads it: what breaks a rule, what is double, what is read as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import MOST_ROWS, coloured, listed, notes, plain_table
from cuga.cli.screen import one_line, text


def _audit(output: Mapping[str, Any]) -> RenderableType:
    total = sum(output["records"].values())
    head = text(f"{total:,} records: {len(output['findings'])} rules broken, {output['clean']} hold", "bold")
    if output["compared_with"]:
        head.append(f"   compared with {output['compared_with']}", "dim")
    table = plain_table("what", "records", ">count", ">of", ">%", "before", "the first", "to mend it")
    table.columns[6].no_wrap = True
    for finding in output["findings"]:
        first = finding["rows"][0]
        change = finding["change"]
        before = "" if change is None else "as before" if not change else f"{change:+,}"
        table.add_row(
            text(finding["says"]), text(finding["kind"]), f"{finding['count']:,}", f"{finding['of']:,}",
            str(finding["share"]), text(before), text(first["source"] or first["id"]), text(finding["fix"]),
        )  # fmt: skip
    return Group(
        head,
        Padding(table, (0, 0, 0, 2), expand=False) if output["findings"] else text("  no rule is broken"),
        *listed("mended since", output["mended"]),
        *listed("could not be asked", output["not_asked"]),
        *notes(output),
    )


def _duplicates(output: Mapping[str, Any]) -> RenderableType:
    head = text(f"{output['compared']:,} {output['kind']}: {output['likely']} likely doubles", "bold")
    head.append(f", {output['possible']} possible ones")
    parts: list[RenderableType] = [head]
    for cluster in output["clusters"][:MOST_ROWS]:
        line = text("  ").append_text(text(cluster["verdict"], "green" if cluster["verdict"] == "likely" else "yellow"))
        line.append_text(text(f" {cluster['score']} of 100"))
        parts.append(line)
        parts += [
            text(f"    {m['name'] or m['id']}  {m['source']}, {m['filled']} fields known") for m in cluster["members"]
        ]
        for pair in cluster["pairs"][:3]:
            differ = f"; differ in {', '.join(pair['differ'])}" if pair["differ"] else ""
            parts.append(text(f"    agree in {', '.join(pair['agree'])}{differ}", "dim"))
        parts.append(text(f"    {cluster['proposal']}", "dim"))
    return Group(*parts, *notes(output))


def _enriched(output: Mapping[str, Any]) -> RenderableType:
    head = text(f"{output['account']}: {'enriched' if output['enriched'] else 'not enriched'}", "bold")
    head.append(f"   {output['coverage']} % of the usual fields are known", "dim")
    table = plain_table("field", "state", "value", "who says so", "date", "where")
    for field in output["fields"]:
        for at, fact in enumerate(field["facts"] or [{}]):
            licence = f" ({fact['licence']})" if fact.get("licence") else ""
            table.add_row(
                text("" if at else field["field"]), "" if at else coloured(field["state"]), text(fact.get("value", "")),
                text(f"{fact.get('provider', '')}{licence}"), text(fact.get("date", "")), text(fact.get("source", "")),
            )  # fmt: skip
    return Group(head, Padding(table, (0, 0, 0, 2), expand=False), *notes(output))


def _normalized(output: Mapping[str, Any]) -> RenderableType:
    head = text(f"{output['read']:,} accounts read, {output['with_changes']:,} with a proposed change", "bold")
    table = plain_table("account", "field", "as written", "read as", ">sure", "why")
    rows = [(r, f) for r in output["records"] for f in r["fields"] if f["changed"] and f["before"] != f["after"]]
    rows.sort(key=lambda row: ("proposal" not in row[1]["why"], row[1]["confidence"]))
    for record, field in rows[:MOST_ROWS]:
        table.add_row(
            text(record["name"]), text(field["field"]), text(one_line(field["before"], 30)),
            text(one_line(field["after"] or "not read", 30)), str(field["confidence"]), text(field["why"]),
        )  # fmt: skip
    more = [text(f"  the first {MOST_ROWS} of {len(rows):,}", "dim")] if len(rows) > MOST_ROWS else []
    counts = [f"{field}: {count:,}" for field, count in output["changes"].items()]
    return Group(
        head, Padding(table, (0, 0, 0, 2), expand=False), *more, *listed("changes by field", counts), *notes(output)
    )


SHAPES = (
    ({"findings", "not_asked", "compared_with"}, _audit),
    ({"clusters", "likely", "possible"}, _duplicates),
    ({"enriched", "fields", "differing"}, _enriched),
    ({"with_changes", "unreadable", "records"}, _normalized),
)

"""The state of the CRM data, rule by rule, beside what it was before the last import. It reports; it mends nothing."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import msgspec

from cuga.adapters.capability import CrmRead
from cuga.errors import BadInput
from cuga.packs.sales.governance.rules import ALL, KINDS, RULES, Rule, around, asked
from cuga.packs.sales.result import Result, place
from cuga.tools.declare import Slot, ToolContext, tool

BEFORE = "audit before the last import"  # the name under which an import keeps the counts of what it replaces
MOST_ROWS = 10
_SORTS = ("orphan", "inconsistent", "invalid", "missing", "stale")


class Kept(Result, frozen=True, kw_only=True):
    """The counts of the data before an import, as it keeps them."""

    crm_version: str
    directory: str
    counts: dict[str, int]
    rules: str = RULES


class Row(Result, frozen=True, kw_only=True):
    """A record that breaks a rule."""

    id: str
    name: str
    source: str


class Finding(Result, frozen=True, kw_only=True):
    """One rule that is broken: by `count` of the `of` records it was asked of. `before` is None where nobody knows."""

    rule: str
    kind: str
    sort: str
    says: str
    count: int
    of: int
    share: int
    before: int | None
    change: int | None
    fix: str
    rows: tuple[Row, ...]


class Audit(Result, frozen=True, kw_only=True):
    """Broken rules, the gravest sort first, the most frequent first. `mended`: rules that were broken before, and are
    not now."""

    findings: tuple[Finding, ...]
    records: dict[str, int]
    clean: int
    not_asked: tuple[str, ...]
    mended: tuple[str, ...]
    compared_with: str
    notes: tuple[str, ...]
    crm_version: str
    as_of: str
    rules: str = RULES


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "data quality", "dirty data", "missing values", "data report", "audit data", "inconsistent", "bad data",
        "clean data", "crm audit", "orphans", "invalid", "incomplete records", "data health", "report",
    ),
    gives={"findings": "/findings"},
    uses=("crm",),
    guardrails=("changes nothing", "a rule that could not be asked is named, not passed", "names the rows"),
)  # fmt: skip
def audit_data_quality(
    context: ToolContext,
    kinds: Annotated[tuple[str, ...], Slot("", "kinds of records; left out: all")] = (),
    file: Annotated[str, Slot("file", "only records that were imported from this file")] = "",
    previous: Annotated[dict[str, Any] | None, Slot("", "an earlier audit to compare with")] = None,
) -> Audit:
    """Report of missing, invalid, orphan, inconsistent and stale CRM data with counts, rows and a fix for each rule.

    Compared with an earlier audit when one is given, else with the counts that the last import kept of the data before
    it (its stale rules apart, which depend on the day). Each rule is asked of the records to which it applies only.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise BadInput(f"no rules ask of {unknown[0]!r}", mend=f"kinds: {', '.join(KINDS)}")
    crm: CrmRead = context.capability("crm")
    today = context.as_of.date()
    known = around(crm, today)
    total, found = Counter[str](), Counter[str]()
    rows: dict[str, list[Row]] = {}
    wanted = file.replace("\\", "/").split("/")[-1].casefold()
    for rule, record, is_broken in asked(crm, kinds or KINDS, known, wanted):
        total[rule.id] += 1
        if is_broken:
            found[rule.id] += 1
            if len(mine := rows.setdefault(rule.id, [])) < MOST_ROWS:
                mine.append(Row(id=record.id, name=record.name, source=place(record)))
    before, whose = _before(crm, previous) if not file else ({}, "")
    findings = [_finding(rule, found[rule.id], total[rule.id], before, rows[rule.id]) for rule in ALL if found[rule.id]]
    findings.sort(key=lambda finding: (_SORTS.index(finding.sort), -finding.count, finding.rule))
    records = {kind: crm.count(kind) for kind in kinds or KINDS}
    notes = [] if whose or file else ["there is no earlier audit to compare with; the next import keeps one"]
    if file and not total:
        notes.append(f"no record was imported from {file}")
    mine_of = {rule.id for rule in ALL if rule.kind in (kinds or KINDS)}
    return Audit(
        findings=tuple(findings), records=records, clean=sum(not found[rule] for rule in total),
        not_asked=tuple(sorted(rule for rule in mine_of if not total[rule])),
        mended=tuple(sorted(rule for rule, n in before.items() if n and rule in mine_of and not found[rule])),
        compared_with=whose, notes=tuple(notes), crm_version=crm.crm_version(), as_of=today.isoformat(),
    )  # fmt: skip


def _finding(rule: Rule, count: int, of: int, before: dict[str, int], rows: list[Row]) -> Finding:
    earlier = before.get(rule.id, 0) if before and rule.sort != "stale" else before.get(rule.id)
    return Finding(
        rule=rule.id, kind=rule.kind, sort=rule.sort, says=rule.says, count=count, of=of, share=100 * count // of,
        before=earlier, change=None if earlier is None else count - earlier, fix=rule.fix, rows=tuple(rows),
    )  # fmt: skip


def _before(crm: CrmRead, previous: dict[str, Any] | None) -> tuple[dict[str, int], str]:
    """(counts by rule, what they are of); empty when there is nothing to compare with."""
    if previous is not None:
        try:
            findings = previous.get("findings", [])
            return {str(f["rule"]): int(f["count"]) for f in findings}, f"the audit as of {previous['as_of']}"
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput("the earlier audit cannot be read", mend="give the result of audit_data_quality") from error
    text = crm.kept(BEFORE)
    if not text:
        return {}, ""
    kept = msgspec.json.decode(text, type=Kept)
    if kept.rules != RULES or kept.crm_version == crm.crm_version():
        return {}, ""
    return kept.counts, f"the data before the import of {kept.directory}"

"""Clusters of records that are likely one company or person. A merge is a proposal; nothing is merged here."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Annotated, Literal

from cuga.adapters.capability import CrmRead, Record, fields_of
from cuga.packs.sales.intelligence.likeness import LIKELY, Pair, compare, keys_of
from cuga.packs.sales.result import Result, place
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "duplicates-1"
MOST_RECORDS, MOST_OF_A_KEY, MOST_CLUSTERS = 200_000, 300, 200


class Member(Result, frozen=True, kw_only=True):
    """One record of a cluster; `filled` counts its known fields."""

    id: str
    name: str
    filled: int
    source: str


class Cluster(Result, frozen=True, kw_only=True):
    """Records that hang together by pairs. `score` is that of the weakest link; `keep` is proposed: the fullest one."""

    score: int
    verdict: str
    members: tuple[Member, ...]
    pairs: tuple[Pair, ...]
    keep: str
    proposal: str


class Duplicates(Result, frozen=True, kw_only=True):
    """Clusters, the surest first. `likely` and `possible` count clusters."""

    kind: str
    compared: int
    clusters: tuple[Cluster, ...]
    likely: int
    possible: int
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "duplicate", "duplicates", "dupes", "dupe", "dedupe", "deduplicate", "same company", "same person",
        "double entries", "doubles", "twice", "merge",
    ),
    gives={"clusters": "/clusters"},
    uses=("crm",),
    guardrails=("merges nothing", "a parent and its subsidiary are no duplicates", "says what agrees and what differs"),
)  # fmt: skip
def find_duplicate_records(
    context: ToolContext,
    records: Annotated[
        Literal["accounts", "contacts"], Slot("records", "which records", ("accounts", "contacts"))
    ] = "accounts",
    file: Annotated[str, Slot("file", "only clusters with a record that was imported from this file")] = "",
) -> Duplicates:
    """Clusters of records that are likely the same company or person with what agrees and what differs.

    Candidates share a domain, an address, a phone or the beginning of a name; only they are compared. The same domain
    gives 90 points, the same address 95, the same name 75 (45 for people); a different country, domain or company takes
    points away. From 75 points on a pair is likely, from 60 possible. What a record does not say counts neither way.
    """
    crm: CrmRead = context.capability("crm")
    held: dict[str, Record] = {}
    blocks: defaultdict[str, list[str]] = defaultdict(list)
    notes: list[str] = []
    for record in crm.each(records):
        if len(held) >= MOST_RECORDS:
            notes.append(f"only the first {MOST_RECORDS:,} {records} were compared")
            break
        held[record.id] = record
        for key in keys_of(record):
            blocks[key].append(record.id)
    pairs = _pairs(held, blocks, notes)
    clusters = [_cluster(held, ids, pairs) for ids in _joined(pairs)]
    asked = file.replace("\\", "/").split("/")[-1].casefold()
    if asked:
        clusters = [c for c in clusters if any(asked in m.source.casefold() for m in c.members)]
    clusters.sort(key=lambda cluster: (-cluster.score, -len(cluster.members), cluster.members[0].id))
    if len(clusters) > MOST_CLUSTERS:
        notes.append(f"{len(clusters) - MOST_CLUSTERS:,} more clusters are not shown")
    likely = sum(cluster.verdict == "likely" for cluster in clusters)
    return Duplicates(
        as_of=context.as_of.date().isoformat(),
        kind=records, compared=len(held), clusters=tuple(clusters[:MOST_CLUSTERS]), likely=likely,
        possible=len(clusters) - likely, notes=tuple(notes),
    )  # fmt: skip


def _pairs(held: dict[str, Record], blocks: dict[str, list[str]], notes: list[str]) -> dict[tuple[str, str], Pair]:
    found: dict[tuple[str, str], Pair] = {}
    for key, ids in sorted(blocks.items()):
        if len(ids) > MOST_OF_A_KEY:
            notes.append(f"{len(ids):,} records share {key!r}; the first {MOST_OF_A_KEY} of them were compared by it")
        for one, other in combinations(sorted(ids)[:MOST_OF_A_KEY], 2):
            if (one, other) not in found and (pair := compare(held[one], held[other])) is not None:
                found[one, other] = pair
    return found


def _joined(pairs: dict[tuple[str, str], Pair]) -> list[list[str]]:
    """Ids that hang together by pairs, each group in order."""
    leader: dict[str, str] = {}

    def top(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    for one, other in pairs:
        first, second = sorted((top(one), top(other)))
        leader[second] = first
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(leader):
        groups[top(key)].append(key)
    return list(groups.values())


def _cluster(held: dict[str, Record], ids: list[str], pairs: dict[tuple[str, str], Pair]) -> Cluster:
    mine = tuple(pair for (one, other), pair in sorted(pairs.items()) if one in ids and other in ids)
    members = tuple(
        Member(id=key, name=held[key].name, filled=_filled(held[key]), source=place(held[key])) for key in ids
    )
    score = min(pair.score for pair in mine)
    keep = min(members, key=lambda member: (-member.filled, member.id))
    others = ", ".join(member.id for member in members if member is not keep)
    return Cluster(
        score=score, verdict="likely" if score >= LIKELY else "possible", members=members, pairs=mine, keep=keep.id,
        proposal=f"look at them side by side; if they are one, keep {keep.id} and merge {others} into it in the CRM",
    )  # fmt: skip


def _filled(record: Record) -> int:
    names = fields_of("accounts" if hasattr(record, "website") else "contacts")
    return sum(getattr(record, name) not in ("", None, False) for name in names)

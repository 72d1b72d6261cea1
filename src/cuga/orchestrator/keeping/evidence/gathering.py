"""What goes into a bundle: which streams, their appends with the proof that the sealed tree holds them, kept bytes.

A run is whole because its chain begins at nothing and its end is there. A period is whole because every leaf between
its first and last append is accounted for.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from cuga.errors import BadInput, NotFound, RunNotFound
from cuga.journal.codec import PLAIN
from cuga.journal.port import ReadJournal, Stored
from cuga.journal.tree import Tree, inclusions, leaf_of
from cuga.model.event import ApprovalReceived, RunStarted, ToolCallComplete
from cuga.model.value import Value


class Scope(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What evidence is asked for: one run, all that moved between two times, or all that one person decided on."""

    run_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    approver: str = ""

    def about(self) -> str:
        """The scope in words; `BadInput` unless it is exactly one of the three."""
        is_period = self.since is not None or self.until is not None
        if bool(self.run_id) + is_period + bool(self.approver) != 1:
            raise BadInput("evidence is about one of: a run, a period, an approver")
        if self.run_id:
            return f"run {self.run_id}"
        if self.approver:
            return f"decisions of {self.approver}"
        if self.since is None or self.until is None or self.since >= self.until:
            raise BadInput("a period has a beginning and a later end", mend="For example 2026-10-01..2026-10-31.")
        return f"period {self.since:%Y-%m-%dT%H:%M:%SZ} to {self.until:%Y-%m-%dT%H:%M:%SZ}"


class Gathered(msgspec.Struct):
    """What was found."""

    runs: list[str]  # ids of the runs, in order of their first append
    lanes: dict[str, list[Stored]]  # stream -> all its events up to the checkpoint
    appends: list[dict[str, Any]]  # each append of these streams, with its proof
    blobs: dict[str, bytes]
    withheld: list[str]  # digests of bytes that are gone for a reason, e.g. erased
    leaves: bytes = b""  # of a period: each leaf from its first append to the checkpoint
    whole: dict[str, Any] | None = None  # of a period: the peaks before it, and where it ends


async def gather(journal: ReadJournal, house: str, scope: Scope, size: int, position: int) -> Gathered:
    """Everything in a scope that a checkpoint over `size` appends and `position` events has sealed."""
    links = await _links(journal, size)
    leaves = [leaf_of(*one) for one in links]
    index = {at: number for number, (at, _) in enumerate(links)}
    touched, first, last = await _touched(journal, scope, position, index)
    streams = list(dict.fromkeys((*touched, house)))
    lanes = {stream: [one for one in await journal.read(stream) if one.position <= position] for stream in streams}
    appends = []
    for stream, lane in lanes.items():
        for hash, group in groupby(lane, attrgetter("hash")):
            events = list(group)
            appends.append(
                {
                    "stream": stream,
                    "index": index[events[-1].position],
                    "position": events[-1].position,
                    "expected": events[0].seq - 1,
                    "hash": hash.hex(),
                    "events": [event.body.decode() for event in events],
                }
            )
    paths = inclusions(leaves, [append["index"] for append in appends])
    for append, path in zip(appends, paths, strict=True):
        append["path"] = [step.hex() for step in path]
    blobs, withheld = await _bytes(journal, lanes)
    found = Gathered(
        runs=[stream for stream in touched if stream != house],
        lanes=lanes,
        appends=appends,
        blobs=blobs,
        withheld=withheld,
    )
    if scope.since is not None:
        before = Tree()
        for leaf in leaves[:first]:
            before.add(leaf)
        counts = [1 << bit for bit in reversed(range(first.bit_length())) if first >> bit & 1]
        peaks = [[count, peak.hex()] for count, peak in zip(counts, before.peaks, strict=True)]
        found.whole = {"first": first, "until": last + 1, "peaks": peaks}
        found.leaves = b"".join(leaves[first:])
    return found


async def _links(journal: ReadJournal, size: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while len(found) < size:
        page = await journal.links(found[-1][0] if found else 0, min(10_000, size - len(found)))
        if not page:
            break
        found += page
    return found


async def _touched(
    journal: ReadJournal, scope: Scope, position: int, index: dict[int, int]
) -> tuple[list[str], int, int]:
    """The streams in a scope, in order, and for a period its first and last append."""
    if scope.run_id:
        if not await journal.version(scope.run_id):
            raise RunNotFound(scope.run_id)
        return [scope.run_id], 0, 0
    streams: dict[str, None] = {}
    inside: list[int] = []
    order: list[tuple[int, str]] = []
    async for stored in journal.feed():
        if stored.position > position:
            break
        if scope.approver:
            if scope.approver in _deciders(stored):
                streams.setdefault(stored.stream)
            continue
        if (number := index.get(stored.position)) is not None:
            order.append((number, stored.stream))
        at = PLAIN.decode(stored.readable).at
        if scope.since is not None and scope.until is not None and scope.since <= at < scope.until:
            inside.append(number if number is not None else -1)
    if scope.approver:
        if not streams:
            raise NotFound(f"nobody called {scope.approver} has decided anything", mend="`cuga users` lists people.")
        return list(streams), 0, 0
    numbers = [number for number in inside if number >= 0]
    if not numbers:
        raise NotFound("nothing was written in that period", mend="`cuga runs` shows when there was something.")
    first, last = min(numbers), max(numbers)
    for number, stream in order:
        if first <= number <= last:
            streams.setdefault(stream)
    return list(streams), first, last


def _deciders(stored: Stored) -> tuple[str, ...]:
    """Whose decision an event is, if it is one."""
    if b'"approval_received"' not in stored.body:
        return ()
    event = PLAIN.decode(stored.readable)
    return (event.by, event.on_behalf_of) if isinstance(event, ApprovalReceived) and not event.rule else ()


async def _bytes(journal: ReadJournal, lanes: dict[str, list[Stored]]) -> tuple[dict[str, bytes], list[str]]:
    """The bytes that the events refer to, and the digests of those that are not kept any more."""
    found: dict[str, bytes] = {}
    withheld: list[str] = []
    for digest in dict.fromkeys(_needed(lanes)):
        try:
            found[digest] = await journal.blob(digest, stored=True)
        except NotFound:
            withheld.append(digest)
    return found, withheld


def _needed(lanes: dict[str, list[Stored]]) -> list[str]:
    needed = []
    for lane in lanes.values():
        for event in (PLAIN.decode(one.readable) for one in lane):
            if isinstance(event, ToolCallComplete) and event.blob is not None and event.blob.kept:
                needed.append(event.blob.digest)
            elif isinstance(event, RunStarted):
                needed.append(event.policy_digest)
    return needed

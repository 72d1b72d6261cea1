"""What a sealed journal can prove about its own growth: a tree as it was, and that a later one goes on from it."""

from __future__ import annotations

import asyncio

from cuga.errors import BadInput
from cuga.journal.checkpoint import read_note
from cuga.journal.port import ReadJournal
from cuga.journal.tree import Tree, consistency_spans, leaf_of, peak_spans

PAGE = 2_000  # appends that a tree takes in one turn of the loop: about 3 ms


async def tree_of(journal: ReadJournal, size: int) -> tuple[Tree, int] | None:
    """The tree when it had so many leaves, and the position behind the last of them; None: it never had."""
    kept = await journal.checkpoint(size)
    tree, after = Tree(), 0
    if kept is not None and kept.size.bit_count() == len(kept.peaks):
        known = Tree(kept.size, kept.peaks)
        if fits(kept.note, known):  # else a bit of them has turned over: the links tell what they were
            tree, after = known, kept.position
    found = await _grown(journal, tree, after, size - tree.size)
    return None if found is None else (tree, found)


async def proof_between(journal: ReadJournal, old: int, new: int) -> list[bytes] | None:
    """That the tree of `new` leaves begins with the tree of `old` (RFC 9162, 2.1.4.1); None: there are not so many.

    Holds a few hashes however long the journal is: what lies before `old` is known by its peaks, what lies behind is
    read once, in order."""
    spans = consistency_spans(old, new)
    found = await tree_of(journal, old)
    if found is None:
        return None
    tree, position = found
    roots = dict(zip(peak_spans(old), tree.peaks, strict=True))
    for start, end in sorted(span for span in spans if span[0] >= old):
        part = Tree()
        behind = await _grown(journal, part, position, end - start)
        if behind is None:
            return None
        position = behind
        roots[start, end] = part.root()
    return [roots[span] for span in spans]


async def _grown(journal: ReadJournal, tree: Tree, after: int, leaves: int) -> int | None:
    """Add so many leaves that follow a position; the position behind them, None where the journal ends before."""
    size = tree.size + leaves
    while tree.size < size:
        page = await journal.links(after, min(PAGE, size - tree.size))
        if not page:
            return None
        for after, link in page:
            tree.add(leaf_of(after, link))
        await asyncio.sleep(0)
    return after


def fits(note: bytes, tree: Tree) -> bool:
    """Whether a tree is the one that a note is about."""
    try:
        return read_note(note)[0].root == tree.root()
    except BadInput:
        return False

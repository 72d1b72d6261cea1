"""The Merkle tree over all appends of a journal: one root that nothing can be taken from or put into unseen.

Leaves, nodes and proofs are those of RFC 9162 (2.1.1 to 2.1.4, as in RFC 6962), with SHA-256. A leaf is one append:
its position and its link, which binds the stream, the version and the bytes of each event. The tree is never stored;
what it goes on from are its peaks, the roots of its perfect subtrees, at most one for each bit of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

TAG = b"cuga.append\x00\x01"  # domain and format version of what is in a leaf
EMPTY = sha256(b"").digest()  # the root of no leaves at all


def leaf_of(position: int, link: bytes) -> bytes:
    """The leaf of an append: where its last event stands over all streams, and its link."""
    return sha256(b"\x00" + TAG + position.to_bytes(8) + link).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    """The node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows, known by its peaks: the largest first, one for each bit that is set in `size`."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(peaks):
            raise ValueError(f"a tree of {size} has {size.bit_count()} peaks, not {len(peaks)}")
        self.size = size
        self.peaks = list(peaks)

    def add(self, leaf: bytes) -> None:
        """Take one more leaf in: two hashes in the mean."""
        size = self.size
        while size & 1:
            leaf = node_of(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root as it stands."""
        if not self.peaks:
            return EMPTY
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = node_of(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over all the leaves."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of a leaf, from its neighbour upwards."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    path: list[bytes] = []
    row, at = list(leaves), index
    while len(row) > 1:
        if at ^ 1 < len(row):
            path.append(row[at ^ 1])
        row = _above(row)
        at >>= 1
    return path


def inclusions(leaves: Sequence[bytes], indexes: Sequence[int]) -> list[list[bytes]]:
    """The audit paths of many leaves, from one walk over the tree."""
    paths: list[list[bytes]] = [[] for _ in indexes]
    row, places = list(leaves), list(indexes)
    while len(row) > 1:
        for nth, at in enumerate(places):
            if at ^ 1 < len(row):
                paths[nth].append(row[at ^ 1])
        row, places = _above(row), [at >> 1 for at in places]
    return paths


def _above(row: list[bytes]) -> list[bytes]:
    """The row of nodes over a row; a last one without a neighbour goes up as it is."""
    pairs = [node_of(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
    return [*pairs, row[-1]] if len(row) & 1 else pairs


def root_by(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its audit path come to; `ValueError` for a path that fits no such tree."""
    at, last, left = index, size - 1, list(path)
    while last > 0:
        if at ^ 1 <= last:
            if not left:
                raise ValueError("the path is too short")
            beside = left.pop(0)
            leaf = node_of(beside, leaf) if at & 1 else node_of(leaf, beside)
        at >>= 1
        last >>= 1
    if left:
        raise ValueError("the path is too long")
    return leaf


def consistency_spans(old: int, new: int) -> list[tuple[int, int]]:
    """The spans of leaves whose roots prove that a tree of `new` leaves goes on from its first `old`, in the order of
    the proof. Those that end by `old` are peaks of the older tree; those behind it follow each other without a gap."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not go on from one of {old}")
    return _spans(0, old, new, True) if old else []


def _spans(start: int, old: int, new: int, is_whole: bool) -> list[tuple[int, int]]:
    """Of the leaves from `start` on: of `new`, the first `old` are the older tree, or the end of it."""
    if old == new:
        return [] if is_whole else [(start, start + new)]
    left = 1 << ((new - 1).bit_length() - 1)  # the largest power of two below `new`
    if old <= left:
        return [*_spans(start, old, left, is_whole), (start + left, start + new)]
    return [*_spans(start + left, old - left, new - left, False), (start, start + left)]


def peak_spans(size: int) -> list[tuple[int, int]]:
    """The spans of leaves below the peaks of a tree, in the order of the peaks."""
    spans, start = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            spans.append((start, start + (1 << bit)))
            start += 1 << bit
    return spans


def goes_on(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `new` leaves begins with the tree of `old` (RFC 9162, 2.1.4.2). Of
    nothing everything goes on, and equal trees need no proof."""
    if old == 0 or old == new:
        return not proof and (old == 0 or old_root == new_root)
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    if not 0 < old < new or not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_of(node, older), node_of(node, newer)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            newer = node_of(newer, node)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root

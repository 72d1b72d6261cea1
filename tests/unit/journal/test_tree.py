"""The Merkle tree over appends: against the definition of RFC 9162, for every small size."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.journal.tree import (
    EMPTY,
    Tree,
    consistency_spans,
    goes_on,
    inclusion,
    inclusions,
    leaf_of,
    node_of,
    peak_spans,
    root_by,
    root_of,
)


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, read off the page."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


def some(count: int) -> list[bytes]:
    return [leaf_of(number, bytes([number % 251]) * 32) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", range(70))
def test_the_root_is_the_one_of_the_definition(count: int) -> None:
    assert root_of(some(count)) == by_definition(some(count))


def test_a_tree_goes_on_from_its_peaks() -> None:
    leaves = some(53)
    first = Tree()
    for leaf in leaves[:37]:
        first.add(leaf)
    second = Tree(first.size, first.peaks)
    for leaf in leaves[37:]:
        second.add(leaf)
    assert second.root() == by_definition(leaves)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9, 31, 33])
def test_a_path_leads_to_the_root_and_no_other_leaf_takes_it(count: int) -> None:
    leaves = some(count)
    root = by_definition(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion(leaves, index)
        assert root_by(leaf, index, count, path) == root
        assert root_by(leaf_of(0, bytes(32)), index, count, path) != root
    assert inclusions(leaves, range(count)) == [inclusion(leaves, index) for index in range(count)]


@given(st.integers(2, 40), st.data())
def test_a_path_that_is_cut_or_lengthened_fits_nothing(count: int, data: st.DataObject) -> None:
    leaves = some(count)
    index = data.draw(st.integers(0, count - 1))
    path = inclusion(leaves, index)
    with pytest.raises(ValueError, match="short"):
        root_by(leaves[index], index, count, path[:-1])
    with pytest.raises(ValueError, match="long"):
        root_by(leaves[index], index, count, [*path, EMPTY])


def test_a_leaf_is_not_a_node_and_knows_its_position() -> None:
    assert leaf_of(1, bytes(32)) != leaf_of(2, bytes(32))
    assert node_of(bytes(32), bytes(32)) != sha256(b"\x00" + bytes(64)).digest()


def test_what_fits_no_tree_is_refused() -> None:
    assert Tree().root() == EMPTY
    with pytest.raises(ValueError, match="peaks"):
        Tree(3, [EMPTY])
    with pytest.raises(ValueError, match="no leaf"):
        inclusion(some(3), 3)


def test_a_leaf_is_made_of_the_bytes_that_the_format_names() -> None:
    link = bytes(range(32))
    said = b"\x00" + b"cuga.append\x00\x01" + (7).to_bytes(8, "big") + link
    assert leaf_of(7, link) == sha256(said).digest()


def proof_by_definition(old: int, leaves: list[bytes], is_whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1, read off the page."""
    if old == len(leaves):
        return [] if is_whole else [by_definition(leaves)]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= half:
        return [*proof_by_definition(old, leaves[:half], is_whole), by_definition(leaves[half:])]
    return [*proof_by_definition(old - half, leaves[half:], False), by_definition(leaves[:half])]


@pytest.mark.parametrize("new", range(1, 40))
def test_a_proof_of_going_on_is_the_one_of_the_definition_and_holds(new: int) -> None:
    leaves = some(new)
    for old in range(1, new + 1):
        spans = consistency_spans(old, new)
        proof = [root_of(leaves[start:end]) for start, end in spans]
        assert proof == proof_by_definition(old, leaves)
        older, newer = root_of(leaves[:old]), root_of(leaves)
        assert goes_on(old, new, older, newer, proof)
        peaks = dict(zip(peak_spans(old), _peaks(leaves[:old]), strict=True))
        behind = [span for span in spans if span not in peaks]
        assert sorted(start for start, _ in behind) == [old, *sorted(end for _, end in behind)][: len(behind)]
        for wrong in ([*proof, older], *((proof[:-1], [leaf_of(9, bytes(32)), *proof[1:]]) if proof else ())):
            assert not goes_on(old, new, older, newer, wrong)
        assert not goes_on(old, new, newer, older, proof) or old == new


def _peaks(leaves: list[bytes]) -> list[bytes]:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.peaks


def test_another_history_has_no_proof_and_of_nothing_everything_goes_on() -> None:
    leaves, other = some(13), [leaf_of(99, bytes(32)), *some(13)[1:]]
    proof = proof_by_definition(6, leaves)
    assert not goes_on(6, 13, root_of(other[:6]), root_of(leaves), proof)
    assert not goes_on(6, 13, root_of(leaves[:6]), root_of(other), proof)
    assert goes_on(0, 13, EMPTY, root_of(leaves), [])
    assert not goes_on(0, 13, EMPTY, root_of(leaves), proof)
    assert goes_on(13, 13, root_of(leaves), root_of(leaves), [])
    assert not goes_on(13, 13, root_of(leaves), root_of(other), [])
    assert not goes_on(13, 6, root_of(leaves), root_of(leaves[:6]), proof)
    with pytest.raises(ValueError, match="does not go on"):
        consistency_spans(7, 6)
    assert consistency_spans(0, 6) == []

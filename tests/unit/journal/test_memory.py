"""What only the journal in memory does."""

from __future__ import annotations

import pytest
from tests.contract.journals import said

from cuga.errors import BadInput, JournalCorrupt, JournalFailed
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import MAX_BLOB, Stored


async def test_it_tells_the_points_it_passes() -> None:
    passed: list[str] = []
    journal = MemoryJournal(on_point=passed.append)
    await journal.append("r1", 0, said("a"))
    await journal.append("r1", 0, said("a"))
    assert passed == ["append.admitted", "commit.done"]


async def test_its_chain_is_checked_as_it_is_read() -> None:
    journal = MemoryJournal()
    await journal.append("r1", 0, said("a", "b"))
    second = journal._streams["r1"][1]
    journal._streams["r1"][1] = Stored(position=2, stream="r1", seq=2, body=b"{}", hash=second.hash)
    for after in (0, 1):
        with pytest.raises(JournalCorrupt, match="edited"):
            await journal.read("r1", after=after)


async def test_once_closed_it_takes_nothing_more() -> None:
    journal = MemoryJournal()
    await journal.close()
    for wish in (journal.append("r1", 0, said("a")), journal.keep_snapshot(b"x")):
        with pytest.raises(JournalFailed, match=r"it is closed$"):
            await wish


async def test_what_is_too_large_to_keep_is_refused_with_what_may_be_kept() -> None:
    with pytest.raises(BadInput, match="10485761 bytes are too many") as refusal:
        await MemoryJournal().keep_snapshot(bytes(MAX_BLOB + 1))
    assert refusal.value.next_step == "Keep at most 10485760, or size and digest."

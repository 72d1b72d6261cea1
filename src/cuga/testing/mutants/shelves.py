"""Bugs of reading, sealing and hiding: what is believed of the bytes on the disk."""

from __future__ import annotations

from typing import Any

from cuga.journal import tree
from cuga.journal.codec import Codec
from cuga.journal.port import Index
from cuga.journal.sqlite import care, reader
from cuga.orchestrator.keeping.sealing import anchors, sealer
from cuga.privacy import ring
from cuga.projections import views
from cuga.projections.rows import index_of
from cuga.testing.mutants.bed import Bed, storage_mutant


@storage_mutant
def a_stream_is_read_unchecked(bed: Bed) -> None:
    """What lies in the file is believed."""
    bed.set(reader, "verify", lambda *given, **more: None)


@storage_mutant
def a_blob_is_read_unchecked(bed: Bed) -> None:
    """Bytes out of line are believed to be those that their name says."""
    bed.set(reader, "intact", lambda digest, body: body)


@storage_mutant
def tables_are_not_looked_at(bed: Bed) -> None:
    """A check of the file reads rows and not what the tables are."""
    bed.set(care, "_tables", lambda connection, path: [])


@storage_mutant
def taken_amounts_are_not_counted(bed: Bed) -> None:
    """A check of the file does not hold the claims against the events."""
    right = care.BookCheck._note

    def wrong(self: care.BookCheck, body: bytes, where: str) -> None:
        right(self, body, where)
        self._used = dict(self._connection.execute(self._query["every_scope"]))

    bed.set(care.BookCheck, "_note", wrong)


@storage_mutant
def anybody_may_blank_words(bed: Bed) -> None:
    """A tombstone is believed, whether the house has said so or not."""
    bed.set(care, "is_tombstone", lambda body: False)


@storage_mutant
def the_start_asks_no_anchor(bed: Bed) -> None:
    """A journal is opened however far its anchor was."""

    async def wrong(self: sealer.Sealer, note: bytes, name: str) -> None:
        return

    bed.set(sealer.Sealer, "_hold_against", wrong)


def _os() -> Any:
    """What the anchors take for the operating system, which a drill may have replaced."""
    return vars(anchors)["os"]


@storage_mutant
def an_anchor_is_written_over_itself(bed: Bed) -> None:
    """The newest note is written into the file of the one before."""

    def wrong(self: anchors.FileAnchor, note: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _os().open(self.path, _os().O_WRONLY | _os().O_CREAT | _os().O_TRUNC, 0o644)
        _os().write(descriptor, note)
        _os().fsync(descriptor)
        _os().close(descriptor)

    bed.set(anchors.FileAnchor, "put", wrong)


@storage_mutant
def an_anchor_takes_its_place_unsynced(bed: Bed) -> None:
    """The new note gets the name before it is on the disk."""

    def wrong(self: anchors.FileAnchor, note: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_name(f"{self.path.name}.half")
        descriptor = _os().open(half, _os().O_WRONLY | _os().O_CREAT | _os().O_TRUNC, 0o644)
        _os().write(descriptor, note)
        _os().close(descriptor)
        half.replace(self.path)

    bed.set(anchors.FileAnchor, "put", wrong)


@storage_mutant
def the_tree_takes_leaves_for_nodes(bed: Bed) -> None:
    """Two subtrees are put together in the other order."""
    right = tree.node_of
    bed.set(tree, "node_of", lambda left, other: right(other, left))


@storage_mutant
def rows_hold_words_in_clear(bed: Bed) -> None:
    """Events are sealed, and the line of the run says the same in clear."""

    def wrong(self: Codec, stream: str, index: Index) -> Index:
        return index

    bed.set(Codec, "seal_index", wrong)


@storage_mutant
def a_destroyed_key_is_remembered(bed: Bed) -> None:
    """After an erasure the process still opens what the key had sealed."""
    bed.set(ring.KeyRing, "forget", lambda self: None)


@storage_mutant
def decided_requests_stay_listed(bed: Bed) -> None:
    """What was decided is still shown as open."""
    right = index_of

    def wrong(before: Any, after: Any, events: Any) -> Any:
        index = right(before, after, events)
        if index is None:
            return None
        return Index(run=index.run, approvals={name: card for name, card in index.approvals.items() if card})

    from cuga.engine import driver

    bed.set(driver, "index_of", wrong)


@storage_mutant
def stored_views_are_believed(bed: Bed) -> None:
    """A folded row is taken from its file whatever its sum says."""

    def wrong(self: views.ViewsFile, name: str, key: str, body: object, crc: object) -> bytes:
        return body if isinstance(body, bytes) else b""

    bed.set(views.ViewsFile, "_intact", wrong)

"""Check a journal or a bundle of evidence of cuga with nothing but Python: no code of the house, no package, no net.

    python verify.py journal.db --key KEY --anchor anchor.note        python verify.py evidence.zip --key KEY

Chain, tree and signature are worked out from their descriptions (RFC 9162, RFC 8032), sharing no line with what writes.
Ends with 0 when all holds, 1 at a fault, 2 when there is nothing to check. Faults: edited, missing, duplicated, forked,
reordered, truncated, swapped, rolled_back, bad_signature, blob_missing, blob_altered, unknown_format.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
import sqlite3
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

LINK, LEAF = b"cuga.journal\x00\x01", b"cuga.append\x00\x01"
TOMBSTONE = re.compile(rb'\{"was":"([0-9a-f]{64})",')  # what is left of an event: the digest of what it was
APPLICATION, NEWEST_SCHEMA, EVIDENCE, MOST_BYTES = 0x63756761, 4, "cuga-evidence/1", 1 << 31
ZERO, _scan = bytes(32), json.JSONDecoder().raw_decode
BOOK = "select id, run, iif(typeof(expected)='integer', expected, -1), cast(version as int), events, hash from journal"
COMPUTED = "select 1 from sqlite_master where type = 'view' or sql like '%virtual%'"  # may never end to be read
Kept = tuple[dict[str, list[bytes]], dict[str, str]]  # of runs without words: what is there, and what was said
Fault = tuple[str, str, str]  # kind, where, what was found
Row = tuple[int, int, int, int, bytes, bytes]  # position, stream, expected, version, events, link
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # of Ed25519, RFC 8032 5.1
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def _point(raw: bytes) -> Point | None:
    odd, y = divmod(int.from_bytes(raw, "little"), 1 << 255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and odd) or y >= P:
        return None
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P


def _add(a: Point, b: Point) -> Point:
    e, f, g = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0]), 2 * a[3] * b[3] * D
    i, j, k, m = f - e, 2 * a[2] * b[2] - g, 2 * a[2] * b[2] + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def _times(number: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while number:
        total = _add(total, point) if number & 1 else total
        point, number = _add(point, point), number >> 1
    return total


BASE = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature is that of a key over a message."""
    key, first, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or first is None or s >= L or (len(public), len(signature)) != (32, 64):
        return False
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = _times(s, BASE), _add(first, _times(k, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def link_of(stream: str, expected: int, before: bytes, bodies: Iterable[bytes]) -> bytes:
    """The link of an append: over stream, version, the link before, each event's bytes (or those a tombstone names)."""
    name, found = stream.encode(), ((body, TOMBSTONE.match(body)) for body in bodies)
    digests = b"".join(bytes.fromhex(m[1].decode()) if m else sha256(body).digest() for body, m in found)
    return sha256(LINK + len(name).to_bytes(2, "big") + name + expected.to_bytes(8, "big") + before + digests).digest()


def leaf_of(position: int, link: bytes) -> bytes:
    """The leaf of an append."""
    return sha256(b"\x00" + LEAF + position.to_bytes(8, "big") + link).digest()


class Tree:
    """A Merkle tree that grows, as a stack of (leaves under it, root)."""

    def __init__(self, peaks: Iterable[tuple[int, bytes]] = (), leaves: Iterable[bytes] = ()) -> None:
        self.peaks = list(peaks)
        self.size = sum(count for count, _ in self.peaks)
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        """One more leaf."""
        count = 1
        while self.peaks and self.peaks[-1][0] == count:
            leaf, count = sha256(b"\x01" + self.peaks.pop()[1] + leaf).digest(), count * 2
        self.peaks.append((count, leaf))
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        found = b""
        for _, peak in reversed(self.peaks):
            found = sha256(b"\x01" + peak + found).digest() if found else peak
        return found or sha256(b"").digest()


def root_by(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Where a leaf comes to by its audit path, RFC 9162 2.1.3.2; empty for a path of the wrong length."""
    last, left = size - 1, list(path)
    while last > 0:
        if index ^ 1 <= last:
            beside = left.pop(0) if left else b""  # a path that is too short leads nowhere
            leaf = sha256(b"\x01" + (beside + leaf if index & 1 else leaf + beside)).digest()
        index, last = index >> 1, last >> 1
    return b"" if left else leaf


class Note:
    """A signed note: what it says, and whether a key signed it."""

    def __init__(self, raw: bytes) -> None:
        text, _, tail = raw.partition(b"\n\n")
        self.text, self.lines = text + b"\n", text.decode().splitlines()
        self.signatures = [base64.b64decode(line.rsplit(b" ", 1)[1]) for line in tail.splitlines() if b" " in line]

    def is_signed_by(self, keys: dict[bytes, bytes]) -> bool:
        """Whether one of the keys signed it, and none of them is named in vain."""
        ours = [(keys[one[:4]], one[4:]) for one in self.signatures if one[:4] in keys]
        return bool(ours) and all(holds(key, signature, self.text) for key, signature in ours)


class Checkpoint(Note):
    """A note on how far a journal had come."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        _, size, root, epoch, events = self.lines
        self.size, self.root, _ = int(size), base64.b64decode(root), [int(one.split()[1]) for one in (epoch, events)]


def read_keys(words: Iterable[str]) -> dict[bytes, bytes]:
    """Public keys by the id that notes name them with."""
    found = {}
    for one in " ".join(Path(word).read_text("ascii") if Path(word).is_file() else word for word in words).split():
        name, hexed, coded = [*one.split("+", 2), "", ""][:3]
        raw = base64.b64decode(coded) if re.fullmatch("[A-Za-z0-9+/]{44}", coded) else b""
        if not raw or sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != hexed:
            raise ValueError(f"{one} is no public key of a seal, which is one word, as `cuga seal` shows it")
        found[bytes.fromhex(hexed)] = raw[1:]
    return found


def events_in(kept: object) -> list[tuple[bytes, Any]]:
    """Stored bytes and value of each event of a row; of a row that is no such array, all of it as one."""
    raw = kept if isinstance(kept, bytes) else repr(kept).encode("utf-8", "backslashreplace")
    try:
        text, found, at = raw.decode(), [], 1
        while at < len(text):
            value, end = _scan(text, at)
            found.append((text[at:end].encode(), value))
            at = end + 1
    except (ValueError, RecursionError):
        return [(raw, None)]
    return found if raw == b"[" + b",".join(body for body, _ in found) + b"]" else [(raw, None)]


def needs_of(kept: Kept, stream: str, found: list[tuple[bytes, Any]]) -> Iterator[str]:
    """Digests of the bytes out of line that an append refers to. `kept` learns of runs whose words are gone."""
    for body, event in ((body, event) for body, event in found if isinstance(event, dict)):
        if TOMBSTONE.match(body):
            kept[0].setdefault(stream, []).append(body)
        elif event.get("type") == "runs_retired" and stream.startswith("house/"):
            kept[1].update(event["runs"])
        blob = event.get("blob")
        if isinstance(blob, dict) and blob.get("kept", True):
            yield str(blob["digest"])
        if event.get("type") == "run_started":
            yield str(event["policy_digest"])


def blanked(kept: Kept) -> tuple[list[Fault], str]:
    """Runs whose words are gone and nobody said so; and how many such runs there are, in words."""
    odd = [name for name, sums in kept[0].items() if sha256(b"\n".join(sums)).hexdigest() != kept[1].get(name)]
    said = f", {len(kept[0])} runs retained as tombstones" if kept[0] else ""
    return [("edited", f"{name} #1", "its words were blanked, and the record does not say so") for name in odd], said


class Journal:
    """One reading of a journal file, in the order of commits."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        self.faults, self.spoilt = list[Fault](), dict[int, list[Row]]()  # stream -> its rows that do not hold
        self.tree, self.events, self.unsaid, self._add = Tree(), 0, "", self.faults.append
        self.heads, self.roots = dict[int, tuple[int, bytes]](), dict[int, bytes]()  # version and link; by size
        self.needs, self.kept = dict[str, str](), (dict[str, list[bytes]](), dict[str, str]())

    def check(self, keys: dict[bytes, bytes], anchors: list[bytes], every: bool) -> list[Fault]:
        """All that is wrong."""
        computed, mark = self.db.execute(COMPUTED).fetchone(), self.db.execute("pragma application_id").fetchone()[0]
        if computed or mark != APPLICATION:
            return [("unknown_format", "file", "it is no journal of cuga")]
        newest = self.db.execute("select max(number) from migration").fetchone()[0]
        if newest > NEWEST_SCHEMA:
            return [("unknown_format", "file", f"its tables are newer ({newest}) than this verifier ({NEWEST_SCHEMA})")]
        self.db.execute("begin")
        self.names = {pk: name for pk, name in self.db.execute("select pk, name from stream") if isinstance(name, str)}
        query = "select size, cast(note as blob) from checkpoint order by size" if newest > 1 else "select 0, 0 where 0"
        self.notes = [(size, bytes(note)) for size, note in self.db.execute(query)]
        self._book({size for size, _ in self.notes})
        self.faults += [] if self.spoilt else blanked(self.kept)[0]
        for run, version in self.db.execute("select run, cast(version as int) from runs"):
            seq = self.heads.get(run, (0, ZERO))[0]
            if seq < version and run not in self.spoilt:
                where = f"{self.names.get(run, f'stream {run}')} #{seq + 1}"
                self._add(("truncated", where, f"it ends at {seq}, {version} were written"))
        for digest, body in self.db.execute("select digest, body from blob"):
            self.needs.pop(digest, None)
            if not isinstance(body, bytes) or sha256(body).hexdigest() != digest:
                self._add(("blob_altered", str(digest), "its bytes are not what its name says"))
        self.faults += [("blob_missing", digest, f"{where} refers to it") for digest, where in self.needs.items()]
        self._checkpoints(keys, anchors, every)
        return self.faults

    def _book(self, sizes: set[int]) -> None:
        last_position = 0
        for row in self.db.execute(f"{BOOK} order by id"):
            position, run, expected, version, kept, link = row
            (last, before), found, stream = self.heads.get(run, (0, ZERO)), events_in(kept), self.names.get(run)
            if stream is None or expected != last or link_of(stream, expected, before, (b for b, _ in found)) != link:
                self.spoilt.setdefault(run, []).append(row)
            elif version - expected != len(found) or not all(isinstance(e, dict) and "type" in e for _, e in found):
                self._add(("unknown_format", f"{stream} #{expected + 1}", "its bytes are no events"))
            if position - len(found) > last_position and not self.spoilt:
                self._add(("missing", f"position {last_position + 1}", "the records between are gone"))
            last_position = max(position, last_position)
            self.heads[run] = (version, link if isinstance(link, bytes) else ZERO)
            self.tree.add(leaf_of(position, self.heads[run][1]))
            self.events += len(found)
            if self.tree.size in sizes:
                self.roots[self.tree.size] = self.tree.root()
            for digest in needs_of(self.kept, stream or "", found):
                self.needs.setdefault(digest, f"{stream} #{version}")
        self.faults += map(self._diagnosis, self.spoilt)

    def _diagnosis(self, run: int) -> Fault:
        """What was done to a stream of which some rows do not hold."""
        spoilt, stream = self.spoilt[run], self.names.get(run)
        if stream is None:
            return "missing", f"position {spoilt[0][0]}", "the stream of this record is gone"
        rows: list[Row] = self.db.execute(f"{BOOK} where run = ? order by id", (run,)).fetchall()
        where, slots = f"{stream} #{spoilt[0][2] + 1}", [row[2] for row in rows]
        if twice := [row for row in rows if slots.count(row[2]) > 1]:
            if len({(row[4], row[5]) for row in twice if row[2] == twice[0][2]}) == 1:
                return "duplicated", f"{stream} #{twice[0][2] + 1}", "this record is there more than once"
            return "forked", f"{stream} #{twice[0][2] + 1}", "two records follow the same one"
        for row in spoilt:
            if any(row[5] == other[5] and row[0] != other[0] for other in rows):
                return "duplicated", where, "this record is there more than once"
            for other in (run, *(one for one in self.spoilt if one != run)):
                if self._belongs(row, other):
                    is_own, what = other == run, f"this record belongs to {self.names[other]}"
                    return ("reordered", where, f"{what}, elsewhere") if is_own else ("swapped", where, what)
        ends = [0, *(row[3] for row in sorted(rows, key=lambda row: row[2]))]
        if gaps := [end for end, slot in zip(ends, sorted(slots), strict=False) if slot > end]:
            return "missing", f"{stream} #{gaps[0] + 1}", "this record is gone"
        if slots != sorted(slots):
            return "reordered", where, "all records are there, in another order"
        return "edited", where, "its bytes or its link were changed"

    def _belongs(self, row: Row, run: int) -> bool:
        """Whether what lies in a row is whole at the place of a spoilt row of that stream, behind any link."""
        bodies, name = [body for body, _ in events_in(row[4])], self.names.get(run, "")
        for one in (one for one in self.spoilt[run] if one[0] != row[0]):
            before = self.db.execute("select hash from journal where run = ? and version = ?", (run, one[2])).fetchall()
            links = [ZERO, *(link for (link,) in before), *(o[5] for rows in self.spoilt.values() for o in rows)]
            if any(link_of(name, one[2], link, bodies) == row[5] for link in links if isinstance(link, bytes)):
                return True
        return False

    def _checkpoints(self, keys: dict[bytes, bytes], anchors: list[bytes], every: bool) -> None:
        is_known = bool(self.faults)  # the first fault says it: what a broken chain does to the tree is its echo
        for size, raw in self.notes:
            said = self._said(raw, keys if every or size == self.notes[-1][0] else {}, f"checkpoint {size}")
            if said is not None and not is_known and size > self.tree.size:
                self._add(("truncated", f"append {self.tree.size + 1}", f"{size} appends were sealed"))
                is_known = True
            elif said is not None and not is_known and (said.size != size or said.root != self.roots.get(size)):
                self._add(("forked", f"checkpoint {size}", "another record than this one was sealed"))
                is_known = True
        for raw in anchors:
            said = self._said(raw, keys, "anchor")
            if said is None or is_known:
                continue
            rows = self.db.execute("select id, hash from journal order by id limit ?", (said.size,))
            tree = Tree((), (leaf_of(*row) for row in rows))
            if said.size > tree.size:
                self._add(("rolled_back", f"append {tree.size + 1}", f"{said.size} appends were sealed elsewhere"))
            elif tree.root() != said.root:
                self._add(("forked", f"append {said.size}", "another record than this one was sealed elsewhere"))
        self.unsaid = "" if self.notes or anchors else "Nothing has sealed this journal: a lost tail would not show."

    def _said(self, raw: bytes, keys: dict[bytes, bytes], where: str) -> Checkpoint | None:
        with contextlib.suppress(ValueError, IndexError):
            said = Checkpoint(raw)
            if not keys or said.is_signed_by(keys):
                return said
        self._add(("bad_signature", where, "the signature does not hold, or is of another key"))
        return None


def check_evidence(path: Path, keys: dict[bytes, bytes]) -> tuple[list[Fault], str]:
    """All that is wrong with a bundle, and what it was found to hold."""
    with zipfile.ZipFile(path) as bundle:
        if sum(one.file_size for one in bundle.infolist()) > MOST_BYTES:
            return [("unknown_format", "file", f"unpacked it has more than {MOST_BYTES:,} bytes")], ""
        files = {name: bundle.read(name) for name in bundle.namelist()}
    if (manifest := json.loads(files["manifest.json"])).get("format") != EVIDENCE:
        return [("unknown_format", "manifest.json", f"it is {manifest.get('format')}")], ""
    seal, said = Note(files["manifest.note"]), Checkpoint(files["checkpoint.note"])
    unsigned = [name for name in ("manifest.note", "checkpoint.note") if not Note(files[name]).is_signed_by(keys)]
    faults = [("bad_signature", name, "the signature does not hold, or is of another key") for name in unsigned if keys]
    if seal.lines[-1] != sha256(files["manifest.json"]).hexdigest():
        faults.append(("edited", "manifest.json", "it is not the one that was signed"))
    odd = Counter(bundle.namelist()) - Counter([*manifest["files"], "manifest.json", "manifest.note"])
    faults += [("edited", name, "it is not in the list that was signed, or is there twice") for name in odd]
    for name, digest in manifest["files"].items():
        if name not in files:
            faults.append(("blob_missing" if name.startswith("blobs/") else "missing", name, "the file is gone"))
        elif sha256(files[name]).hexdigest() != digest:
            faults.append(("blob_altered" if name.startswith("blobs/") else "edited", name, "its bytes were changed"))
    heads, covered, kept = dict[str, tuple[int, bytes]](), set[bytes](), (dict[str, list[bytes]](), dict[str, str]())
    for one in map(json.loads, files.get("appends.jsonl", b"").splitlines()):
        bodies, link, where = [b.encode() for b in one["events"]], bytes.fromhex(one["hash"]), f"append {one['index']}"
        (last, before), leaf = heads.get(one["stream"], (0, ZERO)), leaf_of(one["position"], link)
        covered.add(leaf)
        heads[one["stream"]] = (one["expected"] + len(bodies), link)
        if one["expected"] != last:
            faults.append(("missing" if one["expected"] > last else "duplicated", where, f"{last} came before it"))
        elif link_of(one["stream"], last, before, bodies) != link:
            faults.append(("edited", where, "its bytes or its link were changed"))
        elif root_by(leaf, one["index"], said.size, [bytes.fromhex(step) for step in one["path"]]) != said.root:
            faults.append(("forked", where, "it is not in the record that was sealed"))
        needed = set(needs_of(kept, one["stream"], [(b, json.loads(b)) for b in bodies])) - set(manifest["withheld"])
        gone = [digest for digest in needed if f"blobs/{digest}" not in manifest["files"]]
        faults += [("blob_missing", digest, f"{where} refers to it") for digest in gone]
    if (whole := manifest.get("whole")) is not None:
        leaves = [files["leaves"][at : at + 32] for at in range(0, len(files["leaves"]), 32)]
        tree = Tree((count, bytes.fromhex(root)) for count, root in whole["peaks"])
        if uncovered := sum(leaf not in covered for leaf in leaves[: whole["until"] - tree.size]):
            faults.append(("missing", "appends.jsonl", f"{uncovered} appends of the period are not in the bundle"))
        for leaf in leaves:
            tree.add(leaf)
        if tree.root() != said.root or tree.size != said.size:
            faults.append(("forked", "leaves", "they do not come to the root that was sealed"))
    found = f"{len(covered)} appends of {len(heads)} streams, sealed with {said.size}{blanked(kept)[1]}"
    return faults + blanked(kept)[0], f"{manifest['about']}: {found}"


def main(words: list[str] | None = None) -> int:
    """Check a file from the command line."""
    parser = argparse.ArgumentParser("verify", description="Check a journal or a bundle of evidence of cuga.")
    add = parser.add_argument
    add("file", type=Path, help="journal.db, a copy of one, or evidence.zip")
    add("--key", action="append", default=[], help="a public key as `cuga seal` shows it, or its file")
    add("--anchor", action="append", default=[], type=Path, help="a checkpoint that was kept elsewhere")
    add("--all-signatures", action="store_true", help="check each checkpoint's, not only the newest's")
    add("--json", action="store_true", help="print the answer as JSON")
    said = parser.parse_args(words)
    try:
        unsaid = "" if (keys := read_keys(said.key)) else "Signatures were not checked: give the public key with --key."
        if zipfile.is_zipfile(said.file):
            faults, found = check_evidence(said.file, keys)
        else:
            journal = Journal(said.file)
            faults = journal.check(keys, [anchor.read_bytes() for anchor in said.anchor], said.all_signatures)
            found = f"{journal.events} events in {journal.tree.size} appends{blanked(journal.kept)[1]}"
            unsaid = unsaid or journal.unsaid
    except Exception as error:  # a file of somebody else's may do anything to its reader but pass
        why = {"file is not a database": "no journal and no whole evidence"}.get(str(error), str(error))
        print(f"{said.file} cannot be checked: {why or type(error).__name__}", file=sys.stderr)
        return 2
    rows = [dict(zip(("kind", "where", "detail"), fault, strict=True)) for fault in dict.fromkeys(faults)]
    lines = [*map(": ".join, dict.fromkeys(faults)), f"{'It does not hold' if faults else 'It holds'}: {found}."]
    whole = {"holds": not faults, "faults": rows, "found": found, "unsaid": unsaid}
    print(json.dumps(whole) if said.json else " ".join(filter(None, ("\n".join(lines), unsaid))))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""The independent verifier: run as an auditor runs it, on journals that somebody changed by hand."""

from __future__ import annotations

import ast
import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.journal.test_tree import by_definition

from cuga import verify
from cuga.cli.main import main
from cuga.journal.checkpoint import Checkpoint, signed
from cuga.journal.seal import GENESIS, link, prefix_of
from cuga.journal.sqlite.row import bodies_of, joined
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.keeping.sealing import key_of, seals_of

VERIFIER = Path(verify.__file__)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a journal of three runs, one with a blob, its anchor and its public key."""
    base = tmp_path_factory.mktemp("sealed")
    place = Place(base / "house")

    async def work() -> None:
        async with Coordinator(house=place.root) as cuga:
            account = (await cuga.open()).crm.names("accounts")[0][1]
            for goal in (f"Score {account}, draft a first email to its buyer and check it", "Find duplicate accounts"):
                assert (await cuga.run(goal, profile="smb")).status.is_end
                await asyncio.sleep(1.1)  # a checkpoint between the runs
            assert (await cuga.run(f"Score {account} and draft an email", profile="smb")).status.is_end

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUGA_SEALS", str(base / "seals"))
        assert main(["init", str(place.root), "--sample"]) == 0
        asyncio.run(work())
    own = seals_of(place.root, base / "seals")
    for file in ("anchor.note", "seal.pub", "seal.key"):
        shutil.copy(own / file, base / file)
    shutil.copy(place.journal, base / "journal.db")
    return base


@pytest.fixture
def book(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "copy", ignore=shutil.ignore_patterns("house", "seals")))


def ask(book: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Run the verifier in a process of its own, with nothing of the house to import."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(book / "journal.db"), "--json"]
    command += ["--key", str(book / "seal.pub"), "--anchor", str(book / "anchor.note"), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=book, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def change(book: Path, *statements: str, **values: Any) -> None:
    with sqlite3.connect(book / "journal.db") as db:
        db.execute("pragma writable_schema = on")
        for statement in statements:
            db.execute(statement, values)
    db.close()


def without_index(book: Path) -> None:
    """Whoever tampers may drop what would refuse a second record at one place."""
    with sqlite3.connect(book / "journal.db") as db:
        text = db.execute("select sql from sqlite_schema where name = 'journal'").fetchone()[0]
        kept = text.replace("unique (run, expected)", "spare integer").replace("TABLE journal", "TABLE loose")
        db.execute(kept)
        db.execute("insert into loose select *, null from journal")
        db.execute("drop table journal")
        db.execute("alter table loose rename to journal")
    db.close()


def rows(book: Path, query: str, *values: Any) -> list[Any]:
    db = sqlite3.connect(book / "journal.db")
    try:
        return db.execute(query, values).fetchall()
    finally:
        db.close()


def a_run(book: Path, which: int = 0) -> int:
    found = rows(book, "select run from runs order by run")
    return int(found[which][0])


def some_append(book: Path, which: int = 1, run: int = 0) -> tuple[int, int]:
    """Position and version of an append in the middle of a run."""
    found = rows(book, "select id, expected from journal where run = ? order by id", a_run(book, run))
    return found[which]


def edited(book: Path) -> None:
    position, _ = some_append(book)
    events = rows(book, "select events from journal where id = ?", position)[0][0]
    change(
        book, "update journal set events = :e where id = :p", e=events.replace(b'"at":"2', b'"at":"3', 1), p=position
    )


def missing(book: Path) -> None:
    position, _ = some_append(book)
    change(book, "delete from journal where id = :p", p=position)


def a_whole_run_missing(book: Path) -> None:
    run = a_run(book)
    change(book, *(f"delete from {table} where run = :r" for table in ("journal", "runs", "approval")), r=run)


def duplicated(book: Path) -> None:
    without_index(book)
    position, _ = some_append(book)
    top = rows(book, "select max(id) from journal")[0][0]
    copied = "insert into journal select :n, run, expected, version, events, hash, null from journal where id = :p"
    change(book, copied, n=top + 1, p=position)


def reordered(book: Path) -> None:
    (first, _), (second, _) = some_append(book, 1), some_append(book, 2)
    one = rows(book, "select events, hash from journal where id = ?", first)[0]
    two = rows(book, "select events, hash from journal where id = ?", second)[0]
    change(book, "update journal set events = :e, hash = :h where id = :p", e=two[0], h=two[1], p=first)
    change(book, "update journal set events = :e, hash = :h where id = :p", e=one[0], h=one[1], p=second)


def forked(book: Path) -> None:
    """Two records after the same one, each well made."""
    without_index(book)
    run = a_run(book)
    position, expected = some_append(book)
    name = rows(book, "select name from stream where pk = ?", run)[0][0]
    before = rows(book, "select hash from journal where run = ? and version = ?", run, expected)[0][0]
    events, version = rows(book, "select events, version from journal where id = ?", position)[0]
    bodies = [body.replace(b'"at":"2', b'"at":"3', 1) for body in bodies_of(events, version - expected)]
    top = rows(book, "select max(id) from journal")[0][0]
    change(
        book,
        "insert into journal values (:n, :r, :x, :v, :e, :h, null)",
        n=top + version - expected, r=run, x=expected, v=version, e=joined(bodies),
        h=link(prefix_of(name), expected, before, bodies),
    )  # fmt: skip


def chained_anew(book: Path) -> None:
    """A whole run is written again, with a chain that holds: only what was sealed tells."""
    run = a_run(book)
    name = rows(book, "select name from stream where pk = ?", run)[0][0]
    before = GENESIS
    for position, expected, version, events in rows(
        book, "select id, expected, version, events from journal where run = ? order by id", run
    ):
        bodies = [body.replace(b'"at":"2', b'"at":"3', 1) for body in bodies_of(events, version - expected)]
        before = link(prefix_of(name), expected, before, bodies)
        change(book, "update journal set events = :e, hash = :h where id = :p", e=joined(bodies), h=before, p=position)


def truncated(book: Path) -> None:
    run = a_run(book, -1)
    change(
        book,
        "delete from journal where run = :r and version = (select max(version) from journal where run = :r)",
        r=run,
    )


def a_last_run_gone(book: Path) -> None:
    run = a_run(book, -1)
    change(book, *(f"delete from {table} where run = :r" for table in ("journal", "runs", "approval")), r=run)


def swapped(book: Path) -> None:
    (first, _), (second, _) = some_append(book, 1, 0), some_append(book, 1, 1)
    one = rows(book, "select events, hash from journal where id = ?", first)[0]
    two = rows(book, "select events, hash from journal where id = ?", second)[0]
    change(book, "update journal set events = :e, hash = :h where id = :p", e=two[0], h=two[1], p=first)
    change(book, "update journal set events = :e, hash = :h where id = :p", e=one[0], h=one[1], p=second)


def rolled_back(book: Path) -> None:
    """A file as it was earlier, checkpoints and all."""
    change(book, "delete from checkpoint where size > (select min(size) from checkpoint)")
    size, position = rows(book, "select size, position from checkpoint")[0]
    assert size < rows(book, "select count(*) from journal")[0][0]
    change(
        book,
        "delete from journal where id > :p",
        "delete from runs where run not in (select run from journal)",
        "update runs set version = (select max(version) from journal j where j.run = runs.run)",
        "delete from blob where digest not in (select name from stream) and 0",
        p=position,
    )


def bad_signature(book: Path) -> None:
    size, note = rows(book, "select size, note from checkpoint order by size desc limit 1")[0]
    forged = bytearray(note)
    forged[-20] ^= 1
    change(book, "update checkpoint set note = :n where size = :s", n=bytes(forged), s=size)


def another_key(book: Path) -> None:
    other = key_of(book / "other", "cuga/forged")
    size, position = rows(book, "select size, position from checkpoint order by size desc limit 1")[0]
    leaves = rows(book, "select id, hash from journal order by id limit ?", size)
    root = by_definition([verify.leaf_of(*leaf) for leaf in leaves])
    said = Checkpoint(origin="cuga/forged", size=size, root=root, epoch=1, position=position)
    note = signed(said, other.name, other.public, other.sign)
    change(book, "update checkpoint set note = :n where size = :s", n=note, s=size)


def blob_missing(book: Path) -> None:
    digest = json.loads(rows(book, "select events from journal where run = ? order by id", a_run(book))[0][0])[0]
    change(book, "delete from blob where digest = :d", d=digest["policy_digest"])


def blob_altered(book: Path) -> None:
    change(book, "update blob set body = body || 'x'")


def unknown_format(book: Path) -> None:
    change(book, "insert into migration values (99, 'of_tomorrow', '')")


def not_a_journal(book: Path) -> None:
    change(book, "pragma application_id = 7")


def no_events(book: Path) -> None:
    """Bytes that were chained well, and are nothing that this verifier knows."""
    run, at = a_run(book), rows(book, "select max(id) from journal")[0][0]
    name = rows(book, "select name from stream where pk = ?", run)[0][0]
    version, before = rows(book, "select version, hash from journal where run = ? order by id desc limit 1", run)[0]
    bodies = [b'"a text"']
    change(
        book, "insert into journal values (:n, :r, :x, :v, :e, :h)",
        n=at + 1, r=run, x=version, v=version + 1, e=joined(bodies), h=link(prefix_of(name), version, before, bodies),
    )  # fmt: skip


KINDS: list[tuple[Callable[[Path], None], str]] = [
    (edited, "edited"),
    (missing, "missing"),
    (a_whole_run_missing, "missing"),
    (duplicated, "duplicated"),
    (reordered, "reordered"),
    (forked, "forked"),
    (chained_anew, "forked"),
    (truncated, "truncated"),
    (a_last_run_gone, "truncated"),
    (swapped, "swapped"),
    (rolled_back, "rolled_back"),
    (bad_signature, "bad_signature"),
    (another_key, "bad_signature"),
    (blob_missing, "blob_missing"),
    (blob_altered, "blob_altered"),
    (unknown_format, "unknown_format"),
    (not_a_journal, "unknown_format"),
    (no_events, "unknown_format"),
]


def test_a_journal_that_nobody_touched_holds(book: Path) -> None:
    code, said = ask(book, "--all-signatures")
    assert (code, said["faults"], said["unsaid"]) == (0, [], "")
    assert said["found"].split()[0] == str(rows(book, "select max(id) from journal")[0][0])


@pytest.mark.parametrize(("tamper", "kind"), KINDS, ids=[one.__name__ for one, _ in KINDS])
def test_what_was_done_is_named(book: Path, tamper: Callable[[Path], None], kind: str) -> None:
    tamper(book)
    code, said = ask(book)
    assert code == 1
    assert said["faults"][0]["kind"] == kind, said["faults"]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("update checkpoint set note = 'a text'", "bad_signature"),
        ("update journal set hash = hex(hash) where id = :at", "edited"),
        ("update journal set expected = 'x' where id = :at", "missing"),
        ("update journal set version = 'x' where id = :at", "unknown_format"),
    ],
)
def test_a_cell_of_another_kind_is_a_fault_like_any_other(book: Path, statement: str, kind: str) -> None:
    change(book, statement, at=some_append(book, 1)[0])
    code, said = ask(book)
    assert code == 1 and kind in {fault["kind"] for fault in said["faults"]}


def test_every_kind_of_the_promise_is_tried() -> None:
    assert len({kind for _, kind in KINDS}) == 12


def test_without_a_key_it_says_what_was_not_checked(book: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), str(book / "journal.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "Signatures were not checked" in done.stdout


@pytest.mark.parametrize("content", [b"", b"no database at all" * 99])
def test_what_is_no_journal_cannot_be_checked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), str(tmp_path / "journal.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_what_is_no_key_and_no_whole_file_is_named_as_that(book: Path) -> None:
    """Neither is the fault of the record: an auditor who mistypes a key is not told that it does not hold."""
    key = (book / "seal.pub").read_text().strip()
    (book / "short.zip").write_bytes(b"PK\x03\x04" + bytes(5000))
    for words, why in (
        (("journal.db", "--key", "KEY"), "KEY is no public key of a seal"),
        (("journal.db", "--key", key[:-3]), f"{key[:-3]} is no public key"),
        (("journal.db", "--key", key.replace("+", "-")), "is no public key"),
        (("journal.db", "--key", f"other{key}"), "is no public key"),
        (("short.zip",), "no journal and no whole evidence"),
    ):
        command = [sys.executable, "-I", str(VERIFIER), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=book)
        assert done.returncode == 2 and why in done.stderr and not done.stdout, (words, done)


def test_it_stands_alone_and_is_short() -> None:
    text = VERIFIER.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    names = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert names <= sys.stdlib_module_names


def test_its_signatures_are_those_of_rfc_8032(tmp_path: Path) -> None:
    key = key_of(tmp_path, "cuga/1")
    for message in (b"", b"a", bytes(1000)):
        good = key.sign(message)
        assert verify.holds(key.public, good, message)
        assert not verify.holds(key.public, good, message + b"x")
        assert not verify.holds(key.public, good[:-1] + bytes([good[-1] ^ 1]), message)
    # RFC 8032, 7.1, TEST 2
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert verify.holds(public, signature, b"\x72")
    assert not verify.holds(
        public, signature[:32] + (int.from_bytes(signature[32:], "little") + verify.L).to_bytes(32, "little"), b"\x72"
    )


def hostile_bundle(path: Path, manifest: bytes, size: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("manifest.json", manifest)
        for at in range(size):
            made.writestr(f"{at}", bytes(1 << 26))
    return path


@pytest.mark.parametrize("manifest", [b"[]", b"null", b"[" * 5000, b'{"format": "cuga-evidence/1"}', b"\xff"])
def test_a_bundle_that_is_none_is_told_and_never_passes(tmp_path: Path, manifest: bytes, capsys: Any) -> None:
    assert verify.main([str(hostile_bundle(tmp_path / "e.zip", manifest))]) == 2
    assert "cannot be checked" in capsys.readouterr().err


def test_a_bundle_that_unpacks_without_measure_is_not_unpacked(tmp_path: Path, capsys: Any) -> None:
    bundle = hostile_bundle(tmp_path / "e.zip", b"{}", size=33)
    assert bundle.stat().st_size < 5 << 20
    assert verify.main([str(bundle)]) == 1
    assert "unknown_format: file: unpacked" in capsys.readouterr().out


def test_a_journal_that_computes_what_is_read_is_no_journal(book: Path) -> None:
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select x, x, x, x, x, x from n"
    with sqlite3.connect(book / "journal.db") as db:
        db.execute("drop table journal")
        db.execute(f"create view journal (id, run, expected, version, events, hash) as {endless}")
    db.close()
    code, said = ask(book)
    assert (code, [fault["kind"] for fault in said["faults"]]) == (1, ["unknown_format"])

"""Evidence: what is in a bundle, that an auditor's machine can check it, that no change goes unseen."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cuga import verify
from cuga.cli.main import main
from cuga.errors import BadInput, NotFound
from cuga.orchestrator import Coordinator
from cuga.orchestrator.keeping.evidence import Scope

VERIFIER = Path(verify.__file__)
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house in which something was approved and sent, something denied, and something only read."""
    place = tmp_path_factory.mktemp("evidence") / "house"
    assert main(["init", str(place), "--sample"]) == 0

    async def work() -> None:
        async with Coordinator(house=place, user="ada") as cuga:
            account = (await cuga.open()).crm.names("accounts")[0][1]
            for verdict, goal in (("approve", "draft a first email to its buyer"), ("deny", "draft another email")):
                result = await cuga.run(f"Score {account} and {goal}", profile="enterprise")
                for card in await cuga.inbox(result.run_id):
                    await cuga.answer(card.approval_id, verdict, reason="looked at it")
                await cuga.wait(result.run_id)
            await cuga.run("Find duplicate accounts", profile="smb")

    asyncio.run(work())
    return place


async def bundle(house: Path, path: Path, **scope: Any) -> dict[str, bytes]:
    async with Coordinator(house=house, user="ada") as cuga:
        if scope.get("run_id") == "first":
            scope["run_id"] = (await cuga.runs())[-1].run_id
        made = await cuga.evidence(Scope(**scope), str(path))
    (path.parent / "key").write_text(made.key)
    with zipfile.ZipFile(path) as kept:
        return {name: kept.read(name) for name in kept.namelist()}


def check(path: Path) -> tuple[int, list[str], str]:
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(path), "--json", "--key", str(path.parent / "key")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    return done.returncode, [fault["kind"] for fault in said["faults"]], said["found"]


async def test_a_run_is_there_from_the_wish_to_the_result(house: Path, tmp_path: Path) -> None:
    files = await bundle(house, tmp_path / "e.zip", run_id="first")
    assert check(tmp_path / "e.zip")[:2] == (0, [])
    (record,) = json.loads(files["records.json"])
    (card,) = record["approvals"]
    assert record["requester"]["id"] == "ada"
    assert f"blobs/{record['policy_digest']}" in files
    vote = card["votes"][0]
    assert (vote["by"], vote["verdict"], vote["reason"], vote["solo"]) == ("ada", "approve", "looked at it", True)
    call = next(one for one in record["calls"] if one["approval"] == card["approval_id"])
    assert call["arguments_digest"] == card["arguments_digest"]
    assert call["outcome"] == "done"
    page = files["report.html"].decode()
    for said in (record["goal"], card["digest"], call["key"], call["result_digest"], "looked at it", "solo"):
        assert said in page
    assert files["report.pdf"].startswith(b"%PDF")


async def test_a_period_is_whole(house: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    files = await bundle(house, tmp_path / "e.zip", since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    code, kinds, found = check(tmp_path / "e.zip")
    assert (code, kinds) == (0, [])
    assert len(json.loads(files["records.json"])) == 3
    figures = json.loads(files["oversight.json"])
    assert figures["decided_by_people"] == 2
    assert (figures["approvers"][0]["approve_percent"], figures["approvers"][0]["under_3_s"]) == (50, 2)
    assert figures["decided_by_rules"] == {}
    assert "period" in found


async def test_what_somebody_decided_is_found_by_name(house: Path, tmp_path: Path) -> None:
    files = await bundle(house, tmp_path / "e.zip", approver="ada")
    assert check(tmp_path / "e.zip")[0] == 0
    assert len(json.loads(files["records.json"])) == 2
    with pytest.raises(NotFound, match="bob"):
        await bundle(house, tmp_path / "b.zip", approver="bob")


@pytest.mark.parametrize(
    "scope", [{}, {"run_id": "x", "approver": "ada"}, {"since": datetime(2026, 1, 1, tzinfo=UTC)}], ids=str
)
async def test_one_thing_at_a_time(house: Path, tmp_path: Path, scope: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        await bundle(house, tmp_path / "e.zip", **scope)


async def test_nothing_is_written_over_and_a_house_in_memory_has_no_seal(house: Path, tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_text("mine")
    with pytest.raises(BadInput, match="there already"):
        await bundle(house, tmp_path / "e.zip", run_id="first")
    async with Coordinator() as cuga:
        with pytest.raises(BadInput, match="no seal"):
            await cuga.evidence(Scope(run_id="x"), str(tmp_path / "m.zip"))


def _appends(files: Files, change: Callable[[list[dict[str, Any]]], object]) -> None:
    appends = [json.loads(line) for line in files["appends.jsonl"].splitlines()]
    change(appends)
    files["appends.jsonl"] = b"".join(json.dumps(append).encode() + b"\n" for append in appends)


def _edit(files: Files) -> None:
    files["appends.jsonl"] = files["appends.jsonl"].replace(b"looked at it", b"looked at me")


def _drop(files: Files) -> None:
    _appends(files, lambda appends: appends.pop(1))


def _swap_result(files: Files) -> None:
    name = next(name for name in files if name.startswith("blobs/"))
    files[name] += b"x"


def _lose_result(files: Files) -> None:
    del files[next(name for name in files if name.startswith("blobs/"))]


def _report(files: Files) -> None:
    files["report.html"] = files["report.html"].replace(b"approve", b"refused")


def _checkpoint(files: Files) -> None:
    files["checkpoint.note"] = files["checkpoint.note"].replace(b"epoch 1", b"epoch 2")


def _add_page(files: Files) -> None:
    files["summary.html"] = b"<p>all was well</p>"


def _format(files: Files) -> None:
    files["manifest.json"] = files["manifest.json"].replace(b"cuga-evidence/1", b"cuga-evidence/9")


CHANGES = [
    (_edit, "edited"),
    (_drop, "missing"),
    (_add_page, "edited"),
    (_swap_result, "blob_altered"),
    (_lose_result, "blob_missing"),
    (_report, "edited"),
    (_checkpoint, "bad_signature"),
    (_format, "unknown_format"),
]


@pytest.mark.parametrize("anew", [False, True], ids=["as it was listed", "listed anew"])
@pytest.mark.parametrize(("change", "kind"), CHANGES, ids=[one.__name__ for one, _ in CHANGES])
async def test_no_change_goes_unseen(
    house: Path, tmp_path: Path, change: Callable[[Files], None], kind: str, anew: bool
) -> None:
    """Also by somebody who makes the list of files anew, and cannot sign it."""
    files = await bundle(house, tmp_path / "e.zip", run_id="first")
    change(files)
    if anew and change is not _format:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            name: verify.sha256(body).hexdigest() for name, body in files.items() if "manifest" not in name
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(tmp_path / "changed.zip", "w") as kept:
        for name, body in files.items():
            kept.writestr(name, body)
    code, kinds, _ = check(tmp_path / "changed.zip")
    assert code == 1
    assert (kind in kinds) or (anew and "edited" in kinds), kinds


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_a_file_that_is_there_twice_is_told_whichever_a_reader_is_shown(house: Path, tmp_path: Path) -> None:
    files = await bundle(house, tmp_path / "e.zip", run_id="first")
    with zipfile.ZipFile(tmp_path / "changed.zip", "w") as kept:
        kept.writestr("report.html", b"<p>nothing was sent</p>")
        for name, body in files.items():
            kept.writestr(name, body)
    assert check(tmp_path / "changed.zip")[:2] == (1, ["edited"])


async def test_an_append_left_out_of_a_period_is_missed_even_when_its_stream_goes_with_it(
    house: Path, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    files = await bundle(house, tmp_path / "e.zip", since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    gone = json.loads(files["appends.jsonl"].splitlines()[0])["stream"]
    _appends(files, lambda appends: appends.__setitem__(slice(None), [one for one in appends if one["stream"] != gone]))
    with zipfile.ZipFile(tmp_path / "changed.zip", "w") as kept:
        for name, body in files.items():
            kept.writestr(name, body)
    assert "missing" in check(tmp_path / "changed.zip")[1]

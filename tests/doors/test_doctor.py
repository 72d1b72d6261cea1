"""`cuga doctor`: each fault is provoked, and it is named with what mends it, as words, as JSON and as an exit code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.doors.terminal import Terminal
from tests.postgres import fresh_database

from cuga.cli.exits import Exit
from cuga.cli.main import main
from cuga.clock import SystemClock
from cuga.engine.distributed import Figures
from cuga.errors import EventUnreadable, Unreachable
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import find, make
from cuga.orchestrator.keeping.sealing import seals_of
from cuga.orchestrator.operating import health, machine
from cuga.settings import read_settings


def findings(cuga: Terminal) -> dict[str, dict[str, Any]]:
    said = cuga("doctor", "--json")
    found = {one["what"]: one for one in said.json}
    is_broken = any(one["state"] == "broken" for one in found.values())
    assert said.code == (Exit.DAMAGED if is_broken else Exit.SUCCESS)
    assert all(one.get("mend") for one in found.values() if one["state"] == "broken"), "what is broken can be mended"
    return found


def test_a_house_that_is_well_has_nothing_broken(cuga: Terminal) -> None:
    found = findings(cuga)
    assert {one["state"] for one in found.values()} <= {"ok", "note"}
    assert {
        "python",
        "cuga",
        "sqlite",
        "house",
        "registry",
        "disk",
        "secrets",
        "time",
        "journal",
        "seal",
    } <= found.keys()
    assert "with serve" in found["cuga"]["found"]


@pytest.mark.parametrize(("free", "state"), [(10**8, "broken"), (5 * 10**8, "note"), (10**10, "ok")])
def test_a_full_disk(cuga: Terminal, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert findings(cuga)["disk"]["state"] == state


def test_another_package_under_our_import_name(cuga: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "packages" not in findings(cuga)
    (tmp_path / "site" / "cuga-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "cuga-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: cuga\nVersion: 0.1\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = findings(cuga)["packages"]
    assert found["state"] == "broken" and "pip uninstall cuga" in found["mend"]


def test_a_clock_that_was_set_back(cuga: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cuga("run", "Count the clouds").code == 0
    now = SystemClock.now

    def yesterday(clock: SystemClock) -> datetime:
        return now(clock) - timedelta(days=1)

    monkeypatch.setattr(SystemClock, "now", yesterday)
    found = findings(cuga)["time"]
    assert found["state"] == "broken" and "86" in found["found"] and "chrony" in found["mend"]


def test_an_anchor_that_cannot_be_written_or_read(
    cuga: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    anchor = tmp_path / "other" / "anchor.note"
    monkeypatch.setenv("CUGA_ANCHORS", f"file:{anchor}")
    assert cuga("run", "Count the clouds").code == 0
    assert findings(cuga)["seal"]["state"] == "ok"
    anchor.unlink()
    found = findings(cuga)["seal"]
    assert found["state"] == "broken" and str(anchor) in found["found"] and "CUGA_ANCHORS" in found["mend"]


def test_a_journal_that_is_behind_its_anchor_is_a_finding_and_no_end(cuga: Terminal, tmp_path: Path) -> None:
    shutil.copytree(cuga.house, tmp_path / "older")
    assert cuga("run", "Count the clouds").code == 0
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (cuga.house / name).unlink(missing_ok=True)
        if (tmp_path / "older" / name).exists():
            shutil.copy(tmp_path / "older" / name, cuga.house / name)
    seals = seals_of(cuga.house, read_settings().seals)
    if not seals.exists():
        pytest.fail("the house was not sealed")
    found = findings(cuga)
    assert found["seal"]["state"] == "broken" and "cuga restore" in found["seal"]["mend"]
    assert found["disk"]["state"] == "ok", "all else is looked at"


def test_a_key_that_others_can_read(cuga: Terminal) -> None:
    assert cuga("run", "Count the clouds").code == 0
    key = seals_of(cuga.house, read_settings().seals) / "seal.key"
    assert findings(cuga)["secrets"]["state"] == "ok"
    key.chmod(0o644)
    found = findings(cuga)["secrets"]
    assert found["state"] == "broken" and f"chmod go-rwx {key}" in found["mend"]


def test_passwords_that_others_can_read_once_the_house_is_open_to_them(cuga: Terminal) -> None:
    variables = cuga.house / ".env"
    variables.write_text("SOME_API_KEY=not-for-everybody\n")
    variables.chmod(0o644)
    cuga.house.chmod(0o700)
    assert findings(cuga)["secrets"]["state"] == "ok"
    cuga.house.chmod(0o755)
    found = findings(cuga)
    assert found["secrets"]["state"] == "broken" and str(variables) in found["secrets"]["found"]
    assert found["privacy"]["state"] == "note"


def test_a_model_key_without_what_asks_models(cuga: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-one-000")
    assert "model key" not in findings(cuga) or not machine.is_there("pydantic_ai")
    monkeypatch.setattr(machine, "is_there", lambda module: module != "pydantic_ai")
    found = findings(cuga)["model key"]
    assert found["state"] == "note" and "cugar[llm]" in found["mend"] and "sk-" not in str(found)


def test_a_collector_that_nobody_speaks_to(cuga: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "export" not in findings(cuga)
    monkeypatch.setenv("CUGA_OTLP", "http://127.0.0.1:9")
    assert findings(cuga)["export"]["mend"] == "`cuga serve` does"
    monkeypatch.setattr(health, "is_there", lambda _: False)
    found = findings(cuga)["export"]
    assert found["state"] == "broken" and "cugar[otel]" in found["mend"]


def test_a_registry_that_does_not_load_and_a_house_that_is_halted(cuga: Terminal) -> None:
    assert cuga("halt", "to see it").code == 0
    assert findings(cuga)["stop button"]["state"] == "note"
    registry = cuga.house / "registry.yaml"
    registry.write_text(registry.read_text() + "\nnonsense: 1\n")
    found = findings(cuga)["registry"]
    assert found["state"] == "broken" and "cuga policy check" in found["mend"]
    assert cuga("halt", "--lift", "corrected").code == 0
    said = findings(cuga)["stop button"]
    assert said["state"] == "note" and "registry without mistakes" in said["mend"]
    refused = cuga("halt", "--lift", "corrected")
    assert refused.code == 8 and "`cuga policy check`" in refused.err and "outbox" not in refused.err


def test_a_database_that_is_away(cuga: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    house = tmp_path / "other"
    assert main(["init", str(house)]) == 0
    (house / "journal.db").unlink(missing_ok=True)
    monkeypatch.setenv("CUGA_HOUSE", str(house))
    monkeypatch.setenv("CUGA_DATABASE", "postgresql://ann:hunter2hunter2@127.0.0.1:9/none")
    said = cuga("doctor", "--json")
    found = {one["what"]: one for one in said.json}
    assert said.code == Exit.DAMAGED and found["database"]["state"] == "broken" and found["database"]["mend"]
    assert "hunter2" not in said.out + said.err
    assert {"python", "disk", "secrets"} <= found.keys()


@pytest.fixture
def holder(cuga: Terminal) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the house and answers nobody."""
    code = (
        "import sys, time\n"
        "from cuga.journal.sqlite.lock import Lock\n"
        "from pathlib import Path\n"
        f"lock = Lock(Path({str(cuga.house / 'journal.db')!r}))\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=cuga.environment())
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_a_house_that_somebody_holds_and_does_not_answer(
    cuga: Terminal, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuga.cli.home.PATIENCE_S", 0.2)
    found = findings(cuga)
    assert found["house"]["state"] == "broken" and found["house"]["mend"]


@pytest.mark.parametrize(
    ("figures", "fenced", "state", "mend"),
    [
        ({"workers": 2, "running": 3}, 0, "ok", ""),
        ({"waiting": 4}, 0, "broken", "start `cuga worker`"),
        ({"waiting": 4, "workers": 1, "oldest_s": 90.0}, 0, "broken", "start more workers"),
        ({"workers": 1, "sweep_lag_s": 90.0}, 0, "broken", "start more workers"),
        ({"workers": 1, "stalled": 1}, 0, "note", "take these runs over"),
        ({"workers": 1}, 2, "note", "CUGA_LEASE_S"),
    ],
)
def test_a_queue_that_is_not_served(figures: dict[str, Any], fenced: int, state: str, mend: str) -> None:
    plain = dict.fromkeys(("waiting", "running", "stalled", "workers"), 0) | {"oldest_s": 0.0, "sweep_lag_s": 0.0}
    found = health._queue("queue", Figures(**(plain | figures)), fenced)
    assert found.state == state and mend in found.mend


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return make(tmp_path / "house").root


async def test_runs_that_wait_in_a_database_with_no_worker(house: Path) -> None:
    pytest.importorskip("procrastinate", reason="the extra `postgres` is not installed")
    settings = read_settings(house=house, database=fresh_database())
    async with Coordinator(house=find(house).root, settings=settings, user="ann") as front:
        assert {one.what: one.state for one in await front.doctor()}["queue"] == "ok"
        engine: Any = (await front.open()).engine
        await engine.queue.wake("a-run-of-somebody-who-has-gone")
        found = {one.what: one for one in await front.doctor()}
        assert found["queue"].state == "broken" and "cuga worker" in found["queue"].mend
        assert found["database"].found.count("Postgres") == 1


async def test_what_only_the_process_itself_knows(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUGA_OTLP", "http://127.0.0.1:9")
    async with Coordinator(house=house, settings=read_settings(house=house), user="ann") as front:
        assembly = await front.open()
        from cuga.orchestrator.operating.watching import exporter_of

        assembly.exporter = exporter_of(assembly)
        assembly.engine.left_alone["r1"] = EventUnreadable("of a newer version")
        await front.cancel(await front.start("score Velkarin Foods", profile="smb"), "seen enough")
        assert {one.what: one for one in await front.doctor()}["export"].state == "ok"
        with pytest.raises(Unreachable) as raised:
            await assembly.exporter.step()
        assembly.exporter._failed(raised.value)
        assert assembly.sealer is not None
        assembly.sealer._sound_at -= 3600
        monkeypatch.setattr(assembly.sealer, "_is_sound", lambda: None)
        found = {one.what: one for one in await front.doctor()}
        assert found["export"].state == "note" and "127.0.0.1:9" in found["export"].found
        assert found["run r1"].state == "broken" and "cuga resume r1" in found["run r1"].mend
        assert found["seal"].state == "broken" and "nothing was sealed" in found["seal"].found
        assembly.exporter = None

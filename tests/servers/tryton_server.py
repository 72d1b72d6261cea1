"""A real Tryton, in a process and an environment of its own (its licence is another), made once and kept beside ours.

Installing takes half a minute and the first database another; a copy of that starts in seconds.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT = Path(sys.prefix) / "tryton"
PASSWORD = "tryton-pass"
PACKAGES = ("trytond>=8.2,<8.3", "trytond-sale-opportunity>=8.2,<8.3")


def made() -> Path:
    """The directory of the environment and of the database that is copied; makes both when they are missing."""
    base = KEPT / "crm.sqlite"
    if base.exists():
        return KEPT
    shutil.rmtree(KEPT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(KEPT)], check=True, capture_output=True)
    subprocess.run([KEPT / "bin/pip", "install", "-q", *PACKAGES], check=True, capture_output=True, timeout=240)
    work = KEPT / "making"
    work.mkdir()
    config = _config(work, 0)
    (work / "pass").write_text(f"{PASSWORD}\n")
    (work / "crm.sqlite").touch()
    environment = {**os.environ, "TRYTONPASSFILE": str(work / "pass")}
    admin = [KEPT / "bin/trytond-admin", "-c", str(config), "-d", "crm"]
    for more in (["--all", "--email", "a@b.example"], ["-u", "sale_opportunity", "--activate-dependencies"]):
        subprocess.run([*admin, *more], check=True, capture_output=True, env=environment, timeout=240)
    shutil.move(work / "crm.sqlite", base)
    return KEPT


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Rpc]:
    """A server on a database of its own, with a company, a seller and two customers with a deal each."""
    kept = made()
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(kept / "crm.sqlite", directory / "crm.sqlite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [kept / "bin/trytond", "-c", str(_config(directory, port)), "-d", "crm"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield _filled(Rpc(f"http://127.0.0.1:{port}/crm", port))
    finally:
        process.terminate()
        process.wait(20)


def _config(directory: Path, port: int) -> Path:
    path = directory / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {directory}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return path


class Rpc:
    """A client of the tests' own."""

    def __init__(self, url: str, port: int) -> None:
        self.url, self.inside = url, f"127.0.0.1:{port}"
        self._session = ""
        self.context: dict[str, Any] = {}

    def login(self) -> None:
        for _ in range(150):
            with contextlib.suppress(OSError):
                found = self._ask("common.db.login", ["admin", {"password": PASSWORD}, "en"])
                if found:
                    said = f"admin:{found[0]}:{found[1]}"
                    self._session = base64.b64encode(said.encode()).decode()
                    return
            time.sleep(0.2)
        raise AssertionError("Tryton does not answer")

    def call(self, method: str, *params: Any) -> Any:
        return self._ask(f"model.{method}", [*params, self.context])

    def deal(self, number: int) -> dict[str, Any]:
        fields = ["state", "amount", "employee.rec_name"]
        return self.call("sale.opportunity.search_read", [["id", "=", number]], 0, 1, None, fields)[0]

    def _ask(self, method: str, params: list[Any]) -> Any:
        headers = {"content-type": "application/json"}
        if self._session:
            headers["authorization"] = f"Session {self._session}"
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/rpc/", body, headers), timeout=30) as answer:
            said = json.loads(answer.read())
        assert not said.get("error"), said
        return said["result"]


def decimal(said: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": said}


def _filled(rpc: Rpc) -> Rpc:
    rpc.login()
    (euro,) = rpc.call("currency.currency.create", [{
        "name": "Euro", "symbol": "€", "code": "EUR", "rounding": decimal("0.01"), "digits": 2}])  # fmt: skip
    (own, nora, *customers) = rpc.call("party.party.create", [
        {"name": name} for name in ("Birchline", "Nora Finch", "Quillmark Ovens", "Velkarin Foods")])  # fmt: skip
    (company,) = rpc.call("company.company.create", [{"party": own, "currency": euro}])
    rpc.call("res.user.write", [1], {"companies": [["add", [company]]], "company": company})
    rpc.context = {"company": company}
    (seller,) = rpc.call("company.employee.create", [{"party": nora, "company": company}])
    rpc.call("res.user.write", [1], {"employees": [["add", [seller]]], "employee": seller})
    start = {"__class__": "date", "year": 2026, "month": 5, "day": 4}
    rpc.call("sale.opportunity.create", [
        {"description": f"Ovens {n}", "company": company, "party": party, "employee": seller, "start_date": start,
         "amount": decimal("4200.5")} for n, party in enumerate(customers, 1)])  # fmt: skip
    return rpc

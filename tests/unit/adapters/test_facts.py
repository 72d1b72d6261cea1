"""Facts on companies: from files, and from a service over real HTTP; one contract for both."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cuga.adapters.capability.enrichment import Asked, Enricher
from cuga.adapters.offline import FactsFolder
from cuga.adapters.vendors.catalog import KINDS
from cuga.adapters.vendors.facts_http import WebFacts
from cuga.adapters.vendors.http import client_for
from cuga.clock import ManualClock
from cuga.errors import BadInput, NotDone
from cuga.settings import read_settings

KESTREL = Asked(name="Kestrel Works GmbH", domain="kestrel.example", country="Germany")
SAID: dict[str, Any] = {"metrics": {"employees": 420}, "tags": ["tooling"], "industry": ""}
FIELDS = "employees=/metrics/employees,industry=/tags/0,country=/where"


class Service:
    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {"kestrel.example": (200, json.dumps(SAID).encode())}
        self.asked: list[tuple[str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append((self.path, self.headers.get("x-key", "")))
                status, body = service.answers.get(self.path.rpartition("=")[2], (404, b"{}"))
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"

    def adapter(self, **said: str) -> WebFacts:
        url = f"http://{self.host}/companies?domain={{domain}}"
        client = client_for(url, read_settings({}, inside=(self.host,)))
        return WebFacts(url, client, ManualClock(), **{"header": "x-key: s3cret", "fields": FIELDS, **said})


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    threading.Thread(target=found.server.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> FactsFolder:
    rows = "domain,field,value,seen,licence\nkestrel.example,employees,420,2026-01-02,internal use\n"
    rows += "kestrel.example,industry,tooling,,\n"
    (tmp_path / "bought.csv").write_text(rows)
    return FactsFolder(tmp_path)


@pytest.fixture(params=["files", "web"])
def enricher(request: pytest.FixtureRequest) -> Enricher:
    return (
        request.getfixturevalue("folder") if request.param == "files" else request.getfixturevalue("service").adapter()
    )


def test_it_says_what_it_knows_and_where_from(enricher: Enricher):
    found = {one.field: one for one in enricher.facts(KESTREL)}
    assert {name: one.value for name, one in found.items()} == {"employees": "420", "industry": "tooling"}
    assert all(one.provider and one.source for one in found.values())


def test_of_a_company_that_it_does_not_know_it_says_nothing(enricher: Enricher):
    assert enricher.facts(Asked(name="Nobody", domain="nobody.example")) == ()
    assert enricher.facts(Asked(name="Nobody")) == ()


def test_files_name_a_company_by_its_name_too_and_json_is_read(tmp_path: Path):
    (tmp_path / "a.json").write_text(json.dumps([{"Account": "Kestrel Works", "field": "founded", "value": 1999}]))
    (one,) = FactsFolder(tmp_path).facts(KESTREL)
    assert (one.field, one.value, one.provider, one.source) == ("founded", "1999", "a", "a.json:1")


@pytest.mark.parametrize("text", ["field,value\na,b\n", "domain,field,value,seen\nkestrel.example,a,b,soon\n"])
def test_a_file_that_cannot_be_read_is_no_answer(tmp_path: Path, text: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(NotDone, match=r"a\.csv cannot be read"):
        FactsFolder(tmp_path).facts(KESTREL)


def test_only_the_domain_is_sent_and_nothing_that_is_none(service: Service):
    service.adapter().facts(KESTREL)
    assert service.asked == [("/companies?domain=kestrel.example", "s3cret")]
    service.adapter().facts(Asked(name="x", domain="a.example/../../x?y"))
    assert len(service.asked) == 1


@pytest.mark.parametrize("answer", [(500, b"{}"), (429, b"{}"), (200, b"<html>"), (401, b"{}")])
def test_a_service_that_fails_is_no_answer_and_keeps_its_key(service: Service, answer: tuple[int, bytes]):
    service.answers["kestrel.example"] = answer
    with pytest.raises(NotDone, match="could not be asked") as failed:
        service.adapter().facts(KESTREL)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("said", [{"header": "no colon"}, {"fields": "employees"}])
def test_what_is_told_wrongly_is_refused_when_it_is_made(service: Service, said: dict[str, str]):
    with pytest.raises(BadInput):
        service.adapter(**said)


def test_the_address_holds_the_domain_once_and_never_as_the_host():
    kind = KINDS["web"]
    for url in ("https://{domain}/x", "https://api.example.com/x", "https://api.example.com/{domain}/{domain}"):
        assert kind.facts is not None
        with pytest.raises(BadInput):
            kind.facts(kind.said({"CUGA_FACTS_URL": url}), read_settings({}), ManualClock())

"""MCP servers from the command line: declared, looked at, accepted at a terminal, used, and caught when they change."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal
from tests.servers.houses import HOSTILE

from cuga.cli.exits import Exit

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


def command(tmp_path: Path, behaviour: str = "told") -> list[str]:
    return [sys.executable, "-S", str(HOSTILE), behaviour, str(tmp_path / "ledger")]


def effects(tmp_path: Path) -> list[str]:
    ledger = tmp_path / "ledger"
    return ledger.read_text().split() if ledger.exists() else []


def test_from_declaring_a_server_to_catching_its_change(cuga: Terminal, tmp_path: Path) -> None:
    registry = cuga.house / "registry.yaml"
    before = registry.read_text()
    said = cuga("mcp", "add", "hostile", "--profile", "smb", "--", *command(tmp_path))
    assert said.code == Exit.SUCCESS and "execute" in said.out and "nobody says that it only reads" in said.out
    after = registry.read_text()
    assert "adapters: [hubspot, pipedrive, offline, hostile]" in after
    kept = [line for line in before.splitlines() if line not in after.splitlines()]
    assert kept == ["    adapters: [hubspot, pipedrive, offline]"], "nothing else of the file has changed"
    assert "nobody has accepted its tools" in cuga("mcp", "list").out
    assert cuga("tools", "accept", "hostile").code == Exit.BAD_INPUT, "without a terminal it wants a digest"

    said = cuga.typed("tools", "accept", "hostile", prompt="yes or no:", answer="no\n")
    assert said.code == Exit.REFUSED and "act: new" in said.out and 'description: "Does something."' in said.out
    said = cuga.typed("tools", "accept", "hostile", prompt="yes or no:", answer="yes\n")
    assert said.code == Exit.SUCCESS

    said = cuga("call", "hostile/act", "what=once", "--profile", "smb")
    assert said.code == Exit.PARKED and effects(tmp_path) == []
    assert cuga("approve", "last").code == Exit.SUCCESS and effects(tmp_path) == ["once"]

    (tmp_path / "ledger.told").write_text('description="And more."')
    said = cuga("tools", "drift")
    assert said.code == Exit.DAMAGED
    assert '- description: "Does something."' in said.out and '+ description: "And more."' in said.out
    cuga("call", "hostile/act", "what=twice", "--profile", "smb")
    assert cuga("approve", "last").code == Exit.FAILED and effects(tmp_path) == ["once"]
    assert "quarantined" in cuga("mcp", "list").out
    parked = cuga("call", "hostile/act", "what=twice", "--profile", "smb")
    assert parked.code == Exit.PARKED and "cuga tools drift" in parked.out + parked.err

    (drift,) = cuga("tools", "drift", "hostile", "--json").json
    said = cuga("tools", "accept", "hostile", "--digest", drift["digest"], "--json")
    assert said.code == Exit.SUCCESS and said.json["name"] == "hostile"
    assert cuga("tools", "accept", "hostile", "--digest", "0" * 64).code == Exit.REFUSED
    assert cuga("tools", "drift").code == Exit.SUCCESS


def test_a_server_that_does_not_answer_is_declared_and_says_so(cuga: Terminal, tmp_path: Path) -> None:
    said = cuga("mcp", "add", "hostile", "--", *command(tmp_path, "dies-at-once"))
    assert said.code == Exit.DAMAGED and "does not answer" in said.out and "cuga mcp test hostile" in said.err
    assert cuga("mcp", "test", "hostile").code == Exit.DAMAGED
    assert cuga("mcp", "test", "hostile", "--json").json["problem"]
    assert cuga("tools", "drift", "hostile").code == Exit.DAMAGED


def test_what_would_break_the_registry_is_not_written(cuga: Terminal, tmp_path: Path) -> None:
    registry = cuga.house / "registry.yaml"
    before = registry.read_text()
    for words in (
        ("mcp", "add", "Hostile", "--", "x"),
        ("mcp", "add", "offline", "--", "x"),
        ("mcp", "add", "hostile", "--domain", "nothing", "--", "x"),
        ("mcp", "add", "hostile", "--url", "ftp://x.example"),
        ("mcp", "add", "hostile", "--url", "https://x.example/mcp", "--token", "a b"),
        ("mcp", "add", "hostile", "--profile", "nobody", "--", "x"),
        ("mcp", "add", "hostile"),
        ("mcp", "add", "hostile", "--url", "https://x.example", "--", "x"),
    ):
        assert cuga(*words).code == Exit.BAD_INPUT, words
    assert registry.read_text() == before


def test_arguments_of_a_call_are_text_or_json(cuga: Terminal) -> None:
    said = cuga("call", "score_account_fit", "account=Velkarin Foods", "--json")
    assert said.code == Exit.SUCCESS and said.json["steps"][0]["tool"] == "score_account_fit"
    assert cuga("call", "score_account_fit", "account").code == Exit.BAD_INPUT
    assert cuga("call", "score_account_fit", "account=a", "account=b").code == Exit.BAD_INPUT
    assert cuga("call", "no_such_tool").code != Exit.SUCCESS
    assert cuga("call", "score_account_fit", "account=5").code != Exit.SUCCESS, "a number is no name"


def test_documents_are_listed_with_what_cannot_be_called(cuga: Terminal) -> None:
    paths = {
        "/a": {
            "get": {"operationId": "one"},
            "post": {"operationId": "up", "requestBody": {"required": True, "content": {"image/png": {}}}},
        }
    }
    root = {"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": paths}
    (cuga.house / "doc.json").write_text(json.dumps(root))
    registry = cuga.house / "registry.yaml"
    registry.write_text(registry.read_text() + "\nopenapi:\n  thing: {document: doc.json, domain: knowledge}\n")
    said = cuga("mcp", "list")
    assert "doc.json at https://a.example" in said.out.replace("\n", " ") or "doc.json" in said.out
    assert "image/png" in said.out and "no profile allows it" in said.out
    assert "thing/one" in cuga("tools", "thing").out
    assert cuga("tools", "drift", "thing").code == Exit.BAD_INPUT
    assert any(line["adapter"] == "thing" for line in cuga("adapters", "--json").json)

"""Servers that others wrote, from npm and PyPI, under the rules of a house: what they say they are, what they do."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.houses import NODE, house_of, registry_with

from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import AGENTSCoordinator as Coordinator

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


def npm(name: str, *words: str) -> list[str]:
    node, entry = shutil.which("node"), NODE / f"@modelcontextprotocol/server-{name}/dist/index.js"
    if node is None or not entry.exists():
        pytest.skip(f"needs Node and the npm package of {name}: `make test` installs it where npm is there")
    return [node, str(entry), *words]


def pypi(name: str, *words: str) -> list[str]:
    if importlib.util.find_spec(f"mcp_server_{name}") is None:
        pytest.skip(f"needs the package mcp-server-{name}: it is among the test requirements")
    return [sys.executable, "-m", f"mcp_server_{name}", *words]


def git(directory: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=directory, capture_output=True, check=True).stdout


def site(tmp_path: Path, name: str, command: list[str], more: str = "", trust: bool = True) -> Coordinator:
    words = ", ".join(f"'{word}'" for word in command)
    said = f"\nmcp:\n  {name}: {{command: [{words}], domain: knowledge, trust: {str(trust).lower()}{more}}}\n"
    return Coordinator(house=house_of(tmp_path / "house", registry_with(said, name)), profile="smb")


async def used(house: Coordinator, tool: str, **arguments: object):
    """The result of one call; whatever asks for a person gets one."""
    result = await house.execute_plan(Plan(goal=f"call {tool}", steps=(PlanStep(tool=tool, input=arguments),)))
    for card in await house.inbox(result.run_id):
        await house.answer(card.approval_id, "approve", digest=card.digest)
        result = await house.wait(result.run_id)
    return result


async def classes(house: Coordinator, name: str) -> dict[str, str]:
    await house.accept_tools(name)
    assert (await house.drift(name))[0].differences == ()
    return {tool.name.partition("/")[2]: tool.side_effect.value for tool in await house.tools() if "/" in tool.name}


async def test_time(tmp_path):
    async with site(tmp_path, "time", pypi("time", "--local-timezone=UTC")) as house:
        assert await classes(house, "time") == {"convert_time": "read-only", "get_current_time": "read-only"}
        result = await used(house, "time/get_current_time", timezone="Europe/Berlin")
        assert result.success and result.results["s1"]["timezone"] == "Europe/Berlin"
        failed = await used(house, "time/get_current_time", timezone="Europe/Nowhere")
        assert not failed.success and "Nowhere" in str((await house.show(failed.run_id)).steps)


async def test_git(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    repository = tmp_path / "repository"
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    git(repository.parent, "init", "-q", str(repository))
    git(repository, *who, "commit", "-q", "--allow-empty", "-m", "first")
    (repository / "note.txt").write_text("hello")
    async with site(tmp_path, "git", pypi("git", "--repository", str(repository))) as house:
        found = await classes(house, "git")
        assert found["git_log"] == found["git_status"] == "read-only"
        assert found["git_commit"] == found["git_reset"] == "execute"
        status = await used(house, "git/git_status", repo_path=str(repository))
        assert status.success and "note.txt" in str(status.results)
        parked = await house.execute_plan(
            Plan(
                goal="add",
                steps=(PlanStep(tool="git/git_add", input={"repo_path": str(repository), "files": ["note.txt"]}),),
            )
        )
        assert parked.status.value == "parked"
        staged = ("diff", "--cached", "--name-only")
        assert git(repository, *staged) == b""
        (card,) = await house.inbox(parked.run_id)
        await house.answer(card.approval_id, "approve", digest=card.digest)
        assert (await house.wait(parked.run_id)).success
        assert git(repository, *staged) == b"note.txt\n"


async def test_filesystem(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.txt").write_text("the words of a")
    (tmp_path / "secret.txt").write_text("not yours")
    async with site(tmp_path, "files", npm("filesystem", str(inside))) as house:
        found = await classes(house, "files")
        assert found["read_text_file"] == "read-only" and found["write_file"] == found["move_file"] == "execute"
        read = await used(house, "files/read_text_file", path=str(inside / "a.txt"))
        assert read.success and "the words of a" in str(read.results)
        outside = await used(house, "files/read_text_file", path=str(tmp_path / "secret.txt"))
        assert not outside.success
        written = await used(house, "files/write_file", path=str(inside / "b.txt"), content="new")
        assert written.success and (inside / "b.txt").read_text() == "new"


async def test_memory(tmp_path):
    async with site(tmp_path, "memory", npm("memory"), ", env: [MEMORY_FILE_PATH]") as house:
        (line,) = await house.servers()
        assert line.problem == ""
        drift = (await house.drift())[0]
        assert "MEMORY_FILE_PATH" in drift.problem, "a variable that it needs is missing, and named"


async def test_memory_keeps_what_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORY_FILE_PATH", str(tmp_path / "memory.jsonl"))
    async with site(tmp_path, "memory", npm("memory"), ", env: [MEMORY_FILE_PATH]") as house:
        found = await classes(house, "memory")
        assert found["create_entities"] == found["delete_entities"] == "execute" and found["read_graph"] == "read-only"
        entity = {"name": "Velkarin", "entityType": "account", "observations": ["prefers mail"]}
        assert (await used(house, "memory/create_entities", entities=[entity])).success
        assert "prefers mail" in (tmp_path / "memory.jsonl").read_text()
        graph = await used(house, "memory/read_graph")
        assert graph.results["s1"]["entities"][0]["name"] == "Velkarin"


async def test_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("SESAME_TOKEN", "sesame-opens-the-door")
    async with site(tmp_path, "everything", npm("everything")) as house:
        found = await classes(house, "everything")
        assert found["echo"] == "read-only" and found["gzip-file-as-resource"] == "execute"
        assert (await used(house, "everything/echo", message="hi")).results["s1"] == {"text": "Echo: hi"}
        assert (await used(house, "everything/get-sum", a=2, b=3)).success
        picture = await used(house, "everything/get-tiny-image")
        assert any("sha256" in part for part in picture.results["s1"]["content"])
        shown = await used(house, "everything/get-env")
        assert shown.success and "sesame" not in str(shown.results) and "SESAME" not in str(shown.results)


async def test_a_server_that_nobody_trusts_only_gets_what_a_person_agrees_to(tmp_path):
    async with site(tmp_path, "time", pypi("time"), trust=False) as house:
        assert set((await classes(house, "time")).values()) == {"execute"}

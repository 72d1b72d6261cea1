"""A server that is started here: it inherits no secret, works in a directory of its own, and may take only so much."""

from __future__ import annotations

import json
import resource
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from cuga.errors import Unreachable
from cuga.policy.outside import McpServer
from cuga.tools.mcp import Line, Reported
from cuga.tools.mcp.room import in_place, own_room

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
TELLS = """
import json, os, resource, sys, time
time.sleep(0.2)
names = ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_DATA")
limits = {name: resource.getrlimit(getattr(resource, name))[1] for name in names}
open("made", "w").close()
with open(sys.argv[1], "w") as file:
    json.dump({"env": dict(os.environ), "cwd": os.getcwd(), "limits": limits, "words": sys.argv[2:]}, file)
"""


async def told(tmp_path: Path, house: Path | None, *words: str, **how: Any) -> dict[str, Any]:
    """What a process sees of where it is, which is started as a server and never says a word of MCP."""

    async def hear(_: Reported) -> None: ...

    out = tmp_path / "told.json"
    server = McpServer(name="own", command=(sys.executable, "-c", TELLS, str(out), *words), domain="d", **how)
    variables = {
        "PATH": "/usr/bin:/bin", "HOME": "/root", "OPENAI_API_KEY": "sk-secret", "AWS_SECRET_ACCESS_KEY": "aws-secret",
        "CUGA_HUBSPOT_TOKEN": "hub-secret", "WANTED": "yes", "SSH_AUTH_SOCK": "/tmp/agent",
    }  # fmt: skip
    line = Line(server, variables, hear, connect_s=5.0, directory=str(house) if house else None)
    with pytest.raises(Unreachable):
        await line.look()
    await line.close()
    return json.loads(out.read_text())


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def is_there(path: str) -> bool:
    return Path(path).exists()


async def test_it_gets_no_secret_and_none_of_the_users_files_as_its_home(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    found = await told(tmp_path, tmp_path / "house", env=("WANTED",))
    env = found["env"]
    assert not [value for value in env.values() if "-secret" in value] and "SSH_AUTH_SOCK" not in env
    room = str(tmp_path / "house/servers/own")
    assert (env["HOME"], env["TMPDIR"], found["cwd"], env["WANTED"]) == (room, room, room, "yes")
    assert (mode_of(room), mode_of(f"{room}/made")) == (0o700, 0o600)


async def test_the_users_home_is_its_own_only_when_the_registry_says_so(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    assert (await told(tmp_path, tmp_path / "house", env=("HOME",)))["env"]["HOME"] == "/root"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can bound another process")
async def test_what_it_may_take_is_bounded(tmp_path: Path) -> None:
    limits = (await told(tmp_path, None, memory_mb=512))["limits"]
    assert limits["RLIMIT_CORE"] == 0 and limits["RLIMIT_NOFILE"] <= 1_024 and limits["RLIMIT_DATA"] == 512 << 20


async def test_a_house_in_memory_leaves_no_room_behind(tmp_path: Path) -> None:
    assert not is_there((await told(tmp_path, None))["cwd"])


def test_words_that_name_files_of_the_house_are_found_from_the_room(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    command = ("npx", "@x/server-filesystem", "documents", "--flag", "/etc", "nothing-there", "")
    placed = in_place(command, str(tmp_path))
    assert placed == ("npx", "@x/server-filesystem", str(tmp_path / "documents"), "--flag", "/etc", "nothing-there", "")
    assert in_place(command, None) == command


def test_a_room_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "servers").write_text("a file")
    with pytest.raises(Unreachable, match="no directory to work in"), own_room(str(tmp_path), "own"):
        pass

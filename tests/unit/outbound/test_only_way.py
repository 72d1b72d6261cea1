"""`outbound` is the only way to the network: nothing else imports what opens connections to other machines."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "src/cuga"
NETWORK = {
    *("httpcore2", "httpx2", "httpx", "httpcore", "requests", "aiohttp", "urllib3", "websockets", "anyio"),
    *("http.client", "urllib.request", "smtplib", "ftplib", "imaplib", "poplib", "telnetlib", "xmlrpc.client"),
}
# the desk for other processes of this machine is a Unix socket; the doors over HTTP listen at one, and so does what
# Restate calls
SOCKETS = {"outbound", "orchestrator", "api", "engine"}
STREAMS = {
    "tools/mcp/stdio.py"
}  # anyio's streams in memory, which the SDK speaks through; no connection is made by them
# what starts processes: servers of tools; the verifier, which is to share no code with what it checks; and what draws a
# window of its own
PROCESSES = {
    "tools/mcp/stdio.py",
    "cli/commands/sealing.py",
    "cli/commands/window.py",
    "orchestrator/dryrun/asking.py",  # ourselves, behind a wire
}
STARTS = {"subprocess", "multiprocessing", "pty"}
STARTING = {"create_subprocess_exec", "create_subprocess_shell", "fork", "forkpty", "posix_spawn", "popen", "system"}
TESTING = {"testing"}  # drills that kill their own children


def imported(path: Path) -> set[str]:
    """What a module imports when it runs; what only its types name opens nothing."""
    names = set()
    tree = ast.parse(path.read_text("utf-8"))
    of_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in (one for one in ast.walk(tree) if id(one) not in of_types):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_only_outbound_imports_what_connects():
    found = {
        (str(path.relative_to(PACKAGE)), name)
        for path in PACKAGE.rglob("*.py")
        for name in imported(path)
        if any(name == module or name.startswith(f"{module}.") for module in NETWORK)
        and path.relative_to(PACKAGE).parts[0] != "outbound"
    }
    assert found == {(path, "anyio") for path in STREAMS}


def test_no_room_hands_an_address_to_a_library_that_would_connect_by_itself():
    """The MCP SDK's own HTTP clients would go past the check; it is given ours."""
    asked = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr)
        in ("streamable_http_client", "sse_client", "create_mcp_http_client", "websocket_client")
        and not any(keyword.arg == "http_client" for keyword in node.keywords)
    }
    assert asked == set()


def test_schemas_are_compiled_where_nothing_is_fetched():
    users = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if "jsonschema_rs" in imported(path)}
    assert users == {"tools/schemas.py"}
    assert "offline=True" in (PACKAGE / "tools/schemas.py").read_text("utf-8")


def test_processes_are_started_where_that_is_known():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE)
        if room.parts[0] in TESTING:
            continue
        called = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        if imported(path) & STARTS or called & STARTING:
            found.add(str(room))
    assert found == PROCESSES


def test_sockets_are_opened_in_four_rooms():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if "socket" in imported(path)}
    assert rooms <= SOCKETS

"""`outbound` is the only way to the network: nothing else imports what opens connections to other machines."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "src/cuga"
NETWORK = {
    *("httpcore2", "httpx2", "httpx", "httpcore", "requests", "aiohttp", "urllib3", "websockets", "anyio"),
    *("http.client", "urllib.request", "smtplib", "ftplib", "imaplib", "poplib", "telnetlib", "xmlrpc.client"),
}
# the desk for other processes of this machine is a Unix socket, and the doors listen on one that they take themselves
SOCKETS = {"outbound", "orchestrator", "api"}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
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
    assert found == set()


def test_sockets_are_opened_in_three_rooms():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if "socket" in imported(path)}
    assert rooms <= SOCKETS

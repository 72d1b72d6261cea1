"""Houses whose registry declares servers of the tests."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOSTILE = Path(__file__).with_name("hostile_mcp.py")
NODE = Path(os.environ.get("CUGA_TEST_NODE") or Path(sys.prefix) / "node") / "node_modules"
ALLOWED = "adapters: [hubspot, pipedrive, offline]"


def registry_with(more: str, *allowed: str) -> str:
    """The shipped registry, with more in it and some adapters allowed to the profile `smb`."""
    shipped = files("cuga").joinpath("registry.yaml").read_text("utf-8")
    assert ALLOWED in shipped
    return shipped.replace(ALLOWED, f"{ALLOWED[:-1]}, {', '.join(allowed)}]") + more


def hostile(behaviour: str, ledger: Path, more: str = "") -> str:
    """A `mcp` section with the hostile server."""
    command = f"[{sys.executable}, '-S', {HOSTILE}, {behaviour}, {ledger}]"
    return f"\nmcp:\n  hostile: {{command: {command}, domain: knowledge{more}}}\n"


def house_of(directory: Path, text: str) -> Path:
    """A directory that is a house with this registry."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "registry.yaml").write_text(text, "utf-8")
    return directory

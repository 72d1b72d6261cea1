"""What a house is told about the world outside, secrets too: variables in its own file, or in the system's keyring.

The file is `.env` in the house, readable by its owner alone. A value of `keyring:` says that the real one lies in the
keyring of whoever runs the house. The environment wins over both; the registry never holds any of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from cuga.adapters.offline.sent_notes import write_durably
from cuga.errors import BadInput
from cuga.orchestrator.house.place import Place
from cuga.settings import ENV_FILE, Settings, read_env_file

KEYRING = "keyring:"
SERVICE = "cuga"


def with_own_variables(settings: Settings, place: Place | None) -> Settings:
    """The settings with what the house's own file says, below everything else."""
    if place is None:
        return settings
    said = read_env_file(place.root / ENV_FILE)
    wanted = {name: value for name, value in said.items() if name not in settings.variables}
    for name, value in wanted.items():
        if value == KEYRING:
            wanted[name] = _from_keyring(place, name)
    return settings.below({name: value for name, value in wanted.items() if value})


def keep_variables(place: Place, said: Mapping[str, str], *, secret: frozenset[str], in_keyring: bool = False) -> str:
    """Keep variables for a house; where they are now, in words. Others in its file stay as they are.

    Without a keyring that works, what is secret goes into the file too, and the words say so.
    """
    kept, where, path = dict(said), f"{place.root / ENV_FILE}", place.root / ENV_FILE
    if in_keyring:
        ring = _keyring()
        try:
            if ring is None:
                raise RuntimeError("no keyring is installed: pip install keyring")
            for name in sorted(secret & said.keys()):
                ring.set_password(SERVICE, _entry(place, name), said[name])
                kept[name] = KEYRING
            where += ", what is secret in the keyring"
        except Exception as error:  # whatever a keyring's backend raises
            where += f", with what is secret: the keyring cannot be used ({type(error).__name__}: {error})"
    for name, value in kept.items():
        if value != value.strip().strip("\"'") or not value.isprintable():
            raise BadInput(f"the value of {name} cannot stand in a file of variables", mend="Use --keyring.")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    others = [line for line in lines if line.removeprefix("export ").partition("=")[0].strip() not in kept]
    text = "\n".join([*others, *(f"{name}={value}" for name, value in kept.items())]) + "\n"
    part = path.with_suffix(f".{os.getpid()}.part")
    write_durably(part, text.encode())
    os.replace(part, path)
    return where


def _from_keyring(place: Place, name: str) -> str:
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):  # a locked or missing keyring: the variable is simply not there
            return str(ring.get_password(SERVICE, _entry(place, name)) or "")
    return ""


def _keyring() -> Any:
    try:
        return import_module("keyring")
    except ImportError:
        return None


def _entry(place: Place, name: str) -> str:
    return f"{Path(place.root).resolve()}/{name}"

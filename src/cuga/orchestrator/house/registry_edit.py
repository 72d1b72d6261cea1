"""Add a declaration to a registry file without touching the rest of it: comments and layout stay as they are.

The file is written only when it loads with the addition, whole or not at all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cuga.errors import BadInput
from cuga.policy.registry import Registry, load_registry
from cuga.policy.strict import Node, parse


def quoted(value: str) -> str:
    """A text as a YAML scalar that is read back as the same text, in a flow list or not."""
    is_plain = (
        value.isascii() and value.replace("-", "a").replace("_", "a").replace("/", "a").replace(".", "a").isalnum()
    )
    starts_well = value[:1].isalpha() or value[:1] == "/"
    if is_plain and starts_well and value not in ("true", "false", "null"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def add_entry(text: str, section: str, name: str, entry: str) -> str:
    """The text with `name: entry` under a top-level section, which is made when it is not there."""
    root, mistakes = parse(text)
    if root is None or mistakes or not isinstance(root.value, dict):
        raise BadInput("the registry holds mistakes", mend="`cuga policy check` shows them; mend them first.")
    line = f"  {name}: {entry}"
    lines = text.splitlines()
    if (found := root.value.get(section)) is None:
        return "\n".join([*lines, "", f"{section}:", line]) + "\n"
    if not isinstance(found.value, dict) or found.line <= root.keys[section][0]:
        raise BadInput(
            f"`{section}` in the registry is not written one entry a line", mend=f"Add there: {line.strip()}"
        )
    if name in found.value:
        raise BadInput(f"the registry declares {section}.{name} already", mend="Change it there.")
    at = root.keys[section][0]
    return "\n".join([*lines[:at], " " * (found.column - 1) + line.strip(), *lines[at:]]) + "\n"


def allow(text: str, profile: str, adapter: str) -> str:
    """The text with an adapter in the list of a profile. `BadInput` when that list is not written in one line."""
    root, _ = parse(text)
    profiles = root.value.get("profiles") if root is not None else None
    entry = profiles.value.get(profile) if isinstance(profiles, Node) else None
    if not isinstance(entry, Node):
        raise BadInput(f"the registry has no profile {profile!r}")
    node = entry.value.get("adapters")
    by_hand = BadInput(
        f"the adapters of profile {profile} are not written as one list on one line",
        mend=f"Add {adapter} to them by hand.",
    )
    if not isinstance(node, Node) or not isinstance(node.value, list) or not node.value:
        raise by_hand
    lines = text.splitlines()
    row, last = node.line - 1, node.value[-1]
    if last.line != node.line or lines[row][node.column - 1] != "[":
        raise by_hand
    end = lines[row].find("]", last.column - 1)
    if end < 0:
        raise by_hand
    lines[row] = f"{lines[row][:end]}, {adapter}{lines[row][end:]}"
    return "\n".join(lines) + "\n"


def write_registry(path: Path, text: str) -> Registry:
    """Put a text in the place of a registry file, if it loads. `RegistryInvalid` leaves the file as it was."""
    registry = load_registry(text, source=str(path))
    mode = path.stat().st_mode & 0o777
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".registry-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return registry


def server_entry(*, command: Sequence[str], url: str, token: str, env: Sequence[str], domain: str, trust: bool) -> str:
    """A server as one line of a registry."""
    said = [f"command: [{', '.join(map(quoted, command))}]"] if command else [f"url: {quoted(url)}"]
    said += [f"token: {token}"] if token else []
    said += [f"env: [{', '.join(env)}]"] if env else []
    said += [f"domain: {domain}"]
    said += ["trust: true"] if trust else []
    return f"{{{', '.join(said)}}}"

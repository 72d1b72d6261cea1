"""What is shipped with cuga: every package of its run-time set and of its page, with version, hashes and licence.

Read from the pinned requirements and the page's lock file, so it is the same on every machine; licences are what the
packages say of themselves, and here where they say it in no usual way.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache

from packaging.requirements import Requirement
from tests.docs.pages import ROOT

LEFT_OUT = (
    "test",
    "desktop",
)  # no part of what runs; and one whose packages differ on every system, and are not pinned
_PERMISSIVE = (
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 CNRI-Python ISC MIT MIT-0 MIT-CMU OFL-1.1 PSF-2.0 Python-2.0"
    " Unlicense Zlib any-OSI"
)
_UNCHANGED = "LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MPL-2.0"  # used as they are, never built into ours
ALLOWED = frozenset(f"{_PERMISSIVE} {_UNCHANGED}".split())
SAID_HERE = {  # by packages that name their licence in no usual way, or that are not installed on every system
    "apsw": "any-OSI",
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "pywin32": "PSF-2.0",
    "reportlab": "BSD-3-Clause",
    "tiktoken": "MIT",
    "tzdata": "Apache-2.0",
}
_CLASSIFIERS = {
    "MIT License": "MIT", "BSD License": "BSD-3-Clause", "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0", "The Unlicense (Unlicense)": "Unlicense",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}  # fmt: skip
_WORDS = {
    "MIT License": "MIT",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
}
_EXTRA = re.compile(r"extra == [\"']([\w-]+)")
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?: ; ([^\\]+))?", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One package. `needed_for` is an extra, `core`, or `page`; `where` a condition on the system, empty for none."""

    name: str
    version: str
    licence: str
    needed_for: str
    kind: str = "pypi"
    where: str = ""
    hashes: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_allowed(self) -> bool:
        """Whether its licence lets us ship it: of several that it offers one, of several that hold all."""
        either = re.split(r"\s+OR\s+", self.licence.strip("()"))
        return any(all(one.strip("() ") in ALLOWED for one in re.split(r"\s+AND\s+", part)) for part in either)


@cache
def bill() -> tuple[Part, ...]:
    """All parts, by name."""
    return tuple(sorted((*_python(), *_page()), key=lambda part: (part.kind, part.name.lower(), part.version)))


def _python() -> list[Part]:
    text = (ROOT / "requirements/dev.txt").read_text("utf-8")
    starts = [*_PIN.finditer(text)]
    pins: dict[str, list[tuple[re.Match[str], str]]] = {}
    children: dict[str, set[str]] = {}
    for at, found in enumerate(starts):
        block = text[found.end() : starts[at + 1].start() if at + 1 < len(starts) else len(text)]
        name = _plain(found[1])
        pins.setdefault(name, []).append((found, block))
        for parent in re.findall(r"^ +#\s+(?:via )?([A-Za-z0-9_.-]+)", block, flags=re.MULTILINE):
            children.setdefault(_plain(parent), set()).add(name)
    return [
        Part(
            name=name, version=found[2], licence=_licence(name), needed_for=wanted, where=(found[3] or "").strip(),
            hashes=tuple(re.findall(r"sha256:([0-9a-f]{64})", block)),
        )
        for name, wanted in _needed(children, set(pins)).items()
        for found, block in pins[name]
    ]  # fmt: skip


def _needed(children: dict[str, set[str]], pinned: set[str]) -> dict[str, str]:
    """Every package that something shipped needs, with the first part of ours that asks for it, the core first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {name: wanted for name, wanted in project["optional-dependencies"].items() if name not in LEFT_OUT}
    found: dict[str, str] = {}
    for part, wanted in {"core": project["dependencies"], **extras}.items():
        ahead = [Requirement(one) for one in wanted]
        seen: set[str] = set()
        while ahead:
            one = ahead.pop()
            name = _plain(one.name)
            if name in pinned and str(one) not in seen:
                seen.add(str(one))
                found.setdefault(name, part)
                ahead += _asks_for(name, one.extras, children)
    return found


def _asks_for(name: str, extras: set[str], children: dict[str, set[str]]) -> list[Requirement]:
    """What a package with these extras needs, on any system; of one that is not installed, all that the pins say."""
    try:
        said = [Requirement(one) for one in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:
        return [Requirement(one) for one in children.get(name, ())]
    wanted = [(one, set(_EXTRA.findall(str(one.marker or "")))) for one in said]
    return [one for one, asked in wanted if not asked or asked & extras]


def _licence(name: str) -> str:
    if name in SAID_HERE:
        return SAID_HERE[name]
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
    if expression := said.get("License-Expression"):
        return str(expression)
    classes = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or [] if one.startswith("License")]
    known = [_CLASSIFIERS[one] for one in classes if one in _CLASSIFIERS]
    written = (said.get("License") or "").strip()
    return " AND ".join(known) if known else _WORDS.get(written, written if len(written) < 40 else "") or "unknown"


def _page() -> list[Part]:
    lock = json.loads((ROOT / "web/package-lock.json").read_text("utf-8"))
    return [
        Part(
            name=path.rpartition("node_modules/")[2], version=one["version"], licence=one.get("license", "unknown"),
            needed_for="page", kind="npm",
        )
        for path, one in lock["packages"].items()
        if path and not one.get("dev") and not one.get("link")
    ]  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

"""The documentation as a site: `python -m tests.docs.site` (or `make docs`) builds it into `.work/docs/site`.

Its navigation is the index page, so a page that is not in the index is nowhere. The pages at the root of the project
are taken in; a link to a file that is no page is shown as the path it leads to. Nothing of the site is loaded from
another place when it is read.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from tests.docs.pages import DOCS, ROOT, prose, sections

WORK = ROOT / ".work/docs"
AT_ROOT = ("ARCHITECTURE.md", "AGENTS.md", "SECURITY.md")
KINDS = ("Tutorial", "How-to", "Reference", "Explanation", "Decisions")
_LINK = re.compile(r"\[((?:[^\]\[]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def navigation() -> list[dict[str, object]]:
    """The navigation: the kinds of the index, each with the pages it names, in order and once."""
    index = (DOCS / "README.md").read_text("utf-8")
    parts = sections(index, 2)
    nav: list[dict[str, object]] = [{"Documentation": "README.md"}]
    seen: set[str] = set()
    for kind in KINDS:
        pages: list[dict[str, str]] = []
        for title, target in _LINK.findall(prose(parts[kind])):
            place = staged(target.partition("#")[0])
            if place.endswith(".md") and "://" not in place and place not in seen:
                seen.add(place)
                pages.append({title.replace("`", ""): place})
        nav.append({kind: pages})
    return nav


def staged(target: str) -> str:
    """Where a link of the index leads in the site: the pages at the root lie beside the index there."""
    return target.removeprefix("../")


def settings() -> dict[str, object]:
    """What the site's builder is told."""
    return {
        "site_name": "cuga",
        "docs_dir": "pages",
        "site_dir": "site",
        "use_directory_urls": False,  # so that it can be read from a folder, without a server
        "theme": {
            "name": "material",
            "font": False,  # the reader's own: nothing is fetched from elsewhere
            "features": ["navigation.indexes", "navigation.sections", "navigation.top", "content.code.copy"],
            "palette": [
                {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo"},
                {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo"},
            ],
        },
        "extra": {"generator": False},
        "markdown_extensions": [
            {"toc": {"slugify": "SLUGIFY", "permalink": True}},
            "tables",
            "attr_list",
            "md_in_html",
            {"pymdownx.highlight": {"anchor_linenums": False}},
            "pymdownx.superfences",
            "pymdownx.tasklist",
        ],
        "nav": navigation(),
    }


def stage(source: Path) -> None:
    """Copy the pages to where they are built from, their links as they are in the site."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(DOCS, source)
    for name in AT_ROOT:
        (source / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    for path in source.rglob("*.md"):
        at = Path(os.path.relpath(path, source))
        home = ROOT / at if at.name in AT_ROOT and at.parent == Path() else DOCS / at
        text = path.read_text("utf-8")
        parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
        whole = (_plain_fence(p) if p.startswith("```") else _relinked(p, home, path, source) for p in parts)
        path.write_text("".join(whole), "utf-8")


def _plain_fence(block: str) -> str:
    """The words behind a block's language are for the tests; a renderer would not take it for a block with them."""
    return re.sub(r"\A```(\w*)[^\n]*", r"```\1", block)


def _relinked(text: str, home: Path, path: Path, source: Path) -> str:
    def said(found: re.Match[str]) -> str:
        words, target = found[1], found[2]
        place, mark, anchor = target.partition("#")
        if "://" in target or not place:
            return found[0]
        real = (home.parent / place).resolve()
        if real.is_relative_to(DOCS):
            there = source / real.relative_to(DOCS)
        elif real.parent == ROOT and real.name in AT_ROOT:
            there = source / real.name
        elif real == ROOT / "README.md":
            there = source / "README.md"
        else:
            return f"{words} (`{real.relative_to(ROOT)}`)" if "`" not in words else words
        return f"[{words}]({os.path.relpath(there, path.parent)}{mark}{anchor})"

    return _LINK.sub(said, text)


def build(work: Path = WORK) -> Path:
    """Build the site and say where it lies; a link that leads nowhere ends it with `SystemExit`."""
    work.mkdir(parents=True, exist_ok=True)
    stage(work / "pages")
    slugs = "!!python/object/apply:pymdownx.slugs.slugify\n      kwds:\n        case: lower"
    said = yaml.safe_dump(settings(), sort_keys=False).replace("SLUGIFY", slugs)
    (work / "mkdocs.yml").write_text(said, "utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "zensical"), "build", "--clean", "--strict", "-f", "mkdocs.yml"],
        cwd=work, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{done.stderr}")
    return work / "site"


if __name__ == "__main__":
    print(f"the documentation is in {os.path.relpath(build())}/README.html")

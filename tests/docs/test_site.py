"""The documentation as a site: every page can be reached, every link leads somewhere, and nothing is fetched."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.docs.pages import DOCS
from tests.docs.site import AT_ROOT, build, navigation

_TAG = re.compile(r"<(\w+)\b([^>]*)>")
_WORD = re.compile(r"""\b(href|src|id)=(?:"([^"]*)"|([^\s>"]+))""")


def test_the_navigation_names_every_page():
    entries = [place for part in navigation() for pages in part.values() for place in _places(pages)]
    assert len(entries) == len(set(entries))
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert set(entries) == pages | set(AT_ROOT)


def _places(pages: object) -> list[str]:
    return [pages] if isinstance(pages, str) else [place for one in pages for place in one.values()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("zensical", reason="the site's builder is not installed")
    return build(tmp_path_factory.mktemp("docs"))


def test_every_link_of_the_site_leads_to_a_page_and_a_heading_and_nothing_is_fetched(site: Path):
    ids: dict[Path, set[str]] = {}
    links: list[tuple[Path, str, str]] = []
    for path in site.rglob("*.html"):
        if path.name == "404.html":  # its links begin at the root of a server
            continue
        found = ids[path] = set()
        for tag, inside in _TAG.findall(path.read_text("utf-8")):
            words = {name: unescape(quoted or bare) for name, quoted, bare in _WORD.findall(inside)}
            found.add(words.get("id", ""))
            links += [(path, tag, words[name]) for name in ("href", "src") if name in words]
    assert len(ids) >= len(list(DOCS.rglob("*.md")))
    wrong = []
    for path, tag, target in links:
        if "://" in target or target.startswith(("mailto:", "data:", "//")):
            if tag != "a" and not target.startswith("data:"):
                wrong.append((path.name, tag, target))
            continue
        place, _, anchor = target.partition("#")
        there = (path.parent / unquote(place.partition("?")[0])).resolve() if place else path
        there = there / "index.html" if there.is_dir() else there
        if not there.exists() or (anchor and there in ids and unquote(anchor) not in ids[there] | {"__skip"}):
            wrong.append((path.name, tag, target))
    assert wrong == []

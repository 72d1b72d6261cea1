"""Every Python block that is marked runnable runs; the blocks of a page share their names, top to bottom."""

from pathlib import Path

import pytest
from tests.docs.pages import DOCS, blocks

PAGES = [path for path in sorted(DOCS.rglob("*.md")) if blocks(path.read_text("utf-8"), "python runnable")]


def test_there_are_pages_with_snippets():
    assert DOCS / "reference/tools.md" in PAGES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_the_snippets_of_a_page_run(path: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "snippets"}
    for block in blocks(path.read_text("utf-8"), "python runnable"):
        # blank lines before it, so that a traceback names the line of the page
        exec(compile("\n" * (block.line - 1) + block.text, str(path), "exec"), names)

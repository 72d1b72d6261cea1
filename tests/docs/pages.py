"""Reading the pages of `docs/`: sections, tables and code blocks, as the tests of each page need them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Block:
    """One fenced block: the words after the fence, its text, and the line of the page it begins on."""

    words: str
    text: str
    line: int


def page(name: str) -> str:
    """The text of a page under `docs/`."""
    return (DOCS / name).read_text("utf-8")


def blocks(text: str, *words: str) -> list[Block]:
    """The fenced blocks of a text in order; with `words` those whose fence says one of these."""
    found: list[Block] = []
    begun: tuple[str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not line.startswith("```"):
            inside.append(line)
        elif begun is None:
            begun, inside = (line[3:].strip(), number + 1), []
        else:
            found.append(Block(begun[0], "".join(inside), begun[1]))
            begun = None
    assert begun is None, f"the block of line {begun} has no end"
    return [block for block in found if not words or block.words in words]


def prose(text: str) -> str:
    """A text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def sections(text: str, level: int) -> dict[str, str]:
    """The headings of a level, each with what stands below it up to the next heading of that level or above."""
    found: dict[str, str] = {}
    title, is_code = "", False
    for line in text.splitlines(keepends=True):
        is_code ^= line.startswith("```")
        mark = None if is_code else re.match(r"(#+) (.+)", line)
        if mark and len(mark[1]) <= level:
            title = mark[2].strip() if len(mark[1]) == level else ""
            assert title not in found, f"two sections are called {title!r}"
        if title:
            found[title] = found.get(title, "") + line
    return found


def rows(text: str) -> list[list[str]]:
    """The cells of the first table of a text, without its head."""
    lines = [line.strip() for line in prose(text).splitlines()]
    first = next((at for at, line in enumerate(lines) if line.startswith("|")), len(lines))
    table = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line.removeprefix("|").removesuffix("|"))
        table.append([cell.strip().replace("\\|", "|") for cell in cells])
    return table[2:]


def codes(cell: str) -> list[str]:
    """What a cell has in backquotes."""
    return re.findall(r"`([^`]*)`", cell)

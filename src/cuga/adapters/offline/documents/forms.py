"""Files of many forms as passages: Markdown, plain text and HTML always; PDF and Word with the extra `knowledge`.

Text only: no link is followed, no script run, no picture looked at. A broken file is `Unreadable` and nothing more.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from cuga.model.value import Value

MAX_FILE = 50 * 1024 * 1024  # bytes
MAX_PAGES = 2_000
MAX_UNPACKED = 500 * 1024 * 1024  # bytes of all parts of a Word file
LONGEST = 1_200  # characters of a passage; a longer section is split between paragraphs
INSTALL = "install it (`pip install 'cugar[knowledge]'`), or save the document as .md or .txt"


class Part(Value, frozen=True, kw_only=True):
    """A passage before it has a document: its heading, text and line (of a PDF: the page)."""

    heading: str = ""
    text: str
    line: int = 0


class Read(Value, frozen=True, kw_only=True):
    """A document as read. `head` holds what it says of itself: title, date, product, ... by name."""

    head: dict[str, str] = {}
    parts: tuple[Part, ...] = ()


class Unreadable(Exception):
    """Why a file cannot be read, and what would help."""

    def __init__(self, why: str, mend: str = "") -> None:
        super().__init__(why)
        self.mend = mend


def read(path: Path) -> Read:
    """A document by the ending of its name. `Unreadable` for one that cannot be read."""
    if path.stat().st_size > MAX_FILE:
        raise Unreadable(f"it is larger than {MAX_FILE >> 20} MiB", "split it")
    found = FORMS[path.suffix.lower()](path)
    parts = tuple(piece for part in found.parts for piece in _pieces(part))
    if not parts:
        raise Unreadable("no text is in it", "a scanned page needs text recognition first")
    return Read(head={key: _plain(value) for key, value in found.head.items()}, parts=parts)


def _markdown(path: Path) -> Read:
    lines = _text_of(path).splitlines()
    head, start = _front_matter(lines)
    parts: list[Part] = []
    above: list[str] = []
    heading, begun, kept, is_code = "", start + 1, list[str](), False
    for number, line in enumerate([*lines[start:], "# "], start + 1):
        is_code ^= line.lstrip().startswith("```")
        found = re.match(r"(#{1,6})\s+(.*?)\s*#*$", f"{line} ") if not is_code else None
        if found is None and number <= len(lines):
            kept.append(line)
            continue
        parts.append(Part(heading=heading, text="\n".join(kept), line=begun))
        if found:
            above = [*above[: len(found[1]) - 1], found[2].strip()]
            heading, begun, kept = " > ".join(part for part in above if part), number + 1, []
    title = head.get("title") or next((p.heading.split(" > ")[0] for p in parts if p.heading), "")
    return Read(head=head | {"title": title}, parts=tuple(parts))


def _plain_text(path: Path) -> Read:
    lines = _text_of(path).splitlines()
    head, start = _front_matter(lines)
    return Read(head=head, parts=(Part(text="\n".join(lines[start:]), line=start + 1),))


def _html(path: Path) -> Read:
    reader = _HtmlReader()
    try:
        reader.feed(_text_of(path))
        reader.close()
    except AssertionError as error:  # what Python's parser says of a declaration that it does not know
        raise Unreadable(f"it is no HTML that can be read ({error})", "save it again") from error
    reader.end_part(0)
    return Read(head=reader.head, parts=tuple(reader.parts))


class _HtmlReader(HTMLParser):
    """Headings and text of a page; what a reader does not see is left out."""

    _UNSEEN = {"script", "style", "nav", "template", "noscript", "svg", "head"}
    _BREAKS = {"p", "li", "br", "tr", "div", "dt", "dd", "blockquote", "pre", "ul", "ol", "table"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.head: dict[str, str] = {}
        self.parts: list[Part] = []
        self._unseen: list[str] = []
        self._heading, self._text, self._begun = "", list[str](), 1
        self._in_heading = self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "meta" and said.get("name") and said.get("content"):
            self.head.setdefault(said["name"].casefold(), said["content"])
        self._in_title = tag == "title" or (self._in_title and tag == "meta")
        if tag in self._UNSEEN:
            self._unseen.append(tag)
        elif re.fullmatch("h[1-6]", tag):
            self.end_part(self.getpos()[0])
            self._in_heading, self._heading = True, ""
        elif tag in self._BREAKS:
            self._text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in self._unseen:
            while self._unseen.pop() != tag:
                pass
        elif re.fullmatch("h[1-6]", tag):
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.head["title"] = self.head.get("title", "") + data.strip()
        elif self._in_heading:
            self._heading += data
        elif not self._unseen:
            self._text.append(data)

    def end_part(self, line: int) -> None:
        """Close the passage that is being read."""
        text = "\n".join(" ".join(row.split()) for row in "".join(self._text).split("\n"))
        self.parts.append(Part(heading=" ".join(self._heading.split()), text=text, line=self._begun))
        self._text, self._begun = [], line


def _pdf(path: Path) -> Read:
    try:
        import pypdf
    except ImportError as error:
        raise Unreadable("reading PDF needs pypdf, which is not installed", INSTALL) from error
    try:
        reader = pypdf.PdfReader(path)
        pages = reader.pages[:MAX_PAGES]
        parts = tuple(Part(heading=f"page {n}", text=page.extract_text(), line=n) for n, page in enumerate(pages, 1))
        said = reader.metadata
        dated = said.modification_date or said.creation_date if said else None
        head = {"title": (said.title or "") if said else "", "date": dated.date().isoformat() if dated else ""}
    except Exception as error:  # a broken PDF fails in many ways, deep inside the reader
        raise Unreadable(f"it is no PDF that can be read ({error})", "save it again") from error
    return Read(head=head, parts=parts)


def _word(path: Path) -> Read:
    try:
        import docx
    except ImportError as error:
        raise Unreadable("reading Word files needs python-docx, which is not installed", INSTALL) from error
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(part.file_size for part in packed.infolist()) > MAX_UNPACKED:
                raise Unreadable("unpacked it is larger than 500 MiB", "split it")
        document = docx.Document(str(path))
        said = document.core_properties
        parts: list[Part] = []
        heading, kept = "", list[str]()
        for paragraph in document.paragraphs:
            if (paragraph.style.name or "").startswith(("Heading", "Title")) if paragraph.style else False:
                parts.append(Part(heading=heading, text="\n\n".join(kept)))
                heading, kept = paragraph.text, []
            else:
                kept.append(paragraph.text)
        kept += [" | ".join(cell.text for cell in row.cells) for table in document.tables for row in table.rows]
        parts.append(Part(heading=heading, text="\n\n".join(kept)))
        head = {"title": said.title or "", "date": said.modified.date().isoformat() if said.modified else ""}
    except Unreadable:
        raise
    except Exception as error:  # a broken Word file fails in many ways, deep inside the reader
        raise Unreadable(f"it is no Word file that can be read ({error})", "save it again") from error
    return Read(head=head, parts=tuple(parts))


def _front_matter(lines: list[str]) -> tuple[dict[str, str], int]:
    """What stands between two lines of --- at the top (`name: value`), and the line on which the text begins."""
    if not lines or lines[0].strip() != "---":
        return {}, 0
    head: dict[str, str] = {}
    for at, line in enumerate(lines[1:60], 1):
        if line.strip() == "---":
            return head, at + 1
        name, colon, value = line.partition(":")
        if colon:
            head[name.strip().casefold().replace(" ", "_")] = value.strip().strip("\"'")
    return {}, 0


def _text_of(path: Path) -> str:
    body = path.read_bytes()
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _pieces(part: Part) -> Iterator[Part]:
    """A section as passages of a length that can be shown, split between paragraphs."""
    kept, line, at = list[str](), part.line, part.line
    for paragraph in re.split(r"(\n\s*\n)", _plain(part.text, keep_lines=True)):
        if kept and sum(map(len, kept)) + len(paragraph) > LONGEST:
            yield from _piece(part, kept, line)
            kept, line = [], at
        kept.append(paragraph)
        at += paragraph.count("\n")
    yield from _piece(part, kept, line)


def _piece(part: Part, kept: list[str], line: int) -> Iterator[Part]:
    text = "".join(kept)
    if text.strip():
        before = text[: len(text) - len(text.lstrip())].count("\n")
        yield Part(heading=_plain(part.heading), text=text.strip(), line=line + before if line else 0)


def _plain(text: str, *, keep_lines: bool = False) -> str:
    """Text without control signs and halves of letters."""
    keep = "\n\t" if keep_lines else "\t"
    clean = "".join(sign if sign in keep or sign.isprintable() else " " for sign in text)
    return clean.encode("utf-8", "replace").decode()


FORMS: dict[str, Callable[[Path], Read]] = {
    ".md": _markdown, ".markdown": _markdown, ".txt": _plain_text, ".html": _html, ".htm": _html, ".pdf": _pdf,
    ".docx": _word,
}  # fmt: skip

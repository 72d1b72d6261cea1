"""A report as parts that every form of it is made from: headings, sentences, tables, exact texts.

The same list of parts becomes a page of HTML and a PDF, so the two cannot say different things.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Literal

from cuga.model.value import Value

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2330; max-width: 62rem; margin: 2.5rem auto;
  padding: 0 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-top: 1px solid #d5dae3; padding-top: 1.25rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .35rem; }
p { margin: .35rem 0; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-size: .9rem; }
th { text-align: left; font-weight: 600; color: #566074; white-space: nowrap; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #e6e9ef; vertical-align: top;
  overflow-wrap: anywhere; }
th[scope=row] { width: 11rem; }
pre { background: #f5f6f9; border: 1px solid #e1e5ec; border-radius: 6px; padding: .75rem 1rem; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 12.5px/1.5 ui-monospace, monospace; }
@media print { body { margin: 0; max-width: none; } h2, h3 { break-after: avoid; } pre, tr { break-inside: avoid; } }
"""


class Part(Value, frozen=True, kw_only=True):
    """One part. `rows` of a table begin with its head; a table without a head has names in its first column."""

    kind: Literal["title", "heading", "subheading", "text", "table", "facts", "exact"]
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def title(text: str) -> Part:
    """The title of the page."""
    return Part(kind="title", text=text)


def heading(text: str) -> Part:
    """The heading of a section."""
    return Part(kind="heading", text=text)


def subheading(text: str) -> Part:
    """A heading inside a section."""
    return Part(kind="subheading", text=text)


def text(said: str) -> Part:
    """A paragraph."""
    return Part(kind="text", text=said)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Part:
    """A table with a head."""
    return Part(kind="table", rows=(tuple(head), *(tuple(row) for row in rows)))


def facts(pairs: Sequence[tuple[str, str]]) -> Part:
    """Names and what they are, one a line; those with nothing to say are left out."""
    return Part(kind="facts", rows=tuple(pair for pair in pairs if pair[1]))


def exact(said: str) -> Part:
    """Bytes as they are, in lines."""
    return Part(kind="exact", text=said)


def to_html(parts: Sequence[Part]) -> bytes:
    """One page that needs nothing else, and runs nothing."""
    name = next((part.text for part in parts if part.kind == "title"), "Report")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><style>{_STYLE}</style></head><body>\n'
    )
    return (head + "\n".join(_html(part) for part in parts) + "\n</body></html>\n").encode()


def _html(part: Part) -> str:
    match part.kind:
        case "title":
            return f"<h1>{escape(part.text)}</h1>"
        case "heading":
            return f"<h2>{escape(part.text)}</h2>"
        case "subheading":
            return f"<h3>{escape(part.text)}</h3>"
        case "text":
            return f"<p>{escape(part.text)}</p>"
        case "exact":
            return f"<pre>{escape(part.text)}</pre>"
        case "table":
            first, *rest = part.rows
            return (
                f"<table><thead>{_row(first, 'th')}</thead><tbody>{''.join(_row(row) for row in rest)}</tbody></table>"
            )
        case "facts":
            return f"<table>{''.join(_fact(*row) for row in part.rows)}</table>"


def _row(cells: Sequence[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _fact(name: str, said: str) -> str:
    return f"<tr><th scope='row'>{escape(name)}</th><td>{escape(said)}</td></tr>"


def to_pdf(parts: Sequence[Part]) -> bytes:
    """The same as a PDF, by reportlab. `ImportError` where the extra `pdf` is missing."""
    import io

    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import SimpleDocTemplate

    for font, file in (("Vera", "Vera.ttf"), ("VeraBd", "VeraBd.ttf"), ("VeraMono", "VeraMono.ttf")):
        if font not in pdfmetrics.getRegisteredFontNames():
            try:
                pdfmetrics.registerFont(TTFont(font, file))
            except Exception:  # a build without the mono face: the upright one does
                pdfmetrics.registerFont(TTFont(font, "Vera.ttf"))
    base = ParagraphStyle("text", fontName="Vera", fontSize=8.5, leading=12.5, spaceAfter=3)
    styles = {
        "text": base,
        "title": ParagraphStyle("title", parent=base, fontName="VeraBd", fontSize=17, leading=22, spaceAfter=6),
        "heading": ParagraphStyle(
            "heading", parent=base, fontName="VeraBd", fontSize=12, leading=16, spaceBefore=14, keepWithNext=1
        ),
        "subheading": ParagraphStyle("sub", parent=base, fontName="VeraBd", spaceBefore=8, keepWithNext=1),
        "exact": ParagraphStyle(
            "exact", parent=base, fontName="VeraMono", fontSize=7.5, leading=10.5, backColor="#f5f6f9", borderPadding=5,
            spaceBefore=6, spaceAfter=9,
        ),
        "cell": ParagraphStyle("cell", parent=base, fontSize=7.5, leading=10, spaceAfter=0, wordWrap="CJK"),
        "name": ParagraphStyle("name", parent=base, fontName="VeraBd", fontSize=7.5, leading=10, spaceAfter=0),
    }  # fmt: skip
    out = io.BytesIO()
    name = next((part.text for part in parts if part.kind == "title"), "Report")
    sheet = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=16 * mm, title=name
    )
    sheet.build([flowable for part in parts for flowable in _pdf(part, styles, sheet.width)])
    return out.getvalue()


def _pdf(part: Part, styles: dict[str, object], width: float) -> Iterator[object]:
    from reportlab.platypus import Paragraph, Preformatted, Spacer, Table, TableStyle

    if part.kind == "exact":
        lines = [line[at : at + 105] for line in part.text.split("\n") for at in range(0, max(len(line), 1), 105)]
        for at in range(0, len(lines), 60):  # a block that no page could hold is split
            yield Preformatted("\n".join(lines[at : at + 60]), styles["exact"])
    elif part.kind in ("table", "facts"):
        is_table = part.kind == "table"
        cells = [
            [
                Paragraph(
                    escape(cell),
                    styles["name" if (is_table and not number) or (not is_table and not place) else "cell"],
                )
                for place, cell in enumerate(row)
            ]
            for number, row in enumerate(part.rows)
        ]
        if cells:
            columns = len(cells[0])
            widths = [width / columns] * columns if is_table else [width * 0.22, width * 0.78]
            look = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.3, "#d5dae3")]
            yield Spacer(0, 2)
            yield Table(cells, colWidths=widths, repeatRows=int(is_table), style=TableStyle(look))
            yield Spacer(0, 7)
    else:
        yield Paragraph(escape(part.text), styles[part.kind])

"""A folder of documents: every form is read or said not to be, found by words, and read again only after a change."""

import sys

import pytest

from cuga.adapters.offline import DocumentFolder
from cuga.adapters.offline.documents import folder as room
from cuga.adapters.offline.documents import forms


def made(tmp_path, **files):
    for name, body in files.items():
        stem, _, ending = name.rpartition("_")
        path = tmp_path / f"{stem}.{ending}"
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return DocumentFolder(tmp_path)


def found(documents, *words):
    return [(p.path, p.heading, p.line) for p in documents.search(words)]


def test_markdown_is_split_at_its_headings_and_describes_itself(tmp_path):
    head = "---\ntitle: Guide\nproduct: Linden\ndate: 2025-03-04\napproved: Yes\n---\n"
    text = f"{head}Intro\n# Top\nfirst\n## Below\nshifts\n"
    documents = made(tmp_path, guide_md=text + "```\n# no heading\n```\n# Next\nend\n")
    (guide,) = documents.listed()
    assert (guide.name, guide.product, guide.approved, guide.dated.isoformat()) == (
        "Guide",
        "Linden",
        "yes",
        "2025-03-04",
    )
    assert [(p.heading, p.line) for p in documents.passages("guide.md")] == [
        ("", 7), ("Top", 9), ("Top > Below", 11), ("Next", 16),
    ]  # fmt: skip
    assert found(documents, "shift") == [("guide.md", "Top > Below", 11)]


def test_html_is_read_as_a_reader_sees_it(tmp_path):
    head = "<title>T</title><meta name=date content=2025-01-02><nav>menu</nav>"
    body = f"{head}<h1>Head</h1><p>Shown &amp; told<script>evil()</script>"
    documents = made(tmp_path, page_html=body)
    (passage,) = documents.passages("page.html")
    assert (passage.heading, passage.text, passage.title) == ("Head", "Shown & told", "T")
    assert documents.search(("evil",)) == () and documents.listed()[0].dated.isoformat() == "2025-01-02"


def test_pdf_and_word_files_are_read_with_the_extra(tmp_path):
    docx = pytest.importorskip("docx")
    pypdf = pytest.importorskip("pypdf")
    book = docx.Document()
    book.add_heading("Rest times", 1)
    book.add_paragraph("Eleven hours between shifts.")
    book.save(str(tmp_path / "rules.docx"))
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "blank.pdf")
    documents = DocumentFolder(tmp_path)
    assert [(p.heading, p.text) for p in documents.passages("rules.docx")] == [
        ("Rest times", "Eleven hours between shifts.")
    ]
    (unread,) = documents.unread()
    assert unread.path == "blank.pdf" and "no text" in unread.why


def pdf(said):
    """A PDF of one page with a line of text, as small as the format allows (ISO 32000-1, 7.5)."""
    stream = f"BT /F 12 Tf 20 100 Td ({said}) Tj ET"
    parts = [
        "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(stream)}>>stream\n{stream}\nendstream", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]  # fmt: skip
    body, places = "%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    start = len(body)
    body += f"xref\n0 6\n0000000000 65535 f \n{table}trailer<</Root 1 0 R/Size 6>>\nstartxref\n{start}\n%%EOF\n"
    return body


def test_a_page_of_a_pdf_is_a_passage(tmp_path):
    pytest.importorskip("pypdf")
    documents = made(tmp_path, sheet_pdf=pdf("Shifts by page"))
    assert found(documents, "shifts") == [("sheet.pdf", "page 1", 1)]


@pytest.mark.parametrize(("missing", "name"), [("pypdf", "a.pdf"), ("docx", "a.docx")])
def test_a_missing_extra_is_said_and_all_else_is_read(tmp_path, monkeypatch, missing, name):
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b.txt").write_text("plain words")
    monkeypatch.setitem(sys.modules, missing, None)
    documents = DocumentFolder(tmp_path)
    (unread,) = documents.unread()
    assert unread.path == name and "not installed" in unread.why and "knowledge" in unread.mend
    assert found(documents, "plain") == [("b.txt", "", 1)]


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.md"])
def test_a_broken_or_empty_file_is_named_and_costs_only_itself(tmp_path, name):
    (tmp_path / name).write_bytes(b"" if name == "a.md" else b"%PDF nonsense")
    (tmp_path / "b.md").write_text("words")
    documents = DocumentFolder(tmp_path)
    assert [u.path for u in documents.unread()] == [name] and len(documents.listed()) == 1


def test_what_changes_is_read_again_and_nothing_else(tmp_path, monkeypatch):
    documents = made(tmp_path, a_md="alpha", b_md="beta")
    before = documents.documents_version()
    read, calls = room.read, []
    monkeypatch.setattr(room, "read", lambda path: calls.append(path.name) or read(path))
    assert documents.documents_version() == before and calls == []
    (tmp_path / "b.md").write_text("gamma ray")
    (tmp_path / "c.md").write_text("delta")
    assert found(documents, "beta") == [] and len(found(documents, "gamma")) == 1
    assert calls == ["b.md", "c.md"] and documents.documents_version() != before
    (tmp_path / "a.md").unlink()
    assert [d.path for d in documents.listed()] == ["b.md", "c.md"]
    documents.close()
    assert DocumentFolder(tmp_path).documents_version() == documents.documents_version()
    assert calls == ["b.md", "c.md"]  # the index outlives the process


def test_the_same_words_give_the_same_order_and_no_word_is_syntax(tmp_path):
    documents = made(tmp_path, a_md="shift plan", b_md="shift plan", c_md="plan")
    assert [path for path, *_ in found(documents, "shift", "plan")] == ["a.md", "b.md", "c.md"]
    assert documents.search(('shift" OR "', "NEAR(", "*", "")) == documents.search(("shift OR", "NEAR"))
    assert documents.search(()) == ()


def test_hidden_files_and_links_out_of_the_folder_are_left_alone(tmp_path):
    (tmp_path / "secret.md").write_text("outside")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / ".hidden.md").write_text("hidden")
    (tmp_path / "in" / "link.md").symlink_to(tmp_path / "secret.md")
    assert DocumentFolder(tmp_path / "in").listed() == ()


def test_without_a_folder_there_are_no_documents():
    documents = DocumentFolder(None)
    assert documents.listed() == documents.search(("a",)) == documents.unread() == ()


def test_a_long_section_is_split_between_paragraphs_with_its_lines(tmp_path):
    text = "\n\n".join(f"Paragraph {n} " + "word " * 60 for n in range(12))
    documents = made(tmp_path, long_txt=text)
    passages = documents.passages("long.txt")
    assert len(passages) > 1 and all(len(p.text) <= forms.LONGEST + 400 for p in passages)
    lines = text.splitlines()
    assert all(lines[p.line - 1].startswith(p.text.split("\n")[0].strip()[:12]) for p in passages)

"""What every page promises in passing: links lead somewhere, paths exist, commands are commands."""

import re
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, blocks, codes, page, prose, rows, sections

from cuga.cli.commands import catalog

PAGES = sorted(DOCS.rglob("*.md"))
NAMES = [str(path.relative_to(DOCS)) for path in PAGES]
PACKAGE = ROOT / "src/cuga"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"(?:[\w.-]+/)+(?:[\w.-]+\.(?:py|sql|yaml|md))?|[\w-]+\.(?:py|sql)")
_COMMAND = re.compile(r"\bcuga ([a-z][a-z-]+)")


def anchors(path: Path) -> set[str]:
    """The anchors of a page, as a forge makes them from headings."""
    titles = re.findall(r"^#+ (.+)$", prose(path.read_text("utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_to_a_page_and_a_heading(name):
    path = DOCS / name
    for target in _LINK.findall(prose(page(name))):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("name", ["explanation/house.md", "explanation/promise.md"])
def test_every_path_that_is_named_exists(name):
    named = {code for code in codes(prose(page(name))) if _PATH.fullmatch(code)}
    assert len(named) > 3
    assert {
        path for path in named if not any((base / path).exists() for base in (PACKAGE, ROOT, PACKAGE / "packs/sales"))
    } == set()


def test_the_tour_passes_every_room():
    floors = {
        code
        for row in rows(sections(page("explanation/house.md"), 2)["The floors, from the ground up"])
        for code in codes(row[1])
    }
    rooms = {f"{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.name for path in PACKAGE.glob("[a-z]*.py")}
    assert floors == rooms


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(("tutorial/", "howto/"))])
def test_every_command_that_is_named_exists(name):
    text = " ".join([*codes(prose(page(name))), *(block.text for block in blocks(page(name), "json event"))])
    assert set(_COMMAND.findall(text)) <= set(catalog.names())


def test_the_index_names_every_page_and_the_five_kinds():
    index = page("README.md")
    assert set(sections(index, 2)) == {"Tutorial", "How-to", "Reference", "Explanation", "Decisions"}
    linked = {target.partition("#")[0] for target in _LINK.findall(index)}
    assert [name for name in NAMES if name != "README.md" and name not in linked] == []


DECISIONS = [name for name in NAMES if name.startswith("decisions/")]


def test_every_decision_has_a_number_of_its_own_and_the_index_has_them_in_order():
    numbers = [int(Path(name).name[:4]) for name in DECISIONS]
    assert len(set(numbers)) == len(numbers)
    linked = [int(number) for number in re.findall(r"\(decisions/([0-9]{4})-", page("README.md"))]
    assert linked == sorted(numbers)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_one_page_with_context_choice_and_cost(name):
    text = page(name)
    assert re.match(rf"# {int(Path(name).name[:4])}\. \S", text)
    places = [text.index(f"**{part}.**") for part in ("Context", "Choice", "Cost")]
    assert places == sorted(places)
    assert len(text.splitlines()) <= 50

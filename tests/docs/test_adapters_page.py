"""The page of adapters names those that a house really has, the modes there are, and the files that are read."""

from pathlib import Path

from tests.docs.pages import codes, page, rows, sections

from cuga.adapters.capability import RECORDS
from cuga.adapters.vendors import KINDS
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.policy.binding import MODES

PAGE = page("reference/adapters.md")
PARTS = sections(PAGE, 2)


async def test_the_adapters_are_those_of_a_house_with_a_folder(tmp_path: Path) -> None:
    make(tmp_path / "house").crm_folder.mkdir()
    async with Coordinator(house=tmp_path / "house") as house:
        found = {(one.capability, one.adapter): one.can_write for one in await house.adapters() if one.installed}
    table = PAGE.split("## Switching")[0]
    assert {(codes(row[0])[0], codes(row[1])[0]): row[3] == "yes" for row in rows(table)} == found


def test_what_can_be_set_up_stands_there_with_its_variables() -> None:
    said = {codes(row[0])[0]: (codes(row[1]), codes(row[2]), codes(row[3])) for row in rows(PARTS["Setting up"])}
    assert said == {
        kind.name: (
            [kind.capability],
            [need.variable for need in kind.needs if not need.is_optional and not need.default],
            [need.variable for need in kind.needs if need.is_optional or need.default],
        )
        for kind in KINDS.values()
    }


def test_the_modes_are_those_of_the_code() -> None:
    table = "| mode |" + PARTS["Switching"].split("| mode |")[1]
    assert tuple(codes(row[0])[0] for row in rows(table)) == MODES


def test_the_files_are_one_for_each_kind_of_record() -> None:
    named = [code for code in codes(PARTS["The CRM folder"]) if code.endswith(".csv")]
    assert named == [f"{kind}.csv" for kind in RECORDS]

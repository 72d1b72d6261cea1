"""Everything that is shipped is known, may be shipped, and stands in the bill of materials."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.docs.pages import ROOT
from tests.supply.bill import LEFT_OUT, Part, bill
from tests.supply.sbom import PAGE, WRITTEN, page, write


def part(licence: str) -> Part:
    return Part(name="x", version="1", licence=licence, needed_for="core")


def test_every_licence_is_one_that_may_be_used():
    assert [one for one in bill() if not one.is_allowed] == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True), ("Apache-2.0 OR GPL-3.0-only", True), ("(MIT AND BSD-3-Clause)", True), ("LGPL-3.0-only", True),
        ("GPL-3.0-only", False), ("MIT AND GPL-2.0-only", False), ("AGPL-3.0-only", False), ("BUSL-1.1", False),
        ("unknown", False), ("", False), ("SSPL-1.0 OR BUSL-1.1", False),
    ],
)  # fmt: skip
def test_a_licence_is_allowed_or_not(licence: str, allowed: bool):
    assert part(licence).is_allowed is allowed


def test_what_the_project_asks_for_is_in_the_bill_and_what_only_tests_need_is_not():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for name in extras if name not in LEFT_OUT for one in extras[name])]
    names = {one.name for one in bill() if one.kind == "pypi"}
    assert {re.split(r"[\[<>=]", one)[0].lower() for one in asked} <= names
    assert not names & {"hypothesis", "pytest", "atheris", "zensical", "ruff", "coverage"}
    assert all(one.hashes and one.version for one in bill() if one.kind == "pypi")
    assert {"react", "react-dom"} <= {one.name for one in bill() if one.kind == "npm"}


def test_the_page_is_as_the_pins_are():
    assert PAGE.read_text("utf-8") == page(), "`make sbom` writes it anew"


def test_the_bill_of_materials_is_valid_and_names_every_part(tmp_path: Path):
    kept = PAGE.read_text("utf-8")
    write(tmp_path / WRITTEN.name)
    assert PAGE.read_text("utf-8") == kept
    text = (tmp_path / WRITTEN.name).read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    said = json.loads(text)
    assert (said["bomFormat"], said["metadata"]["component"]["name"]) == ("CycloneDX", "cugar")
    assert {(one["name"], one["version"]) for one in said["components"]} == {(one.name, one.version) for one in bill()}
    assert all(one["licenses"] and one["purl"].startswith("pkg:") for one in said["components"])

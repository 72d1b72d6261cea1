"""The pages at the root and the guides keep their word: links lead somewhere, named tests and names exist."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, codes, page, prose, rows, sections

from cuga.cli.commands import catalog
from cuga.settings import Settings

AT_ROOT = ("README.md", "ARCHITECTURE.md", "AGENTS.md", "SECURITY.md")
PAGES = [*(ROOT / name for name in AT_ROOT), *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_COMMAND = re.compile(r"\bcuga ([a-z][a-z-]+)")


@cache
def functions_of(path: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))) if hasattr(node, "name")}


@pytest.mark.parametrize("name", AT_ROOT)
def test_links_of_a_page_at_the_root_lead_somewhere(name: str):
    for target in _LINK.findall(prose((ROOT / name).read_text("utf-8"))):
        if "://" not in target:
            assert (ROOT / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(path: Path):
    for file, name in _TEST.findall(path.read_text("utf-8")):
        assert (ROOT / file).exists(), file
        assert not name or name in functions_of(file), f"{file}::{name}"


def test_every_guardrail_names_the_test_that_holds_it():
    parts = sections((ROOT / "AGENTS.md").read_text("utf-8"), 2)
    named = [row for title, text in parts.items() if title != "By domain" for row in rows(text)]
    assert len(rows(parts["The ten points"])) == 10 and len(named) >= 25
    assert all(_TEST.search(row[-1]) for row in named)


def test_every_threat_names_its_defence_and_a_test():
    named = rows(sections((ROOT / "SECURITY.md").read_text("utf-8"), 2)["Threats, defences, tests"])
    assert len(named) >= 20
    assert all(len(row) == 3 and all(row) and _TEST.search(row[2]) for row in named)


@pytest.mark.parametrize("name", ["howto/deployment.md", "howto/migration.md"])
def test_the_guides_name_only_commands_and_settings_that_exist(name: str):
    text = page(name)
    assert set(_COMMAND.findall(" ".join(codes(prose(text))))) <= set(catalog.names())
    fields = set(Settings.__dataclass_fields__)
    assert {found.lower() for found in re.findall(r"CUGA_([A-Z_]+)", text)} <= fields


@pytest.mark.parametrize("row", rows(sections(page("howto/migration.md"), 2)["Names"]), ids=lambda row: row[0])
def test_what_is_named_for_today_is_there(row: list[str]):
    (module,) = codes(row[2])
    for name in codes(row[1]):
        thing = importlib.import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
        assert thing is not None


def test_the_tools_that_the_guide_lists_are_those_in_the_folders():
    told = {codes(row[0])[0]: set(codes(row[1])) for row in rows(sections(
        page("tools/MODULAR_TOOL_INTEGRATION.md"), 2)["Where tools may come from"])}  # fmt: skip
    folders = ROOT / "src/cuga/modular/tools"
    real = {
        folder.name: {
            function.__tool__.name for function in importlib.import_module(f"cuga.modular.tools.{folder.name}").TOOLS
        }
        for folder in folders.iterdir()
        if (folder / "__init__.py").exists()
    }
    assert told == real


def test_nothing_of_ours_runs_text_as_code():
    """No `eval`, `exec`, `compile`, `pickle`, shell or `os.system` in what is shipped."""
    found = []
    for path in (ROOT / "src/cuga").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                is_shell = any(k.arg == "shell" and getattr(k.value, "value", None) is True for k in node.keywords)
                if called in ("eval", "exec", "compile", "__import__", "os.system", "os.popen") or is_shell:
                    found.append(f"{path.name}: {called}")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                found += [f"{path.name}: {name}" for name in names & {"pickle", "marshal", "shelve", "dill"}]
    assert found == []

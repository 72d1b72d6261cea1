"""A declaration is added to a registry file, and nothing else of the file moves."""

from __future__ import annotations

import stat
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput, RegistryInvalid
from cuga.orchestrator.house.registry_edit import add_entry, allow, quoted, server_entry, write_registry
from cuga.policy.registry import load_registry
from cuga.policy.strict import parse

SHIPPED = files("cuga").joinpath("registry.yaml").read_text("utf-8")
ENTRY = "{command: [x], domain: knowledge}"


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]))
    | st.sampled_from(["a\tb", "a\nb", "true", "null", "-x", "5", "a: b", "#x"])
)
def test_a_word_is_read_back_as_the_same_text(word):
    root, mistakes = parse(f"a: [{quoted(word)}]\n")
    assert mistakes == [] and root is not None
    assert root.value["a"].value[0].value == word


def test_a_section_is_made_at_the_end_and_found_again():
    once = add_entry(SHIPPED, "mcp", "one", ENTRY)
    twice = add_entry(once, "mcp", "two", ENTRY)
    assert once.startswith(SHIPPED.rstrip("\n")) and twice.endswith(f"mcp:\n  two: {ENTRY}\n  one: {ENTRY}\n")
    assert list(load_registry(twice).mcp) == ["two", "one"]


def test_an_entry_takes_the_indentation_of_those_beside_it():
    text = SHIPPED + "mcp:\n      one: {command: [x], domain: knowledge}\n"
    assert "\n      two: {" in add_entry(text, "mcp", "two", ENTRY)


@pytest.mark.parametrize("section", ["mcp: {}\n", "mcp: {one: {command: [x], domain: knowledge}}\n", "mcp:\n"])
def test_a_section_that_is_written_otherwise_is_left_to_people(section):
    with pytest.raises(BadInput, match="one entry a line"):
        add_entry(SHIPPED + section, "mcp", "two", ENTRY)


def test_a_name_twice_and_a_file_with_mistakes_are_refused():
    with pytest.raises(BadInput, match="already"):
        add_entry(add_entry(SHIPPED, "mcp", "one", ENTRY), "mcp", "one", ENTRY)
    with pytest.raises(BadInput, match="holds mistakes"):
        add_entry("a: [", "mcp", "one", ENTRY)


def test_an_adapter_is_put_at_the_end_of_a_profiles_list():
    changed = allow(SHIPPED, "enterprise", "files")
    lines = [line for line in changed.splitlines() if line not in SHIPPED.splitlines()]
    assert len(lines) == 1 and "adapters: [salesforce, offline, files] " in lines[0] and "# allowed ones" in lines[0]


@pytest.mark.parametrize(
    "adapters",
    ["adapters: {crm: [offline]}", "adapters:\n      - offline", "adapters: [offline,\n      smtp]", "adapters: []"],
)
def test_a_list_that_is_written_otherwise_is_left_to_people(adapters):
    profile = f"  mine:\n    calls: 1\n    approvals: strict\n    {adapters}\n"
    text = f"version: 1\nadapters: {{crm: [offline]}}\nprofiles:\n{profile}"
    with pytest.raises(BadInput, match="one list on one line"):
        allow(text, "mine", "files")
    with pytest.raises(BadInput, match="no profile 'other'"):
        allow(text, "other", "files")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "registry.yaml"
    path.write_text(SHIPPED)
    path.chmod(0o640)
    with pytest.raises(RegistryInvalid):
        write_registry(path, SHIPPED + "mcp: nonsense\n")
    assert path.read_text() == SHIPPED
    write_registry(path, add_entry(SHIPPED, "mcp", "one", ENTRY))
    assert "one:" in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["registry.yaml"]


def test_a_server_is_one_line_that_loads():
    entry = server_entry(
        command=["npx", "-y", "@scope/x", "a b"], url="", token="", env=["A", "B"], domain="knowledge", trust=True
    )
    found = load_registry(add_entry(SHIPPED, "mcp", "one", entry)).mcp["one"]
    assert found.command == ("npx", "-y", "@scope/x", "a b") and found.env == ("A", "B") and found.trust
    entry = server_entry(command=[], url="https://x.example/mcp", token="T", env=[], domain="knowledge", trust=False)
    found = load_registry(add_entry(SHIPPED, "mcp", "one", entry)).mcp["one"]
    assert (found.url, found.token, found.trust) == ("https://x.example/mcp", "T", False)

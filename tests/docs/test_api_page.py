"""The page of the Python API is what its command gives, and everything on it explains itself."""

from __future__ import annotations

import importlib

import pytest
from tests.docs.pages import page

from cuga.cli import api_reference


def test_the_page_is_current():
    made = api_reference.page()
    assert page("reference/api.md") == made, "`make pages` writes it anew"
    assert " at 0x" not in made, "addresses differ from process to process"


@pytest.mark.parametrize("package", api_reference.PACKAGES)
def test_everything_that_is_exported_is_there_and_says_what_it_is(package: str):
    module = importlib.import_module(package)
    for name in api_reference._exports(module):
        thing = getattr(module, name)
        assert f"### {name}\n" in page("reference/api.md")
        if callable(thing) and getattr(thing, "__module__", "").startswith("cuga."):
            assert (thing.__doc__ or "").strip() and not (thing.__doc__ or "").startswith(f"{name}("), name

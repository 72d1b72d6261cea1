"""The page of errors knows every error of the house, with its code, its words and what to do."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from tests.docs.pages import codes, page, rows

import cuga
from cuga.cli.exits import of_error
from cuga.errors import CugaError

PAGE = page("reference/errors.md")
ROWS = {codes(row[0])[0]: row for row in rows(PAGE)}


def kinds(kind: type[CugaError] = CugaError) -> Iterator[type[CugaError]]:
    """Every kind of error, each after the one it is a kind of."""
    yield kind
    for narrower in kind.__subclasses__():
        yield from kinds(narrower)


def all_kinds() -> dict[str, type[CugaError]]:
    for module in pkgutil.walk_packages(cuga.__path__, "cuga."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {kind.__name__: kind for kind in kinds() if kind.__module__.startswith("cuga.")}


KINDS = all_kinds()


def test_every_error_has_its_row_and_every_row_its_error():
    assert set(ROWS) == set(KINDS)


def test_codes_are_unlike_each_other():
    assert len({kind.code for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_row_says_what_the_code_says(name):
    kind, (_, code, exit_code, message, advice) = KINDS[name], ROWS[name]
    assert codes(code) == [kind.code]
    assert int(exit_code) == of_error(kind.__new__(kind))
    assert message == " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    assert advice.endswith(kind.mend)
    assert advice != kind.mend, "the page says when it happens, too"


@pytest.mark.parametrize("name", KINDS)
def test_a_row_stands_below_the_kind_it_belongs_to(name):
    names, kind = list(ROWS), KINDS[name]
    depth = ROWS[name][0].count("&nbsp;") // 2
    above = next(
        (other for other in reversed(names[: names.index(name)]) if ROWS[other][0].count("&nbsp;") // 2 < depth), ""
    )
    assert above == ("" if kind is CugaError else kind.__mro__[1].__name__)

"""The page of events says what the code holds: every event with every field, and nothing else."""

from enum import Enum
from typing import get_args

import msgspec
import pytest
from tests.docs.pages import blocks, codes, page, rows, sections
from tests.docs.wording import hints_of, own_types, rows_of

from cuga.journal.claims import CLAIMING
from cuga.journal.codec import PLAIN
from cuga.model.event import CANONICAL, Event, RunEvent, Status, name_of
from cuga.model.failure import FailureMode
from cuga.model.house_event import HouseEvent

PAGE = page("reference/events.md")
KINDS = {str(kind.__struct_config__.tag): kind for kind in get_args(RunEvent | HouseEvent)}
COMMON = tuple(Event.__struct_fields__)
ROOMS = sections(PAGE, 2)
EVENTS = {name: text for title, room in ROOMS.items() if title != "Values" for name, text in sections(room, 3).items()}
VALUES = sections(ROOMS["Values"], 3)
OWN = {
    kind.__name__: kind
    for event in KINDS.values()
    for name, hint in hints_of(event).items()
    if name not in COMMON
    for kind in own_types(hint)
} | {"Status": Status}


def said(text: str) -> list[tuple[str, str, str]]:
    """The rows of a table of fields: name, type, what holds when it is absent."""
    return [(codes(field)[0], kind, absent) for field, kind, absent, _ in rows(text)]


def test_every_event_has_its_section_and_every_section_its_event():
    assert set(EVENTS) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_the_fields_of_an_event_are_those_of_the_code(name):
    assert said(EVENTS[name]) == rows_of(KINDS[name], COMMON)


@pytest.mark.parametrize("name", KINDS)
def test_every_field_has_a_meaning_and_every_event_a_writer(name):
    assert all(meaning.endswith((".", ").")) for *_, meaning in rows(EVENTS[name]))
    assert "**Written by:**" in EVENTS[name]


@pytest.mark.parametrize("name", KINDS)
def test_the_example_is_such_an_event_and_reads_back_the_same(name):
    (example,) = blocks(EVENTS[name], "json event")
    event = PLAIN.decode(example.text.encode())
    assert name_of(event) == name
    assert msgspec.json.decode(PLAIN.encode(event)) == msgspec.json.decode(example.text), "defaults are left out"


def test_what_all_events_have_stands_once_at_the_top():
    assert said(PAGE) == rows_of(Event)


def test_the_ten_canonical_names_are_marked_and_listed():
    assert tuple(name for name, text in EVENTS.items() if "*Canonical.*" in text) == tuple(
        name for name in EVENTS if name in CANONICAL
    )
    (listed,) = [line for line in PAGE.splitlines() if line.startswith("**Canonical events.**")]
    assert tuple(codes(listed)) == CANONICAL


def test_the_events_that_carry_claims_are_named():
    (named,) = [line for line in PAGE.splitlines() if line.startswith("**Claims.**")]
    assert {name for name in codes(named) if name in KINDS} == {str(kind.__struct_config__.tag) for kind in CLAIMING}


def test_every_value_that_events_are_made_of_has_its_section():
    assert set(VALUES) == set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_a_value_is_described_as_the_code_has_it(name):
    kind = OWN[name]
    if issubclass(kind, Enum):
        assert [codes(row[0])[0] for row in rows(VALUES[name])] == [member.value for member in kind]
    else:
        assert said(VALUES[name]) == rows_of(kind)


def test_the_modes_that_are_tried_again_are_marked():
    marked = {codes(row[0])[0] for row in rows(VALUES["FailureMode"]) if "†" in row[0]}
    assert marked == {mode.value for mode in FailureMode if mode.is_retryable}

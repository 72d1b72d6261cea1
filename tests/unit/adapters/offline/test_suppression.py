"""The suppression list: nobody on it slips through, nobody is taken off by accident, and a broken list blocks all."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuga.adapters.capability import Suppressed
from cuga.adapters.offline.suppression import SuppressionList
from cuga.errors import BadInput, NotDone


@pytest.fixture
def listed(tmp_path):
    return SuppressionList(tmp_path / "outbox" / "suppressed.csv")


def entry(address, reason="asked us"):
    return Suppressed(address=address, reason=reason, on="2026-01-05", source="mail")


def test_a_missing_list_blocks_nobody(listed):
    assert listed.find("a@b.example") is None and listed.entries() == () and listed.remove("a@b.example") is None


def test_an_entry_says_why_since_when_and_from_where(listed):
    assert listed.add([entry("Nora@Velkarin.example")]) == 1
    assert listed.find("nora@velkarin.example") == entry("nora@velkarin.example")
    assert listed.add([entry("nora@velkarin.example", "later")]) == 0
    assert listed.find("nora@velkarin.example").reason == "asked us"


@pytest.mark.parametrize(
    "spelled", ["NORA@Velkarin.Example", " nora@velkarin.example ", "<nora@velkarin.example>",
                "nora+x@velkarin.example", "ｎora@velkarin.example", "nora@velkarin.example."]
)  # fmt: skip
def test_another_spelling_of_the_same_address_is_blocked_too(listed, spelled):
    listed.add([entry("nora@velkarin.example")])
    assert listed.find(spelled)


def test_a_domain_blocks_what_is_below_it_and_no_neighbour(listed):
    listed.add([entry("@quiet.example")])
    assert listed.find("a@quiet.example") and listed.find("a@mail.quiet.example")
    assert not listed.find("a@unquiet.example") and not listed.find("quiet.example@other.example")


def test_only_the_entry_itself_is_taken_off(listed):
    listed.add([entry("@quiet.example"), entry("a@quiet.example")])
    assert listed.remove("A@quiet.example").address == "a@quiet.example"
    assert listed.find("a@quiet.example").address == "@quiet.example"


@pytest.mark.parametrize("wrong", ["", "nora", "a@", "a@b@c", "a b@c.example"])
def test_what_is_no_address_is_refused_and_nothing_is_added(listed, wrong):
    with pytest.raises(BadInput):
        listed.add([entry("fine@x.example"), entry(wrong)])
    assert listed.entries() == ()


def test_lists_that_people_wrote_are_read(listed):
    listed._path.parent.mkdir()
    listed._path.write_text("email,reason\nA@b.example,asked\nquiet.example\n\n", "utf-8-sig")
    assert listed.find("a@b.example").reason == "asked"
    assert listed.find("x@quiet.example").reason == "on the suppression list"
    listed.add([entry("c@d.example")])
    assert [found.address for found in listed.entries()] == ["a@b.example", "@quiet.example", "c@d.example"]


@pytest.mark.parametrize("broken", [b"\xff\xfe\x00", b'a@b.example,"no end'])
def test_a_list_that_cannot_be_read_is_no_empty_list(listed, broken):
    listed._path.parent.mkdir()
    listed._path.write_bytes(broken)
    for ask in (lambda: listed.find("a@b.example"), listed.entries, lambda: listed.add([entry("c@d.example")])):
        with pytest.raises(NotDone, match="cannot be read"):
            ask()
    assert listed._path.read_bytes() == broken


def test_what_several_add_at_once_is_all_there(tmp_path):
    path = tmp_path / "suppressed.csv"
    ways = [
        threading.Thread(
            target=lambda n=n: [SuppressionList(path).add([entry(f"{n}.{i}@x.example")]) for i in range(8)]
        )
        for n in range(6)
    ]
    for way in ways:
        way.start()
    for way in ways:
        way.join()
    assert len(SuppressionList(path).entries()) == 48


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=0, max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reason=words, source=words)
def test_whatever_the_reason_holds_the_list_comes_back(tmp_path_factory, reason, source):
    path = tmp_path_factory.mktemp("list") / "suppressed.csv"
    SuppressionList(path).add([Suppressed(address="a@b.example", reason=f'{reason}\n,"', source=source)])
    (found,) = SuppressionList(path).entries()
    assert found.address == "a@b.example" and found.source == source

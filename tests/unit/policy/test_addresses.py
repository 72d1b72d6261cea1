"""How the suppression list compares addresses: no spelling slips through, and nobody else is hit."""

import pytest

from cuga.policy.addresses import names_of, plain


@pytest.mark.parametrize(
    "spelled",
    [
        "kim@x.example", " Kim@X.Example ", "<kim@x.example>", "kim+news@x.example", "kim+a+b@x.example",
        "kim@x.example.", "\uff4bim@x.example",
    ],
)  # fmt: skip
def test_one_mailbox_has_one_name_however_it_is_written(spelled):
    assert plain(spelled) == "kim@x.example"


def test_what_is_before_the_last_at_is_the_mailbox_and_a_tag_alone_is_one():
    assert plain('"a@b"@x.example') == '"a@b"@x.example'
    assert plain("+news@x.example") == "+news@x.example"


def test_an_entry_may_name_the_address_its_domain_or_one_above_it():
    assert [*names_of("Kim+news@eu.x.example")] == ["kim@eu.x.example", "@eu.x.example", "@x.example", "@example"]


def test_a_domain_that_only_ends_alike_is_another():
    assert "@x.example" not in names_of("kim@mx.example")

"""Where an adapter is and as whom it acts: what an approval binds beside the adapter's name."""

from __future__ import annotations

import pytest

from cuga.orchestrator.house.vendors import places_of
from cuga.settings import Settings

MAIL = {
    "CUGA_MAIL_SERVER": "smtp://nora@mail.birch.example:587",
    "CUGA_MAIL_FROM": "nora@birch.example",
    "CUGA_MAIL_PASSWORD": "a password of its own",
}


def place(**changes: str) -> str:
    return places_of(Settings(variables={**MAIL, **changes}))["mail/smtp"]


@pytest.mark.parametrize(
    "changes",
    [
        {"CUGA_MAIL_SERVER": "smtp://nora@mail.other.example:587"},
        {"CUGA_MAIL_SERVER": "smtp://boss@mail.birch.example:587"},
        {"CUGA_MAIL_FROM": "ceo@birch.example"},
        {"CUGA_MAIL_PASSWORD": "another password"},
    ],
)
def test_another_server_sender_or_credential_is_another_place(changes: dict[str, str]) -> None:
    assert place(**changes) != place()


def test_it_tells_nothing_of_what_it_is_made_of_and_is_the_same_each_time() -> None:
    assert place() == place()
    assert not any(word in place() for word in ("nora", "birch", "password"))


def test_what_is_not_set_up_has_no_place() -> None:
    assert places_of(Settings(variables={})) == {}

"""Personal data in the arguments of a tool that tells others what it is asked: mail addresses, cards, accounts, phones.

What is found is named by its kind, never repeated. A number counts only when its check digits are right, so that order
numbers pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_MOST = 256 * 1024  # characters that are looked through
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_CARD = re.compile(r"(?<![\w.])[0-9](?:[ -]?[0-9]){12,18}(?![\w.])")
_ACCOUNT = re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}(?!\w)")
_PHONE = re.compile(r"(?<![\w+])\+[1-9][0-9](?:[ ()./-]{0,2}[0-9]){6,12}(?!\w)")


def personal_in(value: Any) -> str:
    """The first kind of personal data in a JSON value; empty when there is none."""
    for text in _texts(value):
        looked_at = text[:_MOST]
        if _MAIL.search(looked_at):
            return "a mail address"
        if any(_is_account(found[0]) for found in _ACCOUNT.finditer(looked_at)):
            return "a bank account"
        if any(_is_card(found[0]) for found in _CARD.finditer(looked_at)):
            return "a card number"
        if _PHONE.search(looked_at):
            return "a phone number"
    return ""


def _texts(value: Any) -> Iterator[str]:
    open_values = [value]
    while open_values:
        one = open_values.pop()
        if isinstance(one, dict):
            open_values += [*one.values(), *one]
        elif isinstance(one, list):
            open_values += one
        elif isinstance(one, str):
            yield one
        elif isinstance(one, int):
            yield str(one)


def _is_card(text: str) -> bool:
    """Whether the check digit fits (ISO/IEC 7812)."""
    digits = [int(one) for one in text if one.isdigit()][::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0 and len(set(digits)) > 1


def _is_account(text: str) -> bool:
    """Whether the check digits fit (ISO 13616)."""
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1

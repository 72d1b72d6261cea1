"""How likely two records are the same company or person: points for what agrees, less for what differs. Rules only.

A shared domain, address or phone counts more than names; a field that one of the two does not have says nothing.
"""

from __future__ import annotations

from cuga.adapters.capability import Account, Contact, Record, squeeze, without_legal_form
from cuga.packs.sales.countries import domain_of, iso_of, mail_domain_of
from cuga.packs.sales.result import Result

LIKELY, POSSIBLE = 75, 60
SAME_NAME, NEAR_NAME = 75, 90  # points for the same name; token_sort_ratio from which a name is near


class Pair(Result, frozen=True, kw_only=True):
    """Two records. `score` 0..100; `agree` and `differ` name the fields, with what they say."""

    one: str
    other: str
    score: int
    agree: tuple[str, ...]
    differ: tuple[str, ...]


def keys_of(record: Record) -> tuple[str, ...]:
    """What a record is looked up by: records that share none of these are never compared."""
    name = squeeze(without_legal_form(record.name)) if isinstance(record, Account) else squeeze(record.name)
    found = [f"name {name[:5]}"] if len(name) >= 3 else []
    if isinstance(record, Account) and (domain := domain_of(record.website)):
        found.append(f"domain {domain}")
    if isinstance(record, Contact):
        found += [f"email {record.email}"] if record.email else []
        found += [f"phone {phone}"] if (phone := _digits(record.phone)) else []
        found += [f"linkedin {record.linkedin.casefold().rstrip('/')}"] if record.linkedin else []
    return tuple(found)


def compare(one: Record, other: Record) -> Pair | None:
    """A pair with its points; None below `POSSIBLE`."""
    first, second = sorted((one, other), key=lambda record: record.id)
    if isinstance(first, Account) and isinstance(second, Account):
        points, agree, differ = _companies(first, second)
    elif isinstance(first, Contact) and isinstance(second, Contact):
        points, agree, differ = _people(first, second)
    else:
        return None
    score = max(0, min(100, points))
    if score < POSSIBLE:
        return None
    return Pair(one=first.id, other=second.id, score=score, agree=tuple(agree), differ=tuple(differ))


def _companies(one: Account, other: Account) -> tuple[int, list[str], list[str]]:
    points, agree, differ = _names(without_legal_form(one.name), without_legal_form(other.name))
    if other.id in (one.parent_id, one.parent) or one.id in (other.parent_id, other.parent):
        points -= 60
        differ.append("one belongs to the other")
    mine, theirs = domain_of(one.website), domain_of(other.website)
    if mine and theirs:
        points += 90 if mine == theirs else -30
        (agree if mine == theirs else differ).append(f"domain {mine}" + ("" if mine == theirs else f", {theirs}"))
    points += _also(iso_of(one.country), iso_of(other.country), "country", 5, -20, agree, differ)
    points += _also(one.city.casefold(), other.city.casefold(), "city", 5, -5, agree, differ)
    return points, agree, differ


def _people(one: Contact, other: Contact) -> tuple[int, list[str], list[str]]:
    points, agree, differ = _names(one.name, other.name)
    points -= 30  # two people may have one name; a company seldom has
    points += _also(one.email, other.email, "email", 95, -10, agree, differ)
    points += _also(_digits(one.phone), _digits(other.phone), "phone", 60, 0, agree, differ)
    points += _also(one.linkedin.casefold().rstrip("/"), other.linkedin.casefold().rstrip("/"), "linkedin", 95, -30,
                    agree, differ)  # fmt: skip
    mine, theirs = one.account_id, other.account_id
    if not mine or not theirs:
        mine, theirs = mail_domain_of(one.email), mail_domain_of(other.email)
    points += _also(mine, theirs, "account", 25, -25, agree, differ)
    return points, agree, differ


def _names(one: str, other: str) -> tuple[int, list[str], list[str]]:
    from rapidfuzz import fuzz, utils

    if not one or not other:
        return 0, [], []
    if squeeze(one) == squeeze(other):
        return SAME_NAME, ["name"], []
    alike = round(fuzz.token_sort_ratio(one, other, processor=utils.default_process))
    if alike >= NEAR_NAME:
        return alike - 25, [f"name ({alike} of 100 alike)"], []
    return 0, [], [f"name ({alike} of 100 alike)"]


def _also(one: str, other: str, what: str, same: int, apart: int, agree: list[str], differ: list[str]) -> int:
    """Points for a field that both have."""
    if not one or not other:
        return 0
    (agree if one == other else differ).append(f"{what} {one}" if one == other else f"{what} {one}, {other}")
    return same if one == other else apart


def _digits(phone: str) -> str:
    """The last nine digits of a phone number, which country codes and zeros do not change; empty below seven."""
    digits = "".join(sign for sign in phone if sign.isdigit())
    return digits[-9:] if len(digits) >= 7 else ""

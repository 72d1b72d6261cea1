"""How long the words of ended runs are kept: an age as a person writes it, and the least that any house keeps them."""

from __future__ import annotations

import re
from datetime import timedelta

from cuga.errors import BadInput
from cuga.policy.fields import Fields
from cuga.policy.strict import Node

LEAST = timedelta(days=183)  # six months: Regulation (EU) 2024/1689, articles 19 and 26(6), logs of high-risk systems
MOST = timedelta(days=36_525)  # a hundred years
_AGE = re.compile(r"(\d{1,5})(d|mo|y)")
_DAYS = {"d": 1.0, "mo": 365.2425 / 12, "y": 365.2425}


def age_of(said: str) -> timedelta:
    """A written age such as 18mo, 2y or 400d; `BadInput`."""
    found = _AGE.fullmatch(said.strip())
    age = timedelta(days=round(int(found[1]) * _DAYS[found[2]])) if found else timedelta()
    if not timedelta() < age <= MOST:
        raise BadInput(f"{said!r} is no age", mend="Write 18mo, 2y or 400d.")
    return age


def cut_off_age(said: str, least: str) -> timedelta:
    """How old a run must be to lose its words: `said`, or what the registry says, and never below either minimum."""
    if not (said or least):
        raise BadInput("how old?", mend="Say --older-than 18mo, or `retention: 18mo` in the registry.")
    age = age_of(said or least)
    if least and age < age_of(least):
        raise BadInput(f"{said} is too short: the registry keeps runs for {least}", mend=f"The least is {least}.")
    if age < LEAST:
        raise BadInput(f"{said} is too short: runs are kept for six months at least", mend="The least is 6mo.")
    return age


def read_retention(fields: Fields, node: Node | None) -> str:
    """What a registry says under `retention`; empty when it says nothing."""
    said = fields.text(node, "retention") or ""
    if said and node is not None:
        try:
            if age_of(said) < LEAST:
                fields.wrong(node, "retention", f"{said} is too short: runs are kept for six months at least")
        except BadInput:
            fields.wrong(node, "retention", f"{said!r} is no age; write 18mo, 2y or 400d")
    return said

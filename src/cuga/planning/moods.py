"""Whether a piece of a goal asks for something, only names something, or tells how things are.

Who tells gets no tool for it: "they went silent three weeks ago" says more about what is asked beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise

from cuga.planning.lexicon import VERBS, set_of
from cuga.planning.words import Token


class Mood(Enum):
    """What a clause is to its goal."""

    ASKS = "asks"  # an order, a wish or a question
    NAMES = "names"  # no verb: part of a list, or more about what was said
    TELLS = "tells"  # a statement


FILLERS = set_of(
    """please pls plz then and just now finally also you can could would will must kindly directly immediately go
    ahead i want need to i'd like let's lets let us afterwards next first ok okay hey hi hello so but maybe
    perhaps really actually quickly second third lastly again we we'd should only always never help me love"""
)
_PLACING = set_of("for with on in at of from among out")
_ASKING = set_of(
    """who what which how why when where whose whom what's who's where's how's is are am was were do does did can
    could should would will has have any anyone anybody anything isn't aren't doesn't don't shouldn't can't"""
)
_WISHES = set_of("need want wants like would'd love require looking")
_SUBJECTS = set_of(
    """i we they he she it there this that these those their our my his her its the a an one someone somebody
    everyone nothing nobody none it's they're he's she's we're i'm i've we've they've there's that's you"""
)
_STATING = set_of(
    """is are was were be been has have had am came come comes went goes said says told met spoke got sent wrote
    found gave took saw heard left put asked wants want needs need thinks think knows know looks look seems
    likes like keeps replied agreed signed bought chose decided became began felt held kept lost made meant paid
    read ran sold sat stood won isn't aren't wasn't won't doesn't don't didn't can't could can will would should
    may might must talked"""
)
_CONTRACTED = set_of("it's they're he's she's we're i'm i've we've they've there's that's")


def mood(words: Sequence[Token]) -> Mood:
    """The mood of a clause by its first words."""
    lows = [word.low for word in words]
    rest = lows
    while rest and rest[0] in FILLERS:
        if rest[0] in ("i", "we", "you") and len(rest) > 1 and not _is_wish(rest[1:]):
            break
        rest = rest[1:]
    if not rest:
        return Mood.NAMES
    if rest[0] == "which" and len(rest) > 1 and rest[1] not in ("is", "was") and _states(rest[1]):
        return Mood.TELLS  # "..., which needs shift planning"
    if rest[0] in VERBS or rest[0] in _ASKING:
        return Mood.ASKS
    if rest[0].endswith("ing") and len(rest[0]) > 5:
        return Mood.ASKS
    if rest[0] in _PLACING and any(low in VERBS and before not in ("to", "a", "the") for before, low in pairwise(rest)):
        return Mood.ASKS  # "for the worst two tell me ..."
    if rest[0] in ("i", "we", "they") and len(rest) > 1 and rest[1] in VERBS:
        return Mood.TELLS
    said = rest[1:6]
    if rest[0] in _CONTRACTED or (rest[0] in _SUBJECTS and any(_states(low) for low in said)):
        return Mood.ASKS if any(low in _WISHES for low in said[:2]) and rest[0] in ("i", "we", "i'd") else Mood.TELLS
    if any(low in _STATING or (_states(low) and low.endswith("ed")) for low in said[:3]):
        return Mood.TELLS
    return Mood.NAMES


def _is_wish(rest: list[str]) -> bool:
    return rest[0] in FILLERS or rest[0] in _WISHES


def _states(low: str) -> bool:
    return low in _STATING or (low.endswith("ed") and len(low) > 4) or (low.endswith("s") and low[:-1] in VERBS)

"""Kinds of things that tools take and give, one word per kind: "accounts" and "company" are both "account"."""

from __future__ import annotations

from cuga.model.tool import ToolContract
from cuga.planning.lexicon import NOUNS
from cuga.planning.words import stem

KINDS = {stem(noun): kind for noun, kind in NOUNS.items()}


def base_kind(kind: str) -> str:
    """The one word for a kind as a contract writes it; the kind itself when it has no other."""
    low = kind.casefold()
    return low if low in ("", "text", "texts") else KINDS.get(stem(low.replace("_", " ").split(" ")[-1]), low)


def slot_kinds(contract: ToolContract) -> set[str]:
    """The kinds of things a tool takes."""
    return {base_kind(slot.kind) for slot in contract.slots if slot.kind}

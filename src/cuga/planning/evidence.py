"""How strongly a clause speaks for each tool: its words, what it names, what was made before, what it orders.

An effect outside needs its own verb as an order; no score makes up for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from cuga.model.tool import SideEffect, ToolContract
from cuga.planning.asking import (
    CONSEQUENTIAL_STEMS,
    SOFT,
    STOP_STEMS,
    VERB_STEMS,
    clause_kinds,
    is_about_something,
    is_listing,
    is_off_topic,
    is_unknown,
    opens_with,
    orders,
)
from cuga.planning.clauses import Clause, Reading
from cuga.planning.kinds import KINDS, base_kind, slot_kinds
from cuga.planning.lexicon import STOP
from cuga.planning.ranking import Index, Match
from cuga.planning.senses import NOTHING, Sense, senses

ENOUGH = 0.6  # score of a clause's best tool: about half of a sense that is sure, or of a word that no other tool has
OFF = 0.7  # what is taken from every tool for what nobody here does, when that is sure
ALONE = 0.4  # a clause that is nothing but a tool's own word: "fit, signals, ..."
ORDERED = 2.0  # the same for a tool with an effect outside, outright ordered
OPENS = 0.2  # a verb among its name and keywords
BY_NAME = 0.4  # a verb that is that of one tool's own name
QUOTED = 0.45  # a text is quoted, and the tool cannot do without one
BESIDE = 0.8  # what is left of a tool that can take none of the records a clause names
SURE = 0.9  # words that say so much are not outweighed by the look of a list
_RECORDS = frozenset({"account", "opportunity", "contact", "product", "percent", "file"})


@dataclass(slots=True)
class Choice:
    """A tool that a clause asks for, with the clauses that say more about it."""

    contract: ToolContract
    clause: Clause
    score: float
    words: tuple[str, ...]
    runner_up: Match | None
    more: list[Clause] = field(default_factory=list)
    needed_by: str = ""

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """The clause that asks for it and those that add to it, in the goal's order."""
        return tuple(sorted((self.clause, *self.more), key=lambda clause: clause.at))


@dataclass(slots=True)
class Chosen:
    """The outcome: tools in order, what no tool can do, and what is forbidden and why."""

    choices: list[Choice]
    beyond: list[Clause]
    withheld: dict[str, str]
    asked: dict[str, str]  # withheld tools that the goal asks for -> the clause


class Around(NamedTuple):
    """What is looked at for every tool that might serve one clause."""

    clause: Clause
    reading: Reading
    opening: str  # the verb it opens with, as far as it counts for the tool
    verb: str  # the verb it opens with
    head: str  # its first telling word, as it stands
    only: str  # its one telling word, where it has no other
    made: set[str]  # kinds of things that earlier steps give
    kinds: set[str]  # kinds of things it speaks of
    has: set[str]  # kinds of things that are named anywhere or made
    records: set[str]  # kinds of records it names
    listing: bool  # whether it asks for records as such
    sense: Sense
    last: Choice | None  # the choice before, in the same sentence
    follows: bool  # whether any choice was made before


def usable_tools(
    ranked: list[Match], clause: Clause, index: Index, found: Chosen, opening: str, made: set[str], reading: Reading
) -> list[Match]:
    """The ranked tools that may be chosen for a clause, weighed by what it names and orders; best first."""
    heard = {match.tool for match in ranked}
    around = _around(ranked, clause, index, found, opening, made, reading)
    usable = []
    for match in [*ranked, *(Match(name, 0.0, {}) for name in index.contracts if name not in heard)]:
        contract = index.contracts[match.tool]
        told = index.telling_kinds(match.tool, around.kinds)
        if (not match.words and told < ENOUGH) or _is_out_of_place(contract, around, index):
            continue
        score = (match.score + _by_name(contract, around, index)) * _with_records(contract, around) + told
        score = (score + _by_what_is_there(match, contract, around)) * _doubts(match, around, index)
        if around.listing and any(slot.kind in ("records", "filter") for slot in contract.slots):
            score += 0.4
        if match.tool in found.withheld:
            if score >= ENOUGH:
                found.asked.setdefault(match.tool, clause.text)
            continue
        usable.append(Match(match.tool, round(score, 4), match.words))
    usable.sort(key=lambda match: (-match.score, match.tool))
    return _ordered_first(usable, around, index)


def _ordered_first(usable: list[Match], around: Around, index: Index) -> list[Match]:
    """An effect outside that a clause outright orders goes before a tool that only makes what it takes: "send a first
    email" is more than a draft of one."""
    if not usable or around.verb in index.strong[usable[0].tool]:
        return usable
    made = {base_kind(kind) for kind, path in index.contracts[usable[0].tool].gives.items() if not path}
    for match in usable:
        contract = index.contracts[match.tool]
        takes = {base_kind(slot.kind) for slot in contract.slots if slot.required}
        is_its_verb = match.score >= ENOUGH and index.orders_by_name(around.verb, match.tool) > 0
        is_meant = contract.side_effect is SideEffect.EXECUTE and takes & made and is_its_verb
        if is_meant and orders(contract, around.clause, index):
            first = Match(match.tool, usable[0].score, match.words)
            return [first, *(other for other in usable if other is not match)]
    return usable


def _around(
    ranked: list[Match], clause: Clause, index: Index, found: Chosen, opening: str, made: set[str], reading: Reading
) -> Around:
    telling = [word for word in clause.words if word.low not in STOP]
    kinds = clause_kinds(clause, made)
    records = {m.kind for m in clause.mentions if m.kind in _RECORDS} | (kinds & {"competitor"})
    records |= {"account"} if records & {"opportunity", "contact"} else set()  # theirs is known with them
    strongest = max(
        (sum(s for word, s in match.words.items() if word not in KINDS and word not in SOFT) for match in ranked),
        default=0.0,
    )
    bounded = any(m.kind in ("amount", "date", "period", "rep") for m in clause.mentions)
    before = found.choices[-1] if found.choices else None
    return Around(
        clause=clause,
        reading=reading,
        opening=opening,
        verb=opens_with(clause),
        head=next((word.stem for word in telling if word.low == word.stem), ""),
        only=telling[0].stem if len(telling) == 1 else "",
        made=made,
        kinds=kinds,
        has={base_kind(mention.kind) for mention in reading.mentions} | made,
        records=records,
        listing=is_listing(clause) and strongest < (SURE if bounded else ENOUGH),
        sense=index.sense_of(clause.words),
        last=before if before is not None and before.clause.sentence == clause.sentence else None,
        follows=before is not None,
    )


def _goes_on(contract: ToolContract, around: Around) -> bool:
    return around.last is not None and around.last.contract.name == contract.name


def _lacking(contract: ToolContract, around: Around, index: Index) -> set[str]:
    """Kinds that only come out of tools, which a tool cannot do without and nobody gives here."""
    if any(m.kind in ("quoted", "term", "identifier") for m in around.reading.mentions):
        return set()
    needed = {base_kind(slot.kind) for slot in contract.slots if slot.required}
    return (needed & index.passed_on) - around.has - around.kinds


def _is_out_of_place(contract: ToolContract, around: Around, index: Index) -> bool:
    """An effect outside that is not outright ordered, or a tool that lacks what nobody can give beside other tools:
    "and tell me why" is no call for a run that nobody named."""
    if around.follows and _lacking(contract, around, index) - {"message"}:
        return True
    effect = contract.side_effect is SideEffect.EXECUTE and not _goes_on(contract, around)
    return effect and not orders(contract, around.clause, index)


def _by_name(contract: ToolContract, around: Around, index: Index) -> float:
    """What a clause says for a tool by the tool's own verb or word."""
    strong = index.strong[contract.name]
    ordered = contract.side_effect is SideEffect.EXECUTE and orders(contract, around.clause, index)
    gain = (ORDERED if ordered else BY_NAME) * index.orders_by_name(around.verb or around.head, contract.name)
    gain += OPENS if around.verb in strong else 0.0
    return gain + (ALONE if around.only in strong else 0.0)


def _with_records(contract: ToolContract, around: Around) -> float:
    takes_none = contract.slots and around.records and not slot_kinds(contract) & around.records
    return BESIDE if takes_none else 1.0


def _by_what_is_there(match: Match, contract: ToolContract, around: Around) -> float:
    """What speaks for a tool by quoted texts, by what was made before, and by what the clause before asked for."""
    takes = slot_kinds(contract)
    gain = 0.3 if "message" in around.kinds & takes & around.made else 0.0
    if takes & {"message", "notes"} and any(mention.kind == "quoted" for mention in around.reading.mentions):
        needs = any(slot.required and base_kind(slot.kind) in ("message", "notes") for slot in contract.slots)
        gain += QUOTED if needs else 0.25
    if _goes_on(contract, around) and (not around.verb or around.opening in match.words):
        gain += 0.35  # what follows without a verb of its own speaks of the same thing
    return gain


def _doubts(match: Match, around: Around, index: Index) -> float:
    """What is left of a score after all that speaks against a tool."""
    clause, opening, left = around.clause, around.opening, 1.0
    if _lacking(index.contracts[match.tool], around, index):
        left *= 0.6
    is_meant = around.sense.best in index.means(match.tool) and senses().speaks_for(opening, around.sense.best)
    if opening in VERB_STEMS and opening not in SOFT and not (index.has(opening, match.tool) or is_meant):
        left *= 0.0 if opening in CONSEQUENTIAL_STEMS else 0.55
    nothing = around.sense.sure.get(NOTHING, 0.0) * (0.5 if is_about_something(clause) else 1.0)
    left *= 1 - OFF * nothing
    if match.score < 1.0 and any(is_unknown(word, index) for word in clause.words):
        left *= 0.85  # weakly meant, in words that no tool has
    if not around.verb and KINDS.keys() >= set(match.words) and any(m.kind == "number" for m in clause.mentions):
        left *= 0.5  # "35 reps, 85 accounts" are figures to work with
    if set(match.words) <= {opening} and is_off_topic(clause, index, around.reading):
        left *= 0.4  # "order pizza", "write a poem": the verb is a tool's, what it is done to is nobody's
    refers = bool(around.has & {"account", "opportunity", "contact"})
    if not clause.mentions and not refers and STOP_STEMS.issuperset(match.words):
        left *= 0.4  # "what does it mean" has a phrase of the language alone, and names nothing for it
    return left

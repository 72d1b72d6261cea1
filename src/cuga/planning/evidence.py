"""How strongly a clause speaks for each tool: its words, what it names, what was made before, what it orders.

An effect outside needs its own verb as an order; no score makes up for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
from cuga.planning.senses import NOTHING, senses

ENOUGH = 0.6  # score of a clause's best tool: about half of a sense that is sure, or of a word that no other tool has
OFF = 0.7  # what is taken from every tool for what nobody here does, when that is sure
ALONE = 0.4  # a clause that is nothing but a tool's own word: "fit, signals, ..."
ORDERED = 2.0  # the same for a tool with an effect outside, outright ordered
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


def usable_tools(
    ranked: list[Match], clause: Clause, index: Index, found: Chosen, opening: str, made: set[str], reading: Reading
) -> list[Match]:
    """The ranked tools that may be chosen for a clause, weighed by what it names and orders; best first."""
    kinds = clause_kinds(clause, made)
    has = {base_kind(mention.kind) for mention in reading.mentions} | made
    first = opens_with(clause)
    clause_opens = bool(first)
    whole = [word.stem for word in clause.words if word.low not in STOP]
    head = next((word.stem for word in clause.words if word.low not in STOP and word.low == word.stem), "")
    last = found.choices[-1] if found.choices and found.choices[-1].clause.sentence == clause.sentence else None
    is_quoting = any(mention.kind == "quoted" for mention in reading.mentions)
    strongest = max(
        (sum(s for word, s in match.words.items() if word not in KINDS and word not in SOFT) for match in ranked),
        default=0.0,
    )
    bounded = any(m.kind in ("amount", "date", "period", "rep") for m in clause.mentions)
    records = {m.kind for m in clause.mentions if m.kind in _RECORDS}
    records |= {"competitor"} if "competitor" in kinds else set()
    records |= {"account"} if records & {"opportunity", "contact"} else set()  # theirs is known with them
    listing = is_listing(clause) and strongest < (SURE if bounded else ENOUGH)
    sense = index.sense_of(clause.words)
    nothing = sense.sure.get(NOTHING, 0.0) * (0.5 if is_about_something(clause) else 1.0)
    refers = bool(has & {"account", "opportunity", "contact"})
    heard = {match.tool for match in ranked}
    ranked = [*ranked, *(Match(name, 0.0, {}) for name in index.contracts if name not in heard)]
    usable = []
    for match in ranked:
        contract, score = index.contracts[match.tool], match.score
        takes = slot_kinds(contract)
        score += 0.2 if clause_opens and first in index.strong[match.tool] else 0.0
        score += ALONE if whole and whole[0] in index.strong[match.tool] and len(whole) == 1 else 0.0
        ordered = contract.side_effect is SideEffect.EXECUTE and orders(contract, clause, index)
        score += (ORDERED if ordered else BY_NAME) * index.orders_by_name(first or head, match.tool)
        goes_on = last is not None and last.contract.name == match.tool
        told = index.telling_kinds(match.tool, kinds)
        if not match.words and told < ENOUGH:
            continue
        score *= 1.0 if not records or not contract.slots or takes & records else BESIDE
        score += told + (0.3 if "message" in kinds & takes & made else 0.0)
        if is_quoting and takes & {"message", "notes"}:
            needs = any(slot.required and base_kind(slot.kind) in ("message", "notes") for slot in contract.slots)
            score += QUOTED if needs else 0.25
        if goes_on and (not clause_opens or opening in match.words):
            score += 0.35  # what follows without a verb of its own speaks of the same thing
        lacking = {
            base_kind(slot.kind) for slot in contract.slots if slot.required and base_kind(slot.kind) in index.passed_on
        }
        if lacking - has - kinds and not any(m.kind in ("quoted", "term", "identifier") for m in reading.mentions):
            if found.choices and lacking - {"message"} - has - kinds:
                continue  # "and tell me why" is no call for a run that nobody named
            score -= 0.5
        is_meant = sense.best in index.means(match.tool) and senses().speaks_for(opening, sense.best)
        orders_it = index.has(opening, match.tool) or is_meant
        if opening and opening in VERB_STEMS and opening not in SOFT and not orders_it:
            score *= 0.0 if opening in CONSEQUENTIAL_STEMS else 0.55
        score *= 1 - OFF * nothing
        if contract.side_effect is SideEffect.EXECUTE and not goes_on and not orders(contract, clause, index):
            continue
        if score < 1.0 and any(is_unknown(word, index) for word in clause.words):
            score *= 0.85  # weakly meant, in words that no tool has
        if not clause_opens and KINDS.keys() >= set(match.words) and any(m.kind == "number" for m in clause.mentions):
            score *= 0.5  # "35 reps, 85 accounts" are figures to work with
        if set(match.words) <= {opening} and is_off_topic(clause, index, reading):
            score *= 0.4  # "order pizza", "write a poem": the verb is a tool's, what it is done to is nobody's
        if listing and any(slot.kind in ("records", "filter") for slot in contract.slots):
            score += 0.4
        if not clause.mentions and not refers and STOP_STEMS.issuperset(match.words):
            score *= 0.4  # "what does it mean" has a phrase of the language alone, and names nothing for it
        if match.tool in found.withheld:
            if score >= ENOUGH:
                found.asked.setdefault(match.tool, clause.text)
            continue
        usable.append(Match(match.tool, round(score, 4), match.words))
    return sorted(usable, key=lambda match: (-match.score, match.tool))

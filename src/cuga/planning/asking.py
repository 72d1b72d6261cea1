"""What a clause says by its own words: the verb it opens with, what it names, whether it orders, what weighs most."""

from __future__ import annotations

from cuga.model.tool import SideEffect, ToolContract
from cuga.planning.clauses import Clause, Reading
from cuga.planning.kinds import KINDS, base_kind
from cuga.planning.lexicon import (
    CONSEQUENTIAL,
    DETERMINERS,
    GENERIC,
    GREETING,
    PRONOUNS,
    STOP,
    TOPICAL,
    VERBS,
    set_of,
)
from cuga.planning.ranking import Index
from cuga.planning.senses import senses
from cuga.planning.words import Token, stem

VERB_STEMS = frozenset(stem(verb) for verb in VERBS)
STOP_STEMS = frozenset(stem(word) for word in STOP)
CONSEQUENTIAL_STEMS = frozenset(stem(word) for word in CONSEQUENTIAL)
# Verbs that say little of what is wanted.
SOFT = frozenset(
    stem(word)
    for word in set_of(
        """show tell give list find get make do create build prepare run use see look have need want help fill
        flag explain say put let include mention start report read pull focus keep display walk check review
        verify gather collect take bring work outline produce"""
    )
)
_BEFORE_ORDER = set_of(
    """please pls plz then and just now finally also you can could would will must kindly directly immediately go ahead
    i want need to i'd like let's lets let us afterwards next first"""
)
_LISTED = frozenset({"account", "opportunity", "contact", "product"})
_LISTING = set_of("which what list show find how give pull get display search look fetch count see any who is are")
_STATING = set_of("it its it's they they're he she there there's this that we i i'm we're")
_POLITE = set_of("help me us please pls plz assist a bit you can could would the there again very much")
_PERMITTING = set_of("allowed permitted legal lawful ok okay safe compliant")
BEHIND = 0.75  # what a word counts behind a preposition: "a drip for dormant customers" asks for the drip
_BEING = set_of("is are was were be been has have had being am")
_AGAINST = set_of("vs versus against beat beats compare compared rival competitor than comparison")
MODIFYING = frozenset(
    stem(word) for word in set_of("focus keep mention include use hold leave avoid ensure stay limit")
)
_PLACING = set_of("to for with on in at of from into by over per")


def is_greeting(clause: Clause) -> bool:
    """Whether a clause is only polite: "good morning", "help me please"."""
    return not clause.mentions and all(word.low in GREETING or word.low in _POLITE for word in clause.words)


def is_about_something(clause: Clause) -> bool:
    """Whether a clause names something that is a tool's business: a record, a file, a text."""
    return any(m.kind not in ("number", "date", "role", "name", "amount", "term") for m in clause.mentions)


def is_listing(clause: Clause) -> bool:
    """Whether a clause asks for records as such: "which accounts ...", "list deals ...", "how many contacts ..."."""
    lows = [word.low for word in clause.words if word.low not in _BEFORE_ORDER and word.low not in ("me", "us")]
    kinds = [KINDS.get(word.stem) for word in clause.words[:6]]
    opens = lows[:1] != [] and (lows[0] in _LISTING or KINDS.get(clause.words[-len(lows)].stem) in _LISTED)
    return opens and bool(_LISTED & {*kinds})


def is_off_topic(clause: Clause, index: Index, reading: Reading) -> bool:
    """Whether a clause speaks of something that is no business of any tool, and of nothing that is."""
    named = any(m.kind not in ("number", "date", "role") for m in clause.mentions)
    things = any(word.stem in KINDS for word in clause.words[1:])
    known = {m.start for m in reading.mentions}
    odd = [w for w in clause.words if is_unknown(w, index) and w.start not in known]
    return (
        reading.looked_up
        and bool(odd)
        and not named
        and not things
        and not any(word.low in PRONOUNS for word in clause.words)
    )


def is_unknown(word: Token, index: Index) -> bool:
    """Whether a telling word is none of the language's common ones and none that a tool has."""
    return len(word.low) > 2 and word.low not in STOP and word.low not in VERBS and not index.is_plain(word.stem)


def clause_kinds(clause: Clause, made: set[str]) -> set[str]:
    """The kinds of things a clause speaks of; "it" is the message when one was just made."""
    opening = opens_with(clause)  # "email her" asks for a deed and has no email yet
    kinds = {KINDS[word.stem] for word in clause.words if word.stem in KINDS and word.stem != opening}
    kinds |= {base_kind(mention.kind) for mention in clause.mentions}
    if "message" in made and any(word.low in PRONOUNS for word in clause.words):
        kinds.add("message")
    if _AGAINST & {word.low for word in clause.words} and kinds & {"account", "name"}:
        kinds.add("competitor")
    if any(mention.kind == "role" for mention in clause.mentions):
        kinds.add("contact")
    return kinds


def orders(contract: ToolContract, clause: Clause, index: Index) -> bool:
    """Whether a clause outright orders the tool's own verb: "send it", "please send", never "to send" or "sending"."""
    if clause.after_data or clause.lead in ("before", "after", "without"):
        return False
    said = [word.stem for word in clause.words]
    sense = senses().of(clause.words).best
    is_meant = sense in index.means(contract.name)
    verbs = index.verbs(contract.name, said) & (VERB_STEMS | {stem(contract.name.split("_")[0])})
    before = ""
    for at, word in enumerate(clause.words):
        ordered = word.stem in verbs or (is_meant and word.low in VERBS and senses().speaks_for(word.stem, sense))
        if ordered and not word.low.endswith("ing"):
            after = clause.words[at + 1 :]
            return before != "i" and _takes_object(contract, after) and not _sends_another(contract, word, after, index)
        if word.low not in _BEFORE_ORDER and not word.low.endswith("ly"):
            return False
        before = word.low
    return False


def _takes_object(contract: ToolContract, after: tuple[Token, ...]) -> bool:
    """Whether a tool that needs a message is told to send one: "send our customer list to ..." is no order to it."""
    if not any(slot.required and base_kind(slot.kind) == "message" for slot in contract.slots):
        return True
    things: list[Token] = []
    for word in after:
        if word.low in _PLACING:
            break
        things += [word] if word.low not in STOP and not word.low.endswith("ly") else []
    return not things or things[-1].stem in KINDS or senses().speaks_for(things[-1].stem, "draft")


def _sends_another(contract: ToolContract, verb: Token, after: tuple[Token, ...], index: Index) -> bool:
    """Whether a tool that takes what another one proposes is told by the verb of its name to do it to something else:
    "send our price list" is no order to send an invitation."""
    proposing = [other for other in index.contracts.values() if other.side_effect is SideEffect.PROPOSE]
    made = {base_kind(kind) for other in proposing for kind, path in other.gives.items() if not path} - {"message"}
    needed = {base_kind(slot.kind) for slot in contract.slots if slot.required} & made
    if not needed or verb.stem != stem(contract.name.split("_")[0]):
        return False
    things = [word for word in after if word.low not in STOP and not word.low.endswith("ly")]
    return bool(things) and not any(word.stem in index.strong[contract.name] - {verb.stem} for word in things)


def telling(clause: Clause) -> tuple[list[str], dict[str, float]]:
    """The stems of a clause in order, and how much those count that only say what it is about or to whom."""
    scale: dict[str, float] = {}
    weight, before = (0.4 if clause.words and clause.words[0].low in _PLACING else 1.0), ""
    if len(clause.words) > 1 and clause.words[0].low in _STATING and clause.words[1].low in _BEING:
        weight = 0.45  # "it has been there for 90 days" says how things are
    roles = [mention for mention in clause.mentions if mention.kind == "role"]
    to_whom = ""  # the last word that was neither a determiner nor of a role
    permitting = any(word.low in _PERMITTING for word in clause.words)
    for at, word in enumerate(clause.words):
        if word.low in TOPICAL or (permitting and word.low == "to"):
            weight = 0.4  # "am I allowed to email" asks what is allowed, not for an email
        elif word.low in _PLACING and weight == 1.0 and any(w.low not in STOP for w in clause.words[:at]):
            weight = BEHIND
        elif word.low.endswith("ing") and before in DETERMINERS:
            weight = min(weight, BEHIND)  # "the building" is a thing
        elif word.low in VERBS and before in ("and", "then", "to") and not permitting:
            weight = 1.0
        inside = any(role.start <= word.start < role.end for role in roles)
        addressed = inside and to_whom in _PLACING
        if not inside and word.low not in DETERMINERS:
            to_whom = word.low
        scale[word.stem] = max(
            scale.get(word.stem, 0.0), weight * (0.25 if addressed else 0.5 if word.low in GENERIC else 1.0)
        )
        before = word.low
    return [word.stem for word in clause.words], scale


def opens_with(clause: Clause) -> str:
    """The stem of the verb that a clause opens with; empty when it opens otherwise."""
    lows = [word.low for word in clause.words]
    for at, word in enumerate(clause.words):
        if word.low in VERBS and word.low not in ("need", "like", "want", "let"):
            return "" if word.low == "set" and "up" in lows[at + 1 :] else word.stem
        if word.low not in _BEFORE_ORDER:
            return ""
    return ""

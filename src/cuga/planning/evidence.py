"""How strongly a clause speaks for each tool: its words, what it names, what was made before, what it orders.

An effect outside needs its own verb as an order; no score makes up for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cuga.model.tool import SideEffect, ToolContract
from cuga.planning.clauses import Clause, Reading
from cuga.planning.kinds import KINDS, base_kind, slot_kinds
from cuga.planning.lexicon import CONSEQUENTIAL, DETERMINERS, GENERIC, GREETING, PRONOUNS, STOP, TOPICAL, VERBS
from cuga.planning.ranking import Index, Match
from cuga.planning.senses import NOTHING, senses
from cuga.planning.words import Token, stem

ENOUGH = 0.6  # score of a clause's best tool: about half of a sense that is sure, or of a word that no other tool has
OFF = 0.7  # what is taken from every tool for what nobody here does, when that is sure
ALONE = 0.4  # a clause that is nothing but a tool's own word: "fit, signals, ..."
ORDERED = 2.0  # the same for a tool with an effect outside, outright ordered
BY_NAME = 0.4  # a verb that is that of one tool's own name
QUOTED = 0.45  # a text is quoted, and the tool cannot do without one
BESIDE = 0.8  # what is left of a tool that can take none of the records a clause names
SURE = 0.9  # words that say so much are not outweighed by the look of a list
VERB_STEMS = frozenset(stem(verb) for verb in VERBS)
STOP_STEMS = frozenset(stem(word) for word in STOP)
CONSEQUENTIAL_STEMS = frozenset(stem(word) for word in CONSEQUENTIAL)
SOFT = frozenset(
    stem(word)
    for word in [
        "show",
        "tell",
        "give",
        "list",
        "find",
        "get",
        "make",
        "do",
        "create",
        "build",
        "prepare",
        "run",
        "use",
        "see",
        "look",
        "have",
        "need",
        "want",
        "help",
        "fill",
        "flag",
        "explain",
        "say",
        "put",
        "let",
        "include",
        "mention",
        "start",
        "report",
        "read",
        "pull",
        "focus",
        "keep",
        "display",
        "walk",
        "put",
        "check",
        "review",
        "verify",
        "gather",
        "collect",
        "take",
        "bring",
        "work",
        "outline",
        "produce",
        "look",
    ]
)
_BEFORE_ORDER = frozenset(
    [
        "please",
        "pls",
        "plz",
        "then",
        "and",
        "just",
        "now",
        "finally",
        "also",
        "you",
        "can",
        "could",
        "would",
        "will",
        "must",
        "kindly",
        "directly",
        "immediately",
        "go",
        "ahead",
        "i",
        "want",
        "need",
        "to",
        "i'd",
        "like",
        "let's",
        "lets",
        "let",
        "us",
        "afterwards",
        "next",
        "first",
    ]
)


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
        if set(match.words) <= {opening} and _is_off_topic(clause, index, reading):
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


_RECORDS = frozenset({"account", "opportunity", "contact", "product", "percent", "file"})
_LISTED = frozenset({"account", "opportunity", "contact", "product"})
_LISTING = frozenset(
    "which what list show find how give pull get display search look fetch count see any who is are".split()
)
_STATING = frozenset(
    ["it", "its", "it's", "they", "they're", "he", "she", "there", "there's", "this", "that", "we", "i", "i'm", "we're"]
)
_POLITE = frozenset("help me us please pls plz assist a bit you can could would the there again very much".split())
_PERMITTING = frozenset(["allowed", "permitted", "legal", "lawful", "ok", "okay", "safe", "compliant"])
BEHIND = 0.75  # what a word counts behind a preposition: "a drip for dormant customers" asks for the drip
_BEING = frozenset(["is", "are", "was", "were", "be", "been", "has", "have", "had", "being", "am"])
_AGAINST = frozenset("vs versus against beat beats compare compared rival competitor than comparison".split())
MODIFYING = frozenset(stem(word) for word in "focus keep mention include use hold leave avoid ensure stay limit".split())
_PLACING = frozenset(["to", "for", "with", "on", "in", "at", "of", "from", "into", "by", "over", "per"])


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


def _is_off_topic(clause: Clause, index: Index, reading: Reading) -> bool:
    """Whether a clause speaks of something that is no business of any tool, and of nothing that is."""
    named = any(m.kind not in ("number", "date", "role") for m in clause.mentions)
    things = any(word.stem in KINDS for word in clause.words[1:])
    known = {m.start for m in reading.mentions}
    odd = [w for w in clause.words if is_unknown(w, index) and w.start not in known]
    return reading.looked_up and bool(odd) and not named and not things and not any(word.low in PRONOUNS for word in clause.words)


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
        ordered = word.stem in verbs or (
            is_meant and word.low in VERBS and senses().speaks_for(word.stem, sense)
        )
        if ordered and not word.low.endswith("ing"):
            return before != "i" and _takes_object(contract, clause.words[at + 1 :])
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
    return not things or any(word.stem in KINDS or senses().speaks_for(word.stem, "draft") for word in things)


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

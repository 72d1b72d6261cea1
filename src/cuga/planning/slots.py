"""What a tool is given: values from the goal and from CRM records, each for the kind its slot states.

A value is taken from the goal's words, looked up, or left open and said so; it is never made up.
"""

from __future__ import annotations

import re
from typing import Any

from cuga.adapters.capability import field_text, fields_of
from cuga.model.tool import SideEffect, Slot
from cuga.planning.amounts import COUNTS, as_number, count_of, plain_amounts
from cuga.planning.clauses import Clause
from cuga.planning.evidence import Choice
from cuga.planning.filling import Context, Filled
from cuga.planning.filters import conditions_of, order_of
from cuga.planning.kinds import KINDS, base_kind
from cuga.planning.lexicon import NUMBERS, STOP
from cuga.planning.mentions import Mention
from cuga.planning.people import NOBODY, person_for
from cuga.planning.revising import KINDS as KINDS_OF_REMARKS
from cuga.planning.revising import SENDER, STYLE, SUBJECT
from cuga.planning.schema import accepts, arguments_of
from cuga.planning.words import stem

TEXTS = frozenset(
    [
        "text",
        "guidance",
        "instructions",
        "instruction",
        "focus",
        "context",
        "situation",
        "question",
        "topic",
        "query",
        "goal",
        "angle",
        "brief",
        "about",
        "request",
    ]
)
REMARKS = frozenset(["feedback", "changes", "revision", "style", "tone", "remarks"])
PEOPLE = frozenset(["contact", "buyer", "recipient", "person", "address"])
ROLES = frozenset(["role", "persona", "title", "audience"])
SAID_IN_GOALS = frozenset({STYLE, SUBJECT, SENDER})  # of what remarks can say
STANDING = "standing"  # kind of a slot that takes what a change replaces
PLACES = re.compile(r"\b(from|to|into|in|of|for)\s+(?:the\s+)?$", re.I)
_WAYS = {"from": ("from",), "to": ("to", "into")}
_AGAINST = re.compile(r"\b(?:vs\.?|versus|against|over|compared (?:to|with)|competitor)\s+(?:the\s+)?$", re.I)


_AFTER_FIRST = frozenset(
    {"follow", "follow-up", "followup", "second", "third", "again"}
)  # tells one message from another


def fill(choice: Choice, account: Mention | None, deal: str, context: Context, *, is_of_many: bool = False) -> Filled:
    """Fill the slots of one chosen tool. References to earlier outputs come later, into `open` slots."""
    step = Filled(choice, account, is_of_many=is_of_many)
    contract = choice.contract
    own = [m for clause in choice.clauses for m in clause.mentions]
    for slot in contract.slots:
        schema = arguments_of(contract).schema_of(slot.name)
        value = _value(slot, schema, step, own, deal, context)
        if value is None:
            step.open.append(slot)
        else:
            step.arguments[slot.name] = value
            step.taken.append(slot.name)
    _tell_role(step, context)
    _tell_standing(step, context)
    return step


def _tell_standing(step: Filled, context: Context) -> None:
    """Where a change must state what it replaces, the present values of the fields that the other arguments change: a
    person then agrees to the exact change, and the tool makes it only while they still hold."""
    slot = next((slot for slot in step.open if slot.kind == STANDING), None)
    named = next((s.name for s in step.choice.contract.slots if base_kind(s.kind) == "opportunity"), "")
    deal = context.records.opportunity(str(step.arguments.get(named, ""))) if slot is not None else None
    if slot is None or deal is None:
        return
    changed = [name for name in step.arguments if name != named and name in fields_of("opportunities")]
    step.arguments[slot.name] = {name: field_text(deal, name) for name in changed}
    step.open.remove(slot)


def _tell_role(step: Filled, context: Context) -> None:
    """Where a role could not be turned into a person, the words that name it go to the tool as they are."""
    nobody = any(
        base_kind(s.kind) in PEOPLE and step.arguments.get(s.name) in ("", NOBODY) for s in step.choice.contract.slots
    )
    free = next((slot for slot in step.open if base_kind(slot.kind) in TEXTS), None)
    if nobody and free is not None:
        step.arguments[free.name] = "; ".join(clause.text for clause in step.choice.clauses if clause.text)[:2000]
        step.open.remove(free)


def _value(slot: Slot, schema: dict[str, Any], step: Filled, own: list[Mention], deal: str, context: Context) -> Any:
    kind, many = base_kind(slot.kind), accepts(schema, "array")
    own = [*context.answers, *own]
    if slot.kind in KINDS_OF_REMARKS and (many or accepts(schema, "string")):
        said = context.revision.value_for(slot, many)
        if said is not None or slot.kind not in SAID_IN_GOALS:  # those a goal may say as well
            return said
    if slot.choices:
        return _all_chosen(slot, step.choice.clauses) if many else _chosen(slot, step.choice.clauses, own, context)
    if kind == "account":
        return _accounts(step, own, many)
    if kind == "opportunity":
        named = [m.value for m in own if m.kind == "opportunity"] or _identified(own, "opportunity", context)
        found = named or ([deal] if deal else [])
        return (found if many else found[0]) if found else None
    if kind in PEOPLE:
        return person_for(slot, schema, step, own, context)
    if kind == "message":
        return _identified_or_quoted(own, context) if accepts(schema, "string") or not schema else None
    if kind == "notes" or (kind in TEXTS and base_kind(slot.name) == "notes"):
        quoted = next((m.value for m in context.reading.mentions if m.kind == "quoted"), None)
        return quoted if quoted or step.choice.contract.side_effect is SideEffect.READ_ONLY else _reported(step)
    if kind in ROLES:
        return _listed([m.value for m in own if m.kind == "role"], many)
    if kind in ("product", "competitor", "rep", "territory", "region", "lead", "segment", "from", "to", "stage"):
        return _named(kind, own, many, slot.required, context)
    if kind in COUNTS:
        return count_of(slot, schema, own, context)
    if kind == "filter":
        return (conditions_of(step, context) or None) if accepts(schema, "array") else None
    if kind == "order":
        return order_of(step)
    if kind in TEXTS:
        return _told(slot, step, own, context)
    if kind in REMARKS:
        return context.feedback[:2000] or None
    if kind == "run":
        return _listed([m.value for m in own if m.kind == "identifier"], many)
    same = [m.value for m in own if m.kind == kind]
    if kind == "amount" and not same:
        same = plain_amounts(own, context)
    if kind == "amount" and same and not accepts(schema, "string"):
        return as_number(same[0], schema)
    if not same and slot.required and accepts(schema, "string"):
        same = [m.value for m in own if m.kind == "identifier"]  # "plan tp-12"
    if not same and kind == "file":
        same = [m.value for m in context.reading.mentions if m.kind == "file"]
    return _listed(same, many)


def _listed(found: list[str], many: bool) -> Any:
    found = list(dict.fromkeys(found))
    return None if not found else found if many else found[0]


def _accounts(step: Filled, own: list[Mention], many: bool) -> Any:
    if many:
        found = [m.value for m in own if m.kind == "account"]
        return _listed(found or ([step.account.value] if step.account else []), True)
    return step.account.value if step.account else None


def _identified(own: list[Mention], kind: str, context: Context) -> list[str]:
    """Identifiers that stand behind the noun of a kind: "opp 1C1I7A6R"."""
    found = []
    for mention in own:
        before = context.reading.masked.text[: mention.start].split()[-1:]
        if mention.kind == "identifier" and before and base_kind(before[0].strip("#:(").casefold()) == kind:
            found.append(mention.value)
    return found


def _identified_or_quoted(own: list[Mention], context: Context) -> Any:
    for mention in own:
        if mention.kind == "identifier":
            return mention.value
    quoted = [m.value for m in (*own, *context.reading.mentions) if m.kind == "quoted"]
    quoted += [m.value for m in own if m.kind == "term"]  # a short one: "not now"
    return quoted[0] if quoted else None


def _named(kind: str, own: list[Mention], many: bool, required: bool, context: Context) -> Any:
    """Names of a kind: known records first, then a name the words before it give that part."""
    text = context.reading.masked.text
    same = [m for m in own if m.kind == kind]
    if not same:
        for mention in own:
            before = text[max(0, mention.start - 24) : mention.start]
            against = bool(_AGAINST.search(before))
            place = PLACES.search(before)
            if mention.kind == "account" and kind == "competitor":
                same += [mention] if against or (required and _is_only_account(mention, own)) else []
            elif mention.kind in ("rep", "account") and kind in ("from", "to"):
                owns = kind == "from" and mention.kind == "rep" and text[mention.end :].startswith("'s")
                same += [mention] if owns or (place and place[1].casefold() in _WAYS[kind]) else []
            elif mention.kind == "name" and mention not in context.used:
                word = place[1].casefold() if place else ""
                fits = {
                    "competitor": against,
                    "from": word in _WAYS["from"],
                    "to": word in _WAYS["to"],
                    "stage": word in ("to", "into", "in"),
                    "rep": not place,
                }.get(kind, not against)
                if fits:
                    same.append(mention)
    if kind == "competitor" and required and not same:  # "... and how do we beat them"
        same = [m for m in context.reading.mentions if m.kind == "account"][-1:]
    if kind == "product" and context.records.is_known:  # a name is a product only when the CRM has it
        same = [m for m in same if m.kind == "product" or context.records.near("products", m.value).found is not None]
    context.used.update(m for m in same if m.kind == "name")
    return _listed([m.value for m in same], many)


def _is_only_account(mention: Mention, own: list[Mention]) -> bool:
    return all(other is mention for other in own if other.kind == "account")


def _chosen(slot: Slot, clauses: tuple[Clause, ...], own: list[Mention], context: Context) -> Any:
    """The choice whose words the goal says, the latest word of a person first. None leaves the tool's own default."""
    against = context.revision.words_against if slot.kind in KINDS_OF_REMARKS else frozenset()
    said = [stem(w) for w in re.findall(r"[\w-]+", context.feedback.casefold()) if w not in against]
    spoken = [said, [word.stem for clause in clauses for word in clause.words]]
    spoken.append(
        [stem(w) for m in own for w in re.findall(r"[\w-]+", m.value.casefold()) if m.kind in ("name", "term")]
    )
    for words in spoken:
        hits = []
        for choice in slot.choices:
            parts = [stem(part) for part in re.split(r"[\s_-]+", choice.casefold()) if part]
            whole = stem(choice.casefold())
            words = (
                [whole if base_kind(choice) == KINDS.get(word) else word for word in words]
                if slot.kind == "records"
                else words
            )
            if whole in words or (parts and all(part in words for part in parts)):
                hits.append((-len(parts), min(words.index(w) for w in words if w in (whole, *parts)), choice))
        if hits:
            return min(hits)[2]
    return None


def _all_chosen(slot: Slot, clauses: tuple[Clause, ...]) -> list[str] | None:
    """All choices that the goal says, in its order: "first by phone, then email and LinkedIn"."""
    said = [word.stem for clause in clauses for word in clause.words]
    places = {choice: said.index(stem(choice.casefold())) for choice in slot.choices if stem(choice.casefold()) in said}
    return sorted(places, key=places.__getitem__) or None


def _reported(step: Filled) -> str | None:
    """What happened, where a goal has it in its own words: "log that they want a demo", "log a call saying ..."."""
    said = "; ".join(dict.fromkeys(clause.text for clause in step.choice.clauses if clause.text and not clause.negated))
    _, that, what = _THAT.split(said, maxsplit=1) if _THAT.search(said) else ("", "", said)
    telling = [word for clause in step.choice.clauses for word in clause.words if word.low not in STOP]
    known = {word.stem for word in telling} - set(step.choice.words)
    return (what.strip() if that else said)[:2000] if that or known or step.choice.more else None


_THAT = re.compile(r"\b(that|saying|stating|noting)\b", re.I)


def _told(slot: Slot, step: Filled, own: list[Mention], context: Context) -> Any:
    """The goal's words on this step, unless all they say is in other arguments already."""
    pieces = [clause.text for clause in step.choice.clauses if clause.text and not clause.negated]
    rest = [
        word
        for clause in step.choice.clauses
        for word in clause.words
        if word.low in _AFTER_FIRST
        or (
            word.low not in STOP
            and word.stem not in step.choice.words
            and word.low not in NUMBERS
            and not any(m.kind == "role" and m.start <= word.start < m.end for m in own)
        )
    ]
    loose = [m for m in own if m.kind not in ("account", "opportunity", "contact", "role", "quoted") and m.start >= 0]
    if context.feedback:
        pieces.append(context.feedback)
    elif not rest and not loose and not slot.required:
        return None
    return "; ".join(dict.fromkeys(piece for piece in pieces if piece))[:2000] or None

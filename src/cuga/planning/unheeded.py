"""What a person said that a plan does not act on, said out loud: names nobody knows, content for a draft, remarks.

It judges the steps as they stand and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cuga.model.tool import SideEffect
from cuga.planning.draftplan import Draft
from cuga.planning.explain import short
from cuga.planning.filling import Context, Filled
from cuga.planning.kinds import base_kind
from cuga.planning.revising import KINDS, OFFER

_LOOSE = frozenset({"text", "goal", "query", "question"})  # slots that take a goal's words, understood or not
_GUIDED = frozenset({"guidance", "points", "instruction", "instructions", "brief", "content", "feedback", "changes",
                     "revision", "remarks"})  # fmt: skip
_SAYING = re.compile(r"\b(?:saying|telling (?:her|him|them)|mentioning)\s+(?:that\s+)?(?P<said>[^,.;!?\n]+)", re.I)


def unheeded(draft: Draft, context: Context) -> Iterator[str]:
    """One line for each thing that was said and is not acted on."""
    steps = [step for _, step in draft.steps]
    carried = " ".join(_carried(step) for step in steps).casefold()
    reading = context.reading
    for mention in reading.mentions:
        if mention in context.used:
            continue
        if mention.kind in ("name", "rep") and mention.value.casefold() not in carried and context.records.is_known:
            what = (
                "a seller, by whom nothing here is filtered"
                if mention.kind == "rep"
                else _unknown(mention.start, context)
            )
            yield f"Not used: {mention.value!r} is {what}."
    drafting = [s for s in steps if "message" in map(base_kind, s.choice.contract.gives)]
    drafting = [s for s in drafting if s.choice.contract.side_effect is SideEffect.PROPOSE]
    if not drafting or any(_is_guided(step) for step in drafting):
        return
    said = [found["said"].strip() for found in _SAYING.finditer(reading.masked.text)]
    said += [m.value for m in reading.mentions if m.kind == "quoted" and m.value.casefold() not in carried]
    for words in said:
        yield (
            f'Not used: "{short(reading.masked.shown(words))}" is not written into the draft, which is made of '
            f"templates; use `cuga amend` to put it in by hand."
        )


def revised(draft: Draft, context: Context) -> Iterator[str]:
    """What becomes of people's remarks on an earlier plan: one line, and never silence."""
    revision, steps = context.revision, [step for _, step in draft.steps]
    for step in steps:
        slots = step.choice.contract.slots
        if any(base_kind(slot.kind) in _LOOSE and context.feedback in str(step.arguments.get(slot.name, ""))
               for slot in slots):  # fmt: skip
            revision.heed(OFFER, "the question that it ends with")
    takes_remarks = any(slot.kind in KINDS for step in steps for slot in step.choice.contract.slots)
    as_text = bool(context.feedback) and any(context.feedback in str(step.arguments.values()) for step in steps)
    if revision.remarks and (takes_remarks or not as_text):
        yield f"{revision.line[:1].upper()}{revision.line[1:]}."


def _unknown(start: int, context: Context) -> str:
    before = context.reading.masked.text[:start].split()[-1:]
    if before and before[0].casefold() in ("at", "of", "to", "from"):
        return "no account or person that the CRM has"
    return "no product, account or person that the CRM has"


def _carried(step: Filled) -> str:
    kinds = {slot.name: base_kind(slot.kind) for slot in step.choice.contract.slots}
    return " ".join(str(value) for name, value in step.arguments.items() if kinds.get(name) not in _LOOSE)


def _is_guided(step: Filled) -> bool:
    return any({base_kind(slot.kind), slot.name} & _GUIDED for slot in step.choice.contract.slots)

"""Text that a language model wrote, on its way into a call: who must look at it, and what they are told.

The mark is the journal's: it follows from the call to the model, and nothing that the text says takes it away.
"""

from __future__ import annotations

from cuga.kernel.state import RunState, Wrote
from cuga.model.plan import Step
from cuga.model.tool import SideEffect, ToolContract
from cuga.policy.judge import Ruling

NOTES = "notes"  # the field under which a model is told what others have written


def fed_by_model(s: RunState, step: Step) -> Wrote | None:
    """The model that wrote what a step takes from earlier ones, whatever it went through on its way; one that was told
    notes first. None: none did."""
    if not s.written:
        return None
    taken, left = set[str](), [step]
    while left:
        one = left.pop()
        whole = s.step(one.list_of) if one.list_of else one
        fresh = {reference.step for reference in whole.references} - taken
        taken |= fresh
        left += [s.step(name) for name in fresh if name in s.index.steps]
    wrote = [one for name, one in s.written.items() if one.reply is not None and {name, s.step(name).list_of} & taken]
    return next((one for one in wrote if NOTES in one.fields), wrote[0] if wrote else None)


def needs_reader(s: RunState, step: Step, contract: ToolContract, ruling: Ruling) -> bool:
    """Whether a person must agree because a model wrote what the call would use; to read it is nobody's risk."""
    return has_reader(contract, ruling) and fed_by_model(s, step) is not None


def has_reader(contract: ToolContract, ruling: Ruling) -> bool:
    """Whether a call is one that a person reads before it is made, if a model wrote what it would use."""
    has_effect = contract.side_effect is not SideEffect.READ_ONLY or any(":" in use for use in contract.uses)
    return has_effect and not ruling.simulated


def told(wrote: Wrote) -> str:
    """What people who decide on it are told."""
    line = f"A model wrote text in this: {wrote.name} at {wrote.host}."
    return f"{line} It had been told notes that others have written." if NOTES in wrote.fields else line


def raised(risk: str, wrote: Wrote) -> str:
    """The risk of a call with such text: a tier higher, and the highest after notes of others."""
    return "medium" if risk == "low" and NOTES not in wrote.fields else "high"

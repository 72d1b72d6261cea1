"""The offline planner: a goal in a person's words becomes a plan, a question back, or a reasoned no.

Deterministic and without a model: same goal, same records, same answer. It knows no tool by name; contracts say what
each can do. Text in quotes, pasted notes and CRM records is data and never adds a step, a recipient or a consent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from msgspec.structs import replace

from cuga.model.plan import Budget, Plan
from cuga.model.tool import ToolContract
from cuga.model.value import micros
from cuga.planning import explain, sparing
from cuga.planning.answer import Answer, Proposal, Question, Refusal
from cuga.planning.asking import is_unknown
from cuga.planning.choose import choose
from cuga.planning.clauses import Reading, read
from cuga.planning.draftplan import Draft
from cuga.planning.evidence import Choice, Chosen
from cuga.planning.filling import Context
from cuga.planning.kinds import KINDS
from cuga.planning.lexicon import GREETING, STOP
from cuga.planning.memory import PastGoal, favours, remembered
from cuga.planning.mentions import Mention
from cuga.planning.ranking import Index
from cuga.planning.records import CrmLookup, Records
from cuga.planning.revising import RECIPIENT, Revision, revision_of
from cuga.planning.unheeded import revised, unheeded
from cuga.planning.words import MAX_GOAL, stem
from cuga.policy.profile import Profile, Rulebook

KEPT = 8  # rulebooks whose index is kept
_OPTION = re.compile(r"[^\n()]{1,80} \([^\n]*\)")  # how options are written: an id or name, then what tells it apart
_OUT = re.compile(r"\b(?:leave|take|keep)\s+((?:the\s+)?[\w -]{1,40}?)\s+out\b", re.I)  # "leave the check out"
_ANSWERING = frozenset({"account", "contact", "opportunity", "product", "address", "file"})


class RulePlanner:
    """Plans over one CRM. Keeps the words of the rulebooks it has seen, nothing else."""

    def __init__(self, crm: CrmLookup | None = None) -> None:
        self._records = Records(crm)
        self._indexes: dict[int, tuple[Rulebook, Index]] = {}

    def plan(
        self,
        goal: str,
        rulebook: Rulebook,
        *,
        feedback: str = "",
        denied: Mapping[str, str] | None = None,
        as_of: datetime | date | None = None,
        past: Sequence[PastGoal] = (),
    ) -> Answer:
        """Plan a goal. `feedback` is what people said of an earlier plan or in answer to a question; `denied` maps
        effects (as `kernel.consent.effect_of` names them) to reasons; dates are reckoned from `as_of`; `past` are
        earlier goals that may hint at an order."""
        if not goal.strip():
            return Question(
                text="What shall be done? Say it in a sentence, e.g. what to score, draft, check or qualify."
            )
        if len(goal) > MAX_GOAL:
            return Refusal(
                reason=f"The goal has {len(goal):,} characters; {MAX_GOAL:,} are read.",
                mend="Say what to do in short, and hand long material to the tools as files or notes.",
            )
        today = as_of.date() if isinstance(as_of, datetime) else as_of
        index = self._index(rulebook)
        reading = read(goal, self._records, today, index.is_own, index.is_plain, index.speller)
        said = _OUT.sub(r"skip \1", feedback)
        remarks = (
            read(said, self._records, today, index.is_own, index.is_plain, index.speller) if feedback.strip() else None
        )
        revision = revision_of(_remarks(feedback, remarks))
        sparing.settle(revision, remarks.mentions if remarks is not None else ())
        withheld = _withheld(rulebook.profile, index)
        chosen = choose(_forbidding(reading, remarks, revision), index, withheld, favours(past, rulebook.contracts))
        usable = [c for c in index.contracts.values() if c.name not in chosen.withheld]
        if not chosen.choices and remarks is not None and not chosen.asked:
            # the goal named nothing, the answer may
            answer = self.plan(feedback, rulebook, denied=denied, as_of=as_of, past=past)
            if isinstance(answer, Proposal):
                said = f'Planned from the answer "{explain.short(feedback)}".'
                return Proposal(plan=replace(answer.plan, goal=goal, notes=(said, *answer.plan.notes)))
        if not chosen.choices:
            return self._without_tools(reading, chosen, usable)
        context = Context(
            reading, self._records, _guidance(feedback, remarks), _answers(remarks, revision), revision=revision
        )
        draft = Draft(index, usable, context, denied or {})
        for choice in chosen.choices:
            draft.add(choice)
        if context.questions:
            text, options = context.questions[0]
            return Question(text=text, options=options)
        draft.leave_denied()
        if reading.calls is not None:
            draft.shorten(reading.calls)
        if not draft.steps:
            return Refusal(
                reason=" ".join(context.notes) or "Nothing is left to do.", mend="Change the goal or the limit."
            )
        for line in explain.notes(reading, chosen):
            context.note(line)
        unused = [word for choice in chosen.choices for word in _unused(choice, draft, index)]
        if unused:
            context.note(f"Not used, since no argument takes it: {', '.join(dict.fromkeys(unused))}.")
        if any(remark.takes_out for remark in revision.remarks):
            before = choose(reading, index, withheld, favours(past, rulebook.contracts))
            _tell_taken_out(revision, before, chosen, index)
        for line in (*unheeded(draft, context), *revised(draft, context)):
            context.note(line)
        kept = [choice for choice in draft.choices if any(step.choice is choice for _, step in draft.steps)]
        plan = Plan(
            goal=goal,
            steps=draft.plan_steps(),
            planner="rules",
            why=(*explain.why(kept), *remembered(past, (choice.contract.name for choice in kept))),
            notes=tuple(context.notes),
            budget=_budget(reading),
        )
        return Proposal(plan=plan)

    def _without_tools(self, reading: Reading, chosen: Chosen, usable: list[ToolContract]) -> Answer:
        if chosen.asked:
            named = "; ".join(f"{tool}: {chosen.withheld[tool]}" for tool in chosen.asked)
            return Refusal(
                reason=f"What is asked for may not be used here ({named}).",
                mend="Ask for something else, or another profile.",
            )
        words = [word for clause in reading.clauses for word in clause.words]
        if chosen.beyond:
            asked = "; ".join(f'"{clause.text}"' for clause in chosen.beyond[:3])
            return explain.offer(usable, f"No tool here does {asked}.")
        if not reading.clauses or all(word.low in GREETING or word.low in STOP for word in words):
            return explain.offer(usable, "Hello. What shall be done?")
        return explain.offer(usable, "I find no tool for that. Which of these do you mean, or how else can you put it?")

    def _index(self, rulebook: Rulebook) -> Index:
        known = self._indexes.get(id(rulebook))
        if known is not None and known[0] is rulebook:
            return known[1]
        index = Index(rulebook.contracts.values())
        while len(self._indexes) >= KEPT:
            del self._indexes[next(iter(self._indexes))]
        self._indexes[id(rulebook)] = (rulebook, index)
        return index


def _unused(choice: Choice, draft: Draft, index: Index) -> list[str]:
    """Words of a goal that no tool knows and no argument of their step carries."""
    carried = " ".join(str(step.arguments.values()) for _, step in draft.steps).casefold()
    words = [word for clause in choice.clauses for word in clause.words]
    roles = [m for clause in choice.clauses for m in clause.mentions if m.kind == "role"]
    return [
        word.text
        for word in words
        if is_unknown(word, index)
        and word.stem not in KINDS
        and word.low not in carried
        and not any(role.start <= word.start < role.end for role in roles)
    ]


def _withheld(profile: Profile, index: Index) -> dict[str, str]:
    reason = f"the profile {profile.name} does not allow it"
    return {
        name: reason
        for name in index.contracts
        if name in profile.forbidden_tools or (profile.tools and name not in profile.tools)
    }


def _forbidding(reading: Reading, remarks: Reading | None, revision: Revision) -> Reading:
    """The goal with what a person's remarks forbid: they may take tools away, never add them."""
    if remarks is None:
        return reading
    against = tuple(
        clause._replace(at=1000 + clause.at)
        for clause in remarks.clauses
        if clause.negated
        and not revision.is_about_text({word.text.casefold() for word in clause.words})
        and not sparing.is_about_somebody(clause, revision)
    )
    return reading._replace(clauses=(*reading.clauses, *against))


def _answers(remarks: Reading | None, revision: Revision | None = None) -> tuple[Mention, ...]:
    """What people's words name; a role only where they say who shall be written to."""
    if remarks is None:
        return ()
    kinds = _ANSWERING
    if revision is not None and any(remark.kind == RECIPIENT for remark in revision.remarks):
        kinds |= {"role"}
    named = (m for m in remarks.mentions if m.kind in kinds)
    wanted = (m for m in named if revision is None or not sparing.names_nobody_else(m, revision))
    return tuple(m._replace(start=-1, end=-1) for m in wanted)


def _remarks(feedback: str, remarks: Reading | None) -> list[str]:
    """The lines of what people said that ask for something: not those that only name a record, which are answers."""
    named = {mention.value.casefold() for mention in _answers(remarks)}
    lines = [line.strip() for line in feedback.splitlines() if line.strip()]
    return [line for line in lines if line.casefold() not in named and not (named and _OPTION.fullmatch(line))]


def _tell_taken_out(revision: Revision, before: Chosen, after: Chosen, index: Index) -> None:
    """Which remarks took which tools out of the plan."""
    left = {choice.contract.name for choice in after.choices}
    for tool in [choice.contract.name for choice in before.choices if choice.contract.name not in left]:
        for remark in revision.remarks:
            said = {stem(word) for word in re.findall(r"[a-z-]+", remark.text.casefold())} - STOP
            if remark.takes_out and not remark.heeded and said & set(index.strong[tool]):
                remark.heeded = f"without {tool.replace('_', ' ')}"


def _guidance(feedback: str, remarks: Reading | None) -> str:
    """Remarks in words; nothing when they only name a record, which is an answer."""
    if remarks is None:
        return ""
    told = [word for clause in remarks.clauses if not clause.negated for word in clause.words if word.low not in STOP]
    is_option = bool(_answers(remarks)) and bool(_OPTION.fullmatch(feedback.strip()))
    return " ".join(feedback.split()) if told and not is_option else ""


def _budget(reading: Reading) -> Budget | None:
    if reading.calls is None and reading.cost is None:
        return None
    return Budget(calls=reading.calls, cost=None if reading.cost is None else micros(reading.cost))

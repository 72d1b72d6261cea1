"""Plans by a language model: what it is told of a run, how its answer becomes a proposal, and what is wrong with one.

Pure. The answer is checked like any proposal, and held to more: what it brings that stands neither in the goal nor in a
record is marked, and a call with an effect that carries such a value needs a person whatever the rules say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cuga.adapters.capability.model import MAX_PROMPT, MOST_TOOLS, Task
from cuga.errors import PlanInvalid
from cuga.kernel.consent import effect_of
from cuga.kernel.state import Phase, RunState
from cuga.kernel.thinking import MODEL
from cuga.model.plan import REFERENCE, CheckedPlan, Plan, PlanStep
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import encode
from cuga.planning.answer import Proposal, Question
from cuga.planning.masking import Mask, is_word
from cuga.planning.records import CrmLookup, Records
from cuga.planning.schema import arguments_of
from cuga.planning.words import tokens
from cuga.policy.budget import CALLS, COST
from cuga.policy.profile import Rulebook

_QUOTED = re.compile(r'"[^"]{60,}"|“[^”]{60,}”|«[^»]{60,}»')  # a passage, not a name or a subject
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W\d_]+)*")
PEOPLE = ("contact", "rep")  # kinds of records that are people
_SHOWN = 400  # characters of an earlier step's input that a model is told


def tools_for(book: Rulebook, first: Sequence[str], ranked: Iterable[str], banned: Iterable[str] = ()) -> list[str]:
    """The few tools that a model is shown: those the rules would take, then those that fit the goal's words best."""
    profile, out = book.profile, {*banned, *book.profile.forbidden_tools}
    allowed = [name for name in dict.fromkeys((*first, *ranked)) if name in book.contracts and name not in out]
    return [name for name in allowed if not profile.tools or name in profile.tools][:MOST_TOOLS]


def task_of(
    state: RunState, book: Rulebook, tools: Sequence[str], crm: CrmLookup | None, feedback: Iterable[str], limits: str
) -> Task:
    """What a model is told, as far as the profile allows. `PlanInvalid` when that is more than is sent."""
    start, fields = state.started, book.profile.model.fields
    task = Task(
        goal=start.goal,
        tools=tuple(book.contracts[name] for name in tools),
        fields=fields,
        today=f"{(start.as_of or start.at):%Y-%m-%d}",
        limits=limits,
        feedback=tuple(dict.fromkeys(text for text in feedback if text)),
        history=tuple(_history(state)),
        records=tuple(records_in(start.goal, crm)) if "records" in fields else (),
    )
    if (size := len(task.text().encode())) > MAX_PROMPT:
        raise PlanInvalid(f"a model would have to be told {size:,} bytes; {MAX_PROMPT:,} is the most")
    return task


def records_in(goal: str, crm: CrmLookup | None) -> list[dict[str, str]]:
    """The records that a goal names, with their ids."""
    spots = Records(crm).spots(tokens(goal), goal)
    return [{"kind": spot.kind, "id": hit[0], "name": hit[1]} for spot in spots for hit in spot.hits][:20]


def people_in(task: Task, crm: CrmLookup | None) -> list[str]:
    """The people of the records whom what a model would be told names, wholly or in part; and the owners of deals.

    A person is named in part by first and last name without those between, and by either alone where it is written like
    a name, with a capital in the middle of a sentence.
    """
    told = "\n".join((task.goal, *task.feedback, *task.history, *task.remembered))
    named = [one["name"] for one in task.records if one["kind"] in PEOPLE]
    spots = Records(crm).spots(tokens(told), told)
    named += [name for spot in spots if spot.kind in PEOPLE for name in (spot.text, *(h[1] for h in spot.hits))]
    if crm is None:
        return named
    others = [(spot.start, spot.end) for spot in spots if spot.kind not in PEOPLE]
    words, lone = set[str](), dict[str, str]()
    for found in _WORD.finditer(told):
        words.add(found[0].casefold())
        is_within = found.start() > 0 and told[: found.start()].rstrip()[-1:] not in ".!?:;"
        of_others = any(start <= found.start() < end for start, end in others)
        if found[0][0].isupper() and is_within and not of_others and not is_word(found[0]):
            lone[found[0].casefold()] = found[0]
    for kind in ("contacts", "teams"):
        for _, name in crm.names(kind):
            parts = name.casefold().replace(",", " ").split()
            if len(parts) > 1 and parts[0] in words and parts[-1] in words:
                named.append(name)
            named += [lone[part] for part in parts[:1] + parts[-1:] if part in lone]
    return list(dict.fromkeys(named))


def hidden(task: Task, mask: Mask) -> Task:
    """The task with placeholders for people and addresses."""
    return msgspec.structs.replace(
        task,
        goal=mask.hide(task.goal),
        feedback=tuple(map(mask.hide, task.feedback)),
        history=tuple(map(mask.hide, task.history)),
        remembered=tuple(map(mask.hide, task.remembered)),
        records=tuple({name: mask.hide(value) for name, value in record.items()} for record in task.records),
    )


def own_words(goal: str) -> str:
    """A goal without the passages that were pasted or quoted into it: who wrote those, nobody knows."""
    return _QUOTED.sub(" ", goal.strip().partition("\n")[0])


def _history(state: RunState) -> Iterable[str]:
    for step_id, phase in state.phase.items():
        step = state.step(step_id)
        if not step.list_of:
            why = f": {state.reasons[step_id]}" if step_id in state.reasons else ""
            yield f"{step_id} {step.tool} {bytes(step.input).decode()[:_SHOWN]} is {phase.value}{why}"
    for effect, reason in state.denied.items():
        yield f"denied: {effect}" + (f" ({reason})" if reason else "")


def answer_of(reply: Mapping[str, Any], task_words: str, goal: str, book: Rulebook, note: str) -> Proposal | Question:
    """A model's answer as a proposal or a question. `task_words` is what a value may come from without being marked."""
    if not reply["steps"]:
        return Question(text=f"{reply['question']} (asked by the model)")
    said: list[dict[str, Any]] = list(reply["steps"])
    place = {str(step["id"]): str(at) for at, step in enumerate(said)}  # steps get ids of the run's own
    tool_of = {str(step["id"]): str(step["tool"]) for step in said}
    steps = []
    for step in said:
        contract = book.contracts.get(str(step["tool"]))
        found = tuple(unproven(step["input"], task_words, contract, tool_of, book)) if contract is not None else ()
        is_effect = contract is not None and contract.side_effect is not SideEffect.READ_ONLY
        leaves = contract is not None and any(":" in use for use in contract.uses)  # a server or document from outside
        steps.append(
            PlanStep(
                tool=str(step["tool"]),
                input=_rewired(step["input"], place),
                reason=f"{step['reason']} (a model's words)" if step["reason"] else "proposed by a model",
                depends_on=tuple(place.get(name, name) for name in step["depends_on"]),
                ask_first=bool(found) and (is_effect or leaves),
                unproven=found,
            )
        )
    why = tuple(f"the model says: {line}" for line in reply["why"])
    return Proposal(plan=Plan(goal=goal, steps=tuple(steps), planner=MODEL, why=why, notes=(note,)))


def unproven(
    value: Any, words: str, contract: ToolContract, tool_of: Mapping[str, str], book: Rulebook
) -> Iterable[str]:
    """JSON Pointers of values that a model brought from who knows where: they stand neither in the goal, nor in a
    record it was told of, nor in the tool's own schema, and are no declared output of an earlier step."""
    known = " ".join(words.casefold().split())
    own = {text.casefold() for text in _texts_of_schema(arguments_of(contract).properties)}
    open_values: list[tuple[str, Any]] = [("", value)]
    while open_values:
        at, one = open_values.pop(0)
        if isinstance(one, dict) and REFERENCE in one and len(one) == 1:
            if not _is_declared(one[REFERENCE], tool_of, book):
                yield at
        elif isinstance(one, dict):
            open_values += [(f"{at}/{_escaped(str(name))}", inner) for name, inner in one.items()]
        elif isinstance(one, list):
            open_values += [(f"{at}/{place}", inner) for place, inner in enumerate(one)]
        elif one is not None and not isinstance(one, bool):
            text = " ".join(str(one).casefold().split())
            if text and text not in own and not _stands_in(text, known):
                yield at


def _stands_in(text: str, known: str) -> bool:
    """Whether a value stands in a text as words of its own: a part of a longer word or number proves nothing."""
    at = known.find(text)
    while at >= 0:
        before, after = known[at - 1 : at] if at else "", known[at + len(text) : at + len(text) + 1]
        if not (before.isalnum() and text[0].isalnum()) and not (after.isalnum() and text[-1].isalnum()):
            return True
        at = known.find(text, at + 1)
    return False


def _texts_of_schema(schema: Any) -> Iterable[str]:
    if not isinstance(schema, dict):
        return
    for key, inner in schema.items():
        if key == "enum" and isinstance(inner, list):
            yield from (str(one) for one in inner)
        elif key in ("const", "default") and isinstance(inner, str | int | float):
            yield str(inner)
        elif isinstance(inner, dict):
            yield from _texts_of_schema(inner)
        elif isinstance(inner, list):
            for one in inner:
                yield from _texts_of_schema(one)


def _is_declared(reference: Any, tool_of: Mapping[str, str], book: Rulebook) -> bool:
    """Whether a reference is to an output that its tool's contract declares as something a tool may be given."""
    if not isinstance(reference, dict):
        return False
    contract = book.contracts.get(tool_of.get(str(reference.get("step")), ""))
    return contract is not None and reference.get("path", "") in contract.gives.values()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _rewired(value: Any, place: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        said = value.get(REFERENCE) if len(value) == 1 else None
        if isinstance(said, dict) and isinstance(said.get("step"), str):
            return {REFERENCE: {**said, "step": place.get(said["step"], said["step"])}}
        return {name: _rewired(inner, place) for name, inner in value.items()}
    return [_rewired(inner, place) for inner in value] if isinstance(value, list) else value


def faults(checked: CheckedPlan, state: RunState, book: Rulebook, limits: Mapping[str, int]) -> list[str]:
    """What is wrong with a plan beyond its form: an effect that was denied, and budgets that cannot take it."""
    found = []
    new = [step for step in checked.steps if state.phase.get(step.step_id) is not Phase.DONE]
    for step in new:
        effect = effect_of(book.contracts[step.tool], step.input)
        if effect in state.denied:
            found.append(f"{step.tool}: this was denied by a person and may not be proposed again: {effect}")
    for scope, wanted in ((CALLS, len(new)), (COST, sum(step.cost for step in new))):
        left = limits[scope] + state.raised.get(scope, 0) - state.used.get(scope, 0)
        if wanted > left:
            found.append(f"over budget: the plan needs {wanted:,} of {scope}, {max(left, 0):,} are left")
    return found


def reply_bytes(steps: Sequence[Mapping[str, Any]], why: Sequence[str], question: str) -> msgspec.Raw:
    """A model's answer as it is kept."""
    return msgspec.Raw(encode({"steps": list(steps), "why": list(why), "question": question}))

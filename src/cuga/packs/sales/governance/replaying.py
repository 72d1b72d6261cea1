"""An earlier run decided again: whether the same decisions follow from what its journal holds, step by step."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from cuga.adapters.capability import DecisionTold, Runs
from cuga.packs.sales.result import Report, Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "replay-1"
Verdict = Literal["same", "different", "cannot be told"]
_ORDER = {"same": 0, "cannot be told": 1, "different": 2}
_WORDS = {
    "tool_call_start": "the call", "approval_requested": "the request for consent", "step_refused": "the refusal",
    "run_finished": "the end",
}  # fmt: skip


class Difference(Result, frozen=True, kw_only=True):
    """One field of one decision: as the journal has it, and as it follows now."""

    of: str
    field: str
    recorded: str
    again: str
    event: int


class StepAgain(Result, frozen=True, kw_only=True):
    """One step (or the run as a whole, with an empty `step`): what was decided again, the verdict, and why where it is
    not `same`."""

    step: str
    tool: str
    verdict: Verdict
    decided: tuple[str, ...]
    differences: tuple[Difference, ...]
    why: tuple[str, ...]


class Replayed(Report, frozen=True, kw_only=True):
    """`verdict` is the gravest of the steps; `sealed_by` is the hash of event `events` that the replay rests on."""

    run_id: str
    verdict: Verdict
    steps: tuple[StepAgain, ...]
    decisions: int
    events: int
    sealed_by: str
    rules_digest: str
    unknowns: tuple[str, ...]


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.3,
    keywords=("replay", "replay run", "run again and compare", "same result", "reproduce", "reproducible",
    "would it come out the same", "repeat run"),
    gives={"replay": ""},
    uses=("runs",),
    guardrails=("from the journal only", "calls no tool and writes nothing", "what it cannot decide again it says"),
)  # fmt: skip
async def replay_run(
    context: ToolContext,
    run: Annotated[str, Slot("run", "id of the run, or its last letters")],
) -> Replayed:
    """Repeat an earlier run on the same data and compare.

    From the journal alone: what tools and people said is taken as recorded, and every call, request for consent and end
    is decided anew under the rules that the run was pinned to. `different` means that the record and the rules do not
    fit together. The tools are not called again: whether they would answer the same today is another question, and a
    tool of this pack does on the same data.
    """
    runs: Runs = context.capability("runs")
    told = await runs.replayed(context.tenant, run)
    groups: dict[str, list[DecisionTold]] = {}
    for one in told.decisions:
        groups.setdefault(one.step, []).append(one)
    steps = [_step(name, told_of) for name, told_of in sorted(groups.items(), key=lambda item: item[1][0].event)]
    verdict: Verdict = max((step.verdict for step in steps), key=_ORDER.__getitem__, default="cannot be told")
    if told.broken:
        verdict = "different"
    counts = Counter(one.verdict for one in told.decisions)
    said = ", ".join(f"{counts[name]} {name}" for name in _ORDER if counts[name]) or "nothing was decided"
    return Replayed(
        headline=f"Run {told.run_id}, decided again: {verdict} ({said}).",
        as_of=context.as_of.date().isoformat(),
        notes=(*([f"the hash chain is broken: {told.broken}"] if told.broken else []),
               *([f"the run is {told.status}: it is compared as far as it went"] if told.status in _OPEN else [])),
        assumptions=("What tools answered and people said is taken as recorded.",),
        rules=RULES,
        run_id=told.run_id,
        verdict=verdict,
        steps=tuple(steps),
        decisions=len(told.decisions),
        events=told.version,
        sealed_by=told.head,
        rules_digest=told.policy_digest,
        unknowns=tuple(f"{step}: its recorded output is gone or was changed" for step in told.lost),
    )  # fmt: skip


_OPEN = ("running", "parked")


def _step(name: str, told: list[DecisionTold]) -> StepAgain:
    verdict: Verdict = "same"
    for one in told:
        if _ORDER[one.verdict] > _ORDER[verdict]:
            verdict = "different" if one.verdict == "different" else "cannot be told"
    return StepAgain(
        step=name,
        tool=told[0].tool,
        verdict=verdict,
        decided=tuple(_WORDS[one.kind] for one in told),
        differences=tuple(
            Difference(of=_WORDS[one.kind], field=field, recorded=was, again=now, event=one.event)
            for one in told
            for field, was, now in one.differs
        ),
        why=tuple(dict.fromkeys(one.why for one in told if one.why)),
    )

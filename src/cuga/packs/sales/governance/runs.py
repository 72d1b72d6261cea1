"""Why a run came out as it did, and its record for whoever has to sign for it. Both from the journal alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from cuga.adapters.capability import Runs, RunTold
from cuga.packs.sales.result import Report, Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "runs-1"
_TELLING = ("why", "reason", "says", "headline", "above_next", "rule", "verdict", "purpose")
_NAMES = ("account", "account_id", "name", "opportunity", "rep", "owner", "recipient", "product", "value")
MOST_REASONS = 12


class StepWhy(Result, frozen=True, kw_only=True):
    """One step: what it was for, where it stands, and the reasons that its own output states."""

    step: str
    tool: str
    state: str
    purpose: str
    approved_by: str
    reasons: tuple[str, ...]


class Explanation(Report, frozen=True, kw_only=True):
    """`about` quotes what the outputs say of the names in the question; `unknowns` is what the steps did not know."""

    run_id: str
    goal: str
    status: str
    chosen_because: tuple[str, ...]
    steps: tuple[StepWhy, ...]
    about: tuple[str, ...]
    unknowns: tuple[str, ...]


class AuditReport(Report, frozen=True, kw_only=True):
    """`document` is the record as a text, `document_hash` its SHA-256. `sealed_by` is the hash of event `events`: with
    the journal at hand anybody can check that it seals all before it."""

    run_id: str
    status: str
    events: int
    sealed_by: str
    record_digest: str
    calls: int
    approvals: int
    refusals: int
    document: str
    document_hash: str


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.3,
    keywords=("explain", "why did", "why was", "reason for", "why run", "how come", "picked"),
    gives={"explanation": "", "run": "/run_id"},
    uses=("runs",),
    guardrails=("from the journal only", "states reasons that were recorded, invents none"),
)  # fmt: skip
async def explain_recommendation(
    context: ToolContext,
    run: Annotated[str, Slot("run", "id of the run, or its last letters")],
    question: Annotated[str, Slot("question", "what is to be explained, with the names it is about")] = "",
) -> Explanation:
    """Why a result came out as it did.

    The plan's own reasons for each tool, the reasons that the outputs state, and what they say of the names in the
    question. What was not recorded is not explained.
    """
    runs: Runs = context.capability("runs")
    told = await runs.told(context.tenant, run)
    names = _named(told, question)
    about = list(dict.fromkeys(line for step in told.steps for line in _about(step.step, step.output, names)))
    notes = [f"{name} is not named in what the run gave" for name in _asked(question) if not _is_said(told, name)]
    unknowns = dict.fromkeys(f"{s.step}: {u}" for s in told.steps for u in _texts(s.output, ("unknowns",)))
    return Explanation(
        headline=f"Run {told.run_id} for “{told.goal[:200]}”: {told.status}"
        + (f", {told.reason}." if told.reason else "."),
        as_of=context.as_of.date().isoformat(),
        notes=(*notes, *told.notes),
        rules=RULES,
        run_id=told.run_id,
        goal=told.goal,
        status=told.status,
        chosen_because=told.why,
        steps=tuple(
            StepWhy(
                step=s.step,
                tool=s.tool,
                state=f"{s.state}: {s.reason}" if s.reason else s.state,
                purpose=s.purpose,
                approved_by=s.approved_by,
                reasons=tuple(dict.fromkeys(_texts(s.output, _TELLING)))[:MOST_REASONS],
            )
            for s in told.steps
        ),
        about=tuple(about[:MOST_REASONS]),
        unknowns=tuple(unknowns)[:MOST_REASONS],
    )


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.3,
    keywords=("audit trail", "audit report", "export audit", "for legal", "for compliance team", "evidence bundle",
    "export the audit trail"),
    gives={"report": "/document"},
    uses=("runs",),
    guardrails=("from the journal only", "names the hash that seals it", "leaves nothing out of the record"),
)  # fmt: skip
async def export_audit_report(
    context: ToolContext,
    run: Annotated[str, Slot("run", "id of the run, or its last letters")],
) -> AuditReport:
    """Audit trail of a run as a document.

    Plan, approvals, hashes of inputs, outcomes, costs and refusals in the order in which they happened, with the hash
    of the last event. A run that goes on is reported as it stands.
    """
    runs: Runs = context.capability("runs")
    told = await runs.told(context.tenant, run)
    return AuditReport(
        headline=f"Run {told.run_id}: {told.calls} calls, {told.approvals} approvals, {told.refusals} steps not done; "
        f"sealed by event {told.version}.",
        as_of=context.as_of.date().isoformat(),
        rules=RULES,
        run_id=told.run_id,
        status=told.status,
        events=told.version,
        sealed_by=told.head,
        record_digest=told.audit_digest,
        calls=told.calls,
        approvals=told.approvals,
        refusals=told.refusals,
        document=told.audit_text,
        document_hash=hashlib.sha256(told.audit_text.encode()).hexdigest(),
    )


def _texts(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """The texts of all fields of these names, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in names and isinstance(item, str) and item:
                yield item
            elif key in names and isinstance(item, list) and all(isinstance(one, str) for one in item):
                yield from (one for one in item if one)
            else:
                yield from _texts(item, names)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, names)


def _asked(question: str) -> list[str]:
    """The names that a question holds: words with capitals behind its first word."""
    found = re.findall(r"(?<!^)\b[A-Z][\w&.-]+(?: [A-Z][\w&.-]+)*", question.strip())
    return list(dict.fromkeys(found))


def _named(told: RunTold, question: str) -> list[str]:
    """The names in the outputs that the question says."""
    low = question.casefold()
    said = {name for step in told.steps for name in _texts(step.output, _NAMES) if len(name) > 2}
    return sorted(name for name in said if name.casefold() in low)


def _is_said(told: RunTold, name: str) -> bool:
    return any(name.casefold() in text.casefold() for s in told.steps for text in _texts(s.output, _NAMES))


def _about(step: str, value: Any, names: list[str]) -> Iterator[str]:
    """What outputs say of some names: each record that bears one, with its short fields."""
    if isinstance(value, Mapping):
        bears = next((n for n in names if any(value.get(key) == n for key in _NAMES)), "")
        short = {
            k: v for k, v in value.items() if isinstance(v, (str, int, float)) and not isinstance(v, bool) and v != ""
        }
        if bears and len(short) > 1:
            yield f"{step}: " + ", ".join(f"{k} {str(v)[:120]}" for k, v in list(short.items())[:8])
        for item in value.values():
            yield from _about(step, item, names)
    elif isinstance(value, list):
        for item in value:
            yield from _about(step, item, names)

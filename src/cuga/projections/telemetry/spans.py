"""The spans of one run, folded from its facts: the run, its plans, models' turns, requests to people, calls of tools.

Names are those of OpenTelemetry's conventions for generative AI where there are any, and `cuga.*` where there are none
yet. A span is given out with the fact that ends it. What a call was given and what it answered is left out unless
whoever runs the house wants it; then it is scrubbed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256

import msgspec

from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import Stored
from cuga.journal.tombstone import without_mark
from cuga.model import event as e
from cuga.policy.budget import CALLS, COST, MONEY, TOKENS
from cuga.projections.telemetry.span import Attribute, Span, SpanEvent, span_id_of, trace_id_of

AGENT = "cuga"
MOST_EVENTS = 128  # moments of one span, as OpenTelemetry's own limit
MOST_CONTENT = 8 * 1024  # bytes of arguments or of a result, where they are wanted
RUN, PLAN, CHAT, TOOL, ASK = "run", "plan", "chat", "tool", "ask"

_OWN_STEP = re.compile(r"s\d+(#\d+)?")
_PLANNERS = frozenset({"rules", "play", "model", "memory"})
_WITHIN_RUN = frozenset({CALLS, COST, TOKENS, MONEY})
_ACROSS_RUNS = frozenset({"rate", "model", "send", "standing"})

Scrub = Callable[[bytes], bytes]


class _Open:
    """A span whose end is not known yet."""

    __slots__ = ("attributes", "dropped", "events", "is_client", "name", "parent", "span_id", "start")

    def __init__(
        self, span_id: str, parent: str, name: str, start: datetime, attributes: dict[str, Attribute], is_client: bool
    ) -> None:
        self.span_id = span_id
        self.parent = parent
        self.name = name
        self.start = start
        self.attributes = attributes
        self.is_client = is_client
        self.events: list[SpanEvent] = []
        self.dropped = 0


class RunSpans:
    """The spans of one run while its facts come in, in order. `content` scrubs what is told of calls."""

    def __init__(self, run_id: str, content: Scrub | None = None) -> None:
        self.run_id = run_id
        self.seq = 0  # of the last fact taken in
        self.is_over = False
        self._content = content
        self._trace_id = trace_id_of(run_id)
        self._open: dict[tuple[str, str], _Open] = {}
        self._plans: dict[int, str] = {}  # attempt -> span

    def apply(self, seq: int, event: e.Event) -> list[Span]:
        """Take one fact in, and give the spans that it ends."""
        self.seq = seq
        match event:
            case e.RunStarted():
                self._trace_id = trace_id_of(event.trace_id or self.run_id)
                self._begin(RUN, "", seq, f"invoke_workflow {event.profile}", event.at, self._of_run(event))
            case e.PlanRequested():
                self._planning(seq, event)
            case e.PlanCreated():
                self._about_run(_planner(event.plan.planner), len(event.plan.steps))
                self._moment(event, {"cuga.plan.steps": len(event.plan.steps)})
                return self._end_of_kind(PLAN, event.at)
            case e.PlanFailed():
                return self._end_of_kind(PLAN, event.at, event.mode.value)
            case e.ModelCallStart():
                self._asking(seq, event)
            case e.ModelCallComplete() | e.ModelCallError():
                return self._answered(event)
            case e.ToolCallStart():
                return self._calling(seq, event)
            case e.ToolCallComplete() | e.ToolCallError():
                return self._called(event)
            case e.ApprovalRequested():
                self._requested(seq, event)
            case e.ApprovalReceived() if event.final:
                return self._decided(event.approval_id, event, event.verdict.value, by_rule=bool(event.rule))
            case e.ApprovalTimeout():
                return self._decided(event.approval_id, event, "expired")
            case e.ApprovalSuperseded():
                return self._decided(event.approval_id, event, "superseded")
            case e.RunFinished():
                return self._finished(event)
            case _:
                self._moment(event, _said_of(event))
        return []

    # --- what begins -------------------------------------------------------------------------------------------------
    def _begin(
        self, kind: str, key: str, seq: int, name: str, at: datetime, said: dict[str, Attribute], parent: str = ""
    ) -> str:
        span_id = span_id_of(self.run_id, seq)
        self._open[kind, key] = _Open(span_id, parent, name, at, said, kind == CHAT)
        return span_id

    def _of_run(self, event: e.RunStarted) -> dict[str, Attribute]:
        return {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": event.profile,
            "gen_ai.conversation.id": self.run_id,
            "cuga.run.id": self.run_id,
            "cuga.profile": event.profile,
            "cuga.policy.digest": event.policy_digest,
            "cuga.tenant": event.tenant,
            "cuga.plan_only": event.plan_only,
        }

    def _planning(self, seq: int, event: e.PlanRequested) -> None:
        said: dict[str, Attribute] = {
            "gen_ai.operation.name": "plan",
            "gen_ai.agent.name": AGENT,
            "cuga.run.id": self.run_id,
            "cuga.planner": _planner(event.planner),
            "cuga.attempt": event.attempt,
        }
        name = f"plan {AGENT}"
        self._plans[event.attempt] = self._begin(PLAN, str(event.attempt), seq, name, event.at, said, self._run)

    def _asking(self, seq: int, event: e.ModelCallStart) -> None:
        said: dict[str, Attribute] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": event.provider,
            "gen_ai.request.model": event.name,
            "gen_ai.output.type": "json",
            "server.address": event.host,
            "cuga.run.id": self.run_id,
        }
        parent = self._plans.get(event.attempt, self._run)
        self._begin(CHAT, str(event.call), seq, f"chat {event.name}", event.at, said, parent)

    def _calling(self, seq: int, event: e.ToolCallStart) -> list[Span]:
        before = self._end(TOOL, event.step, event.at, "abandoned")
        said: dict[str, Attribute] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": event.key,
            "cuga.run.id": self.run_id,
            "cuga.step": step_shown(event.step),
            "cuga.attempt": event.attempt,
            "cuga.side_effect": event.side_effect.value,
            "cuga.domain": event.domain,
            "cuga.cost.micros": event.cost,
            "cuga.simulated": event.simulated,
            "cuga.epoch": event.epoch,
        }
        if event.approval:
            said["cuga.approval.id"] = event.approval
        if event.adapters:
            said["cuga.adapters"] = tuple(f"{use}/{name}" for use, name in sorted(event.adapters.items()))
        if event.pool:
            said["cuga.pool"] = event.pool
        self._put_content(said, "gen_ai.tool.call.arguments", event.arguments)
        self._begin(TOOL, event.step, seq, f"execute_tool {event.tool}", event.at, said, self._run)
        return before

    def _requested(self, seq: int, event: e.ApprovalRequested) -> None:
        said: dict[str, Attribute] = {
            "gen_ai.tool.name": event.tool,
            "cuga.run.id": self.run_id,
            "cuga.approval.id": event.approval_id,
            "cuga.approval.digest": event.digest,
            "cuga.approval.risk": event.risk,
            "cuga.approval.quorum": event.quorum,
            "cuga.step": step_shown(event.step),
            "cuga.side_effect": event.side_effect.value,
        }
        self._begin(ASK, event.approval_id, seq, f"cuga.approval {event.tool}", event.at, said, self._run)

    # --- what ends ---------------------------------------------------------------------------------------------------
    def _answered(self, event: e.ModelCallComplete | e.ModelCallError) -> list[Span]:
        more: dict[str, Attribute] = {"cuga.requests": event.requests}
        if event.tokens is not None:
            more["cuga.tokens"] = event.tokens
        if event.money is not None:
            more["cuga.money.micros"] = event.money
        error = event.mode.value if isinstance(event, e.ModelCallError) else ""
        return self._end(CHAT, str(event.call), event.at, error, more)

    def _called(self, event: e.ToolCallComplete | e.ToolCallError) -> list[Span]:
        more: dict[str, Attribute] = {"cuga.duration_us": event.duration_us}
        if isinstance(event, e.ToolCallComplete):
            if event.tokens:
                more["cuga.tokens"] = event.tokens
            self._put_content(more, "gen_ai.tool.call.result", event.result)
            return self._end(TOOL, event.step, event.at, "", more)
        more["cuga.certainty"] = event.certainty.value
        more["cuga.retries"] = event.retry_at is not None
        return self._end(TOOL, event.step, event.at, event.mode.value, more)

    def _decided(self, approval_id: str, event: e.Event, verdict: str, *, by_rule: bool = False) -> list[Span]:
        more: dict[str, Attribute] = {"cuga.approval.verdict": verdict, "cuga.approval.by_rule": by_rule}
        return self._end(ASK, approval_id, event.at, "expired" if verdict == "expired" else "", more)

    def _finished(self, event: e.RunFinished) -> list[Span]:
        ended = [
            span
            for kind, key in list(self._open)
            if kind != RUN
            for span in self._end(kind, key, event.at, "unfinished")
        ]
        error = "" if event.status in (e.Status.SUCCESS, e.Status.CANCELLED) else event.status.value
        self.is_over = True
        return [*ended, *self._end(RUN, "", event.at, error, {"cuga.status": event.status.value})]

    def _end_of_kind(self, kind: str, at: datetime, error: str = "") -> list[Span]:
        return [span for one, key in list(self._open) if one == kind for span in self._end(kind, key, at, error)]

    def _end(
        self, kind: str, key: str, at: datetime, error: str = "", more: dict[str, Attribute] | None = None
    ) -> list[Span]:
        one = self._open.pop((kind, key), None)
        if one is None:
            return []
        attributes = one.attributes | (more or {})
        if error:
            attributes["error.type"] = error
        return [
            Span(
                trace_id=self._trace_id,
                span_id=one.span_id,
                parent_id=one.parent,
                name=one.name,
                is_client=one.is_client,
                start=one.start,
                end=max(one.start, at),  # a clock that was set back makes no span that ends before it begins
                attributes=attributes,
                events=tuple(one.events),
                dropped_events=one.dropped,
                error_type=error,
            )
        ]

    # --- what is said on the way -------------------------------------------------------------------------------------
    @property
    def _run(self) -> str:
        run = self._open.get((RUN, ""))
        return "" if run is None else run.span_id

    def _about_run(self, planner: str, steps: int) -> None:
        if (run := self._open.get((RUN, ""))) is not None:
            run.attributes |= {"cuga.planner": planner, "cuga.plan.steps": steps}

    def _moment(self, event: e.Event, said: dict[str, Attribute] | None) -> None:
        run = self._open.get((RUN, ""))
        if run is None or said is None:
            return
        if len(run.events) < MOST_EVENTS:
            run.events.append(SpanEvent(name=f"cuga.{e.name_of(event)}", at=event.at, attributes=said))
        else:
            run.dropped += 1

    def _put_content(self, said: dict[str, Attribute], name: str, body: msgspec.Raw) -> None:
        if self._content is not None:
            said[name] = self._content(bytes(body))[:MOST_CONTENT].decode("utf-8", "replace")


def step_shown(step: str) -> str:
    """The id of a step, if it is one of ours; whoever gives ids of their own may put anything into them."""
    return step if _OWN_STEP.fullmatch(step) else f"step-{sha256(step.encode()).hexdigest()[:8]}"


def scope_shown(scope: str) -> str:
    """A budget's scope, of those that cross runs only the kind: what follows may name a person."""
    kind = scope.partition("/")[0]
    return scope if kind in _WITHIN_RUN else kind if kind in _ACROSS_RUNS else "other"


def _planner(name: str) -> str:
    return name if name in _PLANNERS else "caller"


def _said_of(event: e.Event) -> dict[str, Attribute] | None:
    """What a moment of a run says; None: it is none that anybody outside needs."""
    match event:
        case e.RouteDecision():
            return {
                "cuga.step": step_shown(event.step),
                "cuga.target": event.target,
                "cuga.routing.policy": event.policy,
            }
        case e.StepRefused():
            return {"cuga.step": step_shown(event.step), "error.type": event.mode.value}
        case e.StepFailed():
            return {"cuga.step": step_shown(event.step), "error.type": event.mode.value}
        case e.StepSkipped():
            return {"cuga.step": step_shown(event.step), "cuga.by_condition": event.by_condition}
        case e.StepInDoubt() | e.StepSuperseded():
            return {"cuga.step": step_shown(event.step)}
        case e.DoubtResolved():
            return {"cuga.step": step_shown(event.step), "cuga.answer": event.answer.value}
        case e.ListOpened():
            return {"cuga.step": step_shown(event.step), "cuga.calls": len(event.inputs)}
        case e.ListClosed():
            return {"cuga.step": step_shown(event.step), "cuga.done": event.done, "cuga.missed": event.missed}
        case e.BudgetWarning() | e.BudgetExceeded():
            return {
                "cuga.budget.scope": scope_shown(event.scope),
                "cuga.budget.used": event.used,
                "cuga.budget.limit": event.limit,
            }
        case e.TakenOver():
            return {"cuga.epoch": event.epoch}
        case e.Annotation():
            return None
        case _:
            return {}


def spans_of(stored: Iterable[Stored], content: Scrub | None = None, codec: Codec = PLAIN) -> list[Span]:
    """The spans of one stream, as far as they have ended."""
    fold: RunSpans | None = None
    spans: list[Span] = []
    for one in stored:
        fold = fold or RunSpans(one.stream, content)
        spans += fold.apply(one.seq, codec.decode(without_mark(one.body)))
    return spans

"""Planning as work that a run asks for: a play, else a model where there is one, else the rules.

A model is asked through the run: this wishes for the call, the kernel writes its intent, the engine makes it, and what
it answered is read from the journal. Whatever goes wrong with it, the rules plan, and the plan says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from cuga.adapters.capability.model import ModelFailed
from cuga.clock import Clock
from cuga.engine.driver import Driver
from cuga.errors import CugaError, PlanInvalid
from cuga.journal.codec import events_of
from cuga.kernel.state import ENDED, Phase, RunState
from cuga.kernel.thinking import MODEL
from cuga.model import command as c
from cuga.model.event import (
    Event,
    ModelCallComplete,
    ModelCallStart,
    PlanRequested,
    QuestionAnswered,
    ReplanRequested,
)
from cuga.model.failure import FailureMode
from cuga.model.plan import CheckedPlan, Plan
from cuga.model.value import units
from cuga.orchestrator.llm.models import Models
from cuga.planning.answer import Answer, Proposal, Question, Refusal
from cuga.planning.authority import Planner, PlanningAuthority
from cuga.planning.by_model import (
    answer_of,
    faults,
    hidden,
    own_words,
    people_in,
    records_in,
    reply_bytes,
    task_of,
    tools_for,
)
from cuga.planning.check import check
from cuga.planning.lessons import Taught, wishes
from cuga.planning.masking import Mask
from cuga.planning.records import CrmLookup
from cuga.policy.budget import CALLS, COST, limits_of
from cuga.policy.judge import Rules
from cuga.policy.profile import Profile, Rulebook


class Thinker:
    """The engine's ports for planning. `records` gives what a profile may look names up in as things stand, `rank` the
    tools that fit some words, best first, `banned` those that nobody may use now."""

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        planner: Planner,
        records: Callable[[Profile], CrmLookup | None],
        models: Models,
        rank: Callable[[str], Iterable[str]],
        banned: Callable[[], Iterable[str]],
        lessons: Taught,
    ) -> None:
        self._driver, self._clock, self._planner = driver, clock, planner
        self._records, self._models, self._rank, self._banned = records, models, rank, banned
        self._lessons = lessons
        self._masks: dict[tuple[str, int], Mask] = {}  # run and call in flight -> what its placeholders stand for

    async def make(self, state: RunState, request: PlanRequested) -> c.Command:
        """What follows from a request for a plan as the run stands: a plan, a question, a refusal, a model to ask."""
        rules = await self._driver.rules(state.started.policy_digest)
        try:
            if request.planner != MODEL or self._play(state, request, rules) is not None:
                return await self._by_rules(state, request, rules)
            heard = state.heard[-1] if state.heard else None
            if isinstance(heard, ModelCallComplete):
                return await self._by_reply(state, request, rules, heard)
            if heard is not None and (heard.mode is not FailureMode.SYSTEM_CRASH or len(state.heard) > 1):
                return await self._by_rules(state, request, rules, heard.message)
            if why := self._models.why_not(rules.profile.name, rules.profile.model):
                return await self._by_rules(state, request, rules, why)
            return await self._ask(state, request, rules)
        except CugaError as error:
            mode = FailureMode.AGENT_VALIDATION if isinstance(error, PlanInvalid) else FailureMode.AGENT_LOGIC
            return c.RecordPlanFailure(
                at=self._clock.now(), attempt=request.attempt, reason=error.message, mode=mode, mend=error.next_step
            )

    async def ask_model(self, state: RunState, start: ModelCallStart) -> c.RecordModelReply:
        """Make a model call whose intent is durable."""
        rules = await self._driver.rules(state.started.policy_digest)
        model = self._models.model()
        if model is None or (model.provider, model.name, model.host) != (start.provider, start.name, start.host):
            return self._failed(start, "the registry names another model by now")

        mask = self._masks.pop((state.run_id, start.call), None)
        if mask is None:
            return self._failed(start, "the process that hid names from it is gone")

        def judge(said: Any) -> str:
            try:
                answer = self._read(state, rules, mask.show(said), start)
                if isinstance(answer, Proposal):
                    self._checked(state, rules, answer.plan)
            except CugaError as error:
                return error.message
            return ""

        tools = [rules.contracts[name] for name in start.tools]
        began = time.perf_counter()
        try:
            thought = await model.decompose_goal(state.started.goal, tools, prompt=start.prompt, judge=judge)
        except ModelFailed as error:
            return c.RecordModelReply(
                at=self._clock.now(),
                call=start.call,
                mode=error.mode,
                message=error.message,
                requests=error.spent.requests,
                tokens=error.spent.tokens,
                money=error.spent.money,
                duration_us=_since(began),
            )
        steps, why, question = mask.show([thought.steps, thought.why, thought.question])
        others = sorted({str(step["tool"]) for step in thought.steps} - {*start.tools})
        return c.RecordModelReply(
            at=self._clock.now(),
            call=start.call,
            reply=None if others else reply_bytes(steps, why, question),
            mode=FailureMode.POLICY_ALLOWLIST,
            message=f"it named tools that it was not shown: {', '.join(others)}" if others else "",
            requests=thought.spent.requests,
            tokens=thought.spent.tokens,
            money=thought.spent.money,
            duration_us=_since(began),
        )

    # --- inside ---------------------------------------------------------------------------------------------------
    def _failed(self, start: ModelCallStart, why: str) -> c.RecordModelReply:
        """A call that never left the house: it took nothing."""
        mode = FailureMode.RESOURCE_API_UNAVAILABLE
        return c.RecordModelReply(at=self._clock.now(), call=start.call, mode=mode, message=why, tokens=0, money=0)

    def _play(self, state: RunState, request: PlanRequested, rules: Rules) -> Proposal | None:
        planner = self._planner
        is_first = not (state.feedback or state.answers or request.feedback) and not request.around and not state.denied
        if not isinstance(planner, PlanningAuthority) or not is_first:
            return None
        return planner.exact(state.started.goal, rules.book)

    def _thinks(self, profile: Profile) -> Planner:
        planner = self._planner
        return planner.over(self._records(profile)) if isinstance(planner, PlanningAuthority) else planner

    async def _answer(self, state: RunState, request: PlanRequested, rules: Rules) -> Answer:
        start = state.started
        return await self._thinks(rules.profile)(
            start.goal,
            rules.book,
            feedback="\n".join(await self._said(state, request)),
            denied=state.denied,
            as_of=start.as_of or start.at,
        )

    async def _said(self, state: RunState, request: PlanRequested) -> list[str]:
        """What people have said of earlier plans and in answer to questions, each once and where it was said last: the
        last word counts. What led to this request is the newest."""
        said = [*state.feedback, *state.answers.values()]
        if state.feedback and state.answers:  # which of them came first, only the record says
            said = [_word(event) for event in events_of(await self._driver.journal.read(state.run_id))]
        return last_words([*said, request.feedback])

    async def _by_rules(self, state: RunState, request: PlanRequested, rules: Rules, why: str = "") -> c.Command:
        """The rules' answer; where a model was to plan, with the reason why it has not. Around a failure they know no
        way: they would plan the same once more."""
        if request.around:
            at, attempt = self._clock.now(), request.attempt
            return c.RecordPlanFailure(at=at, attempt=attempt, reason=f"no way around {request.around}: {why}")
        answer = await self._answer(state, request, rules)
        if why and isinstance(answer, Proposal):
            note = f"Planned by rules, not by a model: {why}"
            answer = Proposal(plan=msgspec.structs.replace(answer.plan, notes=(*answer.plan.notes, note)))
        return self._command(state, request, answer, rules.book)

    async def _by_reply(
        self, state: RunState, request: PlanRequested, rules: Rules, heard: ModelCallComplete
    ) -> c.Command:
        try:
            answer = self._read(state, rules, msgspec.json.decode(heard.reply), heard)
            if isinstance(answer, Proposal):
                checked = self._checked(state, rules, answer.plan)
                return c.RecordPlan(at=self._clock.now(), attempt=request.attempt, plan=checked, source=MODEL)
            return self._command(state, request, answer, rules.book)
        except CugaError as error:
            return await self._by_rules(state, request, rules, f"its answer cannot be used: {error.message}")

    def _read(
        self, state: RunState, rules: Rules, said: Any, call: ModelCallStart | ModelCallComplete
    ) -> Proposal | Question:
        """An answer as a proposal or question; each value of it is held against what people and records said."""
        start = state.started
        words = [
            own_words(start.goal),
            *state.feedback,
            *state.answers.values(),
            f"{(start.as_of or start.at):%Y-%m-%d}",
        ]
        records = records_in(start.goal, self._records(rules.profile))
        words += [text for record in records for text in (record["id"], record["name"])]
        note = "Planned by a model; every step is checked and judged like any other."
        if isinstance(call, ModelCallComplete):
            tokens = "an unknown number of" if call.tokens is None else f"{call.tokens:,}"
            money = "at an unknown price" if call.money is None else f"for ${units(call.money):.4f}"
            note = f"Planned by a model with {tokens} tokens {money}; every step is checked and judged like any other."
        return answer_of(said, "\n".join(words), start.goal, rules.book, note)

    def _checked(self, state: RunState, rules: Rules, plan: Plan) -> CheckedPlan:
        """The plan stamped; `PlanInvalid` also for what was denied, and for what the budgets cannot take."""
        checked = _check(state, plan, rules.book)
        limits = limits_of(rules.profile.limits, state.started.budget, *state.budgets)
        if wrong := faults(checked, state, rules.book, limits):
            raise PlanInvalid("; ".join(wrong))
        return checked

    async def _ask(self, state: RunState, request: PlanRequested, rules: Rules) -> c.Command:
        model = self._models.model()
        assert model is not None
        answer = await self._answer(state, request, rules)
        first = [step.tool for step in answer.plan.steps] if isinstance(answer, Proposal) else []
        tools = tools_for(rules.book, first, self._rank(state.started.goal), self._banned())
        if not tools:
            return await self._by_rules(state, request, rules, "there is no tool that it might use")
        limits = limits_of(rules.profile.limits, state.started.budget, *state.budgets)
        left = {scope: limits[scope] + state.raised.get(scope, 0) - state.used.get(scope, 0) for scope in (CALLS, COST)}
        words = f"{left[CALLS]} calls and {units(left[COST]):g} units of cost are left"
        crm = self._records(rules.profile)
        try:
            task = task_of(state, rules.book, tools, crm, await self._said(state, request), words)
            lessons = await self._lessons.of(rules.profile.name)
            task = msgspec.structs.replace(task, remembered=wishes(lessons, tools))
        except PlanInvalid as error:
            return await self._by_rules(state, request, rules, error.message)
        mask = self._models.mask(people_in(task, crm))
        task = hidden(task, mask)
        prompt = task.text()
        self._masks[state.run_id, state.model_calls + 1] = mask
        tokens, money = model.worst_case(prompt, task.tools)
        return c.AskModel(
            at=self._clock.now(),
            attempt=request.attempt,
            provider=model.provider,
            name=model.name,
            host=model.host,
            fields=task.fields,
            tools=tuple(tools),
            prompt=prompt,
            tokens=tokens,
            money=money,
            timeout_s=model.deadline_s,
        )

    def _command(self, state: RunState, request: PlanRequested, answer: Answer, book: Rulebook) -> c.Command:
        at, attempt = self._clock.now(), request.attempt
        match answer:
            case Proposal(plan=plan):
                return c.RecordPlan(at=at, attempt=attempt, plan=_check(state, plan, book), source=plan.planner)
            case Question(text=text, options=options):
                name = f"plan/{attempt}"
                return c.AskQuestion(at=at, attempt=attempt, question_id=name, text=text, options=options)
            case Refusal(reason=reason, mend=mend):
                mode = FailureMode.USER_INVALID_INPUT
                return c.RecordPlanFailure(at=at, attempt=attempt, reason=reason, mode=mode, mend=mend)


def last_words(said: Sequence[str]) -> list[str]:
    """What was said, each once and where it was said last."""
    return [text for text in reversed(dict.fromkeys(reversed(said))) if text]


def _word(event: Event) -> str:
    """What a person said of a plan, or answered."""
    match event:
        case ReplanRequested(reason=said, authors=authors) if authors:
            return said
        case QuestionAnswered(answer=said):
            return said
    return ""


def _check(state: RunState, plan: Plan, book: Rulebook) -> CheckedPlan:
    # what failed, was denied or left out is not taken up again under its old id
    earlier = [
        step
        for step_id, step in state.index.steps.items()
        if not step.list_of and (state.phase.get(step_id) not in ENDED or state.phase.get(step_id) is Phase.DONE)
    ]
    number = state.plan.number + 1 if state.plan is not None else 1
    return check(plan, book, number=number, taken=tuple(state.index.steps), earlier=earlier)


def _since(began: float) -> int:
    return round((time.perf_counter() - began) * 1e6)

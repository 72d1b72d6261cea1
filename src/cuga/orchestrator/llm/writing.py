"""Texts by a language model, in the places that tools have left for them.

The tool is called first and its own text is at hand; then the model is asked through the run, as for a plan: an intent
with its share of the budgets, the call, what became of it. The tool alone takes the words in. Whatever goes wrong, the
rules' text is the result, and it says why.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from typing import Any, cast

import msgspec

from cuga.adapters.capability.model import MAX_PROMPT, Model, ModelFailed, Spent
from cuga.adapters.capability.writing import Writer, WritingTask
from cuga.clock import Clock
from cuga.engine.driver import Driver
from cuga.errors import CugaError, NotDone
from cuga.kernel.state import RunState, Wrote
from cuga.kernel.thinking import MODEL
from cuga.kernel.written import NOTES
from cuga.model import command as c
from cuga.model.event import ModelCallStart, ToolCallStart
from cuga.model.outcome import Done, Outcome
from cuga.model.tool import SideEffect
from cuga.model.value import digest_bytes, encode
from cuga.orchestrator.llm.models import Models
from cuga.planning.lessons import Taught, wishes
from cuga.planning.masking import Mask
from cuga.policy.profile import ModelRule, ModelUse
from cuga.tools.drafting import Author, Brief, Drafting
from cuga.tools.invoke import Door
from cuga.tools.registry import ToolRegistry

NEEDS = ("goal", "records")  # what a profile must let a model be told for it to write a text


class _ByRules(Exception):
    """No model wrote this text; the words say why."""


class Scribe:
    """The engine's port for calls. What has no text for a model goes straight through the door."""

    def __init__(
        self, driver: Driver, clock: Clock, door: Door, tools: ToolRegistry, models: Models, lessons: Taught
    ) -> None:
        self._driver, self._clock, self._door, self._tools, self._models = driver, clock, door, tools, models
        self._lessons = lessons

    def call(self, state: RunState, call: ToolCallStart) -> Awaitable[Outcome]:
        """Make one call of a run and say what became of it."""
        made = self._door.call(state, call)
        tool = self._tools.get(call.tool)
        if tool is None or tool.drafting is None or call.simulated:
            return made
        return self._written(state, call, tool.drafting, made)

    async def _written(
        self, state: RunState, call: ToolCallStart, drafting: Drafting, made: Awaitable[Outcome]
    ) -> Outcome:
        outcome = await made
        rules = await self._driver.rules(state.started.policy_digest)
        rule, profile = rules.profile.model, rules.profile.name
        is_wanted = rule.use is ModelUse.DRAFT and self._models.is_wanted(profile) and state.planner in ("", MODEL)
        if not isinstance(outcome, Done) or not is_wanted:
            return outcome  # whoever asked for plans by rules gets texts by rules
        try:
            return await self._by_model(state, call, drafting, outcome, rule)
        except (_ByRules, CugaError) as why:  # of a journal that fails: what the tool has done stays done
            return _noted(outcome, f"written by rules, not by a model: {why}")

    async def _by_model(
        self, state: RunState, call: ToolCallStart, drafting: Drafting, done: Done, rule: ModelRule
    ) -> Done:
        profile = state.started.profile
        if why := self._models.why_not(profile, rule):
            raise _ByRules(why)
        if missing := [name for name in NEEDS if name not in rule.fields]:
            raise _ByRules(f"the profile {profile} lets no model be told: {', '.join(missing)}")
        model = self._models.model()
        assert model is not None
        if not callable(getattr(model, "write", None)):
            raise _ByRules(f"the model {model.name} writes no texts")
        brief = await self._door.brief(state, call, done.result)
        if isinstance(brief, str):
            raise _ByRules(brief)
        notes = brief.notes if NOTES in rule.fields else ()
        heeded = wishes(await self._lessons.of(profile), self._said_of(call.tool), brief.about)
        mask = self._models.mask(brief.people)
        task = WritingTask(
            task=mask.hide(brief.task),
            today=f"{(state.started.as_of or state.started.at):%Y-%m-%d}",
            facts=tuple((what, mask.hide(value)) for what, value in brief.facts),
            subject=mask.hide(brief.subject),
            draft=mask.hide(brief.draft),
            notes=tuple(mask.hide(note) for note in notes),
            wishes=tuple(mask.hide(wish) for wish in heeded),
        )
        prompt = task.text()
        if (size := len(prompt.encode())) > MAX_PROMPT:
            raise _ByRules(f"a model would have to be told {size:,} bytes; {MAX_PROMPT:,} is the most")
        fields = (*NEEDS, NOTES) if notes else NEEDS
        wrote = state.written.get(call.step)
        if wrote is None:
            said, author = await self._asked(state, call, drafting, brief, done, mask, prompt, fields, model)
        else:
            said, author = _known(wrote, prompt), Author(name=wrote.name, host=wrote.host, was_told_notes=bool(notes))
        try:
            taken = drafting.take(brief, bytes(done.result), said, author)
        except NotDone as error:
            raise _ByRules(f"its text cannot be used: {error.detail or error.message}") from error
        except Exception as error:  # of a tool of somebody's own, over words of a stranger
            raise _ByRules(f"its text cannot be used: {type(error).__name__}: {error}") from error
        written = msgspec.structs.replace(done, result=self._door.encoded(taken))
        for wish in heeded:
            written = _noted(written, f"the model was told what is remembered: {wish}")
        return written

    def _said_of(self, name: str) -> list[str]:
        """The tools of which something may have been said that is about this one's text: it, and those that use it."""
        contracts = self._tools.contracts()
        kinds = contracts[name].gives.keys()
        users = [
            one.name
            for one in contracts.values()
            if one.side_effect is not SideEffect.READ_ONLY and any(slot.kind in kinds for slot in one.slots)
        ]
        return [name, *users]

    async def _asked(
        self,
        state: RunState,
        call: ToolCallStart,
        drafting: Drafting,
        brief: Brief,
        done: Done,
        mask: Mask,
        prompt: str,
        fields: tuple[str, ...],
        model: Model,
    ) -> tuple[Mapping[str, str], Author]:
        tokens, money = model.worst_case(prompt, ())
        wish = c.AskModel(
            at=self._clock.now(),
            attempt=call.attempt,
            step=call.step,
            provider=model.provider,
            name=model.name,
            host=model.host,
            fields=fields,
            tools=(call.tool,),
            prompt=prompt,
            tokens=tokens,
            money=money,
            timeout_s=model.deadline_s,
        )
        after = await self._driver.handle(state.run_id, wish)
        start = after.writing.get(call.step)
        if start is None or start.attempt != call.attempt:
            refused = after.written.get(call.step)
            raise _ByRules(refused.why if refused is not None else "nobody wants it any more")
        author = Author(name=model.name, host=model.host, was_told_notes=NOTES in fields)

        def fault(said: Mapping[str, str]) -> str:
            try:
                drafting.take(brief, bytes(done.result), mask.show(dict(said)), author)
            except NotDone as error:
                return error.detail or error.message
            return ""

        began = time.perf_counter()
        try:
            writing = await cast(Writer, model).write(start.prompt, fault=fault)
        except ModelFailed as error:
            await self._heard(state, start, error.spent, began, error=error)
            raise _ByRules(error.detail or error.message) from error
        except Exception as error:  # of a model that was handed in; what it used is not known
            broken = ModelFailed(f"asking the model broke: {type(error).__name__}: {error}")
            await self._heard(state, start, Spent(tokens=None, money=None), began, error=broken)
            raise _ByRules(broken.detail) from error
        said = {"subject": mask.show(writing.subject), "text": mask.show(writing.text)}
        await self._heard(state, start, writing.spent, began, said=said)
        return said, author

    async def _heard(
        self,
        state: RunState,
        start: ModelCallStart,
        spent: Spent,
        began: float,
        *,
        said: dict[str, str] | None = None,
        error: ModelFailed | None = None,
    ) -> None:
        """Write what became of the call; a text counts only once it is durable."""
        reply = c.RecordModelReply(
            at=self._clock.now(),
            call=start.call,
            reply=None if said is None else msgspec.Raw(encode(said)),
            requests=spent.requests,
            tokens=spent.tokens,
            money=spent.money,
            duration_us=round((time.perf_counter() - began) * 1e6),
        )
        if error is not None:
            reply = msgspec.structs.replace(reply, mode=error.mode, message=error.detail or error.message)
        after = (await self._driver.handle(state.run_id, reply)).written.get(start.step)
        if said is not None and (after is None or after.reply is None or after.attempt != start.attempt):
            raise _ByRules("what the model wrote came when nobody waited for it any more")


def _known(wrote: Wrote, prompt: str) -> dict[str, str]:
    """What a model wrote for an earlier attempt of the same step: it is read, and nobody is asked again."""
    if wrote.reply is None:
        raise _ByRules(wrote.why)
    if wrote.prompt != digest_bytes(prompt.encode()):
        raise _ByRules("what it would be told has changed since it was asked")
    return msgspec.json.decode(wrote.reply, type=dict[str, str])


def _noted(done: Done, note: str) -> Done:
    """The result with one more note, where it has notes; else the call has it."""
    result: Any = msgspec.json.decode(done.result)
    if isinstance(result, dict) and isinstance(result.get("notes"), list):
        result["notes"] = [*result["notes"], note]
        return msgspec.structs.replace(done, result=msgspec.Raw(msgspec.json.encode(result)))
    return msgspec.structs.replace(done, note=f"{done.note}; {note}" if done.note else note)

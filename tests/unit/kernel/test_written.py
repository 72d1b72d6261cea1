"""Text by a model as part of a call: asked for while the call is open, paid like a plan, marked wherever it goes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cuga.kernel.outstanding import outstanding
from cuga.model import command as c
from cuga.model.failure import FailureMode
from cuga.policy.budget import TOKENS
from cuga.policy.profile import Consent, Limits, ModelRule, ModelUse
from cuga.testing import cancels, completes, given, run_started, takes_over
from cuga.testing.factories import AT, READ, contract, output_of, plan, rules, step
from cuga.testing.story import raw

DRAFT = msgspec.structs.replace(READ, name="draft", drafts=True)
NOTE = contract("note", "propose", repeatable="key")
TOLD = ("goal", "records")
RULE = ModelRule(use=ModelUse.DRAFT, fields=("goal", "tools", "records", "notes"))
TWO = plan(step("a", DRAFT), step("b", DRAFT), step("c", NOTE, {"text": output_of("a")}, depends_on=("a",)))


def writing(rule: ModelRule = RULE, a_plan: Any = TWO, limits: Limits | None = None, **more: Any):
    held = rules(DRAFT, NOTE, READ, limits=limits or Limits(calls=100, tokens=9_000), model=rule, **more)
    return given(run_started(a_plan), rules=held).when(c.Tick(at=AT))


def asks(name: str = "a", **changed: Any) -> c.AskModel:
    fields: dict[str, Any] = {
        "at": AT, "attempt": 1, "step": name, "provider": "openai", "name": "m", "host": "models.example",
        "fields": TOLD, "tools": ("draft",), "prompt": "write this", "tokens": 4_000, "money": None, "timeout_s": 60,
        **changed,
    }  # fmt: skip
    return c.AskModel(**fields)


def hears(call: int = 1, **changed: Any) -> c.RecordModelReply:
    return c.RecordModelReply(at=AT, call=call, **{"reply": raw({"text": "Hi"}), "tokens": 1_000, **changed})


def test_the_call_stays_open_while_its_text_is_written_and_others_go_on_beside_it():
    story = writing().when(asks()).then("model_call_start").when(asks("b")).then("model_call_start")
    assert set(story.state.calling) == {"a", "b"} and set(story.state.writing) == {"a", "b"}
    owed = outstanding(story.state)
    assert owed.model is None and owed.plan is None, "whoever makes the call asks, and nobody else"
    assert story.state.used[TOKENS] == 8_000
    story = story.when(hears(2)).then("model_call_complete")
    assert story.state.used[TOKENS] == 5_000 and story.state.written["b"].reply is not None
    assert set(story.state.writing) == {"a"}


def test_it_is_asked_for_once_and_only_by_the_attempt_that_is_open():
    story = writing().when(asks())
    for wish in (asks(), asks("b", attempt=2), asks("c"), asks("gone")):
        assert story.when(wish).then().state.model_calls == 1
    assert writing().when(cancels()).when(asks()).then().state.model_calls == 0


@pytest.mark.parametrize(
    ("rule", "wish", "mode", "words"),
    [
        (ModelRule(use=ModelUse.PLAN, fields=TOLD), {}, FailureMode.POLICY_SECURITY, "lets no model write drafts"),
        (ModelRule(), {}, FailureMode.POLICY_SECURITY, "asks no model"),
        (ModelRule(use=ModelUse.DRAFT, fields=("goal",)), {}, FailureMode.POLICY_SECURITY, "be told: records"),
        (RULE, {"tokens": 9_001}, FailureMode.POLICY_BUDGET, "budget tokens cannot take it"),
    ],
)  # fmt: skip
def test_what_may_not_be_leaves_its_reason_and_costs_nothing(rule: ModelRule, wish: Any, mode: Any, words: str):
    story = writing(rule).when(asks(**wish)).then("model_call_error")
    error = story.found("model_call_error")
    assert (error.step, error.sent, error.mode) == ("a", False, mode) and words in error.message
    assert story.state.written["a"].why == error.message and story.state.used.get(TOKENS, 0) == 0


def test_a_tool_without_a_place_for_it_gets_none():
    story = writing(a_plan=plan(step("a", READ))).when(asks()).then("model_call_error")
    assert "has no text that a model may write" in story.found("model_call_error").message


def test_a_process_that_is_gone_leaves_all_that_was_reserved_taken_and_the_call_is_made_again():
    story = writing().when(asks()).when(takes_over())
    found = story.found("model_call_error")
    assert (found.step, found.mode) == ("a", FailureMode.SYSTEM_CRASH)
    assert story.state.used[TOKENS] == 4_000 and story.state.writing == {} and story.state.written["a"].reply is None


@pytest.mark.parametrize(("told", "risk"), [(TOLD, "medium"), ((*TOLD, "notes"), "high")])
def test_what_takes_it_needs_a_person_who_is_told(told: tuple[str, ...], risk: str):
    agreed = {"approvals": msgspec.structs.replace(rules().profile.approvals, propose=Consent.RULE)}
    plain = writing(**agreed).when(completes("a", {"text": "Hi"}))
    assert plain.found("approval_received").rule, "without a model the profile's rule agrees"
    story = writing(**agreed).when(asks(fields=told)).when(hears()).when(completes("a", {"text": "Hi"}))
    request = story.found("approval_requested")
    assert request.step == "c" and request.risk == risk and "c" in story.state.awaiting
    assert request.consequences[0].startswith("A model wrote text in this: m at models.example.")
    assert ("notes that others have written" in request.consequences[0]) is ("notes" in told)


def test_a_text_that_was_not_taken_marks_nothing():
    agreed = {"approvals": msgspec.structs.replace(rules().profile.approvals, propose=Consent.RULE)}
    story = writing(**agreed).when(asks()).when(hears(reply=None, message="late", tokens=0))
    assert story.when(completes("a", {"text": "by rules"})).found("approval_received").rule


def test_what_a_text_went_through_on_its_way_takes_no_mark_away():
    agreed = {"approvals": msgspec.structs.replace(rules().profile.approvals, propose=Consent.RULE)}
    steps = (
        step("a", DRAFT),
        step("b", READ, {"text": output_of("a")}, depends_on=("a",)),
        step("c", NOTE, {"text": output_of("b")}, depends_on=("b",)),
    )
    story = writing(a_plan=plan(*steps), **agreed).when(asks()).when(hears())
    story = story.when(completes("a", {"text": "Hi"})).when(completes("b", {"text": "HI"}))
    assert story.found("approval_requested").consequences[0].startswith("A model wrote text in this")


def test_a_call_that_another_process_goes_on_with_is_heard_after_the_run_was_taken_over():
    story = writing().when(asks()).when(asks("b"))
    spared = c.TakeOver(at=AT, worker="w2", epoch=story.state.epoch + 1, spared=("a",))
    story = story.when(spared)
    assert set(story.state.writing) == {"a"} and story.found("model_call_error").step == "b"
    story = story.when(hears()).then("model_call_complete")
    assert story.state.written["a"].reply is not None and "a" in story.state.calling

"""Lessons are a fold: what people said to requests, by profile, the same when it is made anew, gone when forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cuga.journal.memory import MemoryJournal
from cuga.model import event as e
from cuga.model import house_event as h
from cuga.model.tool import SideEffect
from cuga.projections.lessons import LessonsView, differences, subjects_in
from cuga.projections.views import MemoryViews
from cuga.testing.factories import AT
from cuga.testing.facts import ADA

DRAFT = {"style": "plain", "recipient": "nora@firm.example"}


BEGUN = e.RunStarted(
    at=AT,
    by=ADA.id,
    goal="sell more",
    profile="smb",
    policy_digest="p",
    tenant=ADA.tenant,
    requester=ADA,
    trace_id="r1",
)


def asked(number: int, arguments: dict[str, Any], amends: str = "", **more: Any) -> e.ApprovalRequested:
    return e.ApprovalRequested(
        at=AT, approval_id=f"r1-a{number}", step="s1", digest="d", tool="draft", tool_digest="t",
        arguments=msgspec.Raw(msgspec.json.encode(arguments)), side_effect=SideEffect.PROPOSE, cost=1,
        expires_at=AT + timedelta(days=1), amends=amends, **more,
    )  # fmt: skip


def said(
    number: int, verdict: e.Verdict, reason: str = "", by: str = "ann", *, final: bool = True, **more: Any
) -> e.ApprovalReceived:
    return e.ApprovalReceived(
        at=AT, by=by, approval_id=f"r1-a{number}", step="s1", verdict=verdict, digest="d", final=final, reason=reason,
        **more,
    )  # fmt: skip


async def lessons(*events: e.Event, house: tuple[e.Event, ...] = (), batch: int = 0) -> list[tuple[str, ...]]:
    journal = MemoryJournal()
    view = LessonsView(journal, MemoryViews())
    await journal.append("r1", 0, [BEGUN, *events])
    if batch:
        await view.all()
    for number, event in enumerate(house):
        await journal.append("house/local", number, [event])
    live = await view.all()
    assert live == await LessonsView(journal, MemoryViews()).all(), "made anew it is another"
    return [(one.id, one.kind, one.by, one.text, *(change.path for change in one.changes)) for one in live]


async def test_an_amendment_is_kept_with_its_fields_and_who_made_it() -> None:
    formal = {**DRAFT, "style": "formal"}
    found = await lessons(asked(1, DRAFT), said(1, e.Verdict.AMEND, "they like it so"), asked(2, formal, "r1-a1"))
    assert found == [("r1-a1", "amended", "ann", "they like it so", "/style")]


@pytest.mark.parametrize(("verdict", "kind"), [(e.Verdict.DENY, "denied"), (e.Verdict.REQUEST_CHANGES, "asked")])
async def test_words_are_kept_and_silence_is_not(verdict: e.Verdict, kind: str) -> None:
    assert await lessons(asked(1, DRAFT), said(1, verdict, "too long")) == [("r1-a1", kind, "ann", "too long")]
    assert await lessons(asked(1, DRAFT), said(1, verdict, "  ")) == []


async def test_what_no_person_said_teaches_nothing() -> None:
    assert await lessons(asked(1, DRAFT), said(1, e.Verdict.APPROVE, "fine")) == []
    assert await lessons(asked(1, DRAFT), said(1, e.Verdict.DENY, "a rule", by="", rule="profile:x")) == []
    assert await lessons(asked(1, DRAFT), asked(2, {**DRAFT, "style": "x"})) == []
    assert await lessons(said(1, e.Verdict.DENY, "of nothing that is known")) == []


async def test_what_is_forgotten_is_gone_and_the_rest_is_not() -> None:
    two = (
        asked(1, DRAFT), said(1, e.Verdict.DENY, "one", final=False), said(1, e.Verdict.DENY, "two", "bob"),
        asked(2, DRAFT), said(2, e.Verdict.DENY, "three"),
    )  # fmt: skip
    gone = h.LessonsForgotten(at=AT, by="mara", lessons=("r1-a2", "never-was"))
    for batch in (0, 1):
        assert [one[3] for one in await lessons(*two, house=(gone,), batch=batch)] == ["two", "one"]


def test_differences_are_pointers_with_how_much_longer_a_text_is() -> None:
    before = {"a/b": {"x": [1, 2]}, "same": 1, "text": "one two three"}
    after = {"a/b": {"x": [1, 3]}, "same": 1, "text": "one", "new": True}
    found = {change.path: (change.before, change.after, change.grew) for change in differences(before, after)}
    assert found == {
        "/a~1b/x/1": ("2", "3", 0), "/text": ('"one two three"', '"one"', -2), "/new": ("null", "true", 0),
    }  # fmt: skip


def test_whom_a_call_is_about() -> None:
    value = {"message": {"recipient": "a@b.example", "body": "cc c@d.example"}, "account": "Kestrel", "note": "x"}
    assert list(dict.fromkeys(subjects_in(value))) == ["a@b.example", "c@d.example", "Kestrel"]

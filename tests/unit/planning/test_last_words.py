"""What people said reaches planning once, and where it was said last."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cuga.kernel.state import RunState
from cuga.model.event import PlanRequested
from cuga.orchestrator.llm.thinking import _said


@pytest.mark.parametrize(
    ("feedback", "answers", "newest", "told"),
    [
        (("friendlier", "more formal", "friendlier"), {}, "friendlier", ["more formal", "friendlier"]),
        (("to b@x.example",), {"plan/1": "a@x.example"}, "to b@x.example", ["a@x.example", "to b@x.example"]),
        (("shorter",), {"plan/1": "Konex"}, "Konex", ["shorter", "Konex"]),
        ((), {}, "", []),
    ],
)
def test_the_last_word_is_the_last(feedback, answers, newest, told):
    state = RunState(run_id="r", feedback=feedback, answers=answers)
    request = PlanRequested(at=datetime(2026, 1, 5, tzinfo=UTC), planner="rules", attempt=2, feedback=newest)
    assert _said(state, request) == told

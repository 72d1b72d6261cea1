"""Deciding a run again: what the kernel decided once, it decides again, whatever people, time and crashes did."""

import msgspec
import pytest

from cuga.model import event as e
from cuga.projections.replay import SAME, UNTOLD, replay
from cuga.testing.simulation import Schedule

SEEDS = range(60)


@pytest.fixture(scope="module")
def played():
    schedules = [Schedule(seed) for seed in SEEDS]
    for schedule in schedules:
        schedule.run()
    return [(run, events, s.setting.rules) for s in schedules for run, events in s.record.streams.items()]


@pytest.mark.simulation
def test_what_was_decided_once_is_decided_again_or_said_to_rest_on_the_house(played):
    found = [one for run, events, rules in played for one in replay(run, events, rules)]
    assert {one.verdict for one in found} <= {SAME, UNTOLD}
    assert sum(one.verdict == SAME for one in found) > 0.97 * len(found)
    assert all(one.kind == "step_refused" for one in found if one.verdict == UNTOLD)


@pytest.mark.simulation
def test_a_forged_call_is_found_in_every_run_that_has_one(played):
    forged = 0
    for run, events, rules in played:
        at = next((n for n, one in enumerate(events) if isinstance(one, e.ToolCallStart)), None)
        if at is None:
            continue
        false = msgspec.structs.replace(events[at], arguments=msgspec.Raw(b'{"forged":true}'))
        (one,) = [one for one in replay(run, [*events[:at], false], rules) if one.event == at + 1]
        assert [name for name, _, _ in one.differs] == ["arguments"]
        forged += 1
    assert forged > 50


def _forged(event):
    """A list's event with one word of it changed, and the field that this shows in."""
    if isinstance(event, e.ListOpened):
        return msgspec.structs.replace(event, inputs=(msgspec.Raw(b'{"forged":1}'), *event.inputs[1:])), "inputs"
    if isinstance(event, e.ListClosed):
        return msgspec.structs.replace(event, done=event.done + 1), "done"
    false = msgspec.structs.replace(event.calls[0], effect="another")
    return msgspec.structs.replace(event, calls=(false, *event.calls[1:])), "calls"


@pytest.mark.simulation
def test_lists_are_decided_again_and_a_forged_one_is_found(played):
    told = 0
    for run, events, rules in played:
        for at, event in enumerate(events):
            is_lists = isinstance(event, e.ListOpened | e.ListClosed) or bool(getattr(event, "calls", ()))
            if not is_lists or getattr(event, "amends", ""):
                continue
            false, field = _forged(event)
            (one,) = [one for one in replay(run, [*events[:at], false], rules) if one.event == at + 1]
            assert field in [name for name, _, _ in one.differs]
            told += 1
    assert told > 40

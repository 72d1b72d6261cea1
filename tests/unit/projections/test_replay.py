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

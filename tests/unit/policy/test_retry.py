"""What failed, what is known and what the tool can do decide about another try; a guess is never made."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy.profile import Retry
from cuga.policy.retry import Again, InDoubt, delay_ms, next_try

NETWORK, LOGIC, INPUT = FailureMode.SYSTEM_NETWORK, FailureMode.AGENT_LOGIC, FailureMode.USER_INVALID_INPUT
READ, PROPOSE, EXECUTE = SideEffect.READ_ONLY, SideEffect.PROPOSE, SideEffect.EXECUTE
NOT_DONE, UNKNOWN = Certainty.NOT_DONE, Certainty.UNKNOWN


def follows(mode=NETWORK, certainty=UNKNOWN, side_effect=EXECUTE, repeatable=Repeatable.NONE, attempt=1):
    decision = next_try(
        Retry(), mode=mode, certainty=certainty, side_effect=side_effect, repeatable=repeatable, attempt=attempt
    )
    return {Again: "again", InDoubt: "in doubt", type(None): "failed"}[type(decision)]


@pytest.mark.parametrize(
    ("certainty", "side_effect", "repeatable", "mode", "expected"),
    [
        (NOT_DONE, EXECUTE, Repeatable.NONE, NETWORK, "again"),
        (NOT_DONE, EXECUTE, Repeatable.NONE, LOGIC, "failed"),
        (NOT_DONE, EXECUTE, Repeatable.NONE, FailureMode.SYSTEM_CRASH, "again"),
        (NOT_DONE, EXECUTE, Repeatable.KEY, LOGIC, "again"),
        (NOT_DONE, EXECUTE, Repeatable.KEY, INPUT, "failed"),
        (NOT_DONE, READ, Repeatable.NONE, LOGIC, "again"),
        (NOT_DONE, READ, Repeatable.NONE, INPUT, "failed"),
        (UNKNOWN, READ, Repeatable.NONE, FailureMode.SYSTEM_CRASH, "again"),
        (UNKNOWN, READ, Repeatable.NONE, FailureMode.POLICY_SECURITY, "failed"),
        (UNKNOWN, PROPOSE, Repeatable.NONE, NETWORK, "in doubt"),
        (UNKNOWN, EXECUTE, Repeatable.NONE, NETWORK, "in doubt"),
        (UNKNOWN, EXECUTE, Repeatable.KEY, LOGIC, "again"),
        (UNKNOWN, EXECUTE, Repeatable.PROBE, FailureMode.SYSTEM_CRASH, "again"),
    ],
)
def test_the_table(certainty, side_effect, repeatable, mode, expected):
    assert follows(mode, certainty, side_effect, repeatable) == expected


def test_after_the_last_attempt_a_known_failure_is_final_and_an_unknown_one_is_a_doubt():
    assert follows(certainty=NOT_DONE, attempt=3) == "failed"
    assert follows(side_effect=READ, attempt=3) == "failed"
    assert follows(repeatable=Repeatable.KEY, attempt=3) == "in doubt"


@pytest.mark.parametrize(("mode", "attempt"), list(itertools.product(FailureMode, (1, 2, 3, 9))))
def test_an_unkeyed_effect_is_never_repeated_on_a_guess(mode, attempt):
    assert follows(mode, UNKNOWN, EXECUTE, Repeatable.NONE, attempt) == "in doubt"


def test_the_waits_are_one_two_and_four_seconds_in_a_band_of_a_tenth_up_to_the_cap():
    middle = [delay_ms(Retry(jitter_percent=0), attempt) for attempt in (1, 2, 3, 4, 5, 6, 40)]
    assert middle == [1000, 2000, 4000, 8000, 16000, 30000, 30000]
    assert (delay_ms(Retry(), 1, jitter=0), delay_ms(Retry(), 1, jitter=999)) == (900, 1100)


def test_the_other_side_may_ask_for_a_longer_wait_up_to_a_day():
    assert delay_ms(Retry(), 1, retry_after_s=120) == 120_000
    assert delay_ms(Retry(), 3, retry_after_s=1) >= 3600
    assert delay_ms(Retry(), 1, retry_after_s=10**9) == 24 * 3600 * 1000


@given(attempt=st.integers(1, 10**6), jitter=st.integers(0, 999), percent=st.integers(0, 100))
def test_a_wait_stays_in_its_band(attempt, jitter, percent):
    retry = Retry(jitter_percent=percent)
    plain = delay_ms(Retry(jitter_percent=0), attempt)
    assert plain * (100 - percent) // 100 <= delay_ms(retry, attempt, 0, jitter) <= plain * (100 + percent) // 100


def test_waits_may_be_parts_of_a_second_and_may_stay_even():
    short = Retry(base_s=0, base_ms=250, cap_s=0, cap_ms=600, jitter_percent=0)
    assert [delay_ms(short, attempt) for attempt in (1, 2, 3)] == [250, 500, 600]
    even = Retry(base_s=2, jitter_percent=0, is_even=True)
    assert [delay_ms(even, attempt) for attempt in (1, 2, 9)] == [2000, 2000, 2000]

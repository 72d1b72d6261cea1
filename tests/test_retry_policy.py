"""Retry policies: how often, after how long, and what is tried again at all."""

import pytest

from cuga.errors import BadInput
from cuga.model.failure import FailureMode
from cuga.orchestrator.failures import (
    ExponentialBackoffPolicy,
    LinearBackoffPolicy,
    NoRetryPolicy,
    RetryExecutor,
    RetryPolicy,
    create_retry_policy,
)


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


class Sleeper:
    def __init__(self):
        self.slept = []

    async def __call__(self, seconds):
        self.slept.append(seconds)


@pytest.fixture
def sleeper():
    return Sleeper()


def executor(sleeper, policy=None):
    return RetryExecutor(policy or ExponentialBackoffPolicy(), sleep=sleeper)


def test_the_usual_waits_are_one_two_four_seconds_and_at_most_thirty():
    policy = ExponentialBackoffPolicy()
    assert [round(policy.delay_for(attempt), 2) for attempt in (1, 2, 3, 4, 5, 6, 20)] == [1, 2, 4, 8, 16, 30, 30]
    assert policy.max_attempts == 3


def test_linear_waits_are_all_alike():
    policy = LinearBackoffPolicy()
    assert [round(policy.delay_for(attempt), 2) for attempt in (1, 2, 9)] == [2, 2, 2]


def test_no_retry_is_one_try():
    assert NoRetryPolicy().max_attempts == 1
    assert not NoRetryPolicy().should_retry(ConnectionError(), 1)


@pytest.mark.parametrize("chance", [0, 250, 999])
def test_jitter_stays_in_its_band(chance):
    assert 0.9 <= ExponentialBackoffPolicy(jitter=0.1).delay_for(1, chance) <= 1.1


def test_waits_may_be_shorter_than_a_second():
    policy = ExponentialBackoffPolicy(base_delay=0.25, max_delay=0.5, jitter=0)
    assert [policy.delay_for(attempt) for attempt in (1, 2, 3)] == [0.25, 0.5, 0.5]
    assert (policy.rule.base_s, policy.rule.base_ms, policy.rule.cap_ms) == (0, 250, 500)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("exponential", ExponentialBackoffPolicy), ("linear", LinearBackoffPolicy), ("none", NoRetryPolicy)],
)
def test_a_policy_by_name(kind, expected):
    assert type(create_retry_policy(kind)) is expected


def test_a_policy_by_an_unknown_name_names_the_choices():
    with pytest.raises(ValueError, match="exponential, linear, none"):
        create_retry_policy("psychic")


def test_a_policy_by_name_takes_its_numbers():
    assert create_retry_policy("exponential", max_attempts=7).max_attempts == 7


@pytest.mark.parametrize(
    "wrong", [{"max_attempts": 0}, {"base_delay": -1.0}, {"base_delay": 5.0, "max_delay": 1.0}, {"jitter": 2.0}]
)
def test_a_policy_that_cannot_be_is_refused(wrong):
    with pytest.raises(BadInput):
        RetryPolicy(**wrong)


@pytest.mark.parametrize(
    ("error", "again"),
    [(ConnectionError(), True), (TimeoutError(), True), (ValueError(), False), (PermissionError(), False)],
)
def test_only_what_passes_by_itself_is_tried_again(error, again):
    assert ExponentialBackoffPolicy().should_retry(error, 1) is again
    assert not ExponentialBackoffPolicy().should_retry(error, 3)


async def test_two_failures_then_success(sleeper):
    flaky = Flaky(ConnectionError("a"), ConnectionError("b"))
    assert await executor(sleeper).execute_with_retry(flaky) == "done"
    assert flaky.calls == 3 and [round(wait, 1) for wait in sleeper.slept] == [1.0, 2.0]


async def test_the_last_exception_comes_out_with_its_circumstances(sleeper):
    flaky = Flaky(*[ConnectionError(str(n)) for n in range(9)])
    with pytest.raises(ConnectionError, match="2") as caught:
        await executor(sleeper).execute_with_retry(flaky, context={"trace_id": "t1"})
    assert flaky.calls == 3 and caught.value.__notes__ == ["trace_id: t1"]


async def test_what_does_not_pass_is_tried_once(sleeper):
    flaky = Flaky(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        await executor(sleeper).execute_with_retry(flaky)
    assert flaky.calls == 1 and sleeper.slept == []


async def test_an_unexplained_error_is_tried_again_only_where_repeating_is_said_to_be_safe(sleeper):
    once, twice = Flaky(RuntimeError("odd")), Flaky(RuntimeError("odd"))
    with pytest.raises(RuntimeError):
        await executor(sleeper).execute_with_retry(once)
    assert await executor(sleeper).execute_with_retry(twice, is_repeatable=True) == "done"
    assert (once.calls, twice.calls) == (1, 2)


async def test_a_classifier_decides(sleeper):
    flaky = Flaky(ValueError("busy"))
    run = executor(sleeper)
    assert await run.execute_with_retry(flaky, failure_classifier=lambda _: FailureMode.RESOURCE_RATE_LIMIT) == "done"
    assert run.attempts == [FailureMode.RESOURCE_RATE_LIMIT]


async def test_an_awaited_operation_counts_as_well(sleeper):
    async def operation():
        return 42

    assert await executor(sleeper).execute_with_retry(operation) == 42


async def test_the_policys_own_execute_takes_both_callbacks():
    for name in ("failure_classifier", "failure_mode_handler"):
        flaky = Flaky(ValueError("busy"))
        policy = ExponentialBackoffPolicy(base_delay=0.0, jitter=0)
        assert await policy.execute(flaky, **{name: lambda _: FailureMode.SYSTEM_NETWORK}) == "done"
        assert flaky.calls == 2

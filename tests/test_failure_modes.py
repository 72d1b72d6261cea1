"""Failure modes: twenty-five, five categories that compare with them, and what each means for another try."""

import pytest

from cuga.errors import BadInput, NotDone
from cuga.model.failure import FailureCategory, FailureMode
from cuga.orchestrator.failures import TERMINAL, Severity, classify, severity_of


def test_there_are_twenty_five_modes_and_five_categories():
    assert len(FailureMode) == 25 and len(FailureCategory) == 5
    assert {mode.category for mode in FailureMode} == set(FailureCategory)


@pytest.mark.parametrize("mode", list(FailureMode))
def test_a_mode_equals_its_category_and_no_other(mode):
    equal = [category for category in FailureCategory if mode == category]
    assert equal == [mode.category] == [category for category in FailureCategory if category == mode]


@pytest.mark.parametrize("name", ["AGENT", "SYSTEM", "RESOURCE", "POLICY", "USER"])
def test_the_short_names_are_categories_and_no_modes_of_their_own(name):
    short = getattr(FailureMode, name)
    assert short is FailureCategory[name] and name not in FailureMode.__members__
    assert any(mode == short for mode in FailureMode) and any(mode != short for mode in FailureMode)


def test_modes_stay_apart_as_keys_and_from_other_text():
    assert len({FailureMode.SYSTEM_NETWORK, FailureMode.SYSTEM_TIMEOUT, FailureMode.SYSTEM}) == 3
    assert FailureMode.SYSTEM_NETWORK == "system_network" and FailureMode.SYSTEM_NETWORK != "system"
    assert FailureMode.SYSTEM_NETWORK != FailureMode.SYSTEM_TIMEOUT
    assert FailureCategory.USER == "user" and FailureCategory.USER != "agent"


@pytest.mark.parametrize(
    ("error", "mode"),
    [
        (TimeoutError(), FailureMode.SYSTEM_TIMEOUT),
        (ConnectionError(), FailureMode.SYSTEM_NETWORK),
        (PermissionError(), FailureMode.POLICY_SECURITY),
        (BadInput("no"), FailureMode.USER_INVALID_INPUT),
        (ValueError("no"), FailureMode.AGENT_LOGIC),
        (MemoryError(), FailureMode.SYSTEM_OOM),
        (NotDone("no", mode=FailureMode.RESOURCE_RATE_LIMIT), FailureMode.RESOURCE_RATE_LIMIT),
    ],
)
def test_an_exception_is_classified_by_its_kind(error, mode):
    assert classify(error) is mode


def test_a_classifier_of_ones_own_counts_by_mode_and_by_category():
    assert classify(ValueError(), lambda _: FailureMode.RESOURCE_QUOTA) is FailureMode.RESOURCE_QUOTA
    assert classify(TimeoutError(), lambda _: FailureMode.SYSTEM) is FailureMode.SYSTEM_TIMEOUT
    assert classify(ValueError(), lambda _: FailureMode.USER) is FailureMode.USER_INVALID_INPUT


def test_an_exception_may_say_its_mode():
    error = RuntimeError("full")
    error.failure_mode = FailureMode.RESOURCE_QUOTA
    assert classify(error) is FailureMode.RESOURCE_QUOTA


def test_eight_modes_pass_by_themselves_and_seven_end_everything():
    assert {mode for mode in FailureMode if mode.is_retryable} & TERMINAL == set()
    assert sum(mode.is_retryable for mode in FailureMode) == 8 and len(TERMINAL) == 7


@pytest.mark.parametrize(
    ("mode", "severity"),
    [
        (FailureMode.SYSTEM_CRASH, Severity.CRITICAL),
        (FailureMode.POLICY_SECURITY, Severity.CRITICAL),
        (FailureMode.SYSTEM_DISK, Severity.HIGH),
        (FailureMode.POLICY_BUDGET, Severity.HIGH),
        (FailureMode.USER_INVALID_INPUT, Severity.MEDIUM),
        (FailureMode.SYSTEM_NETWORK, Severity.LOW),
        (FailureMode.USER_CANCELLED, Severity.LOW),
    ],
)
def test_severity(mode, severity):
    assert severity_of(mode) is severity

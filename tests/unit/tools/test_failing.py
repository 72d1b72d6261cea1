"""What an exception says: the mode, what is known of the effect, how long to wait."""

import errno

import pytest

from cuga.errors import NotDone, NotFound, Unanswered
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import SideEffect
from cuga.redact import Redactor
from cuga.tools.failing import certainty_of, failed, mode_of


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "mode"),
    [
        (TimeoutError(), FailureMode.SYSTEM_TIMEOUT),
        (ConnectionRefusedError(), FailureMode.SYSTEM_NETWORK),
        (OSError(errno.ENOSPC, "full"), FailureMode.SYSTEM_DISK),
        (OSError(errno.EPIPE, "pipe"), FailureMode.SYSTEM_NETWORK),
        (PermissionError(), FailureMode.POLICY_SECURITY),
        (MemoryError(), FailureMode.SYSTEM_OOM),
        (NotFound("x"), FailureMode.USER_INVALID_INPUT),
        (KeyError("x"), FailureMode.AGENT_LOGIC),
        (NotDone("no"), FailureMode.AGENT_STATE),
        (caused(NotDone("no"), ConnectionRefusedError()), FailureMode.SYSTEM_NETWORK),
        (caused(NotDone("no"), ValueError()), FailureMode.AGENT_STATE),
        (NotDone("busy", mode="resource_rate_limit"), FailureMode.RESOURCE_RATE_LIMIT),
        (Unanswered("silent", mode="system_timeout"), FailureMode.SYSTEM_TIMEOUT),
        (Unanswered("odd", mode="no such mode"), FailureMode.AGENT_LOGIC),
    ],
)
def test_the_mode_of_an_exception(error, mode):
    assert mode_of(error) is mode


@pytest.mark.parametrize(("asked", "wait"), [(30, 30), (-1, 0), (10**9, 86400), ("soon", 0), (True, 0), (None, 0)])
def test_a_tool_may_ask_for_a_wait(asked, wait):
    outcome = failed(NotDone("busy", retry_after_s=asked), SideEffect.EXECUTE, Redactor())
    assert (outcome.retry_after_s, outcome.certainty) == (wait, Certainty.NOT_DONE)


def test_the_words_say_what_to_do():
    outcome = failed(NotDone("no adapter", mend="name one"), SideEffect.EXECUTE, Redactor())
    assert outcome.message == "no adapter; name one"
    assert failed(KeyError(), SideEffect.EXECUTE, Redactor()).message == "KeyError"


def test_an_exception_may_say_its_mode_and_nothing_else_about_itself():
    error = ValueError("busy")
    error.failure_mode = FailureMode.RESOURCE_RATE_LIMIT
    assert mode_of(error) is FailureMode.RESOURCE_RATE_LIMIT
    assert certainty_of(error, SideEffect.EXECUTE) is Certainty.UNKNOWN
    error.failure_mode = "resource_rate_limit"
    assert mode_of(error) is FailureMode.AGENT_LOGIC

"""A failure mode equals itself, its word and its category, and nothing else."""

from cuga.model.failure import FailureCategory, FailureMode


def test_a_mode_equals_itself_its_word_and_its_category():
    mode = FailureMode.USER_PERMISSION
    assert mode == FailureMode("user_permission") == "user_permission" and mode == "user_permission"
    assert mode == FailureCategory.USER and mode == FailureCategory.USER
    assert FailureCategory.USER == FailureCategory("user") == "user"
    assert mode not in (FailureMode.AGENT_LOGIC, FailureCategory.AGENT, "agent_logic")

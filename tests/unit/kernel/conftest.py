"""What these tests say is held against the pages of `said/`."""

from tests.said import pytest_runtest_makereport, tell

__all__ = ["pytest_runtest_makereport", "tell"]

"""The command line in a house with sample data, as the doors have it."""

from tests.doors.conftest import _sample, cuga

__all__ = ["_sample", "cuga"]

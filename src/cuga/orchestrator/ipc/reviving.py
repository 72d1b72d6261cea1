"""Errors that cross from one process of the house to another, and are raised there as what they were."""

from __future__ import annotations

from cuga.errors import CugaError


def told(error: CugaError) -> dict[str, str]:
    """An error as the other side reads it."""
    return {
        "code": error.code,
        "detail": error.detail,
        "kind": type(error).__name__,
        "mend": error.next_step,
    }


def revived(said: dict[str, str]) -> CugaError:
    """The same error, to be raised."""
    kinds = [CugaError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((found for found in kinds if found.__name__ == said["kind"]), CugaError)
    return kind(said["detail"], mend=said["mend"])

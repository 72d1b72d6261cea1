"""What became of a call: it is done, it surely did not happen, or nobody can know."""

from __future__ import annotations

from enum import Enum

import msgspec

from cuga.model.failure import FailureMode
from cuga.model.value import Value


class Certainty(str, Enum):
    """What is known about a call that did not answer with a result."""

    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


class BlobRef(Value, frozen=True, kw_only=True):
    """Bytes kept out of line: their SHA-256 and length. `kept` is false for what was too large to keep."""

    digest: str
    size: int
    kept: bool = True


class Done(Value, frozen=True, kw_only=True, tag="done"):
    """The call was made and answered. `result` is the JSON text of the answer, redacted, at most 10 MiB."""

    result: msgspec.Raw
    duration_us: int = 0
    provider_reference: str = ""
    tokens: int = 0
    note: str = ""  # e.g. "result was too large to keep"


class Failed(Value, frozen=True, kw_only=True, tag="failed"):
    """The call did not answer with a result."""

    mode: FailureMode
    certainty: Certainty
    message: str
    duration_us: int = 0
    retry_after_s: int = 0  # what the other side asked for; 0: nothing


Outcome = Done | Failed

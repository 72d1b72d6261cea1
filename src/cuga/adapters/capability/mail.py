"""The one reading of a message's body that everybody hashes: what was approved and what is sent are compared by it."""

from __future__ import annotations

import hashlib


def canonical_body(body: str) -> str:
    """The body as it is sent: line ends are `\\n`, and exactly one closes it."""
    return body.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def body_hash(body: str) -> str:
    """SHA-256 of the canonical body in UTF-8, as 64 hex digits."""
    return hashlib.sha256(canonical_body(body).encode("utf-8", "surrogatepass")).hexdigest()

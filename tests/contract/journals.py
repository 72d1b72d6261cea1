"""The homes of a journal that the contract is held against, and short ways to make what goes in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.postgres import database, modest_database

from cuga.journal.codec import Scrub
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Index, Journal, OpenApproval, RunRow
from cuga.journal.postgres import Address, PostgresJournal
from cuga.journal.sqlite import SqliteJournal
from cuga.model.event import Annotation, Claim, Status, ToolCallError
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
Home = Callable[..., Journal]  # (directory, scrub=None) -> a journal


def memory(_directory: Path, scrub: Scrub | None = None) -> Journal:
    return MemoryJournal(scrub=scrub)


def sqlite(directory: Path, scrub: Scrub | None = None) -> Journal:
    return SqliteJournal(directory / "journal.db", scrub=scrub, prefill=False)


def postgres(directory: Path, scrub: Scrub | None = None) -> Journal:
    return PostgresJournal(Address.of(database(), f"b{abs(hash(directory)):x}"), scrub=scrub)


def oldest_postgres(directory: Path, scrub: Scrub | None = None) -> Journal:
    return PostgresJournal(Address.of(modest_database(), f"b{abs(hash(directory)):x}"), scrub=scrub)


HOMES: dict[str, Home] = {
    "memory": memory, "sqlite": sqlite, "postgres": postgres, "oldest postgres": oldest_postgres,
}  # fmt: skip


def said(*texts: str) -> list[Annotation]:
    return [Annotation(at=AT, text=text) for text in texts]


def claiming(*claims: tuple[str, int, int]) -> list[ToolCallError]:
    """One event that takes (scope, amount, limit)."""
    taken = tuple(Claim(scope=scope, amount=amount, limit=limit) for scope, amount, limit in claims)
    return [
        ToolCallError(
            at=AT, step="s1", attempt=1, mode=FailureMode.SYSTEM_NETWORK, certainty=Certainty.UNKNOWN,
            message="reset", claims=taken,
        )
    ]  # fmt: skip


def row(status: Status = Status.RUNNING, *, minutes: int = 0, tenant: str = "local", wakes: int | None = None) -> Index:
    """What an append says of its run: started so many minutes after nine, to be woken so many minutes after nine."""
    started = AT + timedelta(minutes=minutes)
    return Index(
        run=RunRow(
            status=status, tenant=tenant, profile="smb", goal="win", requester="ada", trace_id="t", reason="because",
            wake_at=None if wakes is None else AT + timedelta(minutes=wakes), started_at=started, updated_at=started,
        )
    )  # fmt: skip


def card(approval_id: str, run_id: str, *, minutes: int = 0, tenant: str = "local", risk: str = "high") -> Index:
    """What an append says when it asks for an approval."""
    asked = AT + timedelta(minutes=minutes)
    return Index(
        approvals={
            approval_id: OpenApproval(
                approval_id=approval_id, tenant=tenant, run_id=run_id, step="s1", tool="send_message",
                side_effect="execute", risk=risk, expires_at=asked + timedelta(days=1), requested_at=asked,
                requesters=("ada",), digest="d",
            )
        }
    )  # fmt: skip


def closed(approval_id: str) -> Index:
    return Index(approvals={approval_id: None})

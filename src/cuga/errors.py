"""The one error tree of the house.

An exception here means that the caller must act. The class docstring is the message a person reads, `code` is what a
machine compares, `facts` are the data behind it, and `mend` says what to do next. A failure that a run survives is not
an exception but an event with a `FailureMode`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class CugaError(Exception):
    """Something went wrong in cuga."""

    code: ClassVar[str] = "cuga_error"
    mend: ClassVar[str] = ""

    def __init__(self, detail: str = "", **facts: object) -> None:
        self.detail = detail
        self.facts = facts
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened, with the particulars, in one line or a few."""
        base = " ".join((self.__class__.__doc__ or "").split())
        return f"{base.rstrip('.')}: {self.detail}" if self.detail else base

    @property
    def next_step(self) -> str:
        """What the reader can do about it; empty when nothing is known to help."""
        return str(self.facts.get("mend") or self.mend)


class BadInput(CugaError):
    """The input cannot be used."""

    code = "bad_input"


class NotFound(CugaError):
    """There is no such thing."""

    code = "not_found"


class RunNotFound(NotFound):
    """There is no such run."""

    code = "run_not_found"
    mend = "`cuga runs` lists the runs of this house."


class ApprovalNotFound(NotFound):
    """There is no such approval."""

    code = "approval_not_found"
    mend = "`cuga inbox` lists what waits for a decision."


class ApprovalClosed(CugaError):
    """This approval has already been decided."""

    code = "approval_closed"
    mend = "`cuga show ID` says by whom and when."


class ApprovalExpired(CugaError):
    """This approval came too late: the request has expired."""

    code = "approval_expired"
    mend = "Resume the run with `cuga resume RUN`; it says what can still be done."


class DigestMismatch(CugaError):
    """What was approved is not what waits: the request has changed since it was shown."""

    code = "digest_mismatch"
    mend = "Look at it again with `cuga show ID` and decide on what you see there."


class NotAllowed(CugaError):
    """This person may not do that."""

    code = "not_allowed"


class NotSignedIn(CugaError):
    """Nobody knows who is asking."""

    code = "not_signed_in"
    mend = "Sign in, or send a key: `Authorization: Bearer cuga_...`."


class ProofNeeded(NotAllowed):
    """This asks for a fresh proof of who decides."""

    code = "step_up_needed"
    mend = "Give the password once more (`POST /api/step-up`), then decide again."


class ForeignOrigin(NotAllowed):
    """The request comes from a page that is not of this house."""

    code = "foreign_origin"
    mend = "Open the page of this house and work there; programs send a key."


class TooOften(CugaError):
    """That was asked too often."""

    code = "too_often"
    mend = "Wait a little, then try again."


class TooLarge(BadInput):
    """The request is larger than is taken."""

    code = "too_large"


class KeyReused(BadInput):
    """This Idempotency-Key came with another request before."""

    code = "idempotency_key_reused"
    mend = "Send the first request again unchanged, or take a new key."


class InvalidTransition(CugaError):
    """The run is not in a state in which that can be done."""

    code = "invalid_transition"


class RegistryInvalid(CugaError):
    """The registry cannot be loaded."""

    code = "registry_invalid"
    mend = "Mend the lines named above; `cuga policy check FILE` shows them again."


class ProfileUnknown(BadInput):
    """There is no such profile."""

    code = "profile_unknown"
    mend = "Name one of the profiles above, or add it to the registry."


class ToolInvalid(CugaError):
    """This tool cannot be registered."""

    code = "tool_invalid"


class PlanInvalid(CugaError):
    """The plan cannot be used."""

    code = "plan_invalid"


class HouseBusy(CugaError):
    """Another process holds this house."""

    code = "house_busy"


class HouseClosed(CugaError):
    """The house was closed while this waited; the run goes on when it is opened again."""

    code = "house_closed"
    mend = "`cuga resume RUN` goes on with it."


class HouseNotFound(CugaError):
    """No house was found."""

    code = "house_not_found"
    mend = "`cuga init DIR` makes one, or name one with --house DIR or CUGA_HOUSE."


class JournalFailed(CugaError):
    """The journal cannot be used now; nothing new will start."""

    code = "journal_failed"


PUT_BACKUP = "Keep the file as it is, and put a backup in its place: `cuga restore PATH`."  # no part of it can be read


class JournalCorrupt(CugaError):
    """The journal does not verify."""

    code = "journal_corrupt"
    mend = "`cuga verify` names the first bad record; restore a backup with `cuga restore`."


class JournalBehind(CugaError):
    """The journal is not the one that was sealed, and is not opened."""

    code = "journal_behind"


class CheckpointStale(InvalidTransition):
    """The witness knows another size of this journal."""

    code = "checkpoint_stale"
    mend = "Send it again with a proof from the size that is known."


class CheckpointForked(CugaError):
    """The checkpoint does not go on from the one that the witness knows."""

    code = "checkpoint_forked"
    mend = "Find out which is the true one, and who made the other; `cuga verify` names what differs."


class EventUnreadable(CugaError):
    """A stored event cannot be read by this version of cuga; its run is left alone."""

    code = "event_unreadable"
    mend = "Use the version of cuga that wrote it, or a newer one."


class ApprovalTimeoutError(CugaError):
    """No decision arrived while we waited; the request stays open."""

    code = "approval_wait_ended"


class ApprovalDeniedError(CugaError):
    """The approval was denied."""

    code = "approval_denied"


class NotDone(CugaError):
    """Raised by a tool that is certain that nothing happened.

    Any other exception of a tool with an effect means that nobody knows whether it happened.
    """

    code = "not_done"


class EgressRefused(NotDone):
    """That place may not be reached from here."""

    code = "egress_refused"
    mend = "Ask another host, or name this one in what the client may reach."


class Unreachable(NotDone):
    """The other side cannot be reached; nothing was sent."""

    code = "unreachable"
    mend = "Try again later, or look whether the address is right."


class Rejected(NotDone):
    """The other side refused the request."""

    code = "rejected"


class Unanswered(CugaError):
    """The request was sent and no usable answer came; nobody here knows what became of it."""

    code = "unanswered"
    mend = "Look at the other side before sending it again."


class ToolExecutionError(CugaError):
    """A step could not be done."""

    code = "tool_execution_failed"
    mend = "`partial_result` holds what was done before it, and how to go on."

    @property
    def partial_result(self) -> Any:
        """What was done before (`orchestrator.failures.PartialResult`), or None."""
        return self.facts.get("partial_result")


class OrchestrationError(CugaError):
    """The orchestration ended at a stage with an error."""

    code = "orchestration_failed"
    mend = "`stage` says where and `partial_result` what was done; start again from there."

    @property
    def stage(self) -> Any:
        """The `LifecycleStage` at which it ended, or None."""
        return self.facts.get("stage")

    @property
    def partial_result(self) -> Any:
        """What was done before (`orchestrator.failures.PartialResult`), or None."""
        return self.facts.get("partial_result")


class BudgetRefused(CugaError):
    """A budget cannot take this call; nothing was charged."""

    code = "budget_refused"
    mend = "Raise the limit that is named, or leave the call out."

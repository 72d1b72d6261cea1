"""What an answer or its absence means: fine, refused, or nobody knows; and whether asking again can help.

The words for programs (`mode`) are the house's failure modes, so that the rules for calls read them like any other.
"""

from __future__ import annotations

from collections.abc import Collection

from cuga.errors import CugaError, EgressRefused, Rejected, Unanswered
from cuga.outbound.answer import Answer, is_used_up, wait_asked, wait_for_rate
from cuga.outbound.sending import Sending

_PASSING = frozenset({408, 425, 429, 502, 503, 504})  # may be gone when asked again
_MODES = {401: "user_permission", 403: "user_permission", 407: "user_permission", 429: "resource_rate_limit"}


def judged(sending: Sending, answer: Answer, wanted: Collection[int], types: Collection[str]) -> CugaError | None:
    """What is wrong with an answer; None when it is what was asked for. `wanted` are statuses beside 2xx."""
    status = answer.status
    said = f"{sending.method} {sending.shown} answered {status}"
    if 200 <= status < 300 or status in wanted:
        if types and answer.body and not any(_fits(answer.content_type, kind) for kind in types):
            kind = answer.content_type[:60] or "nothing"
            return Unanswered(
                f"{said} with {kind} instead of {' or '.join(sorted(types))}", mode="agent_contract", status=status
            )
        return None
    wait = wait_asked(answer.headers) or (wait_for_rate(answer.headers) if status in (403, 429) else None) or 0
    if 300 <= status < 400:
        return Unanswered(f"{said}: a redirect, which is not followed", mode="agent_contract", status=status)
    if status == 425 or (400 <= status < 500 and status not in (408, 409)) or (status == 409 and not sending.has_key):
        mode = _MODES.get(status, "resource_api_unavailable" if status == 425 else "user_invalid_input")
        if status == 403 and is_used_up(answer.headers):
            mode = _MODES[429]
        return Rejected(said, mode=mode, status=status, retry_after_s=wait, said=answer.said)
    mode = "system_timeout" if status in (408, 504) else "resource_api_unavailable"
    return Unanswered(said, mode=mode, status=status, retry_after_s=wait, said=answer.said)


def may_pass(failure: CugaError) -> bool:
    """Whether the same request may fare better a little later."""
    status = failure.facts.get("status")
    if isinstance(failure, EgressRefused) or failure.facts.get("final"):
        return False
    return status is None or status in _PASSING or (status == 409 and isinstance(failure, Unanswered))


def left_open(failure: CugaError) -> Unanswered:
    """The same failure after an earlier attempt of which nobody knows: a refusal of this one says nothing of that."""
    if isinstance(failure, Unanswered):
        return failure
    facts = {name: value for name, value in failure.facts.items() if name != "mend"}
    return Unanswered(f"an earlier attempt got no answer; then: {failure.message}", **facts)


def _fits(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith("/*") else kind == wanted

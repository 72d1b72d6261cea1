"""What a bundle says, for somebody who reads and does not compute: run by run, with the exact bytes agreed to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from cuga.model.value import digest_bytes, units
from cuga.orchestrator.keeping.evidence.oversight import Oversight
from cuga.orchestrator.keeping.evidence.page import Part, exact, facts, heading, subheading, table, text, title
from cuga.projections.audit import AuditRecord, CallRecord
from cuga.projections.card import Card, shown


def report_of(
    about: str,
    made_at: datetime,
    sealed: Sequence[tuple[str, str]],
    records: Sequence[AuditRecord],
    oversight: Oversight,
    *,
    is_whole: bool,
    withheld: int,
) -> list[Part]:
    """The parts of the report."""
    parts = [
        title(f"Evidence: {about}"),
        text(f"Made {_time(made_at)}. Every statement below is in the signed files beside this page."),
        facts(sealed),
        text("To check it offline: python verify.py evidence.zip --key KEY, with a public key that came another way."),
        text(
            "Nothing is missing from the period: each append between its first and its last is in the bundle."
            if is_whole
            else "Each stream is here from its first record on. What else happened in the house is not in this bundle."
        ),
    ]
    if withheld:
        parts.append(text(f"{withheld} kept results are withheld: they were erased. Their digests are in the records."))
    parts += _oversight(oversight)
    for record in records:
        parts += _run(record)
    return parts


def _oversight(figures: Oversight) -> Iterator[Part]:
    yield heading("Oversight")
    rules = ", ".join(f"{rule} ({count})" for rule, count in figures.decided_by_rules.items())
    yield facts(
        [
            ("Requests", str(figures.requests)),
            ("Decided by people", str(figures.decided_by_people)),
            ("Passed by rules", rules),
            ("Expired", str(figures.expired)),
            ("Lapsed unused", str(figures.lapsed)),
            ("Revoked", str(figures.revoked)),
            ("Open", str(figures.open)),
            ("Median time to a word", "" if figures.median_s is None else _span(figures.median_s)),
            ("Sooner than 3 s", str(figures.under_3_s)),
        ]
    )
    if figures.approvers:
        head = ("Approver", "Decisions", "Approved", "Denied", "Other", "Approve rate", "Median", "Under 3 s", "Solo")
        yield table(
            head,
            [
                (
                    shown(one.approver), str(one.decisions), str(one.approved), str(one.denied), str(one.other),
                    f"{one.approve_percent} %", _span(one.median_s), str(one.under_3_s), str(one.solo),
                )
                for one in figures.approvers
            ],
        )  # fmt: skip
        yield text("Times run from the request to the word, so they are at least as long as anybody looked.")


def _run(record: AuditRecord) -> Iterator[Part]:
    solo = " (solo: the only person of the house)" if record.requester.solo else ""
    yield heading(f"Run {record.run_id}")
    yield facts(
        [
            ("Goal", shown(record.goal)),
            ("Requested by", f"{record.requester.id} of {record.tenant}{solo}"),
            ("Profile", record.profile),
            ("Rules, digest", record.policy_digest),
            ("CRM data", record.crm_version),
            ("Started", _time(record.started_at)),
            ("Ended", "" if record.ended_at is None else _time(record.ended_at)),
            ("Stands", f"{record.status.value}: {shown(record.reason)}"),
            ("Last event", f"{record.version}, {record.head}"),
        ]
    )
    for plan in record.plans:
        yield subheading(f"Plan {plan.plan.number} of {_time(plan.at)}, by {plan.plan.planner}")
        yield facts([("Digest", plan.digest), ("Because", "; ".join(map(shown, plan.plan.why)))])
        yield table(
            ("Step", "Tool", "Class", "Cost", "Reason"),
            [
                (one.step_id, one.tool, one.side_effect.value, f"{units(one.cost):g}", shown(one.reason))
                for one in plan.plan.steps
            ],
        )
    for card in record.approvals:
        yield from _approval(card)
    if not record.calls:
        yield text("Nothing was called.")
    for call in record.calls:
        yield from _call(call)


def _approval(card: Card) -> Iterator[Part]:
    yield subheading(f"Approval {card.approval_id}: {card.state}")
    yield facts(
        [
            ("What", f"{card.tool} ({card.side_effect}, risk {card.risk}) for step {card.step}"),
            ("Asked", f"{_time(card.requested_at)}, on behalf of {', '.join(card.requesters)}"),
            ("Why", shown(card.reason)),
            ("Consequences", "; ".join(map(shown, card.consequences))),
            ("Who may decide", f"{card.quorum} of: {', '.join(card.roles)}"),
            ("Digest shown", card.digest),
            ("Used", "" if card.used_at is None else _time(card.used_at)),
        ]
    )
    if card.votes:
        yield table(
            ("Who", "When", "After", "Word", "Reason"),
            [
                (
                    vote.rule or shown(vote.by) + (f" for {vote.on_behalf_of}" if vote.on_behalf_of else ""),
                    _time(vote.at),
                    _span((vote.at - card.requested_at).total_seconds()),
                    vote.verdict + (" (solo)" if vote.solo else ""),
                    shown(vote.reason),
                )
                for vote in card.votes
            ],
        )
    yield text(f"What was shown, exactly ({len(bytes(card.arguments))} bytes, digest {card.arguments_digest}):")
    yield exact(card.readable)
    if card.calls:
        yield text(f"These are {len(card.calls)} calls of one list; each with its exact bytes:")
        raw = msgspec.json.decode(card.arguments, type=list[msgspec.Raw])
        yield table(
            ("Call", "Bytes", "Digest of them"),
            [(call, str(len(bytes(one))), digest_bytes(bytes(one))) for call, one in zip(card.calls, raw, strict=True)],
        )


def _call(call: CallRecord) -> Iterator[Part]:
    simulated = ", simulated" if call.simulated else ""
    failure = f": {call.failure}" if call.failure else ""
    yield subheading(f"Call of {call.tool} for {call.step}, attempt {call.attempt} ({call.side_effect}{simulated})")
    yield facts(
        [
            ("Sent", f"{_time(call.at)} by {call.worker or 'this house'}"),
            ("Adapters", ", ".join(f"{name}: {adapter}" for name, adapter in call.adapters.items())),
            ("Approval", call.approval),
            ("Arguments, digest", call.arguments_digest),
            ("Idempotency key", call.key),
            ("Tool, digest", call.tool_digest),
            ("Outcome", f"{call.outcome}{failure} {shown(call.message)}".strip()),
            ("Provider reference", call.provider_reference),
            ("Result, digest", call.result_digest),
        ]
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"

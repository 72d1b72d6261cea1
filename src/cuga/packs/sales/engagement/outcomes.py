"""What became of the messages that went out: sends from the outbox, replies from the CRM, counted by template."""

from __future__ import annotations

from datetime import date

from cuga.adapters.capability import Activity, CrmRead, Filter, Mail, SentMail
from cuga.packs.sales.result import Result

MEETING_DAYS = 60  # after the message in which a meeting of the same person counts for it
_NOT_A_REPLY = frozenset({"out_of_office", "bounce"})


class Counted(Result, frozen=True, kw_only=True):
    """People, not mails: whoever was written to twice with one template counts once. `replies` leaves machines out."""

    sent: int
    replies: int
    interested: int
    meetings: int
    opt_outs: int
    bounced: int


def counted(mail: Mail, crm: CrmRead, since: date | None = None, until: date | None = None) -> dict[str, Counted]:
    """Counts by template, of messages sent between two days (both included)."""
    sent = [one for one in mail.history() if _within(one, since, until)]
    groups: dict[str, dict[str, list[SentMail]]] = {}
    for one in sent:
        groups.setdefault(one.template or "no template", {}).setdefault(one.recipient.casefold(), []).append(one)
    answers = _answers(crm)
    return {name: _counted(crm, people, answers) for name, people in sorted(groups.items())}


def people_in_both(mail: Mail, first: str, second: str) -> int:
    """How many were written to with both templates, so that a reply cannot be told to belong to one."""
    reached: dict[str, set[str]] = {}
    for one in mail.history():
        reached.setdefault(one.template or "no template", set()).add(one.recipient.casefold())
    return len(reached.get(first, set()) & reached.get(second, set()))


def _counted(crm: CrmRead, people: dict[str, list[SentMail]], answers: dict[str, list[Activity]]) -> Counted:
    kinds = [
        {activity.raw.get("reply", "") for one in sent for activity in answers.get(one.message_id, ())}
        for sent in people.values()
    ]
    return Counted(
        sent=len(people),
        replies=sum(bool(found - _NOT_A_REPLY) for found in kinds),
        interested=sum("interest" in found for found in kinds),
        meetings=sum(_met(crm, address, sent) for address, sent in people.items()),
        opt_outs=sum("unsubscribe" in found for found in kinds),
        bounced=sum("bounce" in found for found in kinds),
    )


def _answers(crm: CrmRead) -> dict[str, list[Activity]]:
    """Replies by the Message-ID that they answer."""
    found: dict[str, list[Activity]] = {}
    for one in crm.query("activities", [Filter(field="kind", value="reply")], limit=-1):
        if isinstance(one, Activity) and one.raw.get("answers"):
            found.setdefault(one.raw["answers"], []).append(one)
    return found


def _met(crm: CrmRead, address: str, sent: list[SentMail]) -> bool:
    contacts = crm.query("contacts", [Filter(field="email", value=address)], limit=2)
    if len(contacts) != 1:
        return False
    wanted = [Filter(field="kind", value="meeting"), Filter(field="contact_id", value=contacts[0].id)]
    days = [one.happened for one in crm.query("activities", wanted, limit=50) if isinstance(one, Activity)]
    starts = [date.fromisoformat(one.at[:10]) for one in sent if one.at]
    return any(day is not None and 0 <= (day - start).days <= MEETING_DAYS for day in days for start in starts)


def _within(one: SentMail, since: date | None, until: date | None) -> bool:
    if since is None and until is None:
        return True
    day = date.fromisoformat(one.at[:10]) if one.at else None
    return day is not None and (since is None or day >= since) and (until is None or day <= until)

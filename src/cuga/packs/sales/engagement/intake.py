"""Mails that came in become records: classified, kept as activities, and acted on only to write less.

Mail of somebody who was erased, and has no record since, is left where it is: it would bring back what was erased.

All that a mail can bring about by itself is that somebody is not written to: its sender goes on the suppression list,
a cadence stops. Everything is keyed by what the mail says, so that taking it in again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta

import msgspec

from cuga.adapters.capability import Activity, Contact, CrmRead, Filter, Incoming, Mail, Record, SentMail, Source
from cuga.packs.sales.engagement.replies import Reply, classify
from cuga.packs.sales.engagement.touches import cadences_of, holding, kept_in
from cuga.packs.sales.result import Result

OF_ERASED = "it is of somebody who was erased here: nothing of it is kept; look at it where it lies"
KEPT_TEXT = 4_000  # characters of a reply that its activity keeps
_STOPS = frozenset({"interest", "not_now", "objection", "referral", "wrong_person", "unsubscribe", "bounce", "unclear"})


class TakenMail(Result, frozen=True, kw_only=True):
    """What was done with one mail. `state`: new, known (taken in before) or refused; `did` is all that followed."""

    place: str
    state: str
    sender: str
    who: str
    account: str
    kind: str
    quote: str
    activity: str
    did: tuple[str, ...]
    suppressed: tuple[str, ...]
    stopped: tuple[str, ...]
    notes: tuple[str, ...]


class Intake:
    """Takes mails in, one after another; `records` is what has to be stored when all were. `gone` says of an id and an
    address whether somebody was erased; None: nobody ever was."""

    def __init__(self, crm: CrmRead, mail: Mail, today: date, gone: Callable[[str, str], bool] | None = None) -> None:
        self._crm, self._mail, self._today, self._gone = crm, mail, today, gone
        self._sent: dict[str, SentMail] | None = None
        self._contacts: dict[str, Contact] = {}
        self._activities: dict[str, Activity] = {}

    @property
    def records(self) -> dict[str, Iterable[Record]]:
        """Activities and contacts as they are now; storing them again changes nothing."""
        return {"contacts": list(self._contacts.values()), "activities": list(self._activities.values())}

    def take(self, mail: Incoming) -> TakenMail:
        """Take one mail in. Addresses are suppressed at once; what else follows lies in `records`."""
        if mail.refused:
            return _taken(mail, state="refused", notes=(mail.refused,))
        key = f"mail-{mail.digest[:24]}"
        if key in self._activities or self._crm.get("activities", key) is not None:
            return _taken(mail, state="known", activity=key)
        if any(map(self._is_erased, (mail.sender, *mail.failed))):
            return _taken(mail, state="refused", notes=(OF_ERASED,))
        today = self._today
        read = classify(mail.text, subject=mail.subject, today=today, automatic=mail.automatic, bounced=mail.bounced)
        answered = self._answered(mail)
        person = self._contact(answered.recipient if answered and mail.bounced else mail.sender)
        suppressed = self._suppress(mail, read, answered)
        stopped, paused = self._stop(mail, read, person, answered)
        notes = [*read.notes, *self._doubts(mail, read, answered)]
        self._activities[key] = self._kept(key, mail, read, person, answered)
        did = [f"{address} is on the suppression list" for address in suppressed]
        did += [f"stopped {name}" for name in stopped] + [f"{name} waits until {read.back_on}" for name in paused]
        return _taken(
            mail,
            state="new",
            who=person.name if person else mail.sender_name,
            account=person.account if person else "",
            kind=read.kind,
            quote=read.quote,
            activity=key,
            did=tuple(did),
            suppressed=tuple(suppressed),
            stopped=tuple(stopped),
            notes=tuple(notes),
        )

    def _is_erased(self, address: str) -> bool:
        """Whether whoever has an address was erased, and was not brought back since."""
        if self._gone is None or not self._gone("", address):
            return False
        return not self._crm.query("contacts", [Filter(field="email", value=address)], limit=1)

    def opted_out(self, address: str) -> tuple[str, ...]:
        """Contacts of an address who asked for no mail, by name or id."""
        rows = self._crm.query("contacts", [Filter(field="email", value=address)], limit=50)
        return tuple(row.name or row.id for row in rows if isinstance(row, Contact) and row.unsubscribed)

    def _answered(self, mail: Incoming) -> SentMail | None:
        """Which of our mails it answers, by Message-ID."""
        if self._sent is None:
            self._sent = {sent.message_id: sent for sent in self._mail.history()}
        return next((self._sent[said] for said in mail.answers if said in self._sent), None)

    def _suppress(self, mail: Incoming, read: Reply, answered: SentMail | None) -> list[str]:
        """Addresses that get nothing from here on. A report counts only for a mail that we did send to that address:
        anybody can write one."""
        if read.kind == "unsubscribe":
            addresses = [mail.sender, *([answered.recipient] if answered else [])]
            why = f"asked to be left alone: “{read.quote}”"
        elif mail.bounced and answered and answered.recipient.casefold() in mail.failed:
            addresses, why = [answered.recipient], "the address cannot be reached (hard bounce)"
        else:
            return []
        wanted = list(dict.fromkeys(address.casefold() for address in addresses))
        for address in wanted:
            self._mail.suppress(
                address, why, on=self._today.isoformat(), source=f"mail {mail.message_id or mail.place}"
            )
            if read.kind == "unsubscribe" and (person := self._contact(address)) is not None:
                self._contacts[person.id] = msgspec.structs.replace(person, unsubscribed=True)
        return wanted

    def _stop(
        self, mail: Incoming, read: Reply, person: Contact | None, answered: SentMail | None
    ) -> tuple[list[str], list[str]]:
        """Cadences that end or wait because of the mail."""
        stopped, paused = [], []
        found = cadences_of(self._crm, person.id if person else "", mail.sender)
        if answered is not None and answered.recipient.casefold() != mail.sender:
            other = self._contact(answered.recipient)
            found += cadences_of(self._crm, other.id if other else "", answered.recipient.casefold())
        for activity in {one.id: self._activities.get(one.id, one) for one in found}.values():
            kept = kept_in(activity)
            if kept is None or kept.state != "active":
                continue
            if read.kind in _STOPS and not (mail.bounced and answered is None):
                why = f"{read.kind.replace('_', ' ')} of {self._today}"
                self._activities[activity.id] = holding(
                    activity, msgspec.structs.replace(kept, state="stopped", why=why)
                )
                stopped.append(activity.id)
            elif read.kind == "out_of_office" and read.back_on:
                self._activities[activity.id] = holding(
                    activity, msgspec.structs.replace(kept, not_before=read.back_on)
                )
                paused.append(activity.id)
        return stopped, paused

    def _doubts(self, mail: Incoming, read: Reply, answered: SentMail | None) -> list[str]:
        found = []
        if mail.bounced and not (answered and answered.recipient.casefold() in mail.failed):
            found.append("this report fits no mail that was sent from here: nothing follows from it")
        if mail.message_id and any(a.raw.get("message_id") == mail.message_id for a in self._activities.values()):
            found.append(f"another mail has the same Message-ID {mail.message_id}")
        if read.kind == "referral" or read.named:
            found.append("whoever is named has not been asked: look before anybody is written to")
        return found

    def _kept(
        self, key: str, mail: Incoming, read: Reply, person: Contact | None, answered: SentMail | None
    ) -> Activity:
        said = {
            "reply": read.kind, "quote": read.quote, "message_id": mail.message_id, "digest": mail.digest,
            "from": mail.sender, "subject": mail.subject[:300], "answers": answered.message_id if answered else "",
            "back_on": read.back_on, "ask_again_on": read.ask_again_on,
        }  # fmt: skip
        return Activity(
            id=key,
            name=mail.subject[:120],
            kind="reply",
            happened=_day(mail.sent_on, self._today),
            who=person.name if person and person.name else mail.sender,
            account=person.account if person else "",
            account_id=person.account_id if person else "",
            contact_id=person.id if person else "",
            text=read.text[:KEPT_TEXT],
            source=Source(file=f"inbox/{mail.place}", line=1),
            raw={name: value for name, value in said.items() if value},
        )

    def _contact(self, address: str) -> Contact | None:
        found = self._crm.query("contacts", [Filter(field="email", value=address)], limit=2)
        if len(found) != 1 or not isinstance(found[0], Contact):
            return None
        return self._contacts.get(found[0].id, found[0])


def _taken(mail: Incoming, *, state: str, **said: object) -> TakenMail:
    nothing = {"who": "", "account": "", "kind": "", "quote": "", "activity": "", "did": (), "suppressed": (),
               "stopped": (), "notes": ()}  # fmt: skip
    return msgspec.convert({"place": mail.place, "sender": mail.sender, "state": state, **nothing, **said}, TakenMail)


def _day(said: str, today: date) -> date:
    """The day a mail says it was written, when that can be: not in the future and not long ago."""
    try:
        day = date.fromisoformat(said)
    except ValueError:
        return today
    return day if today - timedelta(days=60) <= day <= today else today

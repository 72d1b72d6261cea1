"""Salesforce, by its REST API, with a connected app (OAuth 2.0 client credentials, or a refresh token).

Source: Salesforce's REST API Developer Guide (query, sObject rows, conditional requests, status codes) and its object
reference. A change carries `If-Unmodified-Since` with the moment of the record that was compared, so that one that came
between makes it fail; what was added is found by its mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from cuga.adapters.capability import (
    LOST,
    OPEN,
    WON,
    Account,
    Activity,
    Contact,
    Opportunity,
    Record,
    Source,
    TeamMember,
)
from cuga.adapters.vendors.http import VendorApi
from cuga.adapters.vendors.port import Changes, Live, Unread, Values
from cuga.adapters.vendors.reading import day, micros, read, text, units, whole
from cuga.errors import NotDone, Rejected
from cuga.outbound import SafeClient

VERSION = "v62.0"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_FIELDS = {
    "teams": ("User", "Id, Name, Email, Manager.Name", "IsActive = true"),
    "accounts": (
        "Account",
        "Id, Name, Industry, BillingCountry, BillingCity, NumberOfEmployees, AnnualRevenue, YearStarted, Website, "
        "Owner.Name, Parent.Name, ParentId, Description",
        "",
    ),
    "contacts": (
        "Contact",
        "Id, Name, AccountId, Account.Name, Title, Email, Phone, HasOptedOutOfEmail, Description",
        "",
    ),
    "opportunities": (
        "Opportunity",
        "Id, Name, AccountId, Account.Name, Owner.Name, StageName, IsClosed, IsWon, Amount, CreatedDate, CloseDate, "
        "NextStep, Description, LastModifiedDate",
        "",
    ),
    "activities": (
        "Task",
        "Id, Subject, Description, ActivityDate, TaskSubtype, WhoId, Who.Name, WhatId, AccountId, CreatedDate",
        "IsClosed = true",
    ),
}
_SUBTYPES = {"call": "Call", "email": "Email"}  # everything else is a plain task


class Salesforce:
    """A `Vendor`. `url` is that of the organisation's own domain."""

    name = "salesforce"
    title = "Salesforce"
    changes: Changes = {"opportunities": frozenset({"stage", "status", "amount", "closes", "owner", "next_step"})}
    adds = frozenset({"activities"})

    def __init__(
        self, url: str, client_id: str, secret: str, client: SafeClient, *, refresh_token: str = "", currency: str = ""
    ) -> None:
        self._url, self._client = url.rstrip("/"), client
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        self._login = {
            **(grant if refresh_token else {"grant_type": "client_credentials"}),
            "client_id": client_id,
            "client_secret": secret,
        }
        self._currency = currency
        self._access = ""
        self._api = VendorApi(self.title, self._url, client, self._headers, self._renew)

    def look(self) -> str:
        """The organisation that we are in."""
        rows = [row for page in self._query("SELECT Id, Name FROM Organization") for row in page]
        return f"organisation {rows[0]['Name']}"

    def pages(self, kind: str) -> Iterator[list[Record | Unread]]:
        """All records of a kind, 2,000 at a time."""
        table, fields, where = _FIELDS[kind]
        asked = f"SELECT {fields} FROM {table}" + (f" WHERE {where}" if where else "") + " ORDER BY Id"
        for page in self._query(asked):
            yield list(read(kind, page, self._reader(kind)))

    def live(self, kind: str, record_id: str) -> Live | None:
        """A deal as it is now, with the moment of its last change."""
        assert kind == "opportunities"
        _, fields, _ = _FIELDS[kind]
        rows = [
            r for page in self._query(f"SELECT {fields} FROM Opportunity WHERE Id = '{_id(record_id)}'") for r in page
        ]
        return Live(self._deal(rows[0]), text(rows[0]["LastModifiedDate"])) if rows else None

    def change(self, kind: str, live: Live, becomes: Values) -> None:
        """Set fields of a deal in one request, if it was not modified since it was compared."""
        said: dict[str, Any] = {}
        for field, value in becomes.items():
            match field:
                case "stage":
                    said["StageName"] = text(value)
                case "status":
                    if "stage" not in becomes:
                        raise NotDone("a deal at Salesforce is won or lost by its stage", mend="name the stage")
                    self._check_stage(text(becomes["stage"]), text(value))
                case "amount":
                    said["Amount"] = float(units(value)) if value is not None else None
                case "closes":
                    said["CloseDate"] = text(value) or None
                case "owner":
                    said["OwnerId"] = self._user_id(text(value))
                case "next_step":
                    said["NextStep"] = text(value)
        headers = {}
        if live.stamp:
            headers["if-unmodified-since"] = format_datetime(
                datetime.fromisoformat(live.stamp).astimezone(UTC), usegmt=True
            )
        try:
            self._api.ask("PATCH", f"{_DATA}/sobjects/Opportunity/{_id(live.record.id)}", json=said, headers=headers)
        except Rejected as error:
            if error.facts.get("status") != 412:
                raise
            raise NotDone(
                f"{live.record.id} was changed at Salesforce at this very moment", mend="ask for the change again"
            ) from error

    def add(self, kind: str, becomes: Values, mark: str) -> str:
        """Add a completed task, tied to what it belongs to."""
        said = text(becomes.get("kind")) or "note"
        words = text(becomes.get("text"))
        row = {
            "Subject": f"{said.capitalize()}: {words.splitlines()[0]}"[:250],
            "Description": f"{words}\n\n({mark})",
            "ActivityDate": text(becomes.get("happened")),
            "Status": "Completed",
            "TaskSubtype": _SUBTYPES.get(said, "Task"),
        }
        if tied := text(becomes.get("opportunity_id") or becomes.get("account_id")):
            row["WhatId"] = _id(tied)
        if person := text(becomes.get("contact_id")):
            row["WhoId"] = _id(person)
        return str(self._api.ask("POST", f"{_DATA}/sobjects/Task", json=row).json()["id"])

    def find(self, kind: str, becomes: Values, mark: str) -> str | None:
        """The task with this mark among those of what it belongs to; a long text cannot be asked for, so it is read."""
        tied = text(becomes.get("opportunity_id") or becomes.get("account_id"))
        where = f"WhatId = '{_id(tied)}'" if tied else f"WhoId = '{_id(text(becomes.get('contact_id')))}'"
        on = text(becomes.get("happened"))
        asked = f"SELECT Id, Description FROM Task WHERE {where}" + (f" AND ActivityDate = {on}" if on else "")
        rows = (row for page in self._query(asked) for row in page)
        return next((str(row["Id"]) for row in rows if mark in text(row.get("Description"))), None)

    # --- asking -------------------------------------------------------------------------------------------------------
    def _headers(self) -> dict[str, str]:
        if not self._access:
            self._renew()
        return {"authorization": f"Bearer {self._access}"}

    def _renew(self) -> bool:
        answer = self._client.fetch(
            "POST",
            f"{self._url}/services/oauth2/token",
            body=urlencode(self._login).encode(),
            headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
        )
        self._access = str(answer.json()["access_token"])
        return True

    def _query(self, asked: str) -> Iterator[list[dict[str, Any]]]:
        found = self._api.get(f"{_DATA}/query", q=asked)
        while True:
            yield found["records"]
            if found["done"]:
                return
            found = self._api.get(str(found["nextRecordsUrl"]))

    def _user_id(self, name: str) -> str:
        asked = f"SELECT Id, Name FROM User WHERE IsActive = true AND Name = {_quoted(name)}"
        rows = [row for page in self._query(asked) for row in page]
        if len(rows) != 1:
            raise NotDone(f"{len(rows) or 'no'} active users at Salesforce are called {name!r}")
        return str(rows[0]["Id"])

    def _check_stage(self, stage: str, status: str) -> None:
        asked = f"SELECT IsClosed, IsWon FROM OpportunityStage WHERE IsActive = true AND MasterLabel = {_quoted(stage)}"
        rows = [row for page in self._query(asked) for row in page]
        if not rows or _status(rows[0]) != status:
            there = _status(rows[0]) if rows else "no stage"
            raise NotDone(f"a deal in stage {stage!r} is {there} at Salesforce, not {status}")

    # --- their records as ours ----------------------------------------------------------------------------------------
    def _reader(self, kind: str) -> Callable[[dict[str, Any]], Record]:
        return {
            "teams": _user, "accounts": self._account, "contacts": _person, "opportunities": self._deal,
            "activities": _task,
        }[kind]  # fmt: skip

    def _account(self, row: dict[str, Any]) -> Record:
        return Account(
            id=row["Id"], name=text(row["Name"]), industry=text(row.get("Industry")),
            country=text(row.get("BillingCountry")), city=text(row.get("BillingCity")),
            employees=whole(row.get("NumberOfEmployees")), revenue=micros(row.get("AnnualRevenue")),
            currency=self._currency if row.get("AnnualRevenue") is not None else "",
            founded=whole(row.get("YearStarted")), parent=_of(row, "Parent"), parent_id=text(row.get("ParentId")),
            website=text(row.get("Website")), owner=_of(row, "Owner"), notes=text(row.get("Description")),
            source=Source(file="salesforce/Account"), raw=_raw(row),
        )  # fmt: skip

    def _deal(self, row: dict[str, Any]) -> Record:
        return Opportunity(
            id=row["Id"], name=text(row["Name"]), account=_of(row, "Account"), account_id=text(row.get("AccountId")),
            owner=_of(row, "Owner"), stage=text(row["StageName"]), status=_status(row),
            amount=micros(row.get("Amount")), currency=self._currency, opened=day(row.get("CreatedDate")),
            closes=day(row.get("CloseDate")), next_step=text(row.get("NextStep")), notes=text(row.get("Description")),
            source=Source(file="salesforce/Opportunity"), raw=_raw(row),
        )  # fmt: skip


_DATA = f"/services/data/{VERSION}"


def _user(row: dict[str, Any]) -> Record:
    return TeamMember(
        id=row["Id"], name=text(row["Name"]), email=text(row.get("Email")), manager=_of(row, "Manager"),
        source=Source(file="salesforce/User"),
    )  # fmt: skip


def _person(row: dict[str, Any]) -> Record:
    return Contact(
        id=row["Id"], name=text(row["Name"]), account=_of(row, "Account"), account_id=text(row.get("AccountId")),
        title=text(row.get("Title")), email=text(row.get("Email")), phone=text(row.get("Phone")),
        unsubscribed=row.get("HasOptedOutOfEmail") is True, notes=text(row.get("Description")),
        source=Source(file="salesforce/Contact"), raw=_raw(row),
    )  # fmt: skip


def _task(row: dict[str, Any]) -> Record:
    what = text(row.get("WhatId"))
    return Activity(
        id=row["Id"], kind={v: k for k, v in _SUBTYPES.items()}.get(text(row.get("TaskSubtype")), "note"),
        happened=day(row.get("ActivityDate") or row.get("CreatedDate")), who=_of(row, "Who"),
        account_id=text(row.get("AccountId")) or (what if what.startswith("001") else ""),  # 001: an account's id
        opportunity_id=what if what.startswith("006") else "",  # 006: an opportunity's
        contact_id=text(row.get("WhoId")) if text(row.get("WhoId")).startswith("003") else "",  # 003: a contact's
        text=text(row.get("Description")) or text(row.get("Subject")),
        source=Source(file="salesforce/Task"), raw=_raw(row),
    )  # fmt: skip


def _status(row: dict[str, Any]) -> str:
    return OPEN if not row["IsClosed"] else WON if row["IsWon"] else LOST


def _of(row: dict[str, Any], related: str) -> str:
    return text((row.get(related) or {}).get("Name"))


def _raw(row: dict[str, Any]) -> dict[str, str]:
    plain = {name: value for name, value in row.items() if not isinstance(value, dict)}
    return {name: text(value) for name, value in plain.items() if value not in (None, "")}


def _id(said: str) -> str:
    """An id that may stand in a query or a path; anything else is refused."""
    if not _ID.fullmatch(said):
        raise NotDone(f"{said[:40]!r} is no id of Salesforce")
    return said


def _quoted(said: str) -> str:
    """A text as SOQL quotes it."""
    escaped = said.replace("\\", "\\\\").replace("'", "\\'")
    if any(ord(letter) < 32 for letter in escaped):
        raise NotDone(f"{said[:40]!r} holds control characters")
    return f"'{escaped}'"

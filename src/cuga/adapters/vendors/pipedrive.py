"""Pipedrive, by its API v2 (users: v1), with a personal API token.

Source: Pipedrive's API reference v2 (deals, organizations, persons, activities, stages; cursors; rate limiting). It
knows no keys for writes and no conditional ones, so what was done is found out by reading it back. A deal keeps its
last stage when it is won or lost; here those stand in the stages `Won` and `Lost`. There is no field for a next step.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from cuga.adapters.capability import (
    OPEN,
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
from cuga.adapters.vendors.reading import day, micros, plain, read, text, units, whole
from cuga.errors import NotDone
from cuga.outbound import SafeClient

URL = "https://api.pipedrive.com"
PAGE = 500  # the most that a page holds
_TYPES = {"call": "call", "meeting": "meeting", "email": "email", "note": "task"}  # each company has these


class Pipedrive:
    """A `Vendor`."""

    name = "pipedrive"
    title = "Pipedrive"
    changes: Changes = {"opportunities": frozenset({"stage", "status", "amount", "closes", "owner"})}
    adds = frozenset({"activities"})

    def __init__(self, token: str, client: SafeClient, url: str = URL) -> None:
        self._api = VendorApi(self.title, url, client, lambda: {"x-api-token": token})
        self._stages: dict[int, str] = {}
        self._users: dict[int, str] = {}

    def look(self) -> str:
        """The company that the token is of."""
        found = self._api.get("/api/v1/users/me")["data"]
        return f"{text(found.get('name'))} of {text(found.get('company_name'))}"

    def pages(self, kind: str) -> Iterator[list[Record | Unread]]:
        """All records of a kind, 500 at a time."""
        match kind:
            case "teams":
                yield list(read(kind, self._look_up_users(), _user))
            case "accounts":
                self._look_up_users()
                for page in self._paged("organizations"):
                    yield list(read(kind, page, self._organization))
            case "contacts":
                for page in self._paged("persons", include_fields="marketing_status"):
                    yield list(read(kind, page, _person))
            case "opportunities":
                self._look_up_users()
                self._look_up_stages()
                for page in self._paged("deals"):
                    yield list(read(kind, page, self._deal))
            case "activities":
                for page in self._paged("activities", done="true"):
                    yield list(read(kind, page, _activity))

    def live(self, kind: str, record_id: str) -> Live | None:
        """A deal as it is now."""
        assert kind == "opportunities"
        answer = self._api.ask("GET", f"/api/v2/deals/{_number(record_id)}", missing=True)
        if answer.status == 404 or (found := answer.json()["data"]).get("is_deleted"):
            return None
        self._look_up_users()
        self._look_up_stages()
        return Live(self._deal(found))

    def change(self, kind: str, live: Live, becomes: Values) -> None:
        """Set fields of a deal in one request."""
        said: dict[str, Any] = {}
        status = text(becomes.get("status"))
        for field, value in becomes.items():
            match field:
                case "status":
                    said["status"] = status
                case "stage":
                    if status in ("", OPEN):
                        said["stage_id"] = _one(self._stages, text(value), "stages")
                    elif text(value).casefold() != status:
                        raise NotDone(f"a deal that is {status} stands in the stage {status.capitalize()} here")
                case "amount":
                    said["value"] = float(units(value)) if value is not None else None
                case "closes":
                    if status in ("", OPEN):
                        said["expected_close_date"] = text(value) or None
                    else:  # the day on which it is won or lost
                        said[f"{status}_time"] = f"{value}T12:00:00Z"
                case "owner":
                    said["owner_id"] = _one(self._users, text(value), "users")
        self._api.ask("PATCH", f"/api/v2/deals/{_number(live.record.id)}", json=said)

    def add(self, kind: str, becomes: Values, mark: str) -> str:
        """Add a done activity, tied to what it belongs to."""
        said = text(becomes.get("kind")) or "note"
        words = text(becomes.get("text"))
        row: dict[str, Any] = {
            "subject": words.splitlines()[0][:200],
            "type": _TYPES[said],
            "done": True,
            "due_date": text(becomes.get("happened")),
            "note": html.escape(f"{words}\n\n({mark})").replace("\n", "<br>"),
            **_ties(becomes),
        }
        if person := row.pop("person_id", None):
            row["participants"] = [{"person_id": person, "primary": True}]
        return str(self._api.ask("POST", "/api/v2/activities", json=row).json()["data"]["id"])

    def find(self, kind: str, becomes: Values, mark: str) -> str | None:
        """The activity with this mark among those of what it belongs to."""
        name, number = next(iter(_ties(becomes).items()))
        rows = (row for page in self._paged("activities", **{name: str(number)}) for row in page)
        return next((str(row["id"]) for row in rows if mark in text(row.get("note"))), None)

    # --- asking -------------------------------------------------------------------------------------------------------
    def _paged(self, name: str, **params: str) -> Iterator[list[dict[str, Any]]]:
        cursor: dict[str, str | int] = {}
        while True:
            found = self._api.get(f"/api/v2/{name}", limit=PAGE, **params, **cursor)
            yield found.get("data") or []
            following = (found.get("additional_data") or {}).get("next_cursor")
            if not following:
                return
            cursor = {"cursor": following}

    def _look_up_users(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.get("/api/v1/users")["data"]
        self._users = {one["id"]: one["name"] for one in found}
        return found

    def _look_up_stages(self) -> None:
        self._stages = {one["id"]: one["name"] for page in self._paged("stages") for one in page}

    # --- their records as ours ----------------------------------------------------------------------------------------
    def _organization(self, row: dict[str, Any]) -> Record:
        address: dict[str, Any] = said if isinstance(said := row.get("address"), dict) else {}
        return Account(
            id=str(row["id"]), name=text(row["name"]), country=text(address.get("country")),
            city=text(address.get("locality")), owner=self._users.get(row.get("owner_id") or 0, ""),
            employees=whole(row.get("employee_count")), revenue=micros(row.get("annual_revenue")),
            website=text(row.get("website")), source=Source(file="pipedrive/organizations"), raw=_raw(row),
        )  # fmt: skip

    def _deal(self, row: dict[str, Any]) -> Record:
        status = text(row["status"])
        if status not in ("open", "won", "lost"):
            raise ValueError(f"its status is {status!r}")
        ended = day(row.get("won_time") or row.get("lost_time") or row.get("close_time")) if status != OPEN else None
        return Opportunity(
            id=str(row["id"]), name=text(row["title"]), account_id=text(row.get("org_id")),
            owner=self._users.get(row.get("owner_id") or 0, ""), status=status,
            stage=self._stages.get(row["stage_id"], "") if status == OPEN else status.capitalize(),
            amount=micros(row.get("value")), currency=text(row.get("currency")), opened=day(row.get("add_time")),
            closes=ended or day(row.get("expected_close_date")), source=Source(file="pipedrive/deals"), raw=_raw(row),
        )  # fmt: skip


def _user(row: dict[str, Any]) -> Record:
    return TeamMember(
        id=str(row["id"]), name=text(row["name"]), email=text(row.get("email")), source=Source(file="pipedrive/users")
    )


def _person(row: dict[str, Any]) -> Record:
    return Contact(
        id=str(row["id"]), name=text(row["name"]), account_id=text(row.get("org_id")), title=text(row.get("job_title")),
        email=_first(row.get("emails")), phone=_first(row.get("phones")),
        unsubscribed=text(row.get("marketing_status")) == "unsubscribed",
        opted_in="yes" if text(row.get("marketing_status")) == "subscribed" else "",
        source=Source(file="pipedrive/persons"), raw=_raw(row),
    )  # fmt: skip


def _activity(row: dict[str, Any]) -> Record:
    kinds = {theirs: ours for ours, theirs in _TYPES.items()}
    return Activity(
        id=str(row["id"]), kind=kinds.get(text(row.get("type")), "note"), happened=day(row.get("due_date")),
        account_id=text(row.get("org_id")), opportunity_id=text(row.get("deal_id")),
        contact_id=text(row.get("person_id")), text=plain(row.get("note")) or text(row.get("subject")),
        source=Source(file="pipedrive/activities"), raw=_raw(row),
    )  # fmt: skip


def _first(found: Any) -> str:
    rows = [one for one in found or [] if one.get("value")]
    return text(next((one for one in rows if one.get("primary")), rows[0])["value"]) if rows else ""


def _ties(becomes: Values) -> dict[str, int]:
    named = {"deal_id": "opportunity_id", "org_id": "account_id", "person_id": "contact_id"}
    return {theirs: _number(text(becomes[ours])) for theirs, ours in named.items() if becomes.get(ours)}


def _number(said: str) -> int:
    if not said.isascii() or not said.isdigit():
        raise NotDone(f"{said[:40]!r} is no id of Pipedrive")
    return int(said)


def _one(known: dict[int, str], name: str, what: str) -> int:
    found = [number for number, one in known.items() if one.casefold() == name.casefold()]
    if len(found) != 1:
        raise NotDone(
            f"{len(found) or 'no'} {what} at Pipedrive are called {name!r}", mend=f"{what}: {', '.join(known.values())}"
        )
    return found[0]


def _raw(row: dict[str, Any]) -> dict[str, str]:
    return {
        name: text(value) for name, value in row.items() if not isinstance(value, dict | list) and value is not None
    }

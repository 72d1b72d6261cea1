"""HubSpot, by its CRM API v3 and associations v4, with the token of a private app.

Source: HubSpot's developer documentation (objects, pipelines, owners, associations, error handling). It knows no keys
for writes and no conditional ones, so what was done is found out by reading it back. Deals stand in stages that say
whether they are open, won or lost; activities are four kinds of object.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any

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
from cuga.adapters.vendors.reading import day, micros, plain, read, text, units, whole
from cuga.errors import NotDone
from cuga.outbound import SafeClient

URL = "https://api.hubapi.com"
PAGE = 100  # the most that a page holds
_COMPANY = ("name", "industry", "country", "city", "numberofemployees", "annualrevenue", "founded_year", "website",
            "hubspot_owner_id", "hs_parent_company_id", "description")  # fmt: skip
_PERSON = ("firstname", "lastname", "email", "phone", "jobtitle", "associatedcompanyid", "hs_email_optout",
           "hs_legal_basis")  # fmt: skip
_DEAL = ("dealname", "dealstage", "amount", "deal_currency_code", "createdate", "closedate", "hubspot_owner_id",
         "hs_next_step", "description")  # fmt: skip
# our kind -> object, property of the text, properties that such an object has to have; then the ids by which HubSpot
# knows what it belongs to: deal, company, contact
_ACTIVITIES: dict[str, tuple[str, str, dict[str, str], tuple[int, int, int]]] = {
    "note": ("notes", "hs_note_body", {}, (214, 190, 202)),
    "call": ("calls", "hs_call_body", {"hs_call_status": "COMPLETED", "hs_call_title": "Call"}, (206, 182, 194)),
    "meeting": (
        "meetings", "hs_meeting_body", {"hs_meeting_outcome": "COMPLETED", "hs_meeting_title": "Meeting"},
        (212, 188, 200),
    ),
    "email": (
        "emails", "hs_email_text",
        {"hs_email_direction": "EMAIL", "hs_email_status": "SENT", "hs_email_subject": "E-mail"}, (210, 186, 198),
    ),
}  # fmt: skip
_HTML = ("notes", "calls", "meetings")  # their text is HTML
_TARGETS = (("opportunity_id", "deals"), ("account_id", "companies"), ("contact_id", "contacts"))


class HubSpot:
    """A `Vendor`."""

    name = "hubspot"
    title = "HubSpot"
    changes: Changes = {"opportunities": frozenset({"stage", "status", "amount", "closes", "owner", "next_step"})}
    adds = frozenset({"activities"})

    def __init__(self, token: str, client: SafeClient, url: str = URL) -> None:
        self._api = VendorApi(self.title, url, client, lambda: {"authorization": f"Bearer {token}"})
        self._stages: dict[str, tuple[str, str]] = {}  # id -> (label, status)
        self._owners: dict[str, str] = {}  # id -> name

    def look(self) -> str:
        """The account that the token is of."""
        found = self._api.get("/account-info/v3/details")
        return f"account {found['portalId']}, {found.get('companyCurrency', '')}".rstrip(", ")

    def pages(self, kind: str) -> Iterator[list[Record | Unread]]:
        """All records of a kind, 100 at a time."""
        match kind:
            case "teams":
                self._look_up_owners()
                for page in self._paged("/crm/v3/owners"):
                    yield list(read(kind, page, self._owner))
            case "accounts":
                for page in self._objects("companies", _COMPANY):
                    yield list(read(kind, page, self._company))
            case "contacts":
                for page in self._objects("contacts", _PERSON):
                    yield list(read(kind, page, self._person))
            case "opportunities":
                self._look_up_stages()
                for page in self._objects("deals", _DEAL, "companies"):
                    yield list(read(kind, page, self._deal))
            case "activities":
                for said in _ACTIVITIES:
                    name, body, _, _ = _ACTIVITIES[said]
                    for page in self._objects(name, ("hs_timestamp", body), "deals,companies,contacts"):
                        yield list(read(kind, page, self._activity(said)))

    def live(self, kind: str, record_id: str) -> Live | None:
        """A deal as it is now."""
        assert kind == "opportunities"
        self._look_up_stages()
        asked: dict[str, str | int] = {"properties": ",".join(_DEAL), "associations": "companies"}
        answer = self._api.ask("GET", f"/crm/v3/objects/deals/{_number(record_id)}", params=asked, missing=True)
        return None if answer.status == 404 else Live(self._deal(answer.json()))

    def change(self, kind: str, live: Live, becomes: Values) -> None:
        """Set properties of a deal in one request."""
        said: dict[str, str] = {}
        for field, value in becomes.items():
            match field:
                case "stage":
                    said["dealstage"] = self._stage_id(text(value), text(becomes.get("status")))
                case "status":
                    if "stage" not in becomes:
                        raise NotDone("a deal at HubSpot is won or lost by its stage", mend="name the stage")
                case "amount":
                    said["amount"] = units(value)
                case "closes":
                    said["closedate"] = f"{value}T00:00:00Z" if value else ""
                case "owner":
                    said["hubspot_owner_id"] = self._owner_id(text(value))
                case "next_step":
                    said["hs_next_step"] = text(value)
        self._api.ask("PATCH", f"/crm/v3/objects/deals/{_number(live.record.id)}", json={"properties": said})

    def add(self, kind: str, becomes: Values, mark: str) -> str:
        """Add an activity, tied to what it belongs to."""
        said = text(becomes.get("kind")) or "note"
        name, body, more, types = _ACTIVITIES[said]
        words = f"{text(becomes.get('text'))}\n\n({mark})"
        if name in _HTML:
            words = html.escape(words).replace("\n", "<br>")
        at = f"{becomes.get('happened')}T12:00:00Z"
        properties = {"hs_timestamp": at, body: words, **more}
        if said == "meeting":
            properties |= {"hs_meeting_start_time": at, "hs_meeting_end_time": at}
        ties = [
            {
                "to": {"id": becomes[field]},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": t}],
            }
            for (field, _), t in zip(_TARGETS, types, strict=True)
            if becomes.get(field)
        ]
        made = self._api.ask(
            "POST", f"/crm/v3/objects/{name}", json={"properties": properties, "associations": ties}
        ).json()
        return f"{said}-{made['id']}"

    def find(self, kind: str, becomes: Values, mark: str) -> str | None:
        """The activity with this mark among those of what it belongs to; associations are up to date, search is not."""
        said = text(becomes.get("kind")) or "note"
        name, body, _, _ = _ACTIVITIES[said]
        field, target = next((field, target) for field, target in _TARGETS if becomes.get(field))
        for page in self._paged(f"/crm/v4/objects/{target}/{_number(becomes[field])}/associations/{name}", limit="500"):
            ids = [{"id": str(one["toObjectId"])} for one in page]
            for at in range(0, len(ids), PAGE):
                asked = {"properties": [body], "inputs": ids[at : at + PAGE]}
                rows = self._api.ask("POST", f"/crm/v3/objects/{name}/batch/read", json=asked).json()["results"]
                for row in rows:
                    if mark in text(row["properties"].get(body)):
                        return f"{said}-{row['id']}"
        return None

    # --- asking -------------------------------------------------------------------------------------------------------
    def _objects(self, name: str, properties: tuple[str, ...], ties: str = "") -> Iterator[list[dict[str, Any]]]:
        asked = {"properties": ",".join(properties), **({"associations": ties} if ties else {})}
        return self._paged(f"/crm/v3/objects/{name}", **asked)

    def _paged(self, path: str, **params: str) -> Iterator[list[dict[str, Any]]]:
        after: dict[str, str] = {}
        while True:
            found = self._api.get(path, **{"limit": str(PAGE), **params, **after})
            yield found["results"]
            following = (found.get("paging") or {}).get("next")
            if not following:
                return
            after = {"after": following["after"]}

    def _look_up_stages(self) -> None:
        found = self._api.get("/crm/v3/pipelines/deals")["results"]
        self._stages = {stage["id"]: (stage["label"], _status(stage)) for one in found for stage in one["stages"]}

    def _look_up_owners(self) -> None:
        for page in self._paged("/crm/v3/owners"):
            self._owners |= {str(one["id"]): _named(one, "firstName", "lastName") or one["email"] for one in page}

    def _owner_of(self, number: Any) -> str:
        if text(number) and text(number) not in self._owners:
            self._look_up_owners()
        return self._owners.get(text(number), text(number))

    def _owner_id(self, name: str) -> str:
        self._look_up_owners()
        found = [number for number, one in self._owners.items() if one.casefold() == name.casefold()]
        if len(found) != 1:
            raise NotDone(f"{len(found) or 'no'} owners at HubSpot are called {name!r}")
        return found[0]

    def _stage_id(self, label: str, status: str) -> str:
        found = [number for number, one in self._stages.items() if one[0].casefold() == label.casefold()]
        if len(found) != 1:
            known = ", ".join(one for one, _ in self._stages.values())
            raise NotDone(f"{len(found) or 'no'} stages at HubSpot are called {label!r}", mend=f"stages: {known}")
        if status and self._stages[found[0]][1] != status:
            raise NotDone(f"a deal in stage {label!r} is {self._stages[found[0]][1]} at HubSpot, not {status}")
        return found[0]

    # --- their records as ours ----------------------------------------------------------------------------------------
    def _owner(self, row: dict[str, Any]) -> Record:
        return TeamMember(
            id=str(row["id"]), name=self._owners.get(str(row["id"]), ""), email=text(row.get("email")),
            source=Source(file="hubspot/owners"),
        )  # fmt: skip

    def _company(self, row: dict[str, Any]) -> Record:
        said = row["properties"]
        return Account(
            id=str(row["id"]), name=text(said.get("name")), industry=text(said.get("industry")),
            country=text(said.get("country")), city=text(said.get("city")),
            employees=whole(said.get("numberofemployees")), revenue=micros(said.get("annualrevenue")),
            founded=whole(said.get("founded_year")), parent_id=text(said.get("hs_parent_company_id")),
            website=text(said.get("website")), owner=self._owner_of(said.get("hubspot_owner_id")),
            notes=text(said.get("description")), source=Source(file="hubspot/companies"), raw=_raw(said),
        )  # fmt: skip

    def _person(self, row: dict[str, Any]) -> Record:
        said = row["properties"]
        return Contact(
            id=str(row["id"]), name=_named(said, "firstname", "lastname") or text(said.get("email")),
            account_id=text(said.get("associatedcompanyid")), title=text(said.get("jobtitle")),
            email=text(said.get("email")), phone=text(said.get("phone")),
            unsubscribed=text(said.get("hs_email_optout")).casefold() == "true",
            lawful_basis=text(said.get("hs_legal_basis")), source=Source(file="hubspot/contacts"), raw=_raw(said),
        )  # fmt: skip

    def _deal(self, row: dict[str, Any]) -> Record:
        said = row["properties"]
        stage, status = self._stages.get(text(said.get("dealstage")), (text(said.get("dealstage")), OPEN))
        return Opportunity(
            id=str(row["id"]), name=text(said.get("dealname")), account_id=_tied(row, "companies"), stage=stage,
            status=status, amount=micros(said.get("amount")), currency=text(said.get("deal_currency_code")),
            opened=day(said.get("createdate")), closes=day(said.get("closedate")),
            owner=self._owner_of(said.get("hubspot_owner_id")), next_step=text(said.get("hs_next_step")),
            notes=text(said.get("description")), source=Source(file="hubspot/deals"), raw=_raw(said),
        )  # fmt: skip

    @staticmethod
    def _activity(kind: str) -> Callable[[dict[str, Any]], Record]:
        name, body, _, _ = _ACTIVITIES[kind]

        def one(row: dict[str, Any]) -> Record:
            said = row["properties"]
            return Activity(
                id=f"{kind}-{row['id']}", kind=kind, happened=day(said.get("hs_timestamp")),
                account_id=_tied(row, "companies"), opportunity_id=_tied(row, "deals"),
                contact_id=_tied(row, "contacts"),
                text=plain(said.get(body)) if name in _HTML else text(said.get(body)),
                source=Source(file=f"hubspot/{name}"), raw=_raw(said),
            )  # fmt: skip

        return one


def _number(said: object) -> str:
    """An id that may stand in a path; anything else is refused."""
    if not text(said).isascii() or not text(said).isdigit():
        raise NotDone(f"{text(said)[:40]!r} is no id of HubSpot")
    return text(said)


def _status(stage: dict[str, Any]) -> str:
    said = stage.get("metadata") or {}
    if text(said.get("isClosed")).casefold() != "true":
        return OPEN
    return WON if float(said.get("probability") or 0) >= 1 else LOST


def _tied(row: dict[str, Any], to: str) -> str:
    found = ((row.get("associations") or {}).get(to) or {}).get("results") or []
    return text(found[0]["id"]) if found else ""


def _named(said: dict[str, Any], *parts: str) -> str:
    return " ".join(filter(None, (text(said.get(part)) for part in parts)))


def _raw(said: dict[str, Any]) -> dict[str, str]:
    return {name: text(value) for name, value in said.items() if value not in (None, "")}

"""Tryton (8.x with the module `sale_opportunity`), by its JSON-RPC, logged in as one of its users.

Source: trytond's own code and documentation (RPC dispatcher, JSON encoding, ModelStorage). A write carries the
timestamp of the record that was compared, and Tryton refuses one that came too late. Its application errors are answers
with status 200: the transaction was rolled back, so nothing was done. Won and converted are set by its sales alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date
from typing import Any

from cuga.adapters.capability import LOST, OPEN, WON, Account, Opportunity, Record, Source, TeamMember
from cuga.adapters.vendors.http import VendorApi
from cuga.adapters.vendors.port import Changes, Live, Unread, Values
from cuga.adapters.vendors.reading import micros, read, text, units
from cuga.errors import NotDone, Rejected
from cuga.outbound import SafeClient

PAGE = 500
_STATES = {
    "lead": ("Lead", OPEN, "lead"), "opportunity": ("Opportunity", OPEN, "opportunity"),
    "converted": ("Converted", OPEN, ""), "won": ("Won", WON, ""), "lost": ("Lost", LOST, "lost"),
    "cancelled": ("Cancelled", LOST, "cancel"),
}  # state -> label, status, the method that moves a record there  # fmt: skip
_DEAL = ["description", "rec_name", "party", "party.rec_name", "employee", "employee.rec_name", "state", "amount",
         "currency.code", "start_date", "end_date", "comment", "_timestamp"]  # fmt: skip


class Tryton:
    """A `Vendor`. `url` ends with the name of the database."""

    name = "tryton"
    title = "Tryton"
    changes: Changes = {"opportunities": frozenset({"stage", "status", "amount", "owner"})}
    adds: frozenset[str] = frozenset()

    def __init__(self, url: str, user: str, password: str, client: SafeClient) -> None:
        self._url, self._client, self._user, self._password = url.rstrip("/"), client, user, password
        self._session = ""
        self._context: dict[str, Any] = {}
        self._api = VendorApi(self.title, self._url, client, self._headers, self._renew)

    def look(self) -> str:
        """Who we are there, and in which company."""
        said = self._preferences()
        return f"{self._user} in {said.get('company.rec_name') or 'no company'}"

    def pages(self, kind: str) -> Iterator[list[Record | Unread]]:
        """All records of a kind; contacts and activities are not read from Tryton."""
        match kind:
            case "teams":
                for page in self._paged("company.employee", ["rec_name"]):
                    yield list(read(kind, page, _employee))
            case "accounts":
                own = {row["party"] for page in self._paged("company.employee", ["party"]) for row in page}
                own |= {row["party"] for page in self._paged("company.company", ["party"]) for row in page}
                for page in self._paged("party.party", ["name", "rec_name"]):
                    yield list(read(kind, [row for row in page if row["id"] not in own], _party))
            case "opportunities":
                for page in self._paged("sale.opportunity", _DEAL):
                    yield list(read(kind, page, _deal))

    def live(self, kind: str, record_id: str) -> Live | None:
        """A deal as it is now, with its timestamp."""
        rows = self._found("sale.opportunity", [["id", "=", _number(record_id)]], 0, _DEAL)
        return Live(_deal(rows[0]), text(rows[0]["_timestamp"])) if rows else None

    def change(self, kind: str, live: Live, becomes: Values) -> None:
        """Change fields, or move the deal to another state, in one transaction of Tryton's."""
        number = _number(live.record.id)
        stamped = {"_timestamp": {f"sale.opportunity,{number}": live.stamp}}
        if "stage" in becomes or "status" in becomes:
            if {*becomes} - {"stage", "status"}:
                raise NotDone(
                    "Tryton moves a deal and changes its fields apart", mend="ask for one, then for the other"
                )
            self._call(f"sale.opportunity.{_move(becomes)}", [number], context=stamped)
            return
        said: dict[str, Any] = {}
        if "amount" in becomes:
            amount = units(becomes["amount"])
            said["amount"] = {"__class__": "Decimal", "decimal": amount} if amount else None
        if "owner" in becomes:
            said["employee"] = self._employee_called(text(becomes["owner"]))
        self._call("sale.opportunity.write", [number], said, context=stamped)

    def add(self, kind: str, becomes: Values, mark: str) -> str:
        """Nothing is added at Tryton."""
        raise NotDone(f"{kind} cannot be added at Tryton")

    def find(self, kind: str, becomes: Values, mark: str) -> str | None:
        """Nothing is added at Tryton."""
        return None

    # --- asking -------------------------------------------------------------------------------------------------------
    def _headers(self) -> dict[str, str]:
        if not self._session:
            self._renew()
        return {"authorization": f"Session {self._session}"}

    def _renew(self) -> bool:
        asked = {"id": 0, "method": "common.db.login", "params": [self._user, {"password": self._password}, "en"]}
        found = self._client.fetch("POST", f"{self._url}/rpc/", json=asked).json()
        result = found.get("result") if isinstance(found, dict) else found
        if not result:
            raise Rejected(f"Tryton does not know {self._user}", mode="user_permission", status=401)
        said = f"{self._user}:{result[0]}:{result[1]}"
        self._session = base64.b64encode(said.encode()).decode()
        self._context = {}
        return True

    def _preferences(self) -> dict[str, Any]:
        found: dict[str, Any] = self._rpc("model.res.user.get_preferences", [True, {}])
        return found

    def _call(self, method: str, *params: Any, context: dict[str, Any] | None = None) -> Any:
        if not self._context:
            self._context = {"company": self._preferences().get("company")}
        return self._rpc(f"model.{method}", [*params, {**self._context, **(context or {})}])

    def _rpc(self, method: str, params: list[Any]) -> Any:
        answer = self._api.ask("POST", "/rpc/", json={"id": 1, "method": method, "params": params}).json()
        error = answer.get("error") if isinstance(answer, dict) else None
        if not error:
            return answer["result"] if isinstance(answer, dict) else answer
        kind, words = text(error[0]), text(error[1:])
        if kind == "ConcurrencyException":
            raise NotDone("the record was changed at Tryton at this very moment", mend="sync, then ask for it again")
        raise Rejected(f"Tryton refused: {kind} {words}"[:300], mode="user_invalid_input")

    def _found(self, model: str, domain: list[Any], offset: int, fields: list[str]) -> list[dict[str, Any]]:
        order = [["id", "ASC"]]
        found: list[dict[str, Any]] = self._call(f"{model}.search_read", domain, offset, PAGE, order, fields)
        return found

    def _paged(self, model: str, fields: list[str]) -> Iterator[list[dict[str, Any]]]:
        offset = 0
        while page := self._found(model, [], offset, fields):
            yield page
            offset += len(page)

    def _employee_called(self, name: str) -> int:
        found = self._found("company.employee", [["rec_name", "=", name]], 0, ["rec_name"])
        if len(found) != 1:
            raise NotDone(f"{len(found) or 'no'} employees at Tryton are called {name!r}")
        return int(found[0]["id"])


def _move(becomes: Values) -> str:
    stage, status = text(becomes.get("stage")).casefold(), text(becomes.get("status"))
    found = next((said for said in _STATES.values() if said[0].casefold() == stage), None)
    if found is None or not found[2]:
        raise NotDone(f"a deal cannot be moved to {stage or status!r} at Tryton from here")
    if status and status != found[1]:
        raise NotDone(f"a deal in stage {found[0]!r} is {found[1]} at Tryton, not {status}")
    return found[2]


def _employee(row: dict[str, Any]) -> Record:
    return TeamMember(id=str(row["id"]), name=text(row["rec_name"]), source=Source(file="tryton/employees"))


def _party(row: dict[str, Any]) -> Record:
    return Account(
        id=str(row["id"]), name=text(row.get("name") or row["rec_name"]), source=Source(file="tryton/parties")
    )


def _deal(row: dict[str, Any]) -> Record:
    stage, status, _ = _STATES[row["state"]]
    amount = row.get("amount")
    return Opportunity(
        id=str(row["id"]), name=text(row.get("description") or row["rec_name"]), account=_of(row, "party"),
        account_id=text(row.get("party")), owner=_of(row, "employee"), stage=stage, status=status,
        amount=micros(amount["decimal"] if isinstance(amount, dict) else amount),
        currency=text((row.get("currency.") or {}).get("code")), opened=_day(row.get("start_date")),
        closes=_day(row.get("end_date")), notes=text(row.get("comment")), source=Source(file="tryton/opportunities"),
    )  # fmt: skip


def _of(row: dict[str, Any], related: str) -> str:
    return text((row.get(f"{related}.") or {}).get("rec_name"))


def _day(said: Any) -> date | None:
    return date(said["year"], said["month"], said["day"]) if said else None


def _number(said: str) -> int:
    if not said.isascii() or not said.isdigit():
        raise NotDone(f"{said[:40]!r} is no id of Tryton")
    return int(said)

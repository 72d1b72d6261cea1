"""CRMs over real HTTP, as HubSpot, Salesforce and Pipedrive document them, that misbehave when they are told to.

One world of records stands behind all three: each dialect shows it in its vendor's shapes, which were written from the
vendors' public documents. Effects are counted here, at the server. `trouble` says what happens to the next writes (or
reads, with `on="read"`): limit (429 with Retry-After), expired (401 until a new token is fetched), broken (500 before
anything), reset (applied, then the connection is cut), lost (cut before anything is applied), partial (the first field
only, then 500), taken (somebody else changes the record just before).
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.outbound.loopback import RESET, Arrived, Loopback, reply

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass
class World:
    """The records, in plain words."""

    users: list[dict[str, Any]] = field(default_factory=lambda: [
        {"id": 11, "name": "Nora Finch", "email": "nora@birch.example"},
        {"id": 12, "name": "Ben Tarn", "email": "ben@birch.example"},
    ])  # fmt: skip
    accounts: dict[int, dict[str, Any]] = field(default_factory=dict)
    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    deals: dict[int, dict[str, Any]] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    stages: dict[int, tuple[str, str]] = field(default_factory=lambda: {
        1: ("Discovery", "open"), 2: ("Proposal", "open"), 3: ("Closed Won", "won"), 4: ("Closed Lost", "lost"),
    })  # fmt: skip
    writes: list[str] = field(default_factory=list)  # effects
    changed: int = 0

    @classmethod
    def small(cls, deals: int = 3) -> World:
        world = cls()
        for number in range(1, deals + 1):
            world.accounts[100 + number] = {"name": f"Quillmark {number}", "country": "Italy", "owner": 11}
            world.people[200 + number] = {
                "name": f"Ada Isdom {number}", "email": f"ada{number}@isdom.example", "account": 100 + number,
                "out": number == 2,
            }  # fmt: skip
            world.deals[300 + number] = {
                "name": f"Ovens {number}", "account": 100 + number, "stage": 1, "amount": "4200.5", "owner": 11,
                "closes": "2026-12-01", "next": "call", "at": START,
            }  # fmt: skip
        return world

    def touch(self, deal: int, **values: Any) -> None:
        self.changed += 1
        self.deals[deal] |= values | {"at": START + timedelta(minutes=self.changed)}


class FakeCrm:
    """Use with `with`. `dialect` turns one request into an answer over the world."""

    def __init__(self, dialect: type[Dialect], world: World) -> None:
        self.world, self.trouble, self.on = world, "", "write"
        self.times = 1
        self.wait = "7"  # seconds that a limit asks for
        self.token = "token-1"
        self.tokens_given = 0
        self.requests: list[Arrived] = []
        self._dialect = dialect(self)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FakeCrm:
        self._thread.start()
        self._server = Loopback(self._answer)
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def inside(self) -> tuple[str, ...]:
        return (self._server.inside,)

    def misbehave(self, trouble: str, *, on: str = "write", times: int = 1) -> None:
        self.trouble, self.on, self.times = trouble, on, times
        if trouble == "expired":
            self.token, self.trouble = f"token-{self.tokens_given + 2}", ""

    def _answer(self, request: Arrived) -> bytes:
        self.requests.append(request)
        ours = self._dialect
        if (given := ours.login(request)) is not None:
            return given
        if not ours.is_known(request):
            return said(401, ours.error("expired authentication"))
        is_write = ours.is_write(request)
        trouble = self.trouble if is_write == (self.on == "write") and self.times > 0 else ""
        if trouble:
            self.times -= 1
        match trouble:
            case "limit":
                return said(429, ours.error("too many requests"), retry_after=self.wait)
            case "broken":
                return said(500, ours.error("internal"))
            case "lost":
                return RESET
            case "taken":
                for deal in self.world.deals:
                    self.world.touch(deal, stage=2)
        answer = ours.answer(request, is_partial=trouble == "partial")
        match trouble:
            case "reset":
                return RESET
            case "partial":
                return said(500, ours.error("internal"))
        return answer


def said(status: int, body: Any = None, **headers: str) -> bytes:
    content = "" if body is None else json.dumps(body)
    return reply(status, content, content_type="application/json;charset=UTF-8", **headers)


class Dialect:
    """A vendor's way to say it."""

    def __init__(self, crm: FakeCrm) -> None:
        self.crm = crm

    @property
    def world(self) -> World:
        return self.crm.world

    def login(self, request: Arrived) -> bytes | None:
        return None

    def is_known(self, request: Arrived) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.crm.token}"

    def is_write(self, request: Arrived) -> bool:
        return request.method == "PATCH" or (request.method == "POST" and "batch/read" not in request.target)

    def error(self, words: str) -> Any:
        return {"status": "error", "message": words}

    def answer(self, request: Arrived, is_partial: bool) -> bytes:
        raise NotImplementedError

    def changed(self, deal: int, values: dict[str, Any], is_partial: bool) -> None:
        kept = dict(list(values.items())[:1]) if is_partial else values
        self.world.touch(deal, **kept)
        self.world.writes.append(f"deal {deal} {sorted(kept)}")

    def logged(self, kind: str, text: str, day: str, deal: int = 0, account: int = 0, person: int = 0) -> int:
        number = 900 + len(self.world.activities)
        self.world.activities.append(
            {"id": number, "kind": kind, "text": text, "day": day, "deal": deal, "account": account, "person": person}
        )
        self.world.writes.append(f"activity {number}")
        return number


def asked(request: Arrived) -> tuple[str, dict[str, str], Any]:
    parts = urlsplit(request.target)
    params = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts.path, params, json.loads(request.body) if request.body[:1] in (b"{", b"[") else None


class HubSpotDialect(Dialect):
    PAGE = 2  # small pages, so that paging happens

    def answer(self, request: Arrived, is_partial: bool) -> bytes:
        path, params, body = asked(request)
        world = self.world
        if path == "/account-info/v3/details":
            return said(200, {"portalId": 62515, "companyCurrency": "EUR", "timeZone": "Europe/Rome"})
        if path == "/crm/v3/owners":
            rows = [{"id": str(u["id"]), "email": u["email"], "firstName": u["name"].split()[0],
                     "lastName": u["name"].split()[1], "archived": False} for u in world.users]  # fmt: skip
            return said(200, {"results": rows})
        if path == "/crm/v3/pipelines/deals":
            rows = [{"id": f"s{n}", "label": label, "metadata": {"isClosed": str(status != "open").lower(),
                     "probability": "1.0" if status == "won" else "0.0" if status == "lost" else "0.2"}}
                    for n, (label, status) in world.stages.items()]  # fmt: skip
            return said(200, {"results": [{"id": "default", "label": "Sales", "stages": rows}]})
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)", path):
            if request.method == "POST":
                return self._added(found[1], body)
            return self._page(self._rows(found[1]), params)
        if found := re.fullmatch(r"/crm/v3/objects/deals/(\d+)", path):
            number = int(found[1])
            if number not in world.deals:
                return said(404, self.error("resource not found"))
            if request.method == "PATCH":
                self._patched(number, body["properties"], is_partial)
            return said(200, self._deal(number))
        if found := re.fullmatch(r"/crm/v4/objects/(\w+)/(\d+)/associations/(\w+)", path):
            key = {"deals": "deal", "companies": "account", "contacts": "person"}[found[1]]
            rows = [{"toObjectId": one["id"], "associationTypes": []} for one in world.activities
                    if one[key] == int(found[2]) and self._object(one["kind"]) == found[3]]  # fmt: skip
            return said(200, {"results": rows})
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)/batch/read", path):
            wanted = {row["id"] for row in body["inputs"]}
            return said(200, {"results": [row for row in self._rows(found[1]) if row["id"] in wanted]})
        return said(404, self.error(f"no {path}"))

    @staticmethod
    def _object(kind: str) -> str:
        return {"note": "notes", "call": "calls", "meeting": "meetings", "email": "emails"}[kind]

    def _page(self, rows: list[Any], params: dict[str, str]) -> bytes:
        start = int(params.get("after", 0))
        page = {"results": rows[start : start + self.PAGE]}
        if start + self.PAGE < len(rows):
            page["paging"] = {"next": {"after": str(start + self.PAGE), "link": "..."}}
        return said(200, page)

    def _rows(self, name: str) -> list[dict[str, Any]]:
        world = self.world
        match name:
            case "companies":
                return [{"id": str(n), "properties": {"name": a["name"], "country": a["country"], "numberofemployees":
                         "50", "hubspot_owner_id": str(a["owner"])}} for n, a in world.accounts.items()]  # fmt: skip
            case "contacts":
                return [{"id": str(n), "properties": {
                    "firstname": p["name"].split()[0], "lastname": " ".join(p["name"].split()[1:]), "email": p["email"],
                    "associatedcompanyid": str(p["account"]), "hs_email_optout": "true" if p["out"] else None,
                }} for n, p in world.people.items()]  # fmt: skip
            case "deals":
                return [self._deal(n) for n in world.deals]
        body = {"notes": "hs_note_body", "calls": "hs_call_body", "meetings": "hs_meeting_body",
                "emails": "hs_email_text"}[name]  # fmt: skip
        return [{"id": str(a["id"]), "properties": {"hs_timestamp": f"{a['day']}T12:00:00Z", body: a["text"]},
                 "associations": {t: {"results": [{"id": str(a[k]), "type": "x"}]} for t, k in
                                  (("deals", "deal"), ("companies", "account"), ("contacts", "person")) if a[k]}}
                for a in world.activities if self._object(a["kind"]) == name]  # fmt: skip

    def _deal(self, number: int) -> dict[str, Any]:
        deal = self.world.deals[number]
        properties = {
            "dealname": deal["name"], "dealstage": f"s{deal['stage']}", "amount": deal["amount"],
            "deal_currency_code": "EUR", "createdate": "2026-05-04T08:00:00.123Z",
            "closedate": f"{deal['closes']}T00:00:00Z", "hubspot_owner_id": str(deal["owner"]),
            "hs_next_step": deal["next"], "description": None,
        }  # fmt: skip
        ties = {"companies": {"results": [{"id": str(deal["account"]), "type": "deal_to_company"}]}}
        return {"id": str(number), "properties": properties, "associations": ties, "archived": False}

    def _patched(self, number: int, properties: dict[str, Any], is_partial: bool) -> None:
        how = {"dealstage": ("stage", lambda v: int(v[1:])), "amount": ("amount", str),
               "closedate": ("closes", lambda v: v[:10]), "hubspot_owner_id": ("owner", int),
               "hs_next_step": ("next", str)}  # fmt: skip
        self.changed(number, {how[k][0]: how[k][1](v) for k, v in properties.items()}, is_partial)

    def _added(self, name: str, body: dict[str, Any]) -> bytes:
        kind = next(k for k in ("note", "call", "meeting", "email") if self._object(k) == name)
        ties = {t["types"][0]["associationTypeId"]: int(t["to"]["id"]) for t in body["associations"]}
        types = {"note": (214, 190, 202), "call": (206, 182, 194), "meeting": (212, 188, 200), "email": (210, 186, 198)}
        deal, account, person = (ties.get(t, 0) for t in types[kind])
        words = next(v for k, v in body["properties"].items() if k.endswith(("body", "text")))
        number = self.logged(kind, words, body["properties"]["hs_timestamp"][:10], deal, account, person)
        return said(201, {"id": str(number), "properties": body["properties"]})


def sf(prefix: str, number: int) -> str:
    return f"{prefix}{number:012d}AAA"


class SalesforceDialect(Dialect):
    """Its queries are read as far as ours need it."""

    def login(self, request: Arrived) -> bytes | None:
        if urlsplit(request.target).path != "/services/oauth2/token":
            return None
        form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        if form.get("client_secret") != "secret":
            return said(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        self.crm.tokens_given += 1
        return said(200, {"access_token": self.crm.token, "instance_url": self.crm.url, "token_type": "Bearer"})

    def error(self, words: str) -> Any:
        return [{"message": words, "errorCode": "SOMETHING"}]

    def answer(self, request: Arrived, is_partial: bool) -> bytes:
        path, params, body = asked(request)
        world = self.world
        if path.endswith("/query"):
            return self._page(self._rows(params["q"]), 0, params["q"])
        if found := re.search(r"/query/(\w+)-(\d+)$", path):
            query = base64.b16decode(found[1]).decode()
            return self._page(self._rows(query), int(found[2]), query)
        if found := re.search(r"/sobjects/Opportunity/006(\d{12})AAA$", path):
            number = int(found[1])
            if number not in world.deals:
                return said(404, self.error("not found"))
            since = parsedate_to_datetime(request.headers["if-unmodified-since"])
            if world.deals[number]["at"] > since:
                return said(412, self.error("precondition failed"))
            how = {"StageName": ("stage", self._stage), "Amount": ("amount", str), "CloseDate": ("closes", str),
                   "NextStep": ("next", str), "OwnerId": ("owner", lambda v: int(v[3:15]))}  # fmt: skip
            self.changed(number, {how[k][0]: how[k][1](v) for k, v in body.items()}, is_partial)
            return said(204)
        if path.endswith("/sobjects/Task"):
            what, who = body.get("WhatId", ""), body.get("WhoId", "")
            kind = {"Call": "call", "Email": "email"}.get(body["TaskSubtype"], "note")
            number = self.logged(
                kind, body["Description"], body["ActivityDate"], int(what[3:15]) if what[:3] == "006" else 0,
                int(what[3:15]) if what[:3] == "001" else 0, int(who[3:15]) if who else 0,
            )  # fmt: skip
            return said(201, {"id": sf("00T", number), "success": True, "errors": []})
        return said(404, self.error(f"no {path}"))

    def _stage(self, label: str) -> int:
        return next(n for n, (name, _) in self.world.stages.items() if name == label)

    def _page(self, rows: list[Any], start: int, query: str) -> bytes:
        rest = rows[start + 2 :]
        page: dict[str, Any] = {"totalSize": len(rows), "done": not rest, "records": rows[start : start + 2]}
        if rest:
            name = base64.b16encode(query.encode()).decode()
            page["nextRecordsUrl"] = f"/services/data/v62.0/query/{name}-{start + 2}"
        return said(200, page)

    def _rows(self, query: str) -> list[dict[str, Any]]:
        world = self.world
        table = re.search(r"FROM (\w+)", query)[1]  # type: ignore[index]
        named = {u["id"]: u["name"] for u in world.users}
        equal = re.search(r"(?:Name|MasterLabel|Id|WhatId|WhoId) = '([^']*)'", query)
        match table:
            case "Organization":
                return [{"Id": sf("00D", 1), "Name": "Birchline"}]
            case "User":
                rows = [{"Id": sf("005", u["id"]), "Name": u["name"], "Email": u["email"], "Manager": None}
                        for u in world.users]  # fmt: skip
                return [row for row in rows if not equal or row["Name"] == equal[1]]
            case "Account":
                return [{"attributes": {"type": "Account"}, "Id": sf("001", n), "Name": a["name"], "Industry": None,
                         "BillingCountry": a["country"], "NumberOfEmployees": 50, "AnnualRevenue": 1.5e6,
                         "Owner": {"Name": named[a["owner"]]}, "Parent": None}
                        for n, a in world.accounts.items()]  # fmt: skip
            case "Contact":
                return [{"Id": sf("003", n), "Name": p["name"], "AccountId": sf("001", p["account"]), "Account":
                         {"Name": world.accounts[p["account"]]["name"]}, "Email": p["email"],
                         "HasOptedOutOfEmail": p["out"]} for n, p in world.people.items()]  # fmt: skip
            case "OpportunityStage":
                return [
                    {"IsClosed": status != "open", "IsWon": status == "won"}
                    for label, status in world.stages.values()
                    if label == equal[1]
                ]  # type: ignore[index]
            case "Opportunity":
                rows = [self._deal(n, named) for n in world.deals]
                return [row for row in rows if not equal or row["Id"] == equal[1]]
        rows = [{"Id": sf("00T", a["id"]), "Subject": "s", "Description": a["text"], "ActivityDate": a["day"],
                 "TaskSubtype": {"call": "Call", "email": "Email"}.get(a["kind"], "Task"),
                 "WhatId": sf("006", a["deal"]) if a["deal"] else sf("001", a["account"]) if a["account"] else None,
                 "WhoId": sf("003", a["person"]) if a["person"] else None, "Who": None}
                for a in world.activities]  # fmt: skip
        return [row for row in rows if not equal or equal[1] in (row["WhatId"], row["WhoId"])]

    def _deal(self, number: int, named: dict[int, str]) -> dict[str, Any]:
        deal = self.world.deals[number]
        label, status = self.world.stages[deal["stage"]]
        return {
            "Id": sf("006", number), "Name": deal["name"], "AccountId": sf("001", deal["account"]),
            "Account": {"Name": self.world.accounts[deal["account"]]["name"]}, "Owner": {"Name": named[deal["owner"]]},
            "StageName": label, "IsClosed": status != "open", "IsWon": status == "won",
            "Amount": float(deal["amount"]), "CreatedDate": "2026-05-04T08:00:00.000+0000",
            "CloseDate": deal["closes"], "NextStep": deal["next"], "Description": None,
            "LastModifiedDate": deal["at"].strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        }  # fmt: skip


class PipedriveDialect(Dialect):
    def is_known(self, request: Arrived) -> bool:
        return request.headers.get("x-api-token") == self.crm.token

    def error(self, words: str) -> Any:
        return {"success": False, "error": words}

    def answer(self, request: Arrived, is_partial: bool) -> bytes:
        path, params, body = asked(request)
        world = self.world
        if path == "/api/v1/users/me":
            return self._data({"id": 11, "name": "Nora Finch", "company_name": "Birchline"})
        if path == "/api/v1/users":
            return self._data(world.users)
        if path == "/api/v2/stages":
            return self._data([{"id": n, "name": label} for n, (label, s) in world.stages.items() if s == "open"])
        if path == "/api/v2/organizations":
            rows = [{"id": n, "name": a["name"], "owner_id": a["owner"], "address": {"country": a["country"],
                     "locality": "Turin", "value": "x"}} for n, a in world.accounts.items()]  # fmt: skip
            return self._page(rows, params)
        if path == "/api/v2/persons":
            rows = [{"id": n, "name": p["name"], "org_id": p["account"], "phones": [],
                     "emails": [{"value": p["email"], "primary": True, "label": "work"}],
                     "marketing_status": "unsubscribed" if p["out"] else "no_consent"}
                    for n, p in world.people.items()]  # fmt: skip
            return self._page(rows, params)
        if path == "/api/v2/deals":
            return self._page([self._deal(n) for n in world.deals], params)
        if found := re.fullmatch(r"/api/v2/deals/(\d+)", path):
            number = int(found[1])
            if number not in world.deals:
                return said(404, self.error("Deal not found"))
            if request.method == "PATCH":
                self._patched(number, body, is_partial)
            return self._data(self._deal(number))
        if path == "/api/v2/activities" and request.method == "POST":
            person = (body.get("participants") or [{"person_id": 0}])[0]["person_id"]
            kind = {"call": "call", "meeting": "meeting", "email": "email", "task": "note"}[body["type"]]
            number = self.logged(
                kind, body["note"], body["due_date"], body.get("deal_id", 0), body.get("org_id", 0), person
            )
            return said(201, {"success": True, "data": {"id": number}})
        if path == "/api/v2/activities":
            wanted = {"deal_id": "deal", "org_id": "account", "person_id": "person"}
            rows = [a for a in world.activities
                    if all(a[key] == int(params[name]) for name, key in wanted.items() if name in params)]  # fmt: skip
            kinds = {"call": "call", "meeting": "meeting", "email": "email", "note": "task"}
            return self._page([{"id": a["id"], "type": kinds[a["kind"]], "note": a["text"], "due_date": a["day"],
                                "subject": "s", "deal_id": a["deal"] or None, "org_id": a["account"] or None,
                                "person_id": a["person"] or None, "done": True} for a in rows], params)  # fmt: skip
        return said(404, self.error(f"no {path}"))

    @staticmethod
    def _data(data: Any) -> bytes:
        return said(200, {"success": True, "data": data})

    @staticmethod
    def _page(rows: list[Any], params: dict[str, str]) -> bytes:
        start = int(base64.b16decode(params["cursor"])) if "cursor" in params else 0
        following = base64.b16encode(str(start + 2).encode()).decode() if start + 2 < len(rows) else None
        more = {"next_cursor": following}
        return said(200, {"success": True, "data": rows[start : start + 2], "additional_data": more})

    def _deal(self, number: int) -> dict[str, Any]:
        deal = self.world.deals[number]
        status = self.world.stages[deal["stage"]][1]
        return {
            "id": number, "title": deal["name"], "org_id": deal["account"], "owner_id": deal["owner"], "status": status,
            "stage_id": deal["stage"] if status == "open" else 2, "value": float(deal["amount"]), "currency": "EUR",
            "add_time": "2026-05-04T08:00:00Z", "expected_close_date": deal["closes"], "is_deleted": False,
            "won_time": f"{deal['closes']}T12:00:00Z" if status == "won" else None,
            "lost_time": f"{deal['closes']}T12:00:00Z" if status == "lost" else None,
        }  # fmt: skip

    def _patched(self, number: int, body: dict[str, Any], is_partial: bool) -> None:
        values: dict[str, Any] = {}
        for name, value in body.items():
            match name:
                case "stage_id":
                    values["stage"] = value
                case "status" if value != "open":
                    values["stage"] = 3 if value == "won" else 4
                case "value":
                    values["amount"] = str(value)
                case "expected_close_date" | "won_time" | "lost_time":
                    values["closes"] = value[:10]
                case "owner_id":
                    values["owner"] = value
        self.changed(number, values, is_partial)

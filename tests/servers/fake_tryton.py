"""Tryton's JSON-RPC as a real 8.2 answered it, over the world of the other fakes: for tests that must be quick."""

from __future__ import annotations

from typing import Any

from tests.servers.fake_crm import Dialect, asked, said
from tests.unit.outbound.loopback import Arrived


class TrytonDialect(Dialect):
    def login(self, request: Arrived) -> bytes | None:
        _, _, body = asked(request)
        if body["method"] != "common.db.login":
            return None
        if body["params"][1] != {"password": "right"}:
            return said(401)
        self.crm.tokens_given += 1
        return said(200, {"id": 0, "result": [1, self.crm.token, None]})

    def is_known(self, request: Arrived) -> bool:
        import base64

        given = base64.b64decode(request.headers["authorization"].removeprefix("Session ")).decode()
        return given == f"admin:1:{self.crm.token}"

    def is_write(self, request: Arrived) -> bool:
        return asked(request)[2]["method"].startswith("model.sale.opportunity.") and not self._reads(request)

    @staticmethod
    def _reads(request: Arrived) -> bool:
        return asked(request)[2]["method"].endswith("search_read")

    def answer(self, request: Arrived, is_partial: bool) -> bytes:
        body = asked(request)[2]
        method, params = body["method"].removeprefix("model."), body["params"]
        if method == "res.user.get_preferences":
            return self._result({"company": 1, "company.rec_name": "Birchline"})
        if method.endswith("search_read"):
            domain, offset = params[0], params[1]
            rows = [row for row in self._rows(method.removesuffix(".search_read"))
                    if all(row[name] == value for name, _, value in domain)]  # fmt: skip
            return self._result(rows[offset : offset + 2])
        (number,), context = params[0], params[-1]
        stamp = context["_timestamp"][f"sale.opportunity,{number}"]
        if float(stamp) < self._stamp(number):
            return said(200, {"id": 1, "error": ["ConcurrencyException", "Records were modified in the meanwhile"]})
        verb = method.removeprefix("sale.opportunity.")
        if verb != "write":
            self.changed(number, {"stage": {"opportunity": 2, "lost": 4}[verb]}, is_partial)
            return self._result(None)
        values = params[1]
        if "amount" in values and values["amount"]["decimal"].startswith("-"):
            return said(200, {"id": 1, "error": ["UserError", ["The amount is negative", ""]]})
        how = {"amount": lambda v: ("amount", v["decimal"]), "employee": lambda v: ("owner", v)}
        self.changed(number, dict(how[name](value) for name, value in values.items()), is_partial)
        return self._result(None)

    @staticmethod
    def _result(result: Any) -> bytes:
        return said(200, {"id": 1, "result": result})

    def _stamp(self, number: int) -> float:
        return float(self.world.deals[number]["at"].timestamp())

    def _rows(self, model: str) -> list[dict[str, Any]]:
        world = self.world
        match model:
            case "company.employee":
                return [{"id": u["id"], "rec_name": u["name"], "party": 1000 + u["id"]} for u in world.users]
            case "company.company":
                return [{"id": 1, "party": 1}]
            case "party.party":
                own = [{"id": 1, "name": "Birchline"}, {"id": 1011, "name": "Nora Finch"}]
                return [*own, *({"id": n, "name": a["name"]} for n, a in world.accounts.items())]
        return [self._deal(n) for n in world.deals]

    def _deal(self, number: int) -> dict[str, Any]:
        deal, world = self.world.deals[number], self.world
        owner = next(u["name"] for u in world.users if u["id"] == deal["owner"])
        return {
            "id": number, "description": deal["name"], "rec_name": f"{number}", "party": deal["account"],
            "party.": {"id": deal["account"], "rec_name": world.accounts[deal["account"]]["name"]},
            "employee": deal["owner"], "employee.": {"id": deal["owner"], "rec_name": owner},
            "state": {1: "lead", 2: "opportunity", 3: "won", 4: "lost"}[deal["stage"]],
            "amount": {"__class__": "Decimal", "decimal": deal["amount"]}, "currency.": {"id": 1, "code": "EUR"},
            "start_date": {"__class__": "date", "year": 2026, "month": 5, "day": 4}, "end_date": None, "comment": None,
            "_timestamp": str(self._stamp(number)),
        }  # fmt: skip

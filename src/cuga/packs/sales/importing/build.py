"""Rows into records: every value read by its field's rule, the text as written kept beside it, every doubt reported."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from cuga.adapters.capability import LOST, OPEN, RECORDS, WON, Record, Source
from cuga.packs.sales import industries
from cuga.packs.sales.importing import values
from cuga.packs.sales.importing.read import Row, Table
from cuga.packs.sales.importing.report import Column, Problem, Weight

_MONEY = {"revenue", "amount", "price"}
_WHOLE = {"employees", "founded"}
_DATES = {"opened", "closes", "happened"}
_OPEN_STAGES = {
    "prospecting", "prospect", "engaging", "qualification", "qualified", "discovery", "demo", "proposal", "quote",
    "negotiation", "contract", "evaluation", "verbal", "commit", "new", "open", "lead", "trial", "pilot",
}  # fmt: skip
_ADDRESS = re.compile(r"[^\s@<>,;]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class Builder:
    """Makes the records of one table. `problems` grows as rows are read."""

    def __init__(self, kind: str, table: Table, columns: tuple[Column, ...], units: dict[str, str]) -> None:
        self.kind, self.table = kind, table
        self.problems: list[Problem] = []
        self._columns = {column.field: column for column in columns if column.field}
        self._units = units
        self._day_first = {field: self._order_of_days(field) for field in _DATES & set(self._columns)}
        self._millions = self._looks_like_millions()

    def records(self) -> list[Record]:
        """A record for every row that can be one; the others are reported as not stored."""
        return [record for row in self.table.rows if (record := self._record(row)) is not None]

    def say(self, row: int, weight: Weight, kind: str, field: str, value: str, did: str, mend: str = "") -> None:
        """Report one thing."""
        column = self._columns[field].column if field in self._columns else field
        self.problems.append(
            Problem(
                kind=kind, weight=weight, file=self.table.file, line=row, column=column, value=value, did=did, mend=mend
            )
        )

    def _text(self, row: Row, field: str) -> str:
        text = row.values.get(self._columns[field].column, "") if field in self._columns else ""
        return "" if values.is_unknown(text) else text

    def _record(self, row: Row) -> Record | None:
        found: dict[str, Any] = {}
        for field in self._columns:
            text = self._text(row, field)
            if text and field not in ("id", "first_name", "last_name"):
                found |= self._value(row, field, text)
        if self.kind == "contacts" and not found.get("name"):
            found["name"] = " ".join(part for f in ("first_name", "last_name") if (part := self._text(row, f)))
        if self.kind == "opportunities":
            found |= self._stage(row, found)
        key = self._text(row, "id") or self._natural_key(row, found)
        if not key:
            self.say(row.line, "not_stored", "row_without_key", "name", "", "left out: it has neither an id nor a name",
                     "give the row a name or an id")  # fmt: skip
            return None
        found["name"] = found.get("name") or (key if self.kind in ("accounts", "products", "teams") else "")
        known = {k: v for k, v in found.items() if k in RECORDS[self.kind].__struct_fields__}
        plain = known | {"id": key, "raw": row.values, "source": Source(file=self.table.file, line=row.line)}
        return msgspec.convert(plain, RECORDS[self.kind])

    def _natural_key(self, row: Row, found: dict[str, Any]) -> str:
        if self.kind == "activities":
            return f"{self.table.file}:{row.line}" if found.get("text") or found.get("happened") else ""
        if self.kind == "opportunities":
            return str(found.get("name", ""))
        if self.kind == "contacts":
            name, account = found.get("name", ""), found.get("account", "")
            return str(found.get("email") or (f"{name} @ {account}" if name and account else name))
        return str(found.get("name", ""))

    def _value(self, row: Row, field: str, text: str) -> dict[str, Any]:
        if field in _MONEY:
            return self._money(row, field, text)
        if field in _WHOLE:
            return self._whole(row, field, text)
        if field in _DATES:
            return self._date(row, field, text)
        special: dict[str, Callable[[Row, str], dict[str, Any]]] = {
            "industry": self._industry, "country": self._country, "email": self._email,
            "unsubscribed": self._unsubscribed,
        }  # fmt: skip
        return special[field](row, text) if field in special else {field: text}

    def _money(self, row: Row, field: str, text: str) -> dict[str, Any]:
        column = self._columns[field]
        unit = (
            column.unit or self._units.get(column.column, "") or ("M" if self._millions and field == "revenue" else "")
        )
        amount = values.money(text, unit)
        if amount is None:
            self.say(
                row.line,
                "warning",
                "amount_not_read",
                field,
                text,
                "taken as unknown",
                "write it as a number, e.g. 1250.00",
            )
            return {}
        if amount[0] < 0:
            self.say(row.line, "warning", "amount_negative", field, text, "kept as it is", "check the sign")
        return {field: amount[0], **({"currency": amount[1]} if amount[1] else {})}

    def _whole(self, row: Row, field: str, text: str) -> dict[str, Any]:
        if (number := values.whole(text)) is not None and number >= 0:
            return {field: number}
        if (low := values.lower_end(text)) is not None:
            self.say(
                row.line,
                "proposal",
                "range_lower_end",
                field,
                text,
                "the lower end is used",
                "give a number if it is known",
            )
            return {field: low}
        self.say(row.line, "warning", "number_not_read", field, text, "taken as unknown", "write a whole number")
        return {}

    def _date(self, row: Row, field: str, text: str) -> dict[str, Any]:
        found = values.day(text, days_first=bool(self._day_first.get(field)))
        if found is None:
            self.say(row.line, "warning", "date_not_read", field, text, "taken as unknown", "write it as YYYY-MM-DD")
            return {}
        return {field: found}

    def _industry(self, row: Row, text: str) -> dict[str, Any]:
        if industries.industry_of(text):
            return {"industry": text}
        near, score = industries.near_industry(text)
        if near:
            self.say(row.line, "proposal", "industry_respelled", "industry", text,
            f"read as {near!r} ({score} of 100 alike)",
                     f"correct {text!r} in the CRM")  # fmt: skip
            return {"industry": near}
        self.say(row.line, "note", "industry_unknown", "industry", text,
        "kept as written; fit by industry cannot be judged",
                 "use a common name, e.g. medical, software, retail")  # fmt: skip
        return {"industry": text}

    def _country(self, row: Row, text: str) -> dict[str, Any]:
        if known := industries.country_of(text):
            return {"country": known}
        near, score = industries.near_country(text)
        if near:
            self.say(row.line, "proposal", "country_respelled", "country", text,
            f"read as {near!r} ({score} of 100 alike)",
                     f"correct {text!r} in the CRM")  # fmt: skip
            return {"country": near}
        self.say(row.line, "note", "country_unknown", "country", text, "kept as written")
        return {"country": text}

    def _email(self, row: Row, text: str) -> dict[str, Any]:
        plain = text.removeprefix("mailto:").strip("<> ")
        if _ADDRESS.fullmatch(plain):
            return {"email": plain.lower()}
        self.say(
            row.line,
            "warning",
            "address_not_read",
            "email",
            text,
            "taken as unknown; never completed",
            "correct the address",
        )
        return {}

    def _unsubscribed(self, row: Row, text: str) -> dict[str, Any]:
        answer = values.yes(text)
        if answer is None:
            self.say(
                row.line,
                "warning",
                "unsubscribed_unclear",
                "unsubscribed",
                text,
                "taken as unsubscribed, to be safe",
                "write yes or no",
            )
        return {"unsubscribed": answer is not False}

    def _stage(self, row: Row, found: dict[str, Any]) -> dict[str, Any]:
        stage = str(found.get("stage", ""))
        words = set(re.findall(r"[a-z]+", stage.casefold()))
        if not stage:
            self.say(
                row.line,
                "warning",
                "deal_without_stage",
                "stage",
                "",
                "kept; neither open nor closed",
                "give it a stage",
            )
            return {"status": ""}
        if words & {"won", "signed"}:
            return {"status": WON}
        if words & {"lost", "cancelled", "abandoned", "dead", "disqualified"}:
            return {"status": LOST}
        if not words & _OPEN_STAGES:
            self.say(
                row.line,
                "note",
                "stage_not_known",
                "stage",
                stage,
                "taken as an open deal",
                "close it in the CRM if it is not open",
            )
        return {"status": OPEN}

    def _order_of_days(self, field: str) -> bool:
        texts = [self._text(row, field) for row in self.table.rows]
        first = values.day_first(texts)
        unclear = next(
            (row for row in self.table.rows if re.match(r"\d{1,2}[/-]\d{1,2}[/-]\d", self._text(row, field))), None
        )
        if first is None and unclear is not None:
            self.say(unclear.line, "warning", "date_order_unclear", field, self._text(unclear, field),
                     "read with the month first", "export dates as YYYY-MM-DD")  # fmt: skip
        return bool(first)

    def _looks_like_millions(self) -> bool:
        """Revenue without a unit: per head below 2,000 taken as it stands and plausible a million times over."""
        if "revenue" not in self._columns or "employees" not in self._columns:
            return False
        column = self._columns["revenue"]
        if column.unit or self._units.get(column.column):
            return False
        heads = sorted(
            amount[0] / values.MICRO / people
            for row in self.table.rows
            if (amount := values.money(self._text(row, "revenue")))
            and (people := values.whole(self._text(row, "employees")))
        )
        middle = heads[len(heads) // 2] if len(heads) >= 5 else 0.0  # a few rows tell nothing
        if not 0 < middle < 50:
            return False
        self.say(0, "proposal", "unit_proposed", "revenue", "",
        "read in millions: per employee it would be implausibly small otherwise",
                 'say so in the mapping: "units": {"' + column.column + '": "M USD"}')  # fmt: skip
        return True

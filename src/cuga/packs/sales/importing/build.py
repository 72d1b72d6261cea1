"""Rows into records: every value read by its field's rule, the text as written kept beside it, every doubt reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cuga.adapters.capability import LOST, OPEN, RECORDS, WON, Record, Source
from cuga.packs.sales import industries
from cuga.packs.sales.importing import values
from cuga.packs.sales.importing.read import Row, Table, in_silence
from cuga.packs.sales.importing.report import Column, Problem, Tell, Weight

_MONEY = {"revenue", "amount", "price"}
_WHOLE = {"employees", "founded", "min_employees", "max_employees"}
_DATES = {"opened", "closes", "happened", "written", "dated", "valid_until", "seen", "consent_on"}
_READ_APART = {"id", "first_name", "last_name", "status", "is_won", "is_closed"}
_OPEN_STAGES = {
    "prospecting", "prospect", "engaging", "qualification", "qualified", "discovery", "demo", "proposal", "quote",
    "negotiation", "contract", "evaluation", "verbal", "commit", "new", "open", "lead", "trial", "pilot",
}  # fmt: skip
_NAMED_BY_KEY = {"accounts", "products", "teams", "documents", "territories"}
_ADDRESS = re.compile(r"[^\s@<>,;]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class Builder:
    """Makes the records of one table; every doubt is told as its row is read."""

    def __init__(self, kind: str, table: Table, columns: tuple[Column, ...], units: dict[str, str], tell: Tell) -> None:
        self.kind, self.table = kind, table
        self.names: list[tuple[str, str]] = []  # of accounts that may have a parent: (id, name), as they come
        self._tell = tell
        self._columns = {column.field: column for column in columns if column.field}
        self._units = units
        self._day_first: dict[str, bool] = {}
        self._millions = False

    def survey(self) -> None:
        """Read the table once for what no single row can tell: the order of days, the unit of revenue, the names."""
        days = {field: _DayOrder() for field in _DATES & set(self._columns)}
        heads: list[float] = []
        if not days and self.kind != "accounts":
            return
        for row in self.table.read(in_silence):
            for field, order in days.items():
                order.see(row.line, self._text(row, field))
            if self.kind == "accounts":
                self._see_account(row, heads)
        for field, order in days.items():
            self._day_first[field] = bool(order.first)
            if order.first is None and order.unclear is not None:
                self.say(order.unclear[0], "warning", "date_order_unclear", field, order.unclear[1],
                         "read with the month first", "export dates as YYYY-MM-DD")  # fmt: skip
        self._millions = self._looks_like_millions(heads)

    def records(self) -> Iterator[Record]:
        """A record for every row that can be one; the others are told as not stored."""
        for row in self.table.read(self._tell):
            if (record := self._record(row)) is not None:
                yield record

    def say(self, row: int, weight: Weight, kind: str, field: str, value: str, did: str, mend: str = "") -> None:
        """Report one thing."""
        column = self._columns[field].column if field in self._columns else field
        self._tell(
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
            if text and field not in _READ_APART:
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
        found["name"] = found.get("name") or (key if self.kind in _NAMED_BY_KEY else "")
        known = {k: v for k, v in found.items() if k in RECORDS[self.kind].__struct_fields__}
        plain = known | {"id": key, "raw": row.values, "source": Source(file=self.table.file, line=row.line)}
        return msgspec.convert(plain, RECORDS[self.kind])

    def _natural_key(self, row: Row, found: dict[str, Any]) -> str:
        if self.kind in ("activities", "notes"):
            return f"{self.table.file}:{row.line}" if found.get("text") or found.get("happened") else ""
        if self.kind == "enrichments":
            parts = [str(found.get(part, "")) for part in ("account", "name", "provider")]
            return " | ".join(parts) if all(parts[:2]) else ""
        if self.kind == "documents":
            return str(found.get("path") or found.get("name", ""))
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
        if field == "opted_in":
            return self._opted_in(row, text)
        if field in ("permission", "approved"):
            answer = values.yes(text)
            return {field: {True: "yes", False: "no", None: ""}[answer]}
        if self.kind in ("territories", "documents", "enrichments"):
            return {field: text}
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

    def _opted_in(self, row: Row, text: str) -> dict[str, Any]:
        """Yes or no; any other word is not known, which is never a yes.

        Pipedrive's "no consent" is what every contact begins with, so it says nothing; "unsubscribed" is a no for good.
        """
        words: dict[str, bool | None] = {"subscribed": True, "opted in": True, "opt in": True, "opted out": False,
                 "opt out": False, "unsubscribed": False, "no consent": None, "archived": None, "bounced": None,
                 "pending double opt in": None, "pending upgrade": None}  # fmt: skip
        said = " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
        answer = words.get(said, values.yes(text))
        if said == "unsubscribed":
            return {"opted_in": "no", "unsubscribed": True}
        if answer is None and said not in words:
            self.say(row.line, "warning", "opt_in_unclear", "opted_in", text, "taken as not known",
                     "write yes or no")  # fmt: skip
        return {"opted_in": {True: "yes", False: "no", None: ""}[answer]}

    def _stage(self, row: Row, found: dict[str, Any]) -> dict[str, Any]:
        stage = str(found.get("stage", ""))
        if said := self._said_status(row):
            return {"status": said}
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
        if words & {"won", "signed", "closedwon"}:
            return {"status": WON}
        if words & {"lost", "closedlost", "cancelled", "abandoned", "dead", "disqualified"}:
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

    def _said_status(self, row: Row) -> str:
        """Open, won or lost where columns of their own say so; they win over the words of the stage."""
        text = self._text(row, "status").casefold()
        if text in (OPEN, WON, LOST):
            return text
        won, closed = values.yes(self._text(row, "is_won")), values.yes(self._text(row, "is_closed"))
        if won and "is_won" in self._columns:
            return WON
        if "is_closed" in self._columns and self._text(row, "is_closed"):
            return LOST if closed else OPEN
        return ""

    def _see_account(self, row: Row, heads: list[float]) -> None:
        name, key = self._text(row, "name"), self._text(row, "id")
        if "parent" in self._columns and (key or name):
            self.names.append((key or name, name or key))
        people = values.whole(self._text(row, "employees"))
        if people and (amount := values.money(self._text(row, "revenue"))):
            heads.append(amount[0] / values.MICRO / people)

    def _looks_like_millions(self, heads: list[float]) -> bool:
        """Revenue without a unit: per head below 2,000 taken as it stands and plausible a million times over."""
        column = self._columns.get("revenue")
        if column is None or column.unit or self._units.get(column.column):
            return False
        heads.sort()
        middle = heads[len(heads) // 2] if len(heads) >= 5 else 0.0  # a few rows tell nothing
        if not 0 < middle < 50:
            return False
        self.say(0, "proposal", "unit_proposed", "revenue", "",
        "read in millions: per employee it would be implausibly small otherwise",
                 'say so in the mapping: "units": {"' + column.column + '": "M USD"}')  # fmt: skip
        return True


class _DayOrder:
    """Whether the dates of a column name the day first, as far as its values tell."""

    def __init__(self) -> None:
        self.first: bool | None = None
        self.unclear: tuple[int, str] | None = None

    def see(self, line: int, text: str) -> None:
        """Look at one value."""
        if self.first is None:
            self.first = values.day_first([text])
        if self.unclear is None and re.match(r"\d{1,2}[/-]\d{1,2}[/-]\d", text):
            self.unclear = (line, text)

"""Which table a file is and which field a column is: proposed from names, overridden by a mapping.

A column that no field fits is kept as text and said to be so. A file that fits no table is not guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cuga.adapters.capability import RECORDS, fields_of, squeeze
from cuga.errors import BadInput
from cuga.packs.sales.importing.read import Table, in_silence
from cuga.packs.sales.importing.report import Column
from cuga.packs.sales.importing.vendors import recognized

DOCUMENTATION, SUPPRESSION = "documentation", "suppression"
MAPPING_FILE = "mapping.json"
_NEAR = 84  # likeness from which a column name is taken for a known one

_FILE_WORDS = {
    "accounts": ("account", "compan", "customer", "organi"),
    "contacts": ("contact", "people", "person", "lead"),
    "products": ("product", "pricebook", "catalog"),
    "opportunities": ("opportunit", "pipeline", "deal"),
    "activities": ("activit", "call", "meeting", "task", "engagement"),
    "teams": ("team", "agent", "rep", "user", "seller"),
    "notes": ("note", "comment", "remark"),
    "documents": ("document", "collateral", "library"),
    "territories": ("territor", "patch"),
    "enrichments": ("enrich", "firmograph", "technograph"),
    SUPPRESSION: ("suppress", "unsubscrib", "optout", "donotcontact"),
}
_NAMES: dict[str, dict[str, str]] = {
    "accounts": {
        "id": "account_id accountid company_id record_id id",
        "name": "account account_name company company_name name organization customer",
        "industry": "sector industry vertical branch",
        "country": "office_location country billing_country hq_country location headquarters",
        "city": "city billing_city town",
        "employees": "employees employee_count number_of_employees headcount staff company_size",
        "revenue": "revenue annual_revenue yearly_revenue turnover",
        "founded": "year_established founded year_founded established",
        "parent": "subsidiary_of parent parent_account parent_company",
        "website": "website domain url web company_domain_name",
        "owner": "owner account_owner sales_agent account_manager",
        "currency": "currency currency_code",
        "notes": "notes description comment comments",
    },
    "contacts": {
        "id": "contact_id contactid id record_id",
        "name": "name full_name contact_name contact person",
        "first_name": "first_name firstname given_name",
        "last_name": "last_name lastname surname family_name",
        "account": "account account_name company company_name organization",
        "title": "title job_title position role function",
        "email": "email e_mail email_address mail",
        "phone": "phone phone_number telephone mobile",
        "linkedin": "linkedin linkedin_url linkedin_profile",
        "unsubscribed": "unsubscribed do_not_contact opted_out opt_out email_opt_out has_opted_out_of_email",
        "notes": "notes description comment comments",
    },
    "products": {
        "id": "product_id sku id product_code",
        "name": "product product_name name",
        "series": "series family product_family line category",
        "price": "sales_price price list_price unit_price",
        "currency": "currency currency_code",
        "description": "description text details",
    },
    "opportunities": {
        "id": "opportunity_id deal_id opp_id id record_id",
        "name": "opportunity_name deal_name name opportunity deal",
        "account": "account account_name company company_name customer organization",
        "product": "product product_name",
        "owner": "sales_agent owner opportunity_owner deal_owner rep seller",
        "stage": "deal_stage stage stage_name status pipeline_stage",
        "status": "status deal_status outcome",
        "opened": "engage_date created_date create_date created opened open_date start_date",
        "closes": "close_date closed_date expected_close_date closing_date",
        "amount": "close_value amount value deal_value deal_amount",
        "currency": "currency currency_code",
        "next_step": "next_step next_action",
        "notes": "notes description comment comments",
    },
    "activities": {
        "id": "activity_id task_id id",
        "kind": "type kind activity_type activity",
        "happened": "date activity_date happened due_date created",
        "who": "who person contact contact_name speaker",
        "account": "account account_name company company_name",
        "opportunity_id": "opportunity_id deal_id opp_id opportunity deal",
        "contact_id": "contact_id contactid",
        "name": "subject title name",
        "text": "text note notes body description comment comments",
    },
    "teams": {
        "id": "user_id agent_id rep_id id",
        "name": "sales_agent agent name rep seller user full_name",
        "manager": "manager sales_manager team_lead",
        "region": "regional_office region office territory team",
        "email": "email email_address",
    },
    "notes": {
        "id": "note_id id",
        "written": "date note_date written created created_date create_date",
        "who": "author who created_by written_by owner",
        "account": "account account_name company company_name",
        "opportunity_id": "opportunity_id deal_id opp_id opportunity deal",
        "contact_id": "contact_id contactid contact",
        "name": "subject title name",
        "text": "text note notes note_body body content comment",
    },
    "documents": {
        "id": "document_id id",
        "name": "title name document",
        "path": "path file file_name filename",
        "kind": "type kind document_type",
        "product": "product product_name",
        "industry": "industry sector vertical",
        "persona": "persona audience role",
        "stage": "stage deal_stage sales_stage",
        "competitor": "competitor against",
        "customer": "customer reference reference_customer customer_named",
        "permission": "permission reference_permission may_be_named",
        "approved": "approved released",
        "dated": "date dated published updated",
        "valid_until": "valid_until expires review_by",
    },
    "territories": {
        "id": "territory_id id",
        "name": "territory territory_name name patch",
        "owner": "owner sales_agent rep seller",
        "manager": "manager sales_manager",
        "region": "region regional_office",
        "countries": "countries country",
        "industries": "industries industry sectors sector",
        "min_employees": "min_employees employees_from",
        "max_employees": "max_employees employees_to",
        "notes": "notes description comment",
    },
    "enrichments": {
        "id": "fact_id id",
        "account": "account account_name company company_name",
        "name": "field attribute fact",
        "value": "value",
        "provider": "source provider vendor",
        "seen": "date seen as_of retrieved observed",
        "licence": "licence license terms",
    },
    SUPPRESSION: {"email": "email email_address address mail", "reason": "reason why source"},
}
_PLAIN = {"accounts", "contacts", "products", "opportunities", "activities", "teams", SUPPRESSION}
_NEEDS = {  # fields without which a file is not that table
    "accounts": {"name"},
    "contacts": {"email", "name", "last_name"},  # any
    "products": {"name"},
    "opportunities": {"stage"},
    "activities": {"text", "happened"},  # any
    "teams": {"name"},
    "notes": {"text"},
    "documents": {"path", "name"},  # any
    "territories": {"name"},
    "enrichments": {"value"},
    SUPPRESSION: {"email"},
}
_OWN = {  # columns that hardly another table has
    "accounts": {"industry", "employees", "revenue", "founded", "parent", "website"},
    "contacts": {"email", "title", "first_name", "last_name", "linkedin", "phone"},
    "products": {"price", "series"},
    "opportunities": {"stage", "closes", "amount", "opened"},
    "activities": {"text", "kind", "happened"},
    "teams": {"manager", "region"},
    "notes": {"text", "written"},
    "documents": {"path", "permission", "valid_until", "approved", "persona"},
    "territories": {"countries", "industries", "min_employees", "max_employees"},
    "enrichments": {"provider", "licence", "value"},
    SUPPRESSION: {"reason"},
}
_UNIT = re.compile(
    r"\b(in\s+)?(thousands?|millions?|billions?|k|m|mm|bn|mio|mrd)?\s*(of\s+)?(usd|eur|gbp|chf|jpy|cad|aud)\b|[$€£]",
    re.I,
)


def detect(table: Table) -> tuple[str, tuple[Column, ...]]:
    """The kind of a table and what its columns are; the empty text when nothing fits.

    Kinds that are rarer in exports (notes, documents, ...) are taken only by the file's name or by several columns of
    their own.
    """
    squeezed = {squeeze(column) for column in table.columns}
    if {"field", "description"} <= squeezed:
        return DOCUMENTATION, ()
    best, found, points = "", tuple(Column(column=column) for column in table.columns), 0.0
    for kind in _NAMES:
        columns = propose(kind, table.columns)
        fields = {column.field for column in columns if column.field}
        if not fields & _NEEDS[kind]:
            continue
        named = any(word in squeeze(table.title) for word in _FILE_WORDS[kind])
        own = len(fields & _OWN[kind])
        known = recognized(kind, table.columns)[1] if kind in RECORDS else {}
        score = (2.5 if named else 0.0) + own + len(fields) / max(1, len(table.columns)) + len(known) / 2
        if (named or known or own >= (1 if kind in _PLAIN else 3)) and score > points:
            best, found, points = kind, columns, score
    return (best, found) if points >= 1.5 else ("", found)


def propose(kind: str, columns: tuple[str, ...]) -> tuple[Column, ...]:
    """The best field for every column, each field once: a vendor's own names, then known names, then likeness."""
    from rapidfuzz import fuzz

    taken: dict[str, str] = {}
    answers: dict[str, Column] = {}
    for column, field in recognized(kind, columns)[1].items() if kind in RECORDS else ():
        taken[field] = column
        answers[column] = Column(column=column, field=field, confidence=100, unit=_unit_in(column))
    for field, words in _NAMES[kind].items():
        for word in words.split():
            hit = next((c for c in columns if c not in answers and squeeze(_bare(c)) == squeeze(word)), None)
            if hit is not None and field not in taken:
                taken[field] = hit
                answers[hit] = Column(column=hit, field=field, confidence=100, unit=_unit_in(hit))
    for column in columns:
        if column in answers or len(column) < 4:
            continue
        likeness = [
            (round(fuzz.ratio(squeeze(_bare(column)), squeeze(word))), field)
            for field, words in _NAMES[kind].items()
            if field not in taken
            for word in words.split()
            if len(word) > 3
        ]
        score, field = max(likeness, default=(0, ""))
        if score >= _NEAR:
            taken[field] = column
            answers[column] = Column(column=column, field=field, confidence=score, unit=_unit_in(column))
    return tuple(answers.get(column, Column(column=column)) for column in columns)


def described_units(tables: list[Table]) -> dict[tuple[str, str], str]:
    """(file stem, column) -> unit, from a file that describes the others ("Annual revenue (in millions of USD)")."""
    units: dict[tuple[str, str], str] = {}
    for table in tables:
        names = {squeeze(column): column for column in table.columns}
        for row in table.read(in_silence):
            owner = row.values.get(names.get("table", ""), "")
            if unit := _unit_in(row.values[names["description"]]):
                units[(squeeze(owner), squeeze(row.values[names["field"]]))] = unit
    return units


def overridden(
    kind: str, columns: tuple[Column, ...], said: Mapping[str, Any], file: str
) -> tuple[str, tuple[Column, ...]]:
    """A proposal with what a person said put over it: `{"kind": ..., "columns": {column: field}, "units": {column:
    unit}}`."""
    if unknown := set(said) - {"kind", "columns", "units"}:
        raise BadInput(
            f"the mapping of {file} has unknown keys: {', '.join(sorted(unknown))}", mend="kind, columns, units"
        )
    wanted = str(said.get("kind", kind))
    if wanted not in _NAMES:
        raise BadInput(f"the mapping of {file} names no kind of record: {wanted!r}", mend=f"kinds: {', '.join(_NAMES)}")
    names = tuple(column.column for column in columns)
    answers = {column.column: column for column in (propose(wanted, names) if wanted != kind else columns)}
    extra = {"is_won", "is_closed"} if wanted == "opportunities" else set()
    allowed = {*_NAMES[wanted], *(fields_of(wanted) if wanted in RECORDS else ()), *extra}
    for part in ("columns", "units"):
        for column, value in dict(said.get(part, {})).items():
            if column not in answers:
                raise BadInput(f"{file} has no column {column!r}", mend=f"columns: {', '.join(names)}")
            if part == "columns" and value and value not in allowed:
                raise BadInput(f"{wanted} have no field {value!r}", mend=f"fields: {', '.join(sorted(allowed))}")
            old = answers[column]
            answers[column] = (
                Column(column=column, field=value, confidence=100, unit=old.unit)
                if part == "columns"
                else Column(column=column, field=old.field, confidence=old.confidence, unit=value)
            )
    return wanted, tuple(answers[name] for name in names)


def read_mapping(path: Path) -> dict[str, Any]:
    """A mapping file (JSON: file name -> kind, columns, units); `BadInput` says where it is wrong."""
    try:
        said = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the mapping {path.name} cannot be read: {error}") from error
    if not isinstance(said, dict) or not all(isinstance(value, dict) for value in said.values()):
        raise BadInput(
            f"the mapping {path.name} must be an object of file names",
            mend='e.g. {"deals.csv": {"kind": "opportunities"}}',
        )
    return said


def _bare(column: str) -> str:
    return re.sub(r"[(\[].*?[)\]]", " ", column)


def _unit_in(text: str) -> str:
    found = _UNIT.search(text.replace("_", " "))
    return found.group(0) if found else ""

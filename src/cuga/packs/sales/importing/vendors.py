"""The headers of exports from Salesforce, HubSpot and Pipedrive, by the words that these products use for a column.

Sources: Salesforce, "Salesforce Field Reference" (field name and label of Account, Contact, Opportunity, Task, User,
Product2). HubSpot, default properties of contacts, companies and deals (label and internal name), "Track lawful basis
of processing"; its export adds "Associated Company" and the "IDs" beside it. Pipedrive publishes no list of its export
columns: these are its sample import sheet ("All default Pipedrive fields"), the labels of its list view, and its page
"Campaigns: marketing contacts". A language other than English is not known here.
A file is taken for a vendor's when enough of its columns are that vendor's own words; a person's mapping wins.
"""

from __future__ import annotations

from functools import cache

from cuga.adapters.capability import squeeze

LEAST = 3  # known headers
LEAST_OWN = 1  # of them, headers that only this vendor has

# vendor -> kind -> (field, headers parted by commas); a header that begins with ! is one that hardly anybody else has
_HEADERS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "salesforce": {
        "accounts": (
            ("id", "Id,Account ID"), ("name", "Name,Account Name"), ("industry", "Industry"),
            ("country", "!BillingCountry,!Billing Country,!BillingCountryCode"),
            ("city", "!BillingCity,!Billing City"),
            ("employees", "!NumberOfEmployees,Employees"), ("revenue", "AnnualRevenue,Annual Revenue"),
            ("founded", "!YearStarted,!Year Started"), ("parent", "!ParentId,!Parent Account ID,Parent Account"),
            ("website", "Website"),
            ("owner", "!OwnerId,!Account Owner"), ("currency", "!CurrencyIsoCode,!Account Currency"),
            ("notes", "!Account Description,Description"),
        ),
        "contacts": (
            ("id", "Id,Contact ID"), ("account", "!AccountId,Account Name"), ("name", "Name,Full Name"),
            ("first_name", "FirstName,First Name"), ("last_name", "LastName,Last Name"), ("title", "Title"),
            ("email", "Email"), ("phone", "Phone"), ("unsubscribed", "!HasOptedOutOfEmail,!Email Opt Out"),
            ("notes", "!Contact Description,Description"),
        ),
        "opportunities": (
            ("id", "Id,Opportunity ID"), ("account", "!AccountId,Account Name"), ("name", "Name,!Opportunity Name"),
            ("stage", "!StageName,Stage"), ("amount", "Amount"), ("closes", "CloseDate,Close Date"),
            ("opened", "CreatedDate,Created Date"), ("owner", "!OwnerId,!Opportunity Owner"),
            ("currency", "!CurrencyIsoCode,!Opportunity Currency"), ("next_step", "NextStep,Next Step"),
            ("is_won", "!IsWon,Won"), ("is_closed", "!IsClosed,Closed"), ("notes", "Description"),
        ),
        "activities": (
            ("id", "Id,Activity ID"), ("account", "!AccountId,Company / Account"), ("contact_id", "!WhoId"),
            ("opportunity_id", "!WhatId"), ("name", "Subject"),
            ("happened", "!ActivityDate,!Due Date Only,Due Date,Date"),
            ("kind", "!TaskSubtype,!Task Subtype,Type"), ("text", "Description,!Full Comments,Comments"),
            ("who", "!OwnerId,!Assigned To,!Assigned To ID,Assigned"),
        ),
        "products": (
            ("id", "Id,Product ID"), ("name", "Name,Product Name"), ("series", "!Family,!Product Family"),
            ("description", "Description,Product Description"), ("price", "!UnitPrice,List Price"),
            ("currency", "!CurrencyIsoCode"),
        ),
        "teams": (
            ("id", "Id,User ID"), ("name", "Name,Full Name"), ("email", "Email"), ("manager", "!ManagerId,Manager"),
            ("region", "!UserRoleId,Role"),
        ),
    },
    "hubspot": {
        "accounts": (
            ("id", "!Record ID,!hs_object_id"), ("name", "Company name,name"),
            ("website", "!Company Domain Name,Website URL,domain"), ("industry", "Industry"),
            ("country", "!Country/Region,country"), ("city", "City"), ("employees", "!Number of Employees,"
            "!numberofemployees"), ("revenue", "Annual Revenue,annualrevenue"),
            ("founded", "Year Founded,founded_year"),
            ("owner", "!Company owner,!hubspot_owner_id"), ("parent", "!hs_parent_company_id,!Parent Company"),
            ("notes", "Description,About us"),
        ),
        "contacts": (
            ("id", "!Record ID,!hs_object_id"), ("first_name", "First Name,firstname"),
            ("last_name", "Last Name,lastname"), ("email", "Email"), ("phone", "Phone Number,phone"),
            ("title", "Job Title,jobtitle"),
            ("account", "!Associated Company IDs (Primary),!Primary Associated Company ID,!associatedcompanyid,"
            "!Associated Company (Primary),!Associated Company,Company Name,company"),
            ("unsubscribed", "!Unsubscribed from all email,!hs_email_optout"),
            ("linkedin", "LinkedIn URL,!hs_linkedin_url"),
            ("lawful_basis", "!Legal basis for processing contact's data,!hs_legal_basis"),
        ),
        "opportunities": (
            ("id", "!Record ID,!hs_object_id"), ("name", "Deal Name,!dealname"), ("stage", "Deal Stage,!dealstage"),
            ("amount", "Amount"), ("currency", "!deal_currency_code,Currency"), ("closes", "Close Date,!closedate"),
            ("opened", "Create Date,!createdate"), ("owner", "Deal owner,!hubspot_owner_id"),
            ("account", "!Associated Company IDs (Primary),!Associated Company (Primary),!Associated Company"),
            ("next_step", "Next step,!hs_next_step"),
            ("is_won", "!Is Closed Won,!hs_is_closed_won"), ("is_closed", "!Is Deal Closed?,!hs_is_closed"),
            ("notes", "Deal Description,Description"),
        ),
        "products": (
            ("id", "!Record ID,!hs_object_id"), ("name", "Name"), ("price", "Unit price,price"),
            ("description", "Product description,description"), ("series", "!Product type,!hs_product_type"),
        ),
    },
    "pipedrive": {
        "accounts": (
            ("id", "!Organization - ID,!Organization - Pipedrive System ID"), ("name", "!Organization - Name"),
            ("owner", "!Organization - Owner"),
            ("country", "!Organization - Country of Address,!Organization - Address - Country of Address"),
            ("city", "!Organization - City/town/village/locality of Address,"
            "!Organization - Address - City/town/village/locality of Address"),
            ("industry", "!Organization - Industry"), ("employees", "!Organization - Number of employees,"
            "!Organization - Employee count"), ("revenue", "!Organization - Annual revenue"),
            ("website", "!Organization - Website"),
        ),
        "contacts": (
            ("id", "!Person - ID,!Person - Pipedrive System ID"), ("name", "!Person - Name"),
            ("first_name", "!Person - First name"),
            ("last_name", "!Person - Last name"), ("account", "!Person - Organization,Organization name"),
            ("email", "!Person - Email - Work,!Person - Email"), ("phone", "!Person - Phone - Work,!Person - Phone"),
            ("title", "!Person - Job title,!Person - Title"), ("opted_in", "!Person - Marketing status"),
        ),
        "opportunities": (
            ("id", "!Deal - ID,!Deal - Pipedrive System ID"), ("name", "!Deal - Title"),
            ("account", "!Deal - Organization ID,!Deal - Organization,Organization"),
            ("product", "!Deal - Product name"), ("owner", "!Deal - Owner"),
            ("stage", "!Deal - Stage,!Deal - Stage (pipeline)"),
            ("status", "!Deal - Status"), ("amount", "!Deal - Value"), ("currency", "!Deal - Currency of Value,"
            "!Deal - Currency"), ("opened", "!Deal - Deal created,!Deal - Creation date"),
            ("closes", "!Deal - Deal closed on,!Deal - Closed on,!Deal - Expected close date,!Deal - Won time"),
        ),
        "activities": (
            ("id", "!Activity - ID,!Activity - Pipedrive System ID"), ("name", "!Activity - Subject"),
            ("kind", "!Activity - Type"),
            ("happened", "!Activity - Due date"), ("account", "!Activity - Organization,Organization"),
            ("contact_id", "!Activity - Contact person,Contact person"), ("opportunity_id", "!Activity - Deal,Deal"),
            ("text", "!Activity - Note"), ("who", "!Activity - Assigned to user"),
        ),
        "products": (
            ("id", "!Product - ID,!Product - Pipedrive System ID"), ("name", "!Product - Name"),
            ("price", "!Product - Unit prices,!Product - Price"), ("currency", "!Product - Currency"),
            ("series", "!Product - Category"), ("description", "!Product - Description"),
        ),
    },
}  # fmt: skip


def recognized(kind: str, columns: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """(vendor, column -> field) of an export of these columns; ("", {}) when it is nobody's that is known.

    Where a vendor has two columns for one field, the first one it lists wins.
    """
    best: tuple[int, str, dict[str, str]] = (0, "", {})
    for vendor in _HEADERS:
        known = _known(vendor, kind)
        hits = {column: known[squeeze(column)] for column in columns if squeeze(column) in known}
        if len(hits) < LEAST or sum(own for _, own, _ in hits.values()) < LEAST_OWN:
            continue
        fields: dict[str, str] = {}
        for column, (field, _, _) in sorted(hits.items(), key=lambda hit: hit[1][2]):
            if field not in fields.values():
                fields[column] = field
        if len(hits) > best[0]:
            best = (len(hits), vendor, fields)
    return best[1], best[2]


@cache
def _known(vendor: str, kind: str) -> dict[str, tuple[str, bool, int]]:
    """Header without signs -> (field, whether only this vendor has it, its rank)."""
    found: dict[str, tuple[str, bool, int]] = {}
    for field, headers in _HEADERS[vendor].get(kind, ()):
        for header in headers.split(","):
            found.setdefault(squeeze(header), (field, header.startswith("!"), len(found)))
    return found

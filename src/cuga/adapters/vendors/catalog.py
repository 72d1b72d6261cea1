"""Every vendor that this house can work with: what it needs, where that is found, and how an adapter is made of it.

The one list that a new vendor's file is added to. What a vendor needs stands in variables, never in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cuga.adapters.vendors.facts_http import WebFacts
from cuga.adapters.vendors.http import client_for
from cuga.adapters.vendors.hubspot import URL as HUBSPOT_URL
from cuga.adapters.vendors.hubspot import HubSpot
from cuga.adapters.vendors.pipedrive import URL as PIPEDRIVE_URL
from cuga.adapters.vendors.pipedrive import Pipedrive
from cuga.adapters.vendors.port import Vendor
from cuga.adapters.vendors.salesforce import Salesforce
from cuga.adapters.vendors.tryton import Tryton
from cuga.clock import Clock
from cuga.outbound.client import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that an adapter has to be told. A secret is never shown again."""

    variable: str
    what: str
    where: str  # where a person finds it
    is_secret: bool = False
    default: str = ""  # empty: it has to be given, unless it is optional
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An adapter that can be set up. `make` is None for one that is no CRM."""

    name: str
    title: str
    capability: str
    needs: tuple[Need, ...]
    scopes: str  # what the account must be allowed to do there
    make: Callable[[Mapping[str, str], Surroundings], Vendor] | None = None
    facts: Callable[[Mapping[str, str], Surroundings, Clock], WebFacts] | None = None  # of a source of facts

    def missing(self, variables: Mapping[str, str]) -> tuple[Need, ...]:
        """What is still to be told."""
        asked = (one for one in self.needs if not one.is_optional and not one.default)
        return tuple(one for one in asked if not variables.get(one.variable))

    def said(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Variable -> value, defaults filled in."""
        return {one.variable: variables.get(one.variable) or one.default for one in self.needs}


def _web(said: Mapping[str, str], around: Surroundings, clock: Clock) -> WebFacts:
    url = said["CUGA_FACTS_URL"]
    return WebFacts(
        url,
        client_for(url, around),
        clock,
        header=said["CUGA_FACTS_HEADER"],
        fields=said["CUGA_FACTS_FIELDS"],
        licence=said["CUGA_FACTS_LICENCE"],
    )


def _hubspot(said: Mapping[str, str], around: Surroundings) -> Vendor:
    url = said["CUGA_HUBSPOT_URL"]
    return HubSpot(said["CUGA_HUBSPOT_TOKEN"], client_for(url, around), url)


def _salesforce(said: Mapping[str, str], around: Surroundings) -> Vendor:
    url = said["CUGA_SALESFORCE_URL"]
    return Salesforce(
        url,
        said["CUGA_SALESFORCE_CLIENT_ID"],
        said["CUGA_SALESFORCE_CLIENT_SECRET"],
        client_for(url, around),
        refresh_token=said["CUGA_SALESFORCE_REFRESH_TOKEN"],
        currency=said["CUGA_SALESFORCE_CURRENCY"],
    )


def _pipedrive(said: Mapping[str, str], around: Surroundings) -> Vendor:
    url = said["CUGA_PIPEDRIVE_URL"]
    return Pipedrive(said["CUGA_PIPEDRIVE_TOKEN"], client_for(url, around), url)


def _tryton(said: Mapping[str, str], around: Surroundings) -> Vendor:
    url = said["CUGA_TRYTON_URL"]
    return Tryton(url, said["CUGA_TRYTON_USER"], said["CUGA_TRYTON_PASSWORD"], client_for(url, around))


KINDS: dict[str, Kind] = {
    one.name: one
    for one in (
        Kind(
            name="hubspot",
            title="HubSpot",
            capability="crm",
            scopes="crm.objects.companies.read, contacts.read, deals.read, deals.write, owners.read; and for "
            "activities the scopes that HubSpot names for notes, calls, meetings and e-mails",
            needs=(
                Need(
                    variable="CUGA_HUBSPOT_TOKEN",
                    what="the access token of a private app",
                    where="HubSpot: Settings, Integrations, Private Apps, your app, Auth",
                    is_secret=True,
                ),
                Need(variable="CUGA_HUBSPOT_URL", what="the address of the API", where="", default=HUBSPOT_URL),
            ),
            make=_hubspot,
        ),
        Kind(
            name="salesforce",
            title="Salesforce",
            capability="crm",
            scopes="api; the app's user needs to read accounts, contacts, opportunities, tasks and users, to edit "
            "opportunities and to create tasks",
            needs=(
                Need(
                    variable="CUGA_SALESFORCE_URL",
                    what="your own domain, e.g. https://birchline.my.salesforce.com",
                    where="Salesforce: Setup, My Domain",
                ),
                Need(
                    variable="CUGA_SALESFORCE_CLIENT_ID",
                    what="the consumer key of a connected app with the client credentials flow",
                    where="Salesforce: Setup, App Manager, your app, Manage Consumer Details",
                ),
                Need(
                    variable="CUGA_SALESFORCE_CLIENT_SECRET",
                    what="its consumer secret",
                    where="the same page",
                    is_secret=True,
                ),
                Need(
                    variable="CUGA_SALESFORCE_REFRESH_TOKEN",
                    what="a refresh token, if the app acts for one person instead",
                    where="what the app was given when that person agreed",
                    is_secret=True,
                    is_optional=True,
                ),
                Need(
                    variable="CUGA_SALESFORCE_CURRENCY",
                    what="the organisation's currency, e.g. EUR",
                    where="Salesforce: Setup, Company Information",
                    is_optional=True,
                ),
            ),
            make=_salesforce,
        ),
        Kind(
            name="pipedrive",
            title="Pipedrive",
            capability="crm",
            scopes="whatever the person whose token it is may see and change",
            needs=(
                Need(
                    variable="CUGA_PIPEDRIVE_TOKEN",
                    what="a personal API token",
                    where="Pipedrive: your name, Personal preferences, API",
                    is_secret=True,
                ),
                Need(
                    variable="CUGA_PIPEDRIVE_URL",
                    what="the address of the API, or of your company there",
                    where="",
                    default=PIPEDRIVE_URL,
                ),
            ),
            make=_pipedrive,
        ),
        Kind(
            name="tryton",
            title="Tryton",
            capability="crm",
            scopes="reading parties, employees and opportunities, and writing opportunities, in one company",
            needs=(
                Need(
                    variable="CUGA_TRYTON_URL",
                    what="its address with the name of the database, e.g. https://erp.example.com/sales",
                    where="what you log in to",
                ),
                Need(variable="CUGA_TRYTON_USER", what="the login of a user", where="Tryton: Administration, Users"),
                Need(variable="CUGA_TRYTON_PASSWORD", what="that user's password", where="", is_secret=True),
            ),
            make=_tryton,
        ),
        Kind(
            name="web",
            title="Facts from the web",
            capability="enrichment",
            scopes="looking a company up by its domain",
            needs=(
                Need(
                    variable="CUGA_FACTS_URL",
                    what="the address that answers, with {domain} where the company's goes, e.g. "
                    "https://api.example.com/companies?domain={domain}",
                    where="the documentation of the service, under company or organization lookup",
                ),
                Need(
                    variable="CUGA_FACTS_HEADER",
                    what="the header that says who we are, as it is sent, e.g. Authorization: Bearer ...",
                    where="the service's page on API keys",
                    is_secret=True,
                    is_optional=True,
                ),
                Need(
                    variable="CUGA_FACTS_FIELDS",
                    what="where in its answer a field stands, e.g. employees=/metrics/employees,industry=/industry",
                    where="an example answer in its documentation",
                    is_optional=True,
                ),
                Need(
                    variable="CUGA_FACTS_LICENCE",
                    what="what its facts may be used for, to stand beside each of them",
                    where="your contract with it",
                    is_optional=True,
                ),
            ),
            facts=_web,
        ),
        Kind(
            name="smtp",
            title="SMTP",
            capability="mail",
            scopes="sending as the address that mail comes from",
            needs=(
                Need(
                    variable="CUGA_MAIL_SERVER",
                    what="the mail server, e.g. smtp://sales@mail.example.com:587 or smtps://mail.example.com",
                    where="your mail provider's page on SMTP or outgoing mail",
                ),
                Need(
                    variable="CUGA_MAIL_FROM",
                    what="whom mail comes from, e.g. Ada Kestrel <ada@example.com>",
                    where="",
                ),
                Need(
                    variable="CUGA_MAIL_PASSWORD",
                    what="the password of the user in the server's address",
                    where="your mail provider; often an app password",
                    is_secret=True,
                    is_optional=True,
                ),
            ),
        ),
    )
}

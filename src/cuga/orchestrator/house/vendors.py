"""Adapters of somebody else's systems, made of what the house was told; and setting one up.

What is not told in full is not made; what is told wrongly is named with why. Making one connects to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cuga.adapters.offline import CrmStore, Outbox
from cuga.adapters.smtp import SmtpMail
from cuga.adapters.vendors import KINDS, Kind, VendorCrm
from cuga.adapters.vendors.facts_http import WebFacts
from cuga.clock import Clock, SystemClock
from cuga.errors import BadInput
from cuga.model.value import digest
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.house.secrets import keep_variables
from cuga.outbound import Egress
from cuga.outbound.mail import MailServer
from cuga.settings import Settings


def adapters_of(
    settings: Settings, crm: CrmStore, outbox: Outbox, clock: Clock, unfit: dict[str, str]
) -> dict[str, dict[str, object]]:
    """Capability -> name -> adapter of everything that is set up. Those that cannot be made go into `unfit`."""
    made: dict[str, dict[str, object]] = {"crm": {}, "mail": {}, "enrichment": {}}
    for kind in KINDS.values():
        if kind.missing(settings.variables):
            continue
        try:
            made[kind.capability][kind.name] = _made(kind, settings, crm, outbox, clock)
        except BadInput as error:
            unfit[kind.name] = error.message
    return made


def places_of(settings: Settings) -> dict[str, str]:
    """`capability/adapter` -> a digest of all that was told of it: its address, as whom, and the credential.

    An approval binds it, so that a name cannot come to mean another place after people agreed.
    """
    return {
        f"{kind.capability}/{kind.name}": digest(kind.said(settings.variables))
        for kind in KINDS.values()
        if not kind.missing(settings.variables)
    }


def _made(
    kind: Kind, settings: Settings, crm: CrmStore, outbox: Outbox, clock: Clock
) -> VendorCrm | SmtpMail | WebFacts:
    said = kind.said(settings.variables)
    if kind.facts is not None:
        return kind.facts(said, settings, clock)
    if kind.make is not None:
        return VendorCrm(crm, kind.make(said, settings), clock=clock)
    server = MailServer.read(said["CUGA_MAIL_SERVER"], said["CUGA_MAIL_PASSWORD"])
    return SmtpMail(server, said["CUGA_MAIL_FROM"], outbox, Egress(inside=settings.inside), clock=clock)


def kind_named(name: str) -> Kind:
    """An adapter that can be set up; `BadInput` names those there are."""
    if name not in KINDS:
        raise BadInput(f"there is nothing to set up for {name!r}", mend=f"There are {', '.join(KINDS)}.")
    return KINDS[name]


def try_out(kind: Kind, said: Mapping[str, str], settings: Settings, place: Place) -> str:
    """Connect with these variables and say who we are there; nothing is kept. Raises what the other side says."""
    told = replace(settings, variables={**settings.variables, **said})
    if missing := kind.missing(told.variables):
        raise BadInput(f"{', '.join(need.variable for need in missing)} is missing", mend="It is needed to connect.")
    store = CrmStore.open(":memory:")
    try:
        return _made(kind, told, store, Outbox(place.outbox), SystemClock()).look()
    finally:
        store.close()


def set_up(kind: Kind, said: Mapping[str, str], place: Place, *, in_keyring: bool) -> str:
    """Keep what an adapter needs; where it is now, in words."""
    secret = frozenset(need.variable for need in kind.needs if need.is_secret)
    return keep_variables(place, {name: value for name, value in said.items() if value}, secret=secret,
                          in_keyring=in_keyring)  # fmt: skip

"""Who has which accounts, what these take in hours and may bring, as the CRM says it now.

Nothing is a constant of the house: touches and hours are inputs with stated defaults, and an owner that no record names
is read off the deals and said so.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from cuga.adapters.capability import OPEN, WON, Account, CrmRead, Opportunity, TeamMember
from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.deals import all_of, deals_of, say_when_old, units
from cuga.packs.sales.governance.forecasting import prices_of, worth
from cuga.packs.sales.result import Result

LATE_STAGES = ("negotiation", "contract", "commit", "verbal", "closing", "proposal", "quote")
NOBODY = ""


class Touch(Value, frozen=True, kw_only=True):
    """What an account of a segment takes: touches a year and minutes each. `least` employees make the segment."""

    segment: str
    least: int
    touches: int
    minutes: int


TOUCHES = (  # defaults, to be replaced by the house's own figures
    Touch(segment="large", least=1000, touches=24, minutes=60),
    Touch(segment="middle", least=200, touches=12, minutes=45),
    Touch(segment="small", least=0, touches=6, minutes=30),
)
DEAL_HOURS = 6  # a year's hours on one open deal, beside the account's touches


class Holding(NamedTuple):
    """One account in the book."""

    account: Account
    owner: str
    hours: float
    potential: int
    pipeline: int
    deals: tuple[Opportunity, ...]


class Load(Result, frozen=True, kw_only=True):
    """What one person has. Hours a year; potential and pipeline in whole units."""

    rep: str
    accounts: int
    hours: int
    potential: int
    pipeline: int


class Book:
    """All accounts with their owners. `assumptions` says what was taken for granted."""

    def __init__(self, crm: CrmRead, today: date, touches: Sequence[Touch] = ()) -> None:
        self.notes: list[str] = []
        self.assumptions: list[str] = []
        self.today = today
        self.team = {m.name: m for m in all_of(crm, "teams") if isinstance(m, TeamMember)}
        self._touches = sorted(touches or TOUCHES, key=lambda t: -t.least)
        if any(t.touches < 0 or t.minutes < 0 for t in self._touches):
            raise BadInput("touches and minutes cannot be negative", mend="give them as counts a year and minutes each")
        if not touches:
            said = ", ".join(
                f"{t.segment} from {t.least:,} people {t.touches} x {t.minutes} min" for t in self._touches
            )
            self.assumptions.append(f"Touches a year: {said}; {DEAL_HOURS} hours for an open deal. Give your own.")
        every = deals_of(crm)
        say_when_old(every, today, self.notes)
        prices = prices_of(crm)
        deals: dict[str, list[Opportunity]] = defaultdict(list)
        for deal in every:
            deals[deal.account_id].append(deal)
        guessed = sizeless = 0
        self.holdings: dict[str, Holding] = {}
        for account in all_of(crm, "accounts"):
            assert isinstance(account, Account)
            own = deals[account.id]
            owner = account.owner or main_owner(own)
            guessed += bool(owner and not account.owner)
            sizeless += account.employees is None
            going = tuple(d for d in own if d.status == OPEN)
            year = [d for d in own if d.status == WON and d.closes is not None and 0 <= (today - d.closes).days < 365]
            pipeline = sum(worth(d, prices) or 0 for d in going)
            self.holdings[account.id] = Holding(
                account=account,
                owner=owner,
                hours=self._hours(account) + DEAL_HOURS * len(going),
                potential=sum(units(d.amount) for d in year) + pipeline,
                pipeline=pipeline,
                deals=going,
            )
        if guessed:
            self.assumptions.append(
                f"{guessed:,} accounts name no owner: the seller with most of its open deals, else of all its "
                f"deals, is taken for it."
            )
        if sizeless:
            self.notes.append(f"{sizeless:,} accounts of unknown size take the hours of the smallest segment")
        self.assumptions.append("Potential is what was won in the last 365 days and what the open deals may bring.")

    def reps(self, region: str = "") -> list[str]:
        """Everybody who may have accounts: the team, else whoever has some; with a region or manager only theirs."""
        names = set(self.team) or {h.owner for h in self.holdings.values()} - {NOBODY}
        if region:
            low = region.casefold()
            names = {n for n in names if (m := self.team.get(n)) and low in (m.region.casefold(), m.manager.casefold())}
        return sorted(names)

    def who(self, said: str) -> list[str]:
        """The people that a name, a manager or a region means; `BadInput` when nobody."""
        same = [n for n in self.reps() if n.casefold() == said.strip().casefold()]
        found = (
            same
            or self.reps(said.strip())
            or [n for n in self.reps() if set(said.casefold().split()) <= set(n.casefold().split())]
        )
        if not said.strip() or not found:
            regions = sorted({m.region for m in self.team.values() if m.region})
            raise BadInput(f"{said!r} is nobody's name, manager or region here", mend=f"regions: {', '.join(regions)}")
        return found

    def loads(self, owners: Mapping[str, str], reps: Iterable[str]) -> list[Load]:
        """What each person has under an assignment (account id -> owner), in order of name."""
        counted: dict[str, list[float]] = {rep: [0, 0, 0, 0] for rep in sorted(reps)}
        for key, owner in owners.items():
            if owner in counted:
                holding, row = self.holdings[key], counted[owner]
                for at, amount in enumerate((1, holding.hours, holding.potential, holding.pipeline)):
                    row[at] += amount
        return [
            Load(rep=rep, accounts=int(row[0]), hours=round(row[1]), potential=int(row[2]), pipeline=int(row[3]))
            for rep, row in counted.items()
        ]

    def owners(self) -> dict[str, str]:
        """Account id -> owner now."""
        return {key: holding.owner for key, holding in self.holdings.items()}

    def _hours(self, account: Account) -> float:
        size = account.employees or 0
        touch = next((t for t in self._touches if size >= t.least), self._touches[-1])
        return touch.touches * touch.minutes / 60


def main_owner(deals: Sequence[Opportunity]) -> str:
    """Who has most of the open deals, else most of all deals; equal ones by name."""
    for some in ([d for d in deals if d.status == OPEN and d.owner], [d for d in deals if d.owner]):
        if some:
            return min(Counter(d.owner for d in some).items(), key=lambda one: (-one[1], one[0]))[0]
    return NOBODY


def variation(values: Sequence[float]) -> float:
    """The coefficient of variation: standard deviation over mean; 0 when all are alike or there is nothing."""
    mean = sum(values) / len(values) if values else 0.0
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) / mean if mean else 0.0

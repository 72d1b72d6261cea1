"""Whom to turn to first: fit, signs, engagement, potential and recency in points, and for each why it stands above the
next. Who must not be written to is out before anything is counted."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from cuga.adapters.capability import OPEN, WON, Account, Activity, Contact, CrmRead, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.calibration.card import PointsCard
from cuga.packs.sales.deals import all_of, deals_of, say_when_old, units
from cuga.packs.sales.governance.forecasting import prices_of, worth
from cuga.packs.sales.intelligence.card_score import score_by_card
from cuga.packs.sales.intelligence.fit import score
from cuga.packs.sales.intelligence.icp import IdealCustomerProfile, derived
from cuga.packs.sales.intelligence.signals import signals_of
from cuga.packs.sales.result import Report, Result, find_account
from cuga.packs.sales.territory.book import main_owner
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "priority-1"
WEIGHTS = {"fit": 40, "signs": 20, "engagement": 15, "potential": 15, "recency": 10}
_FULL_SIGNS, _FULL_TALKS, _HALF_LIFE = 20.0, 5, 60
RECENT_DAYS = 90
MOST = 500


class Part(Result, frozen=True, kw_only=True):
    """Points of one factor; `known` is false where nothing was recorded, which gives no points and costs no rank by
    itself."""

    factor: str
    points: float
    of: int
    known: bool
    why: str


class Priority(Result, frozen=True, kw_only=True):
    """One account. `above_next` names what sets it above the one after it."""

    rank: int
    account: str
    account_id: str
    owner: str
    points: float
    coverage: int
    open_deals: int
    above_next: str
    parts: tuple[Part, ...]


class Excluded(Result, frozen=True, kw_only=True):
    """An account that was not ranked, and why."""

    account: str
    account_id: str
    why: str


class Priorities(Report, frozen=True, kw_only=True):
    """Best first; equal points by name. `considered` counts all that were looked at."""

    considered: int
    ranking: tuple[Priority, ...]
    excluded: tuple[Excluded, ...]


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=1.0,
    keywords=(
        "prioritize", "rank", "who to call first", "call first", "call list", "who should i call",
        "which accounts first",
        "order leads", "leads", "best accounts",
    ),
    gives={"ranking": "/ranking"},
    uses=("crm",),
    timeout_s=60,
    guardrails=("who wants no mail is out first", "says why each stands above the next", "a stable order"),
)  # fmt: skip
def prioritize_accounts(
    context: ToolContext,
    accounts: Annotated[tuple[str, ...], Slot("account", "names or ids; left out: all accounts")] = (),
    top: Annotated[int, Slot("count", "how many to show")] = 10,
    per_rep: Annotated[int, Slot("cap", "at most so many for one owner; 0: no cap")] = 0,
    skip_open_deals: Annotated[bool, Slot("flag", "leave out accounts with an open deal")] = False,
    profile: Annotated[IdealCustomerProfile | None, Slot("icp", "the profile; left out: derived")] = None,
    card: Annotated[PointsCard | None, Slot("points_card", "a calibrated card instead of a profile")] = None,
    file: Annotated[str, Slot("file", "a list of leads; not read here, see the error")] = "",
) -> Priorities:
    """Rank many accounts or leads by fit signals recency and potential.

    Weights: fit 40, signs 20, engagement 15, potential 15, recency 10. What is not known gives no points and lowers the
    coverage. The order describes what is recorded; it has not been tested against who bought.
    """
    if file:
        raise BadInput(f"{file} is not read here", mend="import it first, or name the accounts themselves")
    if top < 1 or per_rep < 0:
        raise BadInput("top must be at least 1 and per_rep at least 0")
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    chosen = [find_account(crm, name, notes) for name in dict.fromkeys(accounts)] or [
        a for a in all_of(crm, "accounts") if isinstance(a, Account)
    ]
    deals = deals_of(crm)
    say_when_old(deals, today, notes)
    assumptions: tuple[str, ...] = ()
    wanted = profile.canonical() if profile is not None else None
    if card is None and wanted is None:
        wanted, assumptions = derived(crm)
    desk = _Desk(crm, deals, today)
    excluded, rows = [], []
    for account in chosen:
        if why := desk.barred(account, skip_open_deals):
            excluded.append(Excluded(account=account.name, account_id=account.id, why=why))
            continue
        fit = score_by_card(account, card) if card is not None else score(account, wanted or IdealCustomerProfile())
        if fit.disqualifiers:
            excluded.append(Excluded(account=account.name, account_id=account.id, why=fit.disqualifiers[0]))
            continue
        rows.append((account, (_fit_part(fit.score, fit.coverage), *desk.parts(account))))
    rows.sort(key=lambda one: (-_total(one[1]), one[0].name.casefold(), one[0].id))
    ranking = _ranked(rows, desk, top, per_rep, excluded)
    first = f"{ranking[0].account} first: {ranking[0].above_next}." if ranking else "nobody is left to rank."
    return Priorities(
        headline=f"{len(rows):,} accounts ranked, {len(excluded):,} left out; {first}",
        as_of=today.isoformat(),
        notes=tuple(notes),
        assumptions=(*assumptions, f"Weights: {', '.join(f'{k} {v}' for k, v in WEIGHTS.items())}."),
        rules=RULES,
        considered=len(chosen),
        ranking=tuple(ranking),
        excluded=tuple(excluded[:MOST]),
    )


class _Desk:
    """What is recorded of all accounts, read once."""

    def __init__(self, crm: CrmRead, deals: Sequence[Opportunity], today: Any) -> None:
        self._crm, self.today, self._prices = crm, today, prices_of(crm)
        self.deals: dict[str, list[Opportunity]] = defaultdict(list)
        for deal in deals:
            self.deals[deal.account_id].append(deal)
        self._talks: dict[str, list[Activity]] = defaultdict(list)
        for row in all_of(crm, "activities"):
            if isinstance(row, Activity) and row.happened is not None and row.happened <= today:
                self._talks[row.account_id].append(row)
        self._people: dict[str, list[Contact]] = defaultdict(list)
        for person in all_of(crm, "contacts"):
            if isinstance(person, Contact):
                self._people[person.account_id].append(person)
        worths = {key: self._worth(key) for key in self.deals if key}
        self._most = max(worths.values(), default=0)

    def barred(self, account: Account, skip_open: bool) -> str:
        """Why an account is not ranked; empty when it is."""
        people = self._people[account.id]
        if people and all(person.unsubscribed for person in people):
            return "everybody known there wants no mail"
        if skip_open and any(d.status == OPEN for d in self.deals[account.id]):
            return "it has an open deal"
        return ""

    def parts(self, account: Account) -> tuple[Part, ...]:
        """Signs, engagement, potential, recency."""
        signs, _ = signals_of(self._crm, account, self.today)
        weight = sum(one.weight for one in signs)
        talks = self._talks[account.id]
        recent = sum((self.today - t.happened).days <= RECENT_DAYS for t in talks if t.happened)
        bring = self._worth(account.id)
        known = bool(self.deals[account.id])
        last = max(
            [t.happened for t in talks if t.happened]
            + [d.opened for d in self.deals[account.id] if d.opened and d.opened <= self.today],
            default=None,
        )
        age = (self.today - last).days if last else None
        scale = math.log1p(bring) / math.log1p(self._most) if self._most else 0.0
        return (
            _part("signs", min(1.0, weight / _FULL_SIGNS), bool(signs),
                  f"{len(signs)} signs, weight {weight:.1f}" if signs else "no signs are recorded"),
            _part("engagement", min(1.0, recent / _FULL_TALKS), bool(talks),
                  f"{recent} contacts in {RECENT_DAYS} days" if talks else "no contact is recorded"),
            _part("potential", scale, known, f"worth {bring:,} by last year's and open deals" if known
                  else "no deal tells what it may bring"),
            _part("recency", 0.5 ** (age / _HALF_LIFE) if age is not None else 0.0, age is not None,
                  f"last event {age} days ago" if age is not None else "no dated event is recorded"),
        )  # fmt: skip

    def _worth(self, key: str) -> int:
        total = 0
        for deal in self.deals[key]:
            if deal.status == OPEN:
                total += worth(deal, self._prices) or 0
            elif deal.status == WON and deal.closes and 0 <= (self.today - deal.closes).days < 365:
                total += units(deal.amount)
        return total


def _part(factor: str, share: float, known: bool, why: str) -> Part:
    of = WEIGHTS[factor]
    return Part(factor=factor, points=round(of * share, 1) if known else 0.0, of=of, known=known, why=why)


def _fit_part(points: int, coverage: int) -> Part:
    return _part("fit", points / 100, coverage > 0, f"{points} of 100, {coverage} % known")


def _total(parts: Sequence[Part]) -> float:
    return round(sum(part.points for part in parts), 1)


def _ranked(
    rows: Sequence[tuple[Account, tuple[Part, ...]]], desk: _Desk, top: int, per_rep: int, excluded: list[Excluded]
) -> list[Priority]:
    kept: list[tuple[Account, tuple[Part, ...], str]] = []
    held: dict[str, int] = defaultdict(int)
    for account, parts in rows:
        owner = account.owner or main_owner(desk.deals[account.id])
        if per_rep and owner and held[owner] >= per_rep:
            excluded.append(Excluded(account=account.name, account_id=account.id, why=f"{owner} has {per_rep} already"))
            continue
        held[owner] += 1
        kept.append((account, parts, owner))
    found = []
    for at, (account, parts, owner) in enumerate(kept[: min(top, MOST)]):
        after = kept[at + 1][1] if at + 1 < len(kept) else None
        found.append(
            Priority(
                rank=at + 1,
                account=account.name,
                account_id=account.id,
                owner=owner,
                points=_total(parts),
                coverage=round(sum(p.of for p in parts if p.known)),
                open_deals=sum(d.status == OPEN for d in desk.deals[account.id]),
                above_next=_above(parts, after),
                parts=parts,
            )
        )
    return found


def _above(parts: Sequence[Part], after: Sequence[Part] | None) -> str:
    if after is None:
        return max(parts, key=lambda p: p.points).why
    if _total(parts) == _total(after):
        return "equal points; the name decides"
    gains = [(p.points - other.points, p) for p, other in zip(parts, after, strict=True)]
    gain, most = max(gains, key=lambda one: one[0])
    return f"{most.factor} {gain:+.1f} ({most.why})"

"""What the house's own closed deals say about which accounts fit: a points card, judged on deals it has not seen.

"No signal" is a result: then there is no card, and whoever asks is told that the data cannot rank accounts.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cuga.adapters.capability import LOST, WON, Account, CrmRead, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.calibration.card import PointsCard, Scalar, plain
from cuga.packs.sales.calibration.columns import Left, Row
from cuga.packs.sales.calibration.fields import account_fields, deal_fields
from cuga.packs.sales.calibration.learning import Judged, judged, learn
from cuga.packs.sales.deals import all_of, deals_of, say_when_old
from cuga.packs.sales.periods import Period, period_of
from cuga.packs.sales.result import Report
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "calibrate-1"
SPLITS = (60, 70, 80)  # percent of the cases, in order of time, that a card is learned on
ENOUGH, ENOUGH_EACH, ENOUGH_LATER = 100, 30, 10
MOST_ROWS = 100_000
SIGNAL, UNSTEADY, NO_SIGNAL, TOO_FEW = "signal", "unsteady", "no signal", "too few cases"
_YES = {"yes", "y", "true", "1", "won"}
_NO = {"no", "n", "false", "0", "lost"}


class Calibration(Report, frozen=True, kw_only=True):
    """`card` is given with the verdict "signal" alone, learned on all cases; `splits` judge such cards on later cases.

    AUC: 0.5 is chance. Brier: mean squared error of the chances, to be compared with that of the constant base rate.
    """

    verdict: str
    cases: int
    successes: int
    card: PointsCard | None
    splits: tuple[Judged, ...]
    left_out: tuple[Left, ...]


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=2.0,
    keywords=(
        "calibrate", "calibrate icp", "icp weights", "should the icp change", "tune icp", "adjust icp", "learn weights",
        "which factors predict", "does the icp work", "test the icp", "validate icp",
    ),
    gives={"points_card": "/card"},
    uses=("crm",),
    timeout_s=120,
    guardrails=(
        "judges on later cases only, never on those it learned from", "leaves out what was known only afterwards",
        "gives no card when there is no signal", "changes no profile",
    ),
)  # fmt: skip
def calibrate_icp(
    context: ToolContext,
    period: Annotated[str, Slot("period", "only deals that were closed in this time")] = "",
    fields: Annotated[tuple[str, ...], Slot("fields", "fields to ask; left out: those of the account")] = (),
    rows: Annotated[tuple[dict[str, Scalar], ...], Slot("cases", "own cases in order of time")] = (),
    outcome: Annotated[str, Slot("column", "with rows: the column that says yes or no")] = "",
) -> Calibration:
    """Learn and test the weights of the ideal customer profile on closed deals.

    A card of at most ten yes/no factors with whole points is learned on earlier deals and judged on later ones, at
    three points in time. Deals carry the fields as they are today: what has changed since a deal began is not known.
    Read: AUC with its interval (Hanley and McNeil 1982), Brier score against the base rate, lift of the top tenth.
    """
    today, notes = context.as_of.date(), list[str]()
    if rows:
        cases, names = _given(rows, outcome), tuple(fields) or tuple(n for n in rows[0] if n != outcome)
        parts = [(cases[: (n := len(cases) * share // 100)], cases[n:]) for share in SPLITS]
    else:
        cases, names, parts = _from_crm(context.capability("crm"), period, fields, today, notes)
    wins = sum(o for _, o in cases)
    usable = [(a, b) for a, b in parts if _enough(a) and len(b) >= ENOUGH_LATER and 0 < sum(o for _, o in b) < len(b)]
    if len(cases) < ENOUGH or not _enough(cases) or not usable:
        return _answer(TOO_FEW, cases, wins, None, (), (), notes, today)
    splits = tuple(judged(*_apart(a), *_apart(b), names) for a, b in usable)
    better = sum(split.is_better for split in splits)
    verdict = SIGNAL if better == len(splits) else UNSTEADY if better else NO_SIGNAL
    card, columns = learn(*_apart(cases), names)
    if verdict == SIGNAL and card is None:
        verdict = UNSTEADY
    if card is not None:
        card = _signed(card, cases, today)
    left = tuple(columns.left)
    return _answer(
        verdict, cases, wins, card if verdict == SIGNAL else None, splits, left, notes + columns.notes, today
    )


Case = tuple[Row, bool]


def _answer(
    verdict: str, cases: list[Case], wins: int, card: PointsCard | None, splits: tuple[Judged, ...],
    left: tuple[Left, ...], notes: list[str], today: date,
) -> Calibration:  # fmt: skip
    last = splits[-1] if splits else None
    figures = (
        f"AUC {last.auc} ({last.auc_low} to {last.auc_high}), Brier {last.brier} against {last.brier_constant} for the "
        f"base rate, on {last.judged_on:,} later cases"
        if last
        else ""
    )
    said = {
        SIGNAL: f"The card ranks later cases better than chance at every split: {figures}.",
        UNSTEADY: f"Unsteady: better than the base rate at some points in time and not at others; last: {figures}.",
        NO_SIGNAL: f"No signal: these fields do not tell who buys; {figures}. Keep the profile as a description.",
        TOO_FEW: f"Too few: {len(cases):,} closed cases with {wins:,} successes; at least {ENOUGH} are needed, "
        f"{ENOUGH_EACH} of each outcome.",
    }[verdict]
    return Calibration(
        headline=said,
        as_of=today.isoformat(),
        notes=tuple(notes),
        rules=RULES,
        verdict=verdict,
        cases=len(cases),
        successes=wins,
        card=card,
        splits=splits,
        left_out=left,
    )


def _given(rows: tuple[dict[str, Scalar], ...], outcome: str) -> list[Case]:
    if len(rows) > MOST_ROWS:
        raise BadInput(f"{len(rows):,} rows; {MOST_ROWS:,} are read", mend="hand in the latest ones")
    if not outcome or outcome not in rows[0]:
        raise BadInput(f"the rows have no column {outcome!r}", mend=f"name the outcome among {', '.join(rows[0])}")
    cases: list[Case] = []
    for at, row in enumerate(rows, 1):
        said = plain(row.get(outcome)).casefold()
        if said not in _YES | _NO:
            raise BadInput(f"row {at} says {said!r} as its outcome", mend="write yes or no (or won or lost)")
        cases.append(({name: value for name, value in row.items() if name != outcome}, said in _YES))
    return cases


def _from_crm(
    crm: CrmRead, period: str, fields: tuple[str, ...], today: date, notes: list[str]
) -> tuple[list[Case], tuple[str, ...], list[tuple[list[Case], list[Case]]]]:
    """Closed deals in the order they were opened; a card is learned on those closed before a day and judged on those
    opened from that day on, as it would have been on the day."""
    every = deals_of(crm)
    say_when_old(every, today, notes)
    window: Period | None = period_of(period, today) if period else None
    closed = [
        deal
        for deal in every
        if deal.status in (WON, LOST)
        and deal.opened is not None
        and deal.closes is not None
        and deal.closes <= today
        and (window is None or window.holds(deal.closes))
    ]
    accounts = {a.id: account_fields(a) for a in all_of(crm, "accounts") if isinstance(a, Account)}
    nothing = account_fields(Account(id=""))
    names = tuple(fields) or tuple(nothing)
    if unknown := [name for name in names if name not in nothing | deal_fields(Opportunity(id=""))]:
        known = ", ".join(nothing | deal_fields(Opportunity(id="")))
        raise BadInput(f"there is no field {unknown[0]!r}", mend=f"fields: {known}")
    closed.sort(key=lambda deal: (str(deal.opened), deal.id))
    lone = sum(deal.account_id not in accounts for deal in closed)
    if lone:
        notes.append(f"{lone:,} closed deals name no known account: their account fields count as not known")

    def case(deal: Opportunity) -> Case:
        return accounts.get(deal.account_id, nothing) | deal_fields(deal), deal.status == WON

    parts = []
    for share in SPLITS:
        if not closed:
            break
        day = closed[min(len(closed) - 1, len(closed) * share // 100)].opened
        before = [case(d) for d in closed if d.closes is not None and day is not None and d.closes < day]
        after = [case(d) for d in closed if d.opened is not None and day is not None and d.opened >= day]
        parts.append((before, after))
    return [case(deal) for deal in closed], names, parts


def _enough(cases: list[Case]) -> bool:
    wins = sum(o for _, o in cases)
    return min(wins, len(cases) - wins) >= ENOUGH_EACH


def _apart(cases: list[Case]) -> tuple[list[Row], list[bool]]:
    return [row for row, _ in cases], [o for _, o in cases]


def _signed(card: PointsCard, cases: list[Case], today: date) -> PointsCard:
    return PointsCard(
        factors=card.factors,
        constant=card.constant,
        slope=card.slope,
        learned_from=f"{len(cases):,} cases up to {today}",
    )

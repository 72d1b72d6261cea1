"""An even split of hours and potential with as few moves as wished: single moves and swaps, the best one first.

Every account that changes hands costs trust, so the answer is a curve, spread against moves, and not one split.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from cuga.errors import BadInput
from cuga.packs.sales.result import Report, Result, find_account
from cuga.packs.sales.territory.book import Book, Load, Touch, variation
from cuga.packs.sales.territory.plan import TerritoryPlan, is_late, move_of, plan_of
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "balance-2"
TARGET = 0.10  # coefficient of variation, and 1.25 of most over least
MOST_MOVES, USUAL_MOVES = 500, 20
_LIMITS = re.compile(
    r"(?:at most|no more than|not more than|up to|max(?:imum)?(?: of)?|within|only) (\d{1,6}) (?:\w+ )?"
    r"(?:moves?|accounts?)",
    re.I,
)
_REACH = 4  # how many of the fullest and emptiest books are looked at for the next move


class Point(Result, frozen=True, kw_only=True):
    """The spread after so many moves; max over min, None while somebody has nothing."""

    moves: int
    hours_spread: float
    potential_spread: float
    hours_max_over_min: float | None
    reaches_target: bool


class Balance(Report, frozen=True, kw_only=True):
    """`curve` shows the spread against the number of moves, `plan` the moves at its end. Nothing is assigned."""

    reps: int
    accounts: int
    curve: tuple[Point, ...]
    plan: TerritoryPlan
    loads: tuple[Load, ...]


@tool(
    domain="territory",
    side_effect="propose",
    cost=1.2,
    keywords=("balance", "even split", "rebalance", "fair", "equal territories", "split accounts",
    "balance territories",
    "fair patches"),
    gives={"territory_plan": "/plan"},
    uses=("crm",),
    timeout_s=60,
    guardrails=("keeps the limit on moves", "keeps locked accounts", "proposes, never assigns"),
)  # fmt: skip
def balance_territories(
    context: ToolContext,
    region: Annotated[str, Slot("region", "only people and accounts of this region or manager")] = "",
    reps: Annotated[int, Slot("count", "how many reps to split over; left out: all; others keep what they have")] = 0,
    max_moves: Annotated[int, Slot("limit", "at most so many accounts change hands")] = USUAL_MOVES,
    locked: Annotated[tuple[str, ...], Slot("locked", "accounts that stay where they are")] = (),
    keep_late_deals: Annotated[bool, Slot("flag", "accounts with a deal near its end stay")] = True,
    touches: Annotated[tuple[Touch, ...], Slot("touch_model", "touches and minutes by segment")] = (),
    request: Annotated[str, Slot("guidance", "the wish in words; a limit on moves in it holds as well")] = "",
) -> Balance:
    """Propose an even split of accounts over reps or territories under locks and a limit on moves.

    Hours and potential are balanced together, hours first where they disagree. A good split is under 0.10 (standard
    deviation over mean) and 1.25 (most over least). Greedy moves and swaps: a good answer, not a proven best one.
    """
    most = [max_moves, *(int(found[1]) for found in _LIMITS.finditer(request))]
    max_moves = min(most) if max_moves != USUAL_MOVES else min(most[1:], default=max_moves)
    if not 0 <= max_moves <= MOST_MOVES:
        raise BadInput(f"max_moves must be 0 to {MOST_MOVES}", mend="leave it out for 20")
    crm = context.capability("crm")
    book = Book(crm, context.as_of.date(), touches)
    people = book.who(region) if region else book.reps()
    owners = book.owners()
    if reps:
        held = {load.rep: load.accounts for load in book.loads(owners, people)}
        if reps > len(people):
            raise BadInput(f"there are {len(people)} reps, not {reps}", mend=f"say at most {len(people)}")
        people = sorted(sorted(people, key=lambda p: (-held[p], p))[:reps])
        book.assumptions.append(f"The {reps} reps are those with the most accounts now.")
    stay = {find_account(crm, name, book.notes).id for name in locked}
    if keep_late_deals:
        stay |= {key for key, h in book.holdings.items() if any(is_late(d.stage) for d in h.deals)}
    inside = {key: owner for key, owner in owners.items() if owner in set(people) or (not region and not owner)}
    if not people or not inside:
        raise BadInput("there is nothing to balance", mend="import accounts and a team, or name another region")
    after, curve = balanced(book, inside, people, stay, max_moves)
    plan = plan_of([move_of(book, key, owners[key], after[key]) for key in after if after[key] != owners[key]])
    first, last = curve[0], curve[-1]
    enough = next((p.moves for p in curve if p.reaches_target), None)
    said = f"{last.moves} moves bring the spread of hours from {first.hours_spread} to {last.hours_spread}" + (
        f"; {enough} are enough for {TARGET}." if enough is not None else f"; {TARGET} needs more moves than that."
    )
    return Balance(
        headline=said,
        as_of=book.today.isoformat(),
        notes=(*book.notes, f"{len(stay & inside.keys()):,} accounts are locked or have a deal near its end"),
        assumptions=tuple(book.assumptions),
        rules=RULES,
        reps=len(people),
        accounts=len(inside),
        curve=tuple(curve),
        plan=plan,
        loads=tuple(book.loads(after, people)),
    )


def balanced(
    book: Book, owners: Mapping[str, str], people: list[str], stay: set[str], most: int
) -> tuple[dict[str, str], list[Point]]:
    """The assignment after at most `most` moves away from `owners`, and the spread after each of them."""
    now = dict(owners)
    books: dict[str, set[str]] = {rep: set() for rep in people}
    for key, owner in now.items():
        if owner in books:
            books[owner].add(key)
    pull = {key: (book.holdings[key].hours, float(book.holdings[key].potential)) for key in now}
    size = max(1, len(people))
    means = [sum(p[k] for p in pull.values()) / size or 1.0 for k in (0, 1)]
    sums = {rep: [sum(pull[key][k] for key in keys) / means[k] for k in (0, 1)] for rep, keys in books.items()}

    def cost(row: list[float]) -> float:
        return (row[0] - 1) ** 2 + 0.5 * (row[1] - 1) ** 2

    def moved(row: list[float], key: str, sign: int) -> list[float]:
        return [row[k] + sign * pull[key][k] / means[k] for k in (0, 1)]

    curve = [_point(book, now, people, owners)]
    while True:
        used = sum(now[key] != owners[key] for key in now)
        ranked = sorted(people, key=lambda rep: (-cost(sums[rep]), rep))
        ends = sorted(people, key=lambda rep: (sum(sums[rep]), rep))
        some = list(dict.fromkeys([*ranked[:_REACH], *ends[:_REACH], *ends[-_REACH:]]))
        best: tuple[float, list[tuple[str, str]]] = (-1e-9, [])
        homeless = sorted(key for key, owner in now.items() if owner not in books and key not in stay)
        for giver in ["", *some]:
            keys = homeless if not giver else sorted(books[giver] - stay)
            for key in keys:
                freed = moved(sums[giver], key, -1) if giver else [0.0, 0.0]
                gain_out = cost(freed) - cost(sums[giver]) if giver else -1.0  # covering an account counts by itself
                for taker in some:
                    if taker == giver:
                        continue
                    filled = moved(sums[taker], key, 1)
                    gain = gain_out + cost(filled) - cost(sums[taker])
                    if gain < best[0] and used + _new(owners, now, [(key, taker)]) <= most:
                        best = (gain, [(key, taker)])
                    if not giver or used >= most:
                        continue
                    for other in sorted(books[taker] - stay)[:40]:
                        swapped = cost(moved(filled, other, -1)) - cost(sums[taker])
                        swapped += cost(moved(freed, other, 1)) - cost(sums[giver])
                        pair = [(key, taker), (other, giver)]
                        # a swap moves two accounts: it must gain twice as much to be worth it
                        if swapped / 2 < best[0] and used + _new(owners, now, pair) <= most:
                            best = (swapped / 2, pair)
        if not best[1]:
            return now, curve
        for key, taker in best[1]:
            if (giver := now[key]) in books:
                books[giver].discard(key)
                sums[giver] = moved(sums[giver], key, -1)
            books[taker].add(key)
            sums[taker] = moved(sums[taker], key, 1)
            now[key] = taker
        curve.append(_point(book, now, people, owners))


def _new(owners: Mapping[str, str], now: Mapping[str, str], moves: list[tuple[str, str]]) -> int:
    """How many more accounts would differ from where they were."""
    return sum((taker != owners[key]) - (now[key] != owners[key]) for key, taker in moves)


def _point(book: Book, now: Mapping[str, str], people: list[str], owners: Mapping[str, str]) -> Point:
    loads = book.loads(now, people)
    hours = [float(load.hours) for load in loads]
    ratio = round(max(hours) / min(hours), 2) if hours and min(hours) > 0 else None
    spread = round(variation(hours), 3)
    return Point(
        moves=sum(now[key] != owners[key] for key in now),
        hours_spread=spread,
        potential_spread=round(variation([float(load.potential) for load in loads]), 3),
        hours_max_over_min=ratio,
        reaches_target=spread < TARGET,
    )

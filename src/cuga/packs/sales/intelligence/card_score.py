"""Points of an account by a calibrated card, in the same shape as by a profile."""

from __future__ import annotations

from cuga.adapters.capability import Account
from cuga.packs.sales.calibration.card import PointsCard, holds
from cuga.packs.sales.calibration.fields import account_fields
from cuga.packs.sales.intelligence.fit import Factor, FitScore, rounded_shares, tier_of
from cuga.packs.sales.intelligence.icp import IdealCustomerProfile
from cuga.packs.sales.result import evidence, place


def score_by_card(account: Account, card: PointsCard, notes: tuple[str, ...] = ()) -> FitScore:
    """0 to 100: each factor gives its share when it speaks for the account. A factor with negative points gives its
    share when it does not hold. One whose value is not known gives nothing and lowers the coverage."""
    fields = account_fields(account)
    card = card.checked()
    weights = {str(at): abs(factor.points) or 1 for at, factor in enumerate(card.factors)}
    shares = rounded_shares(weights)
    whole, known, factors, total = sum(weights.values()), 0, [], 0
    for at, factor in enumerate(card.factors):
        answer = holds(factor, fields.get(factor.field))
        of = shares[str(at)]
        known += weights[str(at)] if answer is not None else 0
        is_good = answer is not None and answer == (factor.points >= 0)
        total += factor.points if answer else 0
        value = fields.get(factor.field)
        factors.append(
            Factor(
                factor=factor.words,
                state="unknown" if answer is None else "met" if is_good else "missed",
                points=of if is_good else 0,
                of=of,
                why=f"no {factor.field} is known" if answer is None else f"{factor.field}: {value}, {factor.points:+d}",
            )
        )
    points, coverage = sum(f.points for f in factors), round(100 * known / whole)
    told = f"{total:+d} card points: like cases were won in {100 * card.chance(total):.0f} %"
    fields_known = dict.fromkeys(f.field for f in card.factors if fields.get(f.field) is not None)
    return FitScore(
        account=account.name,
        account_id=account.id,
        score=points,
        tier=tier_of(points, coverage),
        coverage=coverage,
        factors=tuple(factors),
        unknowns=tuple(f.factor for f in factors if f.state == "unknown"),
        disqualifiers=(),
        evidence=tuple(evidence(account, name, value=str(fields[name])) for name in fields_known),
        assumptions=(
            f"Scored by a card learned from {card.learned_from}." if card.learned_from else "Scored by a card.",
        ),
        notes=(*notes, told + (f" ({place(account)})" if place(account) else "")),
        profile=IdealCustomerProfile(),
        rules=card.rules,
    )

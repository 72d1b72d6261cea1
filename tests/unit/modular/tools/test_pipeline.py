"""The pipeline in figures: they add up to the records, and what nobody wrote down is counted apart."""

from __future__ import annotations

import msgspec

from cuga.adapters.capability import OPEN, Filter
from cuga.adapters.offline import CrmStore
from cuga.model.value import MICRO
from cuga.modular.tools.analytics.pipeline import summarise_pipeline


def test_the_figures_are_those_of_the_records(context, crm):
    found = summarise_pipeline(context)
    deals = crm.query("opportunities", [Filter(field="status", value=OPEN)], limit=-1)
    assert found.deals == len(deals) == sum(stage.deals for stage in found.stages)
    for stage in found.stages:
        own = [deal for deal in deals if (deal.stage or "no stage") == stage.stage]
        for currency, whole in stage.amounts.items():
            micro = sum(d.amount for d in own if d.amount is not None and (d.currency or "no currency") == currency)
            assert whole == micro // MICRO
        assert stage.without_amount == sum(deal.amount is None for deal in own)
        assert stage.overdue == sum(d.closes is not None and d.closes < context.as_of.date() for d in own)
    assert found.closed == crm.count("opportunities", [Filter(field="status", op="in", value="won|lost")])
    assert found.win_rate is not None and 0 <= found.win_rate <= 100


def test_an_owner_has_only_their_own_deals(context, crm):
    ((owner, count), *_) = crm.group("opportunities", "owner", [Filter(field="status", value=OPEN)])
    found = summarise_pipeline(context, owner=owner)
    assert (found.owner, found.deals) == (owner, count)


def test_an_empty_house_has_no_rate_and_no_unknowns(context):
    empty = msgspec.structs.replace(context, capabilities={"crm": CrmStore.open(":memory:")})
    found = summarise_pipeline(empty)
    assert (found.deals, found.stages, found.win_rate, found.unknowns) == (0, (), None, ())


def test_what_is_unknown_is_said_with_its_share(context):
    found = summarise_pipeline(context)
    missing = sum(stage.without_amount for stage in found.stages)
    assert missing > 0
    assert f"amount: not known of {missing} of {found.deals}" in found.unknowns

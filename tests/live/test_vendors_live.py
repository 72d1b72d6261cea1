"""The real vendors, only read from, and only when somebody says so: `CUGA_LIVE=1` and the variables of a vendor."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from cuga.adapters.vendors import KINDS, Unread
from cuga.orchestrator.house.place import make
from cuga.orchestrator.house.vendors import try_out
from cuga.settings import Settings

CRMS = [kind for kind in KINDS.values() if kind.make is not None]


@pytest.mark.parametrize("kind", CRMS, ids=[kind.name for kind in CRMS])
def test_the_real_vendor_knows_us_and_its_records_can_be_read(kind):
    if os.environ.get("CUGA_LIVE") != "1" or kind.missing(os.environ):
        pytest.skip(
            f"{kind.title} was not asked: CUGA_LIVE=1 and {', '.join(n.variable for n in kind.needs)} are not set"
        )
    vendor = kind.make(kind.said(os.environ), Settings())
    assert vendor.look()
    for said in ("accounts", "opportunities"):
        for page in islice(vendor.pages(said), 2):
            assert not [one for one in page if isinstance(one, Unread)]


OTHERS = [kind for kind in KINDS.values() if kind.make is None]


@pytest.mark.parametrize("kind", OTHERS, ids=[kind.name for kind in OTHERS])
def test_the_real_other_side_answers_and_nothing_is_sent(kind, tmp_path):
    if os.environ.get("CUGA_LIVE") != "1" or kind.missing(os.environ):
        pytest.skip(
            f"{kind.title} was not asked: CUGA_LIVE=1 and {', '.join(n.variable for n in kind.needs)} are not set"
        )
    assert try_out(kind, {}, Settings(variables=dict(os.environ)), make(tmp_path / "house"))

"""Rates with their uncertainty: known values, too few called too few, one test at a time, machines left out."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Activity, Contact, Incoming, Outgoing
from cuga.adapters.offline import CrmStore, Outbox
from cuga.clock import ManualClock
from cuga.errors import BadInput
from cuga.packs.sales.engagement.intake import Intake
from cuga.packs.sales.engagement.rates import difference, needed, wilson
from cuga.packs.sales.engagement.results import Given, analyze_outreach_results
from cuga.tools.declare import ToolContext

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def world(tmp_path):
    crm, outbox = CrmStore.open(":memory:"), Outbox(tmp_path, clock=ManualClock(AT))
    crm.store({"contacts": [Contact(id=f"P{n}", name=f"N {n}", email=f"p{n}@x.example") for n in range(6)]})
    return ToolContext.for_tests(capabilities={"crm": crm, "mail": outbox}, as_of=AT)


def went_out(context, number, template):
    outbox = context.capability("mail")
    mail = Outgoing(key=f"{template}-{number}", recipient=f"p{number}@x.example", subject="a b", body="c", intent="i",
                    template=template)  # fmt: skip
    return outbox.send(mail).message_id


def came_back(context, number, answers, text, **others):
    crm = context.capability("crm")
    intake = Intake(crm, context.capability("mail"), AT.date())
    intake.take(Incoming(place="a", digest=f"{number}{text}".ljust(30), sender=f"p{number}@x.example", text=text,
                         answers=(answers,), **others))  # fmt: skip
    crm.store(intake.records)


def test_people_are_counted_and_machines_are_no_replies(world):
    ids = {n: went_out(world, n, "a@1") for n in range(4)}
    went_out(world, 4, "b@1")
    came_back(world, 0, ids[0], "Sounds good, tell me more")
    came_back(world, 0, ids[0], "Tuesday works")
    came_back(world, 1, ids[1], "unsubscribe")
    came_back(world, 2, ids[2], "I am out of the office until 9 January", automatic=True)
    came_back(world, 3, "<other@x>", "Interested")
    world.capability("crm").store({
        "activities": [Activity(id="m1", kind="meeting", contact_id="P0", happened=date(2026, 1, 20)),
                       Activity(id="m2", kind="meeting", contact_id="P4", happened=date(2025, 1, 20))],
    })  # fmt: skip
    found = {one.name: one for one in analyze_outreach_results(world).groups}
    a = found["a@1"]
    assert (a.sent, a.replies, a.interested, a.opt_outs, a.meetings) == (4, 2, 1, 1, 1)
    assert a.reply_rate.percent == 50.0 and a.reply_rate.low < 20 < 80 < a.reply_rate.high
    assert found["b@1"].meetings == 0 and analyze_outreach_results(world).verdict == "too few"
    assert analyze_outreach_results(world, since="2026-01-06").groups == ()


def test_people_who_got_both_are_named(world):
    for template in ("a", "b"):
        went_out(world, 0, template)
    assert any("with both" in note for note in analyze_outreach_results(world).notes)


def groups(*counts):
    return tuple(Given(name=f"v{at}", sent=sent, replies=replies) for at, (sent, replies) in enumerate(counts))


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (((2000, 200), (2000, 100)), "v0 is better"),
        (((2000, 100), (2000, 200)), "v1 is better"),
        (((2000, 100), (2000, 102)), "no difference shown"),
        (((20, 10), (20, 1)), "too few"),
        (((0, 0), (500, 1)), "too few"),
        (((500, 1),), "no test"),
        (((500, 1), (500, 1), (500, 9)), "no test"),
    ],
)
def test_a_test_is_judged_when_there_is_enough_to_judge(world, counts, verdict):
    found = analyze_outreach_results(world, given=groups(*counts))
    assert found.verdict == verdict and found.why
    assert any("opens" in note for note in found.notes)


def test_of_several_variants_two_are_named_and_no_more(world):
    three = groups((2000, 200), (2000, 100), (2000, 150))
    assert analyze_outreach_results(world, given=three, compare=("v1", "v0")).verdict == "v0 is better"
    for wrong in (("v0", "v1", "v2"), ("v0", "v0"), ("v0", "v9")):
        with pytest.raises(BadInput):
            analyze_outreach_results(world, given=three, compare=wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"given": groups((1, 2))}, {"given": groups((1, 1)) * 2}, {"lift": 0}, {"since": "soon"}],
)
def test_counts_that_cannot_be_are_refused(world, wrong):
    with pytest.raises(BadInput):
        analyze_outreach_results(world, **wrong)


def test_without_anything_it_says_so(world):
    found = analyze_outreach_results(world)
    assert found.groups == () and found.verdict == "no test" and "cuga replies" in found.notes[0]
    with pytest.raises(BadInput, match="neither mail nor CRM"):
        analyze_outreach_results(ToolContext.for_tests())


def test_the_intervals_are_the_published_ones():
    assert (wilson(81, 263).low, wilson(81, 263).high) == (25.5, 36.6)  # Newcombe 1998, single proportion
    assert (wilson(0, 20).low, wilson(0, 20).high) == (0.0, 16.1)
    assert difference(56, 70, 48, 80) == (5.2, 33.4)  # Newcombe 1998, two proportions, method 10
    assert wilson(0, 0).percent is None
    assert 430 < needed(0.05, 0.05) < 440


counts = st.integers(1, 3000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(one=counts, other=counts)
def test_an_interval_holds_its_share_and_narrows_and_a_difference_turns_around(one, other):
    rate = wilson(*one)
    assert rate.low <= rate.percent + 0.1 and rate.percent <= rate.high + 0.1
    wider = wilson(one[0] * 4, one[1] * 4)
    assert wider.high - wider.low <= rate.high - rate.low + 0.1
    low, high = difference(*one, *other)
    assert (-high, -low) == pytest.approx(difference(*other, *one), abs=0.11)

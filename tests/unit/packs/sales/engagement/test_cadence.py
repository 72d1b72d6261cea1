"""Cadences and their hours: business days of whoever receives them, a cap per week over all of them, and stop rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuga.adapters.capability import Account, Contact, Filter
from cuga.adapters.offline import CrmStore, Outbox
from cuga.errors import BadInput
from cuga.packs.sales.engagement import calendar_text
from cuga.packs.sales.engagement.cadence import PER_WEEK, plan_cadence
from cuga.packs.sales.engagement.touches import cadences_of, holding, kept_in
from cuga.packs.sales.engagement.touchpoints import Where, schedule_engagement_touchpoint
from cuga.packs.sales.places import place_of, why_closed
from cuga.tools.declare import ToolContext

AS_OF = datetime(2026, 3, 26, 9, tzinfo=UTC)  # a Thursday before Easter and before summer time
NORA, TOM = "nora@firm.example", "tom@usa.example"


@pytest.fixture
def store():
    crm = CrmStore.open(":memory:")
    crm.store({
        "accounts": [Account(id="A1", name="Firm", country="Germany"), Account(id="A2", name="Usa", country="US"),
                     Account(id="A3", name="Where")],
        "contacts": [Contact(id="P1", name="Nora T", email=NORA, account_id="A1"),
                     Contact(id="P2", name="Tom V", email=TOM, account_id="A2"),
                     Contact(id="P3", name="Una W", email="una@where.example", account_id="A3"),
                     Contact(id="P4", name="Quiet Q", email="q@firm.example", account_id="A1", unsubscribed=True)],
    })  # fmt: skip
    return crm


@pytest.fixture
def context(store, tmp_path):
    return ToolContext.for_tests(capabilities={"crm": store, "mail": Outbox(tmp_path)}, as_of=AS_OF)


def again(context, key):
    return msgspec.structs.replace(context, key=key)


def test_a_sequence_is_planned_from_a_sellers_words(context):
    found = plan_cadence(
        context, persona="plant managers", touches=5,
        guidance="3-4 business days apart starting Monday, email + LinkedIn",
    )  # fmt: skip
    assert [touch.channel for touch in found.touches] == ["email", "linkedin", "email", "linkedin", "email"]
    assert [touch.after_days for touch in found.touches] == [0, 3, 4, 3, 4]
    assert [touch.day for touch in found.touches] == [
        "2026-03-30",
        "2026-04-02",
        "2026-04-08",
        "2026-04-13",
        "2026-04-17",
    ]
    assert len({touch.purpose for touch in found.touches}) == 5 and found.people == ()
    assert any("reply" in rule for rule in found.stop_rules) and "nothing was kept" in found.notes[0]
    assert context.capability("crm").count("activities") == 0


def test_a_plan_for_a_person_has_the_business_days_of_their_country_and_is_kept(context, store):
    found = plan_cadence(context, touches=3, start="2026-04-02", spacing=1, contacts=(NORA,))
    (nora,) = found.people
    assert [touch.day for touch in nora.touches] == ["2026-04-02", "2026-04-07", "2026-04-09"]
    assert "moved" in nora.notes[0] and nora.country == "Germany"
    (activity,) = cadences_of(store, "P1")
    assert activity.id == nora.kept and kept_in(activity).touches == nora.touches and "active" in activity.text


def test_the_same_call_again_keeps_nothing_more_and_what_was_stopped_stays_so(context, store):
    first = plan_cadence(context, touches=3, contacts=(NORA,))
    assert plan_cadence(context, touches=3, contacts=(NORA,)).people[0].touches == first.people[0].touches
    (activity,) = cadences_of(store, "P1")
    stopped = msgspec.structs.replace(kept_in(activity), state="stopped", why="unsubscribe of 2026-03-27")
    store.store({"activities": [holding(activity, stopped)]})
    assert "stopped" in plan_cadence(context, touches=3, contacts=(NORA,)).people[0].why
    later = plan_cadence(again(context, "another"), contacts=("Nora T",)).people[0]
    assert later.touches == () and "opt-out" in later.why
    assert store.count("activities", [Filter(field="kind", value="cadence")]) == 1


def test_two_cadences_never_crowd_a_week(context, store):
    for key in ("one", "two", "three"):
        plan_cadence(again(context, key), touches=4, spacing=1, contacts=(NORA, NORA))
    days = sorted(
        date.fromisoformat(touch.day) for one in cadences_of(store, "P1", NORA) for touch in kept_in(one).touches
    )
    assert len(days) == 12
    assert all(sum(day <= other < day + timedelta(days=7) for other in days) <= PER_WEEK for day in days)


def test_nobody_is_planned_for_who_opted_out_or_is_not_known(context):
    people = {
        one.name or one.contact: one for one in plan_cadence(context, contacts=("P4", "Nobody At All", "P3")).people
    }
    assert "opted out" in people["Quiet Q"].why and people["Quiet Q"].touches == ()
    assert "nobody of that name" in people["Nobody At All"].why
    assert people["Una W"].touches and "country is not known" in people["Una W"].notes[0]


@pytest.mark.parametrize(
    "wrong",
    [{"touches": 0}, {"touches": 13}, {"channels": ("fax",)}, {"spacing": -1}, {"spacing": 31}, {"start": "soon"},
     {"start": "2020-01-01"}, {"contacts": tuple(f"{n}@x.example" for n in range(51))}],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused_with_a_way_out(context, wrong):
    with pytest.raises(BadInput) as caught:
        plan_cadence(context, **wrong)
    assert caught.value.next_step


def test_touches_get_an_hour_where_the_person_is(context):
    plan = plan_cadence(context, touches=2, start="2026-03-27", contacts=(NORA, TOM))
    found = schedule_engagement_touchpoint(context, cadence=plan)
    nora = [one for one in found.moments if one.contact == NORA]
    assert nora[0].local == "2026-03-27T09:00+01:00" and nora[0].utc == "2026-03-27T08:00+00:00"
    assert nora[1].local == "2026-04-01T09:00+02:00"  # summer time in between: the same hour on the wall
    tom = next(one for one in found.moments if one.contact == TOM)
    assert datetime.fromisoformat(tom.utc).astimezone(ZoneInfo("America/Los_Angeles")).hour == 9
    assert any("several zones" in note for note in found.notes)
    here = schedule_engagement_touchpoint(context, cadence=plan, places=(Where(contact=TOM, region="US-CA"),))
    assert next(one for one in here.moments if one.contact == TOM).zone == "America/Los_Angeles"


def test_load_is_spread_and_a_full_day_runs_over(context):
    people = tuple(f"{n}@x.example" for n in range(10))
    places = tuple(Where(contact=name, country="Germany") for name in people)
    found = schedule_engagement_touchpoint(
        context, contacts=people, places=places, start="2026-04-02", window=(9, 10), every_minutes=15
    )
    assert len({one.utc for one in found.moments}) == 10
    assert [one.local[:10] for one in found.moments] == ["2026-04-02"] * 4 + ["2026-04-07"] * 4 + ["2026-04-08"] * 2
    assert "that day is full" in found.moments[-1].moved


def test_who_is_not_known_or_must_not_be_written_to_gets_no_hour(context):
    context.capability("mail").suppress(TOM, "asked")
    found = schedule_engagement_touchpoint(context, contacts=("P3", "P4", TOM))
    assert found.moments == () and found.unknowns == ("country of Una W",) and len(found.left_out) == 2
    assert found.ics == ""


def test_a_calendar_file_holds_each_touch_once_and_no_line_of_somebody_elses(context, store):
    store.store(
        {"contacts": [Contact(id="P5", name="Eve\r\nBEGIN:VEVENT;,\\", email="eve@f.example", account_id="A1")]}
    )
    found = schedule_engagement_touchpoint(context, contacts=("eve@f.example", NORA))
    lines = found.ics.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR" and lines[-2:] == ["END:VCALENDAR", ""]
    assert lines.count("BEGIN:VEVENT") == 2 and len({line for line in lines if line.startswith("UID:")}) == 2
    assert all(len(line.encode()) <= 75 for line in lines) and "\n" not in "".join(lines)
    assert found.ics == schedule_engagement_touchpoint(context, contacts=(NORA, "eve@f.example")).ics


@pytest.mark.parametrize("wrong", [{"window": (17, 9)}, {"window": (9, 25)}, {"every_minutes": 0}, {"start": "x"}])
def test_hours_that_cannot_be_are_refused(context, wrong):
    with pytest.raises(BadInput):
        schedule_engagement_touchpoint(context, contacts=(NORA,), **wrong)


def test_calls_keep_to_the_hours_of_the_law(context):
    found = schedule_engagement_touchpoint(context, contacts=(NORA,), channel="call", window=(6, 23), every_minutes=600)
    assert found.moments[0].local[11:16] == "08:00"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 12), spacing=st.integers(1, 6), ahead=st.integers(0, 400))
def test_every_day_that_is_planned_is_worked_on_and_in_order(count, spacing, ahead):
    crm = CrmStore.open(":memory:")
    crm.store({"accounts": [Account(id="A1", name="Firm", country="Germany")],
               "contacts": [Contact(id="P1", name="Nora T", email=NORA, account_id="A1")]})  # fmt: skip
    context = ToolContext.for_tests(capabilities={"crm": crm}, as_of=AS_OF)
    start = (AS_OF + timedelta(days=ahead)).date().isoformat()
    (nora,) = plan_cadence(context, touches=count, spacing=spacing, start=start, contacts=(NORA,)).people
    days = [date.fromisoformat(touch.day) for touch in nora.touches]
    assert len(set(days)) == count and days == sorted(days)
    assert all(not why_closed(place_of("Germany"), day) for day in days)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_safe_in_a_calendar(title, text):
    entry = calendar_text.Entry(uid="u", starts=AS_OF, minutes=15, title=title, text=text)
    lines = calendar_text.written([entry], at=AS_OF).split("\r\n")
    assert lines.count("BEGIN:VEVENT") == 1 and all(len(line.encode()) <= 75 for line in lines)

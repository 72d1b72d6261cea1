"""The house's whole life on a page: each fact, what is otherwise after it, and what runs are judged by in the end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from tests.said import Tell

from cuga.errors import CugaError
from cuga.kernel import house
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.event import Event, name_of
from cuga.model.house_event import HouseEvent
from cuga.model.value import encode
from cuga.policy.routing import Pool
from cuga.testing.factories import AT, EXECUTE, PROPOSE, READ

SAM = Principal(id="sam", solo=True)
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
TOOLS = {tool.name: tool for tool in (READ, PROPOSE, EXECUTE)}


def entry(key: str) -> h.Blocked:
    return h.Blocked(key=key, address=f"{key}@x.example", reason="asked", on="2026-01-05", source="mail")


LIFE: tuple[HouseEvent, ...] = (
    h.HouseOpened(at=AT, by="sam", tenant="acme", owner="sam"),
    h.RestoredFrom(at=AT, by="sam", backup="monday.db", position=7),
    h.RestoreAcknowledged(at=AT, by="sam", reason="looked through"),
    h.UserInvited(at=AT, by="sam", user="tina", purpose="invitation"),
    h.UserAdded(at=AT, by="sam", user="tina", roles=("approver",)),
    h.UserAdded(at=AT, by="sam", user="tom", roles=("operator", "approver")),
    h.RoleGranted(at=AT, by="sam", user="tina", role="viewer"),
    h.RoleGranted(at=AT, by="sam", user="tina", role="approver"),
    h.RoleRevoked(at=AT, by="sam", user="tina", role="viewer"),
    h.RoleRevoked(at=AT, by="sam", user="nobody", role="viewer"),
    h.DelegationGranted(at=AT, by="tina", delegation_id="d1", user="tina", delegate="tom", starts=AT, ends=AT + HOUR),
    h.DelegationGranted(at=AT, by="tom", delegation_id="d2", user="tom", delegate="tina", starts=AT, ends=AT + WEEK),
    h.DelegationGranted(at=AT, by="sam", delegation_id="d3", user="sam", delegate="tina", starts=AT, ends=AT + WEEK),
    h.DelegationRevoked(at=AT, by="tina", delegation_id="d1"),
    h.StandingRuleAdded(
        at=AT, by="tom", rule_id="s1", tool="draft", matches={"/to": "ann"}, profile="smb", expires_at=AT + WEEK, uses=2
    ),
    h.StandingRuleAdded(at=AT, by="sam", rule_id="s2", tool="draft", expires_at=AT + HOUR, uses=1),
    h.StandingRuleAdded(at=AT, by="sam", rule_id="s3", tool="draft", expires_at=AT + HOUR, uses=1),
    h.StandingRuleRevoked(at=AT, by="sam", rule_id="s2"),
    h.AdapterSwitched(at=AT, by="sam", adapter="main", enabled=False, reason="down"),
    h.AdapterSwitched(at=AT, by="tom", adapter="main", enabled=False, capability="crm", reason="moving"),
    h.AdapterSwitched(at=AT, by="sam", adapter="spare", enabled=False, capability="crm"),
    h.AdapterSwitched(at=AT, by="sam", adapter="spare", enabled=False, capability="mail"),
    h.AdapterSwitched(at=AT + HOUR, by="sam", adapter="spare", enabled=True, capability="mail", reason="mended"),
    h.AdapterSwitched(at=AT + HOUR, by="tom", adapter="main", enabled=True),
    h.AdapterChosen(at=AT, by="sam", capability="crm", adapter="folder", reason="a trial"),
    h.AdapterChosen(at=AT, by="tom", capability="mail", adapter="main"),
    h.AdapterModeSet(at=AT, by="sam", capability="crm", mode="hybrid", reason="as well"),
    h.AdapterModeSet(at=AT, by="sam", capability="mail", mode="live"),
    h.AdapterChosen(at=AT + HOUR, by="tina", capability="mail", adapter="", reason="over"),
    h.AdapterModeSet(at=AT + HOUR, by="tina", capability="crm", mode="profile", reason="over"),
    h.AdapterChosen(at=AT, by="sam", capability="notes", adapter="folder"),
    h.RoutingPolicySet(at=AT, by="sam", policy="priority"),
    h.ToolForbidden(at=AT, by="sam", tool="send", reason="a recall"),
    h.ToolForbidden(at=AT, by="sam", tool="draft", reason="words"),
    h.ToolAllowed(at=AT, by="sam", tool="send"),
    h.ToolsQuarantined(at=AT, source="files", tools=("read", "write"), reason="described otherwise"),
    h.ToolsQuarantined(at=AT, source="other", reason="noise"),
    h.ToolsAccepted(at=AT, by="sam", source="files", snapshot="ab", tools={"read": "d1"}),
    h.ToolsQuarantined(at=AT, source="files", tools=("read",), reason="again"),
    h.Halted(at=AT, by="tina", reason="fire"),
    h.HaltLifted(at=AT, by="sam"),
    h.LessonsForgotten(at=AT, by="sam", lessons=("a1", "r1")),
    h.LessonsForgotten(at=AT, by="sam", lessons=("r2",)),
    h.CrmImported(at=AT, by="tom", source="exports", crm_version="7", rows=3, problems=0),
    h.RepliesTaken(at=AT, by="tom", mails=1, kinds={}, suppressed=0, stopped=0, refused=0, crm_version="8"),
    h.AddressesSuppressed(at=AT, by="tom", addresses=1, digest="d", reason="asked", source=""),
    h.SuppressionLifted(at=AT, by="sam", digest="d", reason="signed up again"),
    h.AddressesSuppressed(
        at=AT, by="tom", addresses=2, digest="d", reason="asked", source="", entries=(entry("kim"), entry("ann"))
    ),
    h.SuppressionLifted(at=AT, by="sam", digest="d", reason="signed up again", key="kim"),
    h.PersonErased(at=AT, by="sam", subjects=("ann",), runs=2, reason="asked"),
    h.PersonErased(at=AT, by="sam", subjects=("ann",), runs=2, reason="asked", addresses=("ann",), everywhere=True),
    h.RunsRetired(at=AT, by="sam", before=AT, runs={"r1": "d"}),
    *(
        h.ScheduleAdded(at=AT, by=by, schedule_id=name, goal="tidy up", weekdays=(0,), time="08:00", zone="UTC")
        for name, by in (("n1", "tom"), ("n2", "tina"), ("n3", "sam"))
    ),
    h.SchedulePaused(at=AT, by="tom", schedule_id="n1", reason="a holiday"),
    h.ScheduleMissed(at=AT, schedule_id="n1", times=1, first=AT, last=AT + WEEK),
    h.ScheduleResumed(at=AT + HOUR, by="tom", schedule_id="n1"),
    h.SchedulePaused(at=AT, by="tina", schedule_id="n2"),
    h.ScheduleResumed(at=AT + HOUR, by="tina", schedule_id="n2"),
    h.SchedulePaused(at=AT, by="tina", schedule_id="n2"),
    h.SchedulePaused(at=AT, by="sam", schedule_id="n3"),
    h.ScheduleMissed(at=AT, schedule_id="n3", times=1, first=AT, last=AT),
    h.ScheduleRemoved(at=AT, by="sam", schedule_id="n3"),
    *(
        h.KeyMade(at=AT, by=by, key_id=key, user=by, label="a script", scopes=("look",), expires_at=AT + WEEK)
        for key, by in (("k1", "tom"), ("k2", "tina"), ("k3", "sam"))
    ),
    h.KeyRevoked(at=AT, by="sam", key_id="k3", user="sam"),
    h.LoginsFailed(at=AT, user="tom", times=5),
    *(
        h.NoticeAdded(at=AT, by="tom", notice_id=name, channel="email", address="t***@acme.example", about=("ended",))
        for name in ("m1", "m2")
    ),
    h.NoticeRemoved(at=AT, by="tom", notice_id="m1"),
    h.NoticeLost(at=AT, notice_id="m2", about="ended", run_id="r1", attempts=5, reason="no answer"),
    h.OriginTrusted(at=AT, by="sam", origin="cuga/1", key="one"),
    h.OriginTrusted(at=AT, by="sam", origin="cuga/1", key="two", label="Birch"),
    h.OriginTrusted(at=AT, by="sam", origin="cuga/1", key="one", label="Birch Ltd"),
    h.OriginTrusted(at=AT, by="sam", origin="cuga/2", key="three"),
    h.OriginDistrusted(at=AT, by="sam", origin="cuga/2"),
    h.UserLeft(at=AT, by="sam", user="tom", hand_over_to="sam", roles=("operator",)),
    h.SchedulePaused(at=AT, by="sam", schedule_id="n1"),
    h.UserLeft(at=AT, by="sam", user="tina"),
    h.UserAdded(at=AT, by="sam", user="tom", roles=("viewer",)),
    h.UserAdded(at=AT, by="sam", user="mia", roles=("operator",)),
    h.UserLeft(at=AT, by="sam", user="tom", hand_over_to="mia", roles=("viewer",)),
    h.Halted(at=AT, by="mia"),
)


def parts(state: house.HouseState) -> dict[str, str]:
    return {name: encode(value).decode() for name, value in vars(state).items() if name != "version"}


def tell_life(life: Iterable[Event], tell: Tell) -> house.HouseState:
    state = house.HouseState()
    for event in life:
        before = parts(state)
        assert house.apply(state, event) is state
        tell(f"> {name_of(event)}")
        for name, value in parts(state).items():
            if value != before[name]:
                tell(value, f"  {name}")
    return state


def test_each_fact_changes_just_what_it_is_about(tell):
    state = tell_life(LIFE, tell)
    assert {type(event) for event in LIFE} == set(HouseEvent.__args__) and state.version == len(LIFE)


def test_who_has_the_house_alone_keeps_every_role_until_a_second_person_comes(tell):
    tell_life((LIFE[0], h.RoleGranted(at=AT, user="sam", role="approver")), tell)
    tell_life((LIFE[0], h.RoleGranted(at=AT, user="tina", role="approver")), tell)
    tell_life((LIFE[0], h.UserAdded(at=AT, user="sam", roles=("admin",))), tell)
    tell_life((h.UserAdded(at=AT, user="tina", roles=("admin",)),), tell)


@pytest.mark.parametrize("to", [len(LIFE), 36, 2])
def test_what_runs_are_judged_by_is_told_whole(tell, to):
    known = {**TOOLS, "files/read": READ, "other/list": READ}
    pools = {"desk": Pool(name="desk", capabilities=("intelligence",))}
    current = house.current_of(house.fold(LIFE[:to]), known, {"mail": ("main",)}, pools)
    assert current.contracts is known
    tell({name: getattr(current, name) for name in current.__struct_fields__ if name != "contracts"})


REFUSED: tuple[HouseEvent, ...] = (
    h.HouseOpened(at=AT, tenant="acme", owner="tom"),
    h.UserAdded(at=AT, user="zoe", roles=("boss", "viewer", "king")),
    h.UserAdded(at=AT, user="sam", roles=("viewer",)),
    h.RoleGranted(at=AT, user="tina", role="boss"),
    h.RoleRevoked(at=AT, user="tina", role="admin"),
    h.RoleRevoked(at=AT, user="nobody", role="viewer"),
    h.RoleRevoked(at=AT, user="sam", role="admin"),
    h.StandingRuleAdded(at=AT, rule_id="s", tool="wipe", expires_at=AT + HOUR, uses=1),
    h.StandingRuleAdded(at=AT, rule_id="s", tool="send", expires_at=AT + HOUR, uses=1),
    h.StandingRuleAdded(at=AT, rule_id="s", tool="score", expires_at=AT + HOUR, uses=1),
    h.StandingRuleAdded(at=AT, rule_id="s", tool="draft", expires_at=AT + HOUR, uses=0),
    h.StandingRuleAdded(at=AT, rule_id="s", tool="draft", expires_at=AT, uses=1),
    h.DelegationGranted(at=AT, delegation_id="d", user="tina", delegate="tom", starts=AT, ends=AT),
    h.DelegationGranted(at=AT, delegation_id="d", user="tina", delegate="tina", starts=AT, ends=AT + HOUR),
    h.AdapterSwitched(at=AT, adapter="main", enabled=True, capability="crm"),
    h.AdapterChosen(at=AT, capability="crm", adapter="offline"),
    h.AdapterModeSet(at=AT, capability="crm", mode="mock"),
    h.AdapterModeSet(at=AT, capability="mail", mode="offline"),
    h.SuppressionLifted(at=AT, digest="d", reason=" "),
    h.PersonErased(at=AT, subjects=(), runs=0, reason="asked"),
    h.PersonErased(at=AT, subjects=("ann",), runs=0, reason=" "),
    h.UserLeft(at=AT, user="zoe"),
    h.UserLeft(at=AT, user="tom", hand_over_to="zoe"),
    h.UserLeft(at=AT, user="tom", hand_over_to="tom"),
    h.UserLeft(at=AT, user="tom", hand_over_to="tina", roles=("admin",)),
    h.UserLeft(at=AT, user="sam"),
    h.UserLeft(at=AT, user="sam", hand_over_to="tina"),
    h.NoticeAdded(at=AT, notice_id="n", channel="fax", address="x", about=("ended",)),
    h.NoticeAdded(at=AT, notice_id="n", channel="email", address="x", about=()),
    h.NoticeAdded(at=AT, notice_id="n", channel="email", address="x", about=("ended", "nothing")),
    h.NoticeRemoved(at=AT, notice_id="n"),
    h.KeyMade(at=AT, key_id="k", user="sam", label="", scopes=("look", "govern", "decide"), expires_at=AT + HOUR),
    h.KeyMade(at=AT, key_id="k", user="sam", label="", scopes=("look", "all", "any"), expires_at=AT + HOUR),
    h.KeyMade(at=AT, key_id="k", user="sam", label="", scopes=(), expires_at=AT + HOUR),
    h.ScheduleAdded(at=AT, schedule_id="n1", goal="tidy up", weekdays=(0,), time="08:00", zone="UTC"),
    h.ScheduleAdded(at=AT, schedule_id="n", goal=" ", weekdays=(0,), time="08:00", zone="UTC"),
    h.ScheduleAdded(at=AT, schedule_id="n", goal="tidy up", weekdays=(), time="08:00", zone="UTC"),
    h.ScheduleAdded(at=AT, schedule_id="n", goal="tidy up", weekdays=(6, 7), time="08:00", zone="UTC"),
    *(
        h.ScheduleAdded(at=AT, schedule_id="n", goal="tidy up", weekdays=(0,), time=time, zone="UTC")
        for time in ("8:00", "008:0", "24:00", "08:60", "08.00", "ab:cd", "08:\u0660\u0660", "08:000")
    ),
    h.ScheduleRemoved(at=AT, schedule_id="n"),
    h.ScheduleResumed(at=AT, schedule_id="n"),
    h.ScheduleResumed(at=AT, schedule_id="n1"),
    h.SchedulePaused(at=AT, schedule_id="n2"),
    h.ScheduleMissed(at=AT, schedule_id="n1", times=1, first=AT, last=AT),
    h.ScheduleMissed(at=AT, schedule_id="n", times=1, first=AT, last=AT),
    h.OriginDistrusted(at=AT, origin="cuga/2"),
)


def test_every_change_that_a_house_does_not_take_is_refused_with_its_reason(tell):
    state = house.fold(
        (
            *LIFE[:18],
            LIFE[18],
            h.AdapterChosen(at=AT, capability="mail", adapter="main"),
            h.AdapterModeSet(at=AT, capability="crm", mode="live"),
            *(one for one in LIFE if isinstance(one, h.ScheduleAdded)),
            h.ScheduleMissed(at=AT, schedule_id="n1", times=1, first=AT, last=AT),
            h.SchedulePaused(at=AT, schedule_id="n2"),
        )
    )
    before = parts(state)
    for event in REFUSED:
        tell(f"> {name_of(event)}")
        by = SYSTEM if isinstance(event, h.ScheduleMissed) else Principal(id="sam")
        with pytest.raises(CugaError):
            house.check(state, event, by, TOOLS)
    assert parts(state) == before


@pytest.mark.parametrize("time", ["00:00", "23:59", "08:05"])
def test_times_of_day_are_taken(time):
    event = h.ScheduleAdded(at=AT, schedule_id="n", goal="g", weekdays=(0, 6), time=time, zone="UTC")
    house.check(house.fold(LIFE[:1]), event, SAM, TOOLS)

"""The house stream: who may change what, and what every run is judged by now."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from cuga.errors import BadInput, InvalidTransition, JournalCorrupt, NotAllowed, NotFound
from cuga.kernel import house, house_state, timetable
from cuga.model import event as e
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.house_event import HouseEvent
from cuga.policy.routing import Pool
from cuga.testing.factories import AT, EXECUTE, PROPOSE, READ

SOLO = Principal(id="sam", solo=True)
TINA = Principal(id="tina")
TOOLS = {tool.name: tool for tool in (READ, PROPOSE, EXECUTE)}
OPENED = h.HouseOpened(at=AT, tenant="local", owner="sam")
TINA_COMES = h.UserAdded(at=AT, user="tina", roles=("approver",))
LATER = AT + timedelta(hours=1)


def standing(**changes):
    fields = {"rule_id": "s1", "tool": "draft", "matches": {}, "profile": "", "expires_at": LATER, "uses": 1, **changes}
    return h.StandingRuleAdded(at=AT, by="sam", **fields)


def lent(**changes):
    fields = {"delegation_id": "d1", "user": "sam", "delegate": "tina", "starts": AT, "ends": LATER, **changes}
    return h.DelegationGranted(at=AT, **fields)


def now(*events):
    return house.current_of(house.fold([OPENED, *events]), {"score": READ}, {"mail": ("main",)})


def test_a_house_is_opened_first_and_once():
    house.check(house.HouseState(), OPENED, SOLO, TOOLS)
    with pytest.raises(InvalidTransition, match="not been opened"):
        house.check(house.HouseState(), TINA_COMES, SOLO, TOOLS)
    with pytest.raises(InvalidTransition, match="open already"):
        house.check(house.fold([OPENED]), OPENED, SOLO, TOOLS)


def test_a_second_person_ends_the_solo_mode_and_the_first_keeps_everything():
    assert now().roles == {}
    assert now(TINA_COMES).roles == {"sam": house.ROLES, "tina": ("approver",)}
    assert now(h.UserAdded(at=AT, user="sam", roles=("admin",))).roles == {"sam": ("admin",)}


def test_roles_come_and_go():
    granted = h.RoleGranted(at=AT, user="tina", role="viewer")
    assert now(TINA_COMES, granted, granted).roles["tina"] == ("approver", "viewer")
    assert now(granted).roles == {"sam": house.ROLES, "tina": ("viewer",)}  # a second person, by whatever door
    assert now(TINA_COMES, h.RoleRevoked(at=AT, user="tina", role="approver")).roles["tina"] == ()


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ((), h.UserAdded(at=AT, user="sam", roles=("viewer",))),
        ((TINA_COMES,), h.UserAdded(at=AT, user="sam", roles=("operator",))),
        ((TINA_COMES,), h.RoleRevoked(at=AT, user="sam", role="admin")),
    ],
)
def test_no_change_of_roles_leaves_a_house_without_an_admin(before, event):
    with pytest.raises(NotAllowed, match="nobody would be admin"):
        house.check(house.fold([OPENED, *before]), event, SOLO if not before else Principal(id="sam"), TOOLS)


def test_another_admin_may_take_over():
    several = house.fold([OPENED, TINA_COMES, h.RoleGranted(at=AT, user="tina", role="admin")])
    house.check(several, h.RoleRevoked(at=AT, user="sam", role="admin"), TINA, TOOLS)


def test_a_role_granted_to_the_owner_takes_none_away():
    assert now(h.RoleGranted(at=AT, user="sam", role="approver")).roles == {"sam": house.ROLES}


def test_taking_a_role_from_a_stranger_changes_nothing_and_is_refused():
    revoked = h.RoleRevoked(at=AT, user="bob", role="viewer")
    assert now(revoked).roles == {}
    with pytest.raises(BadInput, match="has no role"):
        house.check(house.fold([OPENED]), revoked, SOLO, TOOLS)


def test_only_an_admin_changes_a_house_of_several_but_anybody_may_stop_it():
    together = house.fold([OPENED, TINA_COMES])
    with pytest.raises(NotAllowed, match="to govern takes admin; tina is approver"):
        house.check(together, standing(), TINA, TOOLS)
    house.check(together, h.Halted(at=AT, reason="stop"), TINA, TOOLS)
    house.check(together, standing(), SOLO, TOOLS)


@pytest.mark.parametrize(
    ("event", "error", "text"),
    [
        (h.UserAdded(at=AT, user="x", roles=("king",)), BadInput, "no role king"),
        (h.RoleGranted(at=AT, user="tina", role="king"), BadInput, "no role king"),
        (standing(tool="nothing"), BadInput, "no tool 'nothing'"),
        (standing(tool="send"), NotAllowed, "stays inside the house"),
        (standing(tool="score"), NotAllowed, "stays inside the house"),
        (standing(uses=0), BadInput, "at least one use"),
        (standing(expires_at=AT), BadInput, "end in the future"),
        (lent(ends=AT), BadInput, "end after it starts"),
        (lent(delegate="sam"), BadInput, "stand in for themselves"),
    ],
)
def test_what_would_loosen_a_promise_is_refused(event, error, text):
    with pytest.raises(error, match=text):
        house.check(house.fold([OPENED, TINA_COMES]), event, SOLO, TOOLS)


@pytest.mark.parametrize(
    "event", [standing(), lent(), h.RoleGranted(at=AT, user="tina", role="viewer"), h.HaltLifted(at=AT)]
)
def test_what_keeps_them_is_taken(event):
    house.check(house.fold([OPENED, TINA_COMES]), event, SOLO, TOOLS)


def test_a_standing_rule_counts_while_its_maker_governs_the_house():
    together = [standing(), h.UserAdded(at=AT, by="sam", user="eve", roles=("admin",))]
    taken = h.RoleRevoked(at=AT, by="eve", user="sam", role="admin")
    given = h.RoleGranted(at=AT, by="eve", user="sam", role="admin")
    assert len(now(*together).standing_rules) == 1
    assert now(*together, taken).standing_rules == ()
    assert len(now(*together, taken, given).standing_rules) == 1


def test_standing_rules_and_delegations_hold_until_they_are_taken_back():
    assert [rule.by for rule in now(standing()).standing_rules] == ["sam"]
    assert now(standing(), h.StandingRuleRevoked(at=AT, rule_id="s1")).standing_rules == ()
    assert [one.delegate for one in now(lent()).delegations] == ["tina"]
    assert now(lent(), h.DelegationRevoked(at=AT, delegation_id="d1")).delegations == ()


def test_switches_forbiddances_and_the_stop_button_hold_until_they_are_lifted():
    off = h.AdapterSwitched(at=AT, adapter="main", enabled=False, reason="down")
    assert now(off).disabled_adapters == ("main",)
    assert now(off, h.AdapterSwitched(at=AT, adapter="main", enabled=True)).disabled_adapters == ()
    forbidden = h.ToolForbidden(at=AT, tool="send", reason="a recall")
    assert now(forbidden).forbidden_tools == {"send": "a recall"}
    assert now(forbidden, h.ToolAllowed(at=AT, tool="send")).forbidden_tools == {}
    assert now(h.Halted(at=AT, reason="")).halted == "halted"
    assert now(h.Halted(at=AT, reason="fire"), h.HaltLifted(at=AT)).halted == ""


def test_a_restored_house_stands_still_until_a_person_has_seen_it():
    back = h.RestoredFrom(at=AT, backup="b.db", position=7)
    assert "restored from b.db" in now(back).halted
    assert now(back, h.RestoreAcknowledged(at=AT)).halted == ""


def test_what_is_installed_here_is_told_along():
    current = now(h.CrmImported(at=AT, source="exports", crm_version="7", rows=3, problems=0))
    assert (current.tool_digests, current.installed_adapters) == ({"score": READ.digest()}, {"mail": ("main",)})
    assert current.contracts == {"score": READ}


def planned(**changed):
    return h.ScheduleAdded(
        **{
            "at": AT,
            "schedule_id": "n1",
            "goal": "hygiene",
            "weekdays": (0,),
            "time": "08:00",
            "zone": "UTC",
            **changed,
        }
    )


def missed(last, **changed):
    return h.ScheduleMissed(**{"at": AT, "schedule_id": "n1", "times": 1, "first": last, "last": last, **changed})


WEEK = AT + timedelta(days=7)


def test_a_schedule_holds_until_it_is_removed_and_missed_times_are_told_once():
    state = house.fold([OPENED, planned(), missed(WEEK)])
    assert (list(state.schedules), state.missed_until) == (["n1"], {"n1": WEEK})
    with pytest.raises(InvalidTransition, match="told already"):
        house.check(state, missed(WEEK), SYSTEM, TOOLS)
    house.check(state, missed(WEEK + timedelta(days=7)), SYSTEM, TOOLS)
    gone = house.apply(state, h.ScheduleRemoved(at=AT, schedule_id="n1"))
    assert (gone.schedules, gone.missed_until) == ({}, {})


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (planned(goal=" "), "needs a goal"),
        (planned(weekdays=()), "days of the week"),
        (planned(weekdays=(7,)), "days of the week"),
        (planned(time="8:00"), "no time of day"),
        (planned(time="24:00"), "no time of day"),
        (planned(time="08.00"), "no time of day"),
        (h.ScheduleRemoved(at=AT, schedule_id="n2"), "no schedule n2"),
        (missed(WEEK, schedule_id="n2"), "no schedule n2"),
    ],
)
def test_what_could_never_be_due_is_refused(event, text):
    with pytest.raises(BadInput, match=text):
        house.check(house.fold([OPENED]), event, SYSTEM if isinstance(event, h.ScheduleMissed) else SOLO, TOOLS)


def test_a_schedule_is_paused_and_goes_on():
    pause, on = h.SchedulePaused(at=AT, schedule_id="n1"), h.ScheduleResumed(at=LATER, schedule_id="n1")
    state = house.fold([OPENED, planned()])
    house.check(state, pause, SOLO, TOOLS)
    with pytest.raises(InvalidTransition, match="n1 is paused"):
        house.check(house.apply(state, pause), pause, SOLO, TOOLS)
    house.check(state, on, SOLO, TOOLS)
    assert (house.apply(state, on).paused, state.missed_until) == ({}, {"n1": LATER})
    with pytest.raises(InvalidTransition, match="n1 is not paused"):
        house.check(state, on, SOLO, TOOLS)


def test_a_schedule_is_added_once_and_there_are_not_too_many():
    with pytest.raises(BadInput, match="already"):
        house.check(house.fold([OPENED, planned()]), planned(), SOLO, TOOLS)
    full = house.fold([OPENED, *(planned(schedule_id=f"n{n}") for n in range(timetable.MOST))])
    with pytest.raises(BadInput, match="in all"):
        house.check(full, planned(schedule_id="one more"), SOLO, TOOLS)


def test_operators_keep_the_timetable_and_nobody_but_the_house_says_what_it_missed():
    several = house.fold([OPENED, TINA_COMES, planned(), h.UserAdded(at=AT, user="olga", roles=("operator",))])
    house.check(several, planned(schedule_id="n2"), Principal(id="olga"), TOOLS)
    with pytest.raises(NotAllowed, match="to schedule takes operator or admin"):
        house.check(several, planned(schedule_id="n2"), TINA, TOOLS)
    with pytest.raises(NotAllowed, match="only the house"):
        house.check(several, missed(WEEK), SOLO, TOOLS)


LISTED = h.AddressesSuppressed(at=AT, addresses=1, digest="d", reason="asked", source="")
LIFTED = h.SuppressionLifted(at=AT, digest="d", reason="signed up again")


def test_anybody_may_suppress_and_take_mail_in_but_only_an_admin_lifts_and_says_why():
    several = house.fold([OPENED, TINA_COMES])
    taken = h.RepliesTaken(at=AT, mails=1, kinds={}, suppressed=1, stopped=0, refused=0, crm_version="8")
    for event in (LISTED, taken):
        house.check(several, event, TINA, TOOLS)
    with pytest.raises(NotAllowed):
        house.check(several, LIFTED, TINA, TOOLS)
    house.check(several, LIFTED, SOLO, TOOLS)
    with pytest.raises(BadInput, match="needs a reason"):
        house.check(several, h.SuppressionLifted(at=AT, digest="d", reason=" "), SOLO, TOOLS)
    assert house.fold([OPENED, LISTED, LIFTED, taken]).crm_version == "8"


def entry(key, reason="asked"):
    return h.Blocked(key=key, address=f"{key}@x.example", reason=reason, on="2026-01-05", source="mail")


def suppressed(*entries):
    return h.AddressesSuppressed(at=AT, addresses=len(entries), digest="d", reason="asked", source="", entries=entries)


def test_who_is_on_the_list_of_several_machines_stays_there_for_the_first_reason():
    state = house.fold([OPENED, suppressed(entry("kim"), entry("ann")), suppressed(entry("kim", "bounced"))])
    assert {key: one.reason for key, one in state.blocked.items()} == {"kim": "asked", "ann": "asked"}
    assert state.listings == 2
    assert house.apply(state, suppressed()).listings == 2  # a list of one machine is not in the book


def test_who_was_taken_off_the_list_may_come_on_it_again():
    lifted = h.SuppressionLifted(at=AT, digest="d", reason="signed up again", key="kim")
    state = house.fold([OPENED, suppressed(entry("kim")), lifted])
    assert (state.blocked, state.lifted, state.listings) == ({}, {"kim"}, 2)
    house.apply(state, suppressed(entry("kim", "bounced")))
    assert (state.blocked["kim"].reason, state.lifted, state.listings) == ("bounced", set(), 3)


def test_who_was_erased_is_never_written_to_and_every_machine_that_shares_the_book_hears_of_it():
    lifted = h.SuppressionLifted(at=AT, digest="d", reason="signed up again", key="kim")
    gone = h.PersonErased(at=AT, subjects=("s1",), runs=2, reason="asked", addresses=("kim",), everywhere=True)
    state = house.fold([OPENED, suppressed(entry("kim")), lifted, gone])
    assert state.blocked == {
        "kim": h.Blocked(
            key="kim", address="", reason="erased at their request", on=AT.date().isoformat(), source="erasure"
        )
    }
    assert (state.lifted, state.erasures, state.erased_at, state.listings) == (set(), [gone], AT, 3)
    house.apply(state, h.PersonErased(at=AT - timedelta(days=1), subjects=("s2",), runs=0, reason="asked"))
    assert (state.erasures, state.erased_at, state.listings) == ([gone], AT, 3)


def test_every_event_of_the_house_can_be_applied_and_no_other():
    assert set(house_state._CHANGES) == set(HouseEvent.__args__)
    with pytest.raises(JournalCorrupt, match="cannot hold a Annotation"):
        house.fold([e.Annotation(at=AT, text="x")])


# --- adapters and routing --------------------------------------------------------------------------------------------
def switched(adapter, enabled, capability="", reason=""):
    return h.AdapterSwitched(at=LATER, by="sam", adapter=adapter, enabled=enabled, capability=capability, reason=reason)


def test_an_adapter_is_switched_off_everywhere_or_for_one_capability():
    assert set(now(switched("main", False), switched("main", False, "crm")).disabled_adapters) == {"main", "crm/main"}
    assert now(switched("main", False, "crm"), switched("main", True, "crm")).disabled_adapters == ()
    both = (switched("main", False), switched("main", False, "crm"), switched("other", False, "crm"))
    assert now(*both, switched("main", True)).disabled_adapters == ("crm/other",)
    state = house.fold([OPENED, switched("main", False, "crm", "moving")])
    assert state.switched["crm/main"] == house.Switch("sam", LATER, "moving")


def test_what_is_off_everywhere_cannot_be_on_for_one():
    off = house.fold([OPENED, switched("main", False)])
    with pytest.raises(BadInput, match="switched off wherever") as refusal:
        house.check(off, switched("main", True, "crm"), SOLO, TOOLS)
    assert "cuga adapters enable main" in refusal.value.next_step
    house.check(off, switched("main", True), SOLO, TOOLS)
    house.check(house.fold([OPENED]), switched("main", True, "crm"), SOLO, TOOLS)


def chosen(adapter, capability="crm"):
    return h.AdapterChosen(at=LATER, by="sam", capability=capability, adapter=adapter)


def mode(name, capability="crm"):
    return h.AdapterModeSet(at=LATER, by="sam", capability=capability, mode=name)


def test_a_choice_and_a_mode_hold_until_they_are_let_go():
    found = now(chosen("folder"), mode("hybrid"))
    assert (found.chosen_adapters, found.adapter_modes) == ({"crm": "folder"}, {"crm": "hybrid"})
    assert now(chosen("folder"), chosen("")).chosen_adapters == {}
    found = now(chosen("folder"), mode("hybrid"), mode("profile"))
    assert (found.chosen_adapters, found.adapter_modes) == ({}, {})
    assert now(chosen("")).chosen_adapters == {}
    assert house.fold([OPENED, mode("live")]).switched["crm/"].by == "sam"


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (mode("live"), chosen("offline")),
        (mode("hybrid"), chosen("offline")),
        (mode("offline"), chosen("folder")),
        (chosen("offline"), mode("live")),
        (chosen("folder"), mode("offline")),
    ],
)
def test_a_choice_and_a_mode_that_never_meet_are_refused(before, change):
    with pytest.raises(BadInput, match="cannot be switched") as refusal:
        house.check(house.fold([OPENED, before]), change, SOLO, TOOLS)
    assert "cuga adapters mode profile --for crm" in refusal.value.next_step


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (mode("live"), chosen("folder")),
        (mode("offline"), chosen("offline")),
        (mode("offline"), chosen("")),
        (chosen("folder"), mode("hybrid")),
        (chosen("folder"), mode("profile")),
        (chosen("folder"), mode("offline", "mail")),
    ],
)
def test_those_that_meet_are_taken(before, change):
    house.check(house.fold([OPENED, before]), change, SOLO, TOOLS)


def test_an_unknown_mode_is_refused_and_only_an_admin_switches():
    with pytest.raises(BadInput, match="there are profile, offline, live, hybrid"):
        house.check(house.fold([OPENED]), mode("mock"), SOLO, TOOLS)
    for change in (mode("live"), chosen("folder"), h.RoutingPolicySet(at=LATER, policy="priority")):
        with pytest.raises(NotAllowed):
            house.check(house.fold([OPENED, TINA_COMES]), change, TINA, TOOLS)


def test_the_routing_policy_and_the_pools_are_current():
    desk = Pool(name="desk", capabilities=("intelligence",))
    state = house.fold([OPENED, h.RoutingPolicySet(at=LATER, policy="priority")])
    found = house.current_of(state, {}, {}, {"desk": desk})
    assert (found.routing, found.pools) == ("priority", {"desk": desk})
    assert now().routing == "" and now().pools == {}


# --- people who come and go -------------------------------------------------------------------------------------------
def peopled():
    return house.fold(
        [
            OPENED,
            h.UserAdded(at=AT, user="tom", roles=("operator", "approver")),
            h.UserAdded(at=AT, user="mia", roles=("viewer",)),
            h.DelegationGranted(at=AT, delegation_id="d", user="tom", delegate="mia", starts=AT, ends=LATER),
            h.KeyMade(at=AT, by="tom", key_id="k", user="tom", label="", scopes=("look",), expires_at=LATER),
            h.ScheduleAdded(at=AT, by="tom", schedule_id="s", goal="g", weekdays=(0,), time="08:00", zone="UTC"),
            h.StandingRuleAdded(at=AT, by="tom", rule_id="r", tool="draft", expires_at=LATER, uses=1),
        ]
    )


def test_nothing_that_somebody_decided_in_advance_outlives_them_and_their_work_goes_to_an_heir():
    after = house.apply(peopled(), h.UserLeft(at=AT, user="tom", hand_over_to="mia", roles=("approver",)))
    assert (after.delegations, after.keys, after.standing) == ({}, {}, {})
    assert after.roles == {"sam": house.ROLES, "mia": ("viewer", "approver")}
    assert after.heirs == {"tom": "mia"} and after.schedules["s"].by == "mia"
    again = house.apply(after, h.UserAdded(at=AT, user="tom", roles=("viewer",)))
    assert again.heirs == {}
    nobody = house.apply(peopled(), h.UserLeft(at=AT, user="tom"))
    assert nobody.schedules == {} and nobody.heirs == {}


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (h.UserLeft(at=AT, user="zoe"), NotFound),
        (h.UserLeft(at=AT, user="tom", hand_over_to="zoe"), BadInput),
        (h.UserLeft(at=AT, user="tom", hand_over_to="tom"), BadInput),
        (h.UserLeft(at=AT, user="tom", hand_over_to="mia", roles=("admin",)), BadInput),
        (h.UserLeft(at=AT, user="sam", hand_over_to="mia"), NotAllowed),
        (h.NoticeAdded(at=AT, notice_id="n", channel="fax", address="x", about=("ended",)), BadInput),
        (h.NoticeAdded(at=AT, notice_id="n", channel="email", address="x", about=("nothing",)), BadInput),
        (h.NoticeAdded(at=AT, notice_id="n", channel="email", address="x", about=()), BadInput),
        (h.NoticeRemoved(at=AT, notice_id="n"), NotFound),
        (h.KeyMade(at=AT, key_id="k", user="sam", label="", scopes=(), expires_at=LATER), BadInput),
        (h.KeyMade(at=AT, key_id="k", user="sam", label="", scopes=("all",), expires_at=LATER), BadInput),
    ],
)
def test_what_makes_no_sense_of_people_keys_and_notices_is_refused(event, error):
    with pytest.raises(error):
        house.check(peopled(), event, SOLO, TOOLS)


def test_notices_and_keys_come_and_go():
    state = peopled()
    added = h.NoticeAdded(at=AT, notice_id="n", channel="email", address="x", about=("ended",))
    house.check(state, added, SOLO, TOOLS)
    house.apply(state, added)
    house.check(state, h.NoticeRemoved(at=AT, notice_id="n"), SOLO, TOOLS)
    house.apply(state, h.NoticeRemoved(at=AT, notice_id="n"))
    house.apply(state, h.KeyRevoked(at=AT, key_id="k", user="tom"))
    for told in (
        h.UserInvited(at=AT, user="tom", purpose="reset"),
        h.LoginsFailed(at=AT, user="tom", times=5),
        h.NoticeLost(at=AT, notice_id="n", about="ended", run_id="r", attempts=1, reason="x"),
    ):
        house.apply(state, told)
    assert (state.notices, state.keys) == ({}, {})
    house.check(state, h.UserLeft(at=AT, user="tom"), SOLO, TOOLS)


FILES_READ = h.ToolsAccepted(at=AT, by="sam", source="files", snapshot="ab", tools={"read": "d1", "write": "d2"})
FILES = dict.fromkeys(("files/read", "files/write", "other/read", "score"), READ)


def quarantined(*events):
    return house.current_of(house.fold([OPENED, *events]), FILES, {}).quarantined_tools


def test_a_tool_that_is_not_what_was_accepted_waits_until_somebody_has_looked():
    seen = h.ToolsQuarantined(at=AT, source="files", tools=("write",), reason="it is described otherwise")
    assert quarantined(FILES_READ) == {}
    assert quarantined(FILES_READ, seen) == {"files/write": "it is described otherwise"}
    assert quarantined(FILES_READ, seen, FILES_READ) == {}
    other = h.ToolsAccepted(at=AT, by="sam", source="other", snapshot="cd", tools={})
    assert quarantined(FILES_READ, seen, other) == {"files/write": "it is described otherwise"}


def test_a_server_that_cannot_be_understood_waits_with_all_its_tools():
    seen = h.ToolsQuarantined(at=AT, source="files", reason="noise")
    assert quarantined(seen) == {"files/read": "noise", "files/write": "noise"}


def test_whoever_sees_it_may_report_a_server_and_only_an_admin_accepts_it():
    state = house.fold([OPENED, TINA_COMES])
    house.check(state, h.ToolsQuarantined(at=AT, source="files", reason="noise"), SYSTEM, TOOLS)
    with pytest.raises(NotAllowed):
        house.check(state, FILES_READ, TINA, TOOLS)
    house.check(state, FILES_READ, Principal(id="sam"), TOOLS)


def test_what_was_put_off_is_forgotten_with_its_schedule_and_kept_with_the_others():
    others = h.SchedulePaused(at=AT, schedule_id="s", reason="a holiday")
    state = house.apply(peopled(), others)
    assert "s" in state.paused
    assert house.apply(state, h.ScheduleRemoved(at=AT, schedule_id="s")).paused == {}
    assert house.apply(state, h.UserLeft(at=AT, user="tom")).paused == {}
    assert house.apply(state, h.UserLeft(at=AT, user="zoe")).paused == state.paused


def test_who_has_taken_over_from_whom_is_told_along():
    after = house.apply(peopled(), h.UserLeft(at=AT, user="tom", hand_over_to="mia", roles=("approver",)))
    assert house.current_of(after, {"score": READ}, {}).heirs == {"tom": "mia"}


def test_nobody_puts_their_own_in_the_place_of_what_somebody_else_has_made():
    theirs = h.DelegationGranted(
        at=AT, by="tina", delegation_id="d1", user="tina", delegate="bob", starts=AT, ends=LATER
    )
    key = h.KeyMade(at=AT, by="tina", key_id="k1", user="tina", label="", scopes=("look",), expires_at=LATER)
    state = house.fold([OPENED, TINA_COMES, h.UserAdded(at=AT, user="mo", roles=("approver",)), theirs, key])
    mo = Principal(id="mo")
    with pytest.raises(BadInput, match="d1 already"):
        house.check(state, msgspec.structs.replace(theirs, user="mo", delegate="max"), mo, TOOLS)
    with pytest.raises(BadInput, match="k1 already"):
        house.check(state, msgspec.structs.replace(key, user="mo"), mo, TOOLS)

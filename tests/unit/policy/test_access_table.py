"""Role x verb x ownership: every cell of the one table, at the table, in the kernel and at the house."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import msgspec
import pytest

from cuga.errors import NotAllowed
from cuga.kernel import house
from cuga.model import command as c
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Verdict
from cuga.policy.access import MAY, ROLES, Verb, Whose, may, may_decide, verbs_of, whose
from cuga.policy.profile import Current
from cuga.testing import approve, cancels, fails, given, replans, run_started, says, tick
from cuga.testing.factories import AT, PROPOSE, contract, current, plan, rules, step
from cuga.testing.facts import amend, decides, revoke, start, tops_up
from cuga.testing.story import Story

CELLS = [(role, verb, about) for role, verb, about in product(ROLES, Verb, Whose)]

# the table once more, as a person would tell it: whoever changes one must change the other and say why
TOLD = {
    "viewer": {"look": "any", "stop": "any", "keys": "own"},
    "operator": {
        "look": "any", "start_run": "own", "steer_run": "own", "settle_doubt": "own", "import_data": "any",
        "schedule": "any", "stop": "any", "keys": "own",
    },
    "approver": {
        "look": "any", "settle_doubt": "any", "decide": "others", "top_up": "others", "stop": "any",
        "delegate": "own", "keys": "own",
    },
    "admin": {
        "look": "any", "start_run": "own", "steer_run": "any", "settle_doubt": "any", "import_data": "any",
        "schedule": "any", "stop": "any", "delegate": "any", "keys": "any", "govern": "any",
    },
}  # fmt: skip


def allowed(role: str, verb: Verb, about: Whose) -> bool:
    return TOLD[role].get(verb.value, "") in ("any", about.value)


def somebody(role: str) -> tuple[Principal, Current]:
    who = Principal(id="kim")
    return who, Current(roles={"kim": (role,), "oda": ("operator",), "eva": ("admin",)})


@pytest.mark.parametrize(("role", "verb", "about"), CELLS)
def test_a_cell_of_the_table_is_as_it_is_told(role, verb, about):
    who, current = somebody(role)
    ruling = may(who, verb, current, about)
    assert ruling.allowed is allowed(role, verb, about)
    assert ruling.reasons
    assert (about in MAY[verb].get(role, ())) is ruling.allowed


def test_the_table_has_no_other_roles_and_no_verb_without_somebody():
    assert {role for row in MAY.values() for role in row} == set(ROLES) == set(TOLD)
    assert set(MAY) == set(Verb)
    assert all(row for row in MAY.values())


@pytest.mark.parametrize("role", ROLES)
def test_what_somebody_can_is_what_some_cell_allows(role):
    who, current = somebody(role)
    assert set(verbs_of(who, current)) == set(TOLD[role])


@pytest.mark.parametrize(("verb", "about"), list(product(Verb, Whose)))
def test_nobody_without_a_role_may_anything_and_one_who_is_alone_everything(verb, about):
    _, current = somebody("viewer")
    assert not may(Principal(id="stranger"), verb, current, about).allowed
    assert not may(Principal(id="stranger", solo=True, roles=ROLES), verb, current, about).allowed
    assert may(Principal(id="sam", solo=True), verb, Current(), about).solo


@pytest.mark.parametrize(("role", "about"), list(product(ROLES, Whose)))
def test_a_decision_follows_the_same_cell(role, about):
    who, current = somebody(role)
    requesters = ("kim",) if about is Whose.OWN else ("oda",)
    ruling = may_decide(who, requesters=requesters, roles=("approver",), current=current, at=AT)
    assert ruling.allowed is allowed(role, Verb.DECIDE, about)


def test_the_runs_of_people_who_left_are_their_heirs_and_a_circle_of_heirs_ends():
    current = Current(heirs={"ann": "bob", "bob": "cid", "x": "y", "y": "x"})
    assert whose(Principal(id="cid"), "ann", current) is Whose.OWN
    assert whose(Principal(id="bob"), "ann", current) is Whose.OTHERS
    assert whose(Principal(id="z"), "x", current) is Whose.OTHERS


# --- the house: every event is some verb ------------------------------------------------------------------------------
OPENED = h.HouseOpened(at=AT, by="eva", tenant="local", owner="eva")
LATER = AT + timedelta(days=1)


def state() -> house.HouseState:
    people = [h.UserAdded(at=AT, user=name, roles=(name,)) for name in ROLES]
    lent = [
        h.DelegationGranted(at=AT, delegation_id=name, user=name, delegate="eva", starts=AT, ends=LATER)
        for name in ("approver", "eva")
    ]
    return house.fold([OPENED, *people, *lent])


def events_of(verb: Verb, owner: str) -> list[h.Event]:
    found: dict[Verb, list[h.Event]] = {
        Verb.STOP: [
            h.Halted(at=AT, reason="x"),
            h.AddressesSuppressed(at=AT, addresses=1, digest="d", reason="r", source=""),
            h.RepliesTaken(at=AT, mails=0, kinds={}, suppressed=0, stopped=0, refused=0, crm_version=""),
        ],
        Verb.FEED: [h.CrmImported(at=AT, source="x", crm_version="1", rows=1, problems=0)],
        Verb.SCHEDULE: [h.ScheduleAdded(at=AT, schedule_id="s", goal="g", weekdays=(0,), time="08:00", zone="UTC")],
        Verb.DELEGATE: [
            h.DelegationGranted(at=AT, delegation_id="n", user=owner, delegate="x", starts=AT, ends=LATER),
            h.DelegationRevoked(at=AT, delegation_id=owner),
        ],
        Verb.KEYS: [
            h.KeyMade(at=AT, key_id="k", user=owner, label="", scopes=("look",), expires_at=LATER),
            h.KeyRevoked(at=AT, key_id="k", user=owner),
        ],
        Verb.GOVERN: [
            h.HaltLifted(at=AT),
            h.UserAdded(at=AT, user="new", roles=("viewer",)),
            h.RoleGranted(at=AT, user="viewer", role="operator"),
            h.RoleRevoked(at=AT, user="viewer", role="viewer"),
            h.UserInvited(at=AT, user="viewer", purpose="reset"),
            h.UserLeft(at=AT, user="viewer"),
            h.StandingRuleAdded(at=AT, rule_id="r", tool="draft", expires_at=LATER, uses=1),
            h.StandingRuleRevoked(at=AT, rule_id="r"),
            h.AdapterSwitched(at=AT, adapter="offline", enabled=False),
            h.AdapterChosen(at=AT, capability="crm", adapter="offline"),
            h.AdapterModeSet(at=AT, capability="crm", mode="offline"),
            h.RoutingPolicySet(at=AT, policy="p"),
            h.ToolForbidden(at=AT, tool="draft"),
            h.ToolAllowed(at=AT, tool="draft"),
            h.SuppressionLifted(at=AT, digest="d", reason="r"),
            h.PersonErased(at=AT, subjects=("a",), runs=1, reason="asked"),
            h.RunsRetired(at=AT, before=AT, runs={"r": "0"}),
            h.NoticeAdded(at=AT, notice_id="n", channel="email", address="a", about=("waiting",)),
            h.OriginTrusted(at=AT, origin="cuga/1", key="word"),
        ],
    }
    return found.get(verb, [])


@pytest.mark.parametrize(
    ("role", "verb", "about"), [cell for cell in CELLS if events_of(cell[1], "x")], ids=lambda one: str(one)
)
def test_a_change_of_the_house_follows_its_cell(role, verb, about):
    known = state()
    owner = role if about is Whose.OWN else "eva"
    for event in events_of(verb, owner):
        if isinstance(event, h.DelegationRevoked) and owner not in known.delegations:
            continue
        own_thing = verb in (Verb.DELEGATE, Verb.KEYS)
        wanted = allowed(role, verb, about if own_thing else Whose.OTHERS)
        if wanted:
            house.check(known, event, Principal(id=role), {"draft": contract("draft", "propose")})
        else:
            with pytest.raises(NotAllowed):
                house.check(known, event, Principal(id=role), {"draft": contract("draft", "propose")})


def test_what_the_house_says_of_itself_is_said_by_nobody_else():
    known = state()
    for event in (
        h.LoginsFailed(at=AT, user="x", times=5),
        h.NoticeLost(at=AT, notice_id="n", about="ended", run_id="r", attempts=1, reason="x"),
    ):
        with pytest.raises(NotAllowed, match="only the house"):
            house.check(known, event, Principal(id="eva"), {})


# --- the kernel: every wish of a person is some verb ------------------------------------------------------------------
KIM, ODA = Principal(id="kim"), Principal(id="oda")
PINNED = rules(PROPOSE, contract("keyless", "execute"))


def asked(role: str, about: Whose, first: tuple[Any, ...] = ()) -> Story:
    """A run that waits, of kim's own or of oda's, while kim has one role."""
    requester = KIM if about is Whose.OWN else ODA
    roles = {"kim": (role,), "oda": ("operator",), "grace": ("approver",)}
    steps = [step("s", contract("keyless", "execute"))]
    story = given(run_started(plan(*steps), by=requester), rules=PINNED, now=current(PINNED, roles=roles)).when(tick())
    for wish in first:
        story.when(wish)
    return story


def questioned(role: str, about: Whose) -> Story:
    requester = KIM if about is Whose.OWN else ODA
    roles = {"kim": (role,), "oda": ("operator",)}
    story = given(run_started(by=requester), rules=PINNED, now=current(PINNED, roles=roles))
    return story.when(c.AskQuestion(at=story.at, attempt=1, question_id="q", text="which?"))


def wishes(role: str, about: Whose) -> Iterator[tuple[Verb, Story]]:
    in_doubt = (approve("s"), fails("s"))
    yield Verb.STEER, asked(role, about).when(cancels(by=KIM))
    yield Verb.STEER, asked(role, about).when(replans(by=KIM))
    yield Verb.STEER, questioned(role, about).when(c.AnswerQuestion(at=AT, by=KIM, question_id="q", answer="this"))
    for said in ("happened", "did-not", "again"):
        yield Verb.SETTLE, asked(role, about, in_doubt).when(says("s", said, by=KIM))
    yield Verb.TOP_UP, asked(role, about).when(tops_up("calls", 1, by=KIM))
    for verdict in (Verdict.APPROVE, Verdict.DENY, Verdict.REQUEST_CHANGES):
        yield Verb.DECIDE, asked(role, about).when(decides(verdict, "s", by=KIM, reason="so"))
    yield Verb.DECIDE, asked(role, about).when(amend("s", {"n": 2}, by=KIM))
    revoked = asked(role, about)
    revoked.current = msgspec.structs.replace(revoked.current, halted="stop")
    yield Verb.DECIDE, revoked.when(approve("s")).when(revoke("s", by=KIM))


@pytest.mark.parametrize(("role", "about"), list(product(ROLES, Whose)))
def test_a_wish_of_a_run_follows_its_cell(role, about):
    for verb, story in wishes(role, about):
        if allowed(role, verb, about):
            assert story.error is None, (verb, story.error)
        else:
            assert isinstance(story.error, NotAllowed), (verb, story.error)


@pytest.mark.parametrize("role", ROLES)
def test_a_run_is_begun_by_whom_the_table_lets(role):
    story = given(rules=PINNED, now=current(PINNED, roles={"kim": (role,)}))
    story.when(start(plan(step("s", PROPOSE)), by=KIM))
    assert (story.error is None) is allowed(role, Verb.START, Whose.OWN)

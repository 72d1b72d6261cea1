"""The rules as tables: for each judgement the cases that differ, and on the page what comes of each, with its words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest

from cuga.errors import BadInput, CugaError
from cuga.model.context import SYSTEM, Principal
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.plan import Budget
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy.access import Verb, Whose, asks_for_proof, may, may_decide, roles_at, verbs_of, who_can, whose
from cuga.policy.binding import bound, reduced_words
from cuga.policy.budget import calm_below, charges, drawn, is_warning, limits_of, room_for
from cuga.policy.profile import MONTH_S, Approvals, Consent, Current, Delegation, Limits, Profile, Rate, Retry
from cuga.policy.retention import age_of, cut_off_age
from cuga.policy.retry import Again, delay_ms, next_try
from cuga.policy.routing import POLICIES, Candidate, Fared, Manual, Policy, Pool, Ranked, choose, policy_named
from cuga.policy.spelling import tool_budget
from cuga.policy.tighten import stricter
from cuga.testing.factories import AT, contract, current, rules

HOUR = timedelta(hours=1)


# --- access ----------------------------------------------------------------------------------------------------------
PEOPLE = {
    "ada": ("approver",), "bob": ("operator", "viewer"), "eve": (), "kim": ("head", "admin"), "sam": ("approver",),
}  # fmt: skip


def lent(user: str, delegate: str, starts: int = -1, ends: int = 1) -> Delegation:
    name = f"{user}-{delegate}{starts}"
    return Delegation(
        delegation_id=name, user=user, delegate=delegate, starts=AT + starts * HOUR, ends=AT + ends * HOUR
    )


HOUSE = Current(
    roles=PEOPLE,
    delegations=(
        lent("ada", "bob"),
        lent("sam", "eve"),
        lent("bob", "eve"),
        lent("ada", "eve", 1, 2),
        lent("ada", "zoe", -2, 0),
    ),
    heirs={"tom": "mia", "mia": "ada", "x": "y", "y": "x"},
)


def test_who_decides_on_what_somebody_asked_for(tell):
    for asked, roles in product((("sam",), ("ada", "sam"), ("tom",)), (("approver",), ("head", "approver"), ())):
        tell(f"> asked by {', '.join(asked)}, decided by {' or '.join(roles) or 'nobody'}")
        tell(who_can(requesters=asked, roles=roles, current=HOUSE, at=AT), "able")
        for name in (*PEOPLE, "zoe", SYSTEM.id):
            tell(may_decide(Principal(id=name), requesters=asked, roles=roles, current=HOUSE, at=AT), name)


def test_delegations_hold_from_their_start_and_not_at_their_end(tell):
    one = Current(roles=PEOPLE, delegations=(lent("ada", "eve", 0, 1),))
    for at in (AT - timedelta(seconds=1), AT, AT + HOUR):
        found = may_decide(Principal(id="eve"), requesters=("bob",), roles=("approver",), current=one, at=at)
        tell(found, f"{at:%H:%M:%S}")


def test_what_a_role_may_do_is_said_with_the_roles_that_may(tell):
    alone = Principal(id="sam", solo=True)
    for verb, about in product(Verb, Whose):
        said = [may(Principal(id=name), verb, HOUSE, about) for name in PEOPLE]
        tell(f"{verb.value} {about.value}: " + "; ".join(reason for one in said for reason in one.reasons))
    for by, now in ((alone, Current()), (alone, HOUSE), (Principal(id="b", roles=("viewer",)), Current())):
        tell(may(by, Verb.GOVERN, now), f"{by.id} of {len(now.roles)}")
        tell(verbs_of(by, now), "  may")
        tell(f"  proof: {[asks_for_proof(risk, by, now) for risk in ('low', 'medium', 'high')]}")
    assert may(Principal(id="bob"), Verb.STEER, HOUSE) == may(Principal(id="bob"), Verb.STEER, HOUSE, Whose.OTHERS)


def test_the_runs_of_people_who_left_are_their_heirs():
    owners = {name: whose(Principal(id="ada"), name, HOUSE) for name in ("ada", "mia", "tom", "sam", "x")}
    assert [name for name, one in owners.items() if one is Whose.OWN] == ["ada", "mia", "tom"]
    assert whose(Principal(id="y"), "x", HOUSE) is Whose.OTHERS or whose(Principal(id="x"), "x", HOUSE) is Whose.OWN


def test_after_a_while_others_decide_as_well():
    asked, more = ("approver", "head"), ("head", "admin")
    assert roles_at(asked, more, None, AT) == asked
    assert roles_at(asked, more, AT, AT - HOUR) == asked
    assert roles_at(asked, more, AT, AT) == roles_at(asked, more, AT, AT + HOUR) == ("approver", "head", "admin")


# --- routing ---------------------------------------------------------------------------------------------------------
CROWDS: dict[str, Sequence[Candidate]] = {
    "nobody": (),
    "one": (Candidate(name="a"),),
    "equal": (Candidate(name="a"), Candidate(name="b"), Candidate(name="c")),
    "busy": (
        Candidate(name="a", fit=3, running=2, limit=2, turns=0, fared=Fared(calls=9, failures=0, latency_us=90_000)),
        Candidate(name="b", fit=2, running=1, ahead=1, limit=3, turns=2, fared=Fared(calls=9, failures=4)),
        Candidate(name="c", fit=2, running=1, limit=0, turns=1, fared=Fared(calls=3, latency_us=5_000)),
    ),
    "full": (
        Candidate(name="a", fit=1, running=3, ahead=2, limit=4, turns=3),
        Candidate(name="b", fit=1, running=1, limit=1, turns=3, fared=Fared(calls=1, failures=1)),
    ),
}


@pytest.mark.parametrize("policy", [*POLICIES.values(), Manual("b")], ids=lambda one: one.name)
def test_who_takes_the_work(tell, policy: Policy):
    for name, crowd in CROWDS.items():
        now, ranked = choose(policy, crowd)
        tell([f"{one.name} {one.weight} {one.why}" for one in ranked], name)
        tell(now, "  takes it")
        waits = choose(policy, crowd, can_wait=True)[0]
        if waits != now:
            tell(waits, "  if it can wait")
        if now is not None:
            assert now.fallback == (now.alternatives[0] if now.alternatives else "")


class Own:
    """A policy of somebody's own."""

    name, is_patient = "own", False

    def __init__(self, *ranked: Ranked) -> None:
        self.ranked = ranked

    def rank(self, _candidates: Sequence[Candidate]) -> tuple[Ranked, ...]:
        return self.ranked


def test_a_policy_of_somebodys_own_names_candidates_and_each_once(tell):
    a, b, z = (Ranked(name=name, weight=weight, why="so") for name, weight in (("a", 0), ("b", -4), ("z", 1)))
    for ranked, crowd in (((a, a), "equal"), ((a, z), "equal"), ((z,), "nobody")):
        with pytest.raises(BadInput):
            choose(Own(*ranked), CROWDS[crowd])
    tell(choose(Own(b, a), CROWDS["equal"])[0])
    tell(choose(Own(b, msgspec.structs.replace(a, weight=3)), CROWDS["equal"])[0])
    tell(choose(Own(msgspec.structs.replace(a, weight=1), msgspec.structs.replace(b, weight=5)), CROWDS["equal"])[0])
    with pytest.raises(BadInput):
        policy_named("other", {"own": Own()})
    assert policy_named("").name == "round_robin" and policy_named("own", {"own": Own()}).name == "own"


# --- adapters --------------------------------------------------------------------------------------------------------
def test_what_is_bound_and_why_nothing_is(tell):
    profile = Profile(name="p", limits=Limits(calls=1), adapters={"crm": ("folder", "other", "offline"), "fax": ()})
    here = {"crm": ("offline", "folder", "other")}
    cases: dict[str, dict[str, object]] = {
        "all": {}, "none here": {"installed_adapters": {}}, "off": {"disabled_adapters": ("folder", "crm/other")},
        "chosen": {"chosen_adapters": {"crm": "other"}}, "absent": {"chosen_adapters": {"crm": "absent"}},
        "offline": {"adapter_modes": {"crm": "offline"}}, "live": {"adapter_modes": {"crm": "live"}},
        "hybrid": {"adapter_modes": {"crm": "hybrid"}}, "read only": {"read_only_adapters": ("crm/folder",)},
        "hybrid, offline off": {"adapter_modes": {"crm": "hybrid"}, "disabled_adapters": ("offline",)},
        "live, offline": {"adapter_modes": {"crm": "live"}, "chosen_adapters": {"crm": "offline"}},
        "only to read": {"read_only_adapters": ("crm/folder", "crm/other", "crm/offline")},
    }  # fmt: skip
    pools = (None, Pool(name="w", capabilities=("x",), adapters=("other",)), Pool(name="v", capabilities=("x",)))
    for name, now in cases.items():
        for reads, pool in product((True, False), pools):
            said = bound("crm", profile, Current(**{"installed_adapters": here, **now}), reads=reads, pool=pool)
            at = f" in {pool.name}" if pool else ""
            tell(f"{name}{at} {'reading' if reads else 'writing'}: {', '.join(said.names) or said.why}")
    tell(bound("fax", profile, Current(), reads=True).why)
    tell(bound("fax", profile, Current(), reads=True, pool=Pool(name="w", capabilities=(), adapters=())).why)
    tell(reduced_words({"crm": "gone", "mail": "off"}))


# --- tries again -----------------------------------------------------------------------------------------------------
def test_whether_a_call_is_tried_again(tell):
    for certainty, effect, repeatable in product(Certainty, SideEffect, Repeatable):
        ends: dict[str, list[str]] = {}
        for mode in FailureMode:
            said = []
            for attempt in (1, 2, 3, 4):
                found = next_try(
                    Retry(), mode=mode, certainty=certainty, side_effect=effect, repeatable=repeatable, attempt=attempt
                )
                said.append(f"{found.delay_ms} ms" if isinstance(found, Again) else type(found).__name__)
            ends.setdefault(", ".join(said), []).append(mode.value)
        tell(f"> {certainty.value}, {effect.value}, {repeatable.value}")
        for said_of_all, modes in ends.items():
            tell(f"{said_of_all}: {' '.join(modes)}")


def test_how_long_it_waits_before(tell):
    for name, retry in {
        "usual": Retry(),
        "even": Retry(is_even=True, base_s=2, base_ms=500),
        "parts of a second": Retry(base_s=0, base_ms=150, cap_s=0, cap_ms=700, jitter_percent=0),
        "wide": Retry(base_s=10, cap_s=100_000, jitter_percent=50),
    }.items():
        tell([[delay_ms(retry, attempt, 0, jitter) for jitter in (0, 500, 999)] for attempt in (1, 2, 3, 6)], name)
    asked = [delay_ms(Retry(), 1, asked, 0) for asked in (0, 1, 7, 86_400, 86_401)]
    assert asked == [900, 1_000, 7_000, 86_400_000, 86_400_000]
    assert delay_ms(Retry(), 0) == delay_ms(Retry(), 1) == 900 and delay_ms(Retry(), 1, 0, -5) == 900
    assert delay_ms(Retry(base_s=10, jitter_percent=50), 1, 0, 5_000) == 15_000
    longest = Retry(cap_s=10**9, jitter_percent=0)
    assert delay_ms(longest, 31) == delay_ms(longest, 99) == 10**12
    assert delay_ms(msgspec.structs.replace(longest, cap_s=10**15), 99) == 1000 << 30
    kinds = {"certainty": Certainty.NOT_DONE, "side_effect": SideEffect.READ_ONLY, "repeatable": Repeatable.NONE}
    again = next_try(Retry(), mode=FailureMode.SYSTEM_TIMEOUT, attempt=1, retry_after_s=9, jitter=999, **kinds)
    assert again == Again(delay_ms=9_000)


# --- budgets ---------------------------------------------------------------------------------------------------------
def test_what_may_be_spent_and_when_it_is_near(tell):
    profile = Limits(calls=10, calls_per_domain={"e": 4}, calls_per_tool={"send": 2}, cost=5, tokens=7)
    stated = Budget(calls=7, calls_per_domain={"e": 9, "o": 1}, calls_per_tool={"send": 1, "x": 3}, cost=9, tokens=5)
    tell(limits_of(profile), "profile")
    tell(limits_of(msgspec.structs.replace(profile, money=3), None, stated, Budget(calls=8, cost=4)), "all")
    tell(limits_of(Limits(calls=0, cost=0, tokens=0)), "none")
    wanted = charges("send", "e", 5)
    tell(wanted, "charges")
    tell(drawn("send", "e", 0), "drawn")
    limits = {"calls": 10, "calls/domain/e": 4, "cost": 20}
    for used in ({}, {"calls": 7}, {"calls": 6}, {"calls": 9}, {"calls": 10}, {"cost": 16}, {"calls/domain/e": 3}):
        tell(room_for(wanted, used, limits, {}, 80), f"{used}")
    tell(room_for(wanted, {"calls": 10}, limits, {"calls": 1}, 80), "raised")
    tell(room_for(wanted, {"calls": 10}, limits, {"cost": 1}, 80), "raised elsewhere")
    for percent in (0, 80, 100, 101):
        tell(calm_below(wanted, {**limits, "calls/tool/send": 0}, percent), f"calm below, {percent} %")
    assert [is_warning(used, 10, 80) for used in (0, 7, 8, 10)] == [False, False, True, True]
    assert not is_warning(0, 0, 80) and not is_warning(5, 0, 80)
    assert is_warning(1, 1, 80)


def test_every_spelling_of_a_budget_is_read_and_what_is_none_is_refused(tell):
    tell(tool_budget())
    tell(
        tool_budget(
            total_calls=9, call_ceiling=7, calls_per_domain={"e": 1}, calls_per_tool={"t": 0}, cost_ceiling=2.5,
            ceiling=3, token_ceiling=0, warning_threshold=1, policy="park",
        )
    )  # fmt: skip
    tell(tool_budget(total_calls=3, ceiling=0.5, warning_threshold=0.01))
    for wrong in (
        {"total_calls": -1}, {"call_ceiling": -1}, {"token_ceiling": -1}, {"cost_ceiling": -0.1}, {"ceiling": -1},
        {"calls_per_domain": {"e": -1}}, {"calls_per_tool": {"t": -1}}, {"warning_threshold": 0},
        {"warning_threshold": 1.1}, {"policy": "ask"}, {"total_calls": "9"}, {"token_ceiling": 1.5},
        {"call_ceiling": True}, {"calls_per_domain": [1]}, {"calls_per_tool": {3: 1}}, {"calls_per_tool": {"t": "x"}},
        {"calls_per_domain": {"e": 0.5}}, {"cost_ceiling": "1"}, {"ceiling": None, "cost_ceiling": float("nan")},
        {"warning_threshold": "0.8"}, {"ceiling": "2"},
    ):  # fmt: skip
        with pytest.raises(CugaError):
            tool_budget(**wrong)


# --- tools -----------------------------------------------------------------------------------------------------------
def test_what_a_tool_says_more_strictly_counts_at_once(tell):
    pinned = contract(
        "t", "propose", cost=2, timeout_s=30, repeatable="key", once=(), seconded=("/a",), uses=("crm",),
        writes=("crm",), optional=("crm", "mail"),
    )  # fmt: skip
    for name, changes in {
        "the same": {},
        "stricter": {"side_effect": SideEffect.EXECUTE, "cost": 3, "timeout_s": 9, "repeatable": Repeatable.PROBE},
        "looser": {"side_effect": SideEffect.READ_ONLY, "cost": 1, "timeout_s": 99},
        "needs": {"once": ("x", "/to"), "seconded": ("/b", "/a"), "uses": ("mail", "crm"), "writes": ("mail",)},
        "anything": {"writes": None, "optional": ("mail", "fax")},
    }.items():
        tell(stricter(pinned, msgspec.structs.replace(pinned, **changes)), name)
    tell(stricter(msgspec.structs.replace(pinned, writes=None, once=("y",)), pinned), "pinned to anything")


PROPOSE = contract("draft", "propose", domain="engagement", uses=("crm", "mail"), optional=("mail",))
READ = contract("score", uses=("crm", "mail"), optional=("mail",))
SEND = contract("send", "execute", domain="engagement", uses=("mail",))
TABLE: dict[str, dict[str, object]] = {
    "as it is": {},
    "forbidden now": {"forbidden_tools": {"score": "a recall", "draft": ""}},
    "quarantined": {"quarantined_tools": {"score": "described otherwise"}},
    "nothing installed": {"installed_adapters": {}},
    "without mail": {"installed_adapters": {"crm": ("offline",)}},
    "off": {"disabled_adapters": ("crm/offline",)},
    "several": {
        "installed_adapters": {"crm": ("offline", "folder"), "mail": ("offline", "post")},
        "places": {"crm/folder": "ab12", "mail/other": "cd34"},
    },
    "tools gone": {"tool_digests": {}},
    "stricter now": {
        "contracts": {"draft": msgspec.structs.replace(PROPOSE, side_effect=SideEffect.EXECUTE), "score": READ}
    },
}


@pytest.mark.parametrize("case", TABLE)
@pytest.mark.parametrize("profile", ["strict", "open", "shown", "narrow"])
def test_the_ruling_on_a_tool(tell, profile: str, case: str):
    adapters = {"crm": ("folder", "offline"), "mail": ("post", "offline")}
    free = Approvals(read_only=Consent.NONE, propose=Consent.RULE, execute=Consent.NONE)
    changes: dict[str, object] = {
        "strict": {},
        "open": {"approvals": free},
        "shown": {"approvals": free, "simulates_execute": True},
        "narrow": {"tools": ("score", "send"), "forbidden_tools": ("send",)},
    }[profile]
    pinned = rules(READ, PROPOSE, SEND, name=profile, adapters=adapters, **changes)
    here = {"crm": ("offline",), "mail": ("offline",)}
    now = current(pinned, **{"installed_adapters": here, **TABLE[case]})
    for tool in ("score", "draft", "send", "wipe"):
        assert pinned.ruling(tool, now) is pinned.ruling(tool, now)  # the page holds it


def test_the_places_of_a_tool_and_what_holds_of_it_follow_what_is_current(tell):
    pinned = rules(READ, PROPOSE, SEND, adapters={"crm": ("folder", "offline"), "mail": ("offline",)})
    here = {"crm": ("offline", "folder"), "mail": ("offline",)}
    pools = {
        "own": Pool(name="own", capabilities=("engagement",), adapters=("offline",)),
        "poor": Pool(name="poor", capabilities=("intelligence", "draft"), adapters=("folder",)),
        "none": Pool(name="none", capabilities=("engagement",), adapters=()),
    }
    for name, some in (("all", pools), ("poor", {"poor": pools["poor"]}), ("no", {"none": pools["none"]})):
        now = current(pinned, installed_adapters=here, pools=some)
        for tool in ("score", "draft", "send"):
            found = pinned.seats(tool, now)
            tell(found, f"{name}: {tool}")
            assert pinned.seats(tool, now) is found
    calm = [pinned.calm(tool, current(pinned)) for tool in ("score", "send")]
    tell(calm, "calm")
    again = msgspec.structs.replace(SEND, once=("send", "/to"), cost=7)
    stricter_now = current(pinned, contracts={"send": again})
    tell(pinned.calm("send", stricter_now), "calm, dearer")
    assert pinned.contract("send", stricter_now).cost == 7 and pinned.contract("send", current(pinned)).cost == 0
    assert pinned.once("send", stricter_now) == (("send", "/to"),) and pinned.once("send", current(pinned)) == ()
    both = rules(msgspec.structs.replace(SEND, once=("send", "/cc")))
    assert both.once("send", current(both, contracts={"send": again})) == (("send", "/cc"), ("send", "/to"))


# --- times -----------------------------------------------------------------------------------------------------------
def test_windows_of_rates_and_ages_of_runs(tell):
    moments = [datetime(2026, 1, 5, 9, 0, 59, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, tzinfo=UTC)]
    for window, at in product((60, 3600, 86_400, MONTH_S), moments):
        rate = Rate(per="user", calls=1, window_s=window)
        tell(f"{window} at {at:%Y-%m-%d %H:%M:%S}: {rate.window(at)}, then {rate.next_window(at):%Y-%m-%d %H:%M:%S}")
    tell([[said, age_of(said).days] for said in ("1d", "18mo", " 2y ", "100y", "36525d")], "ages")
    tell([cut_off_age(*pair).days for pair in (("", "18mo"), ("2y", "18mo"), ("18mo", "18mo"), ("6mo", ""))], "cut")
    for wrong in ("", "0d", "2w", "101y", "36526d", "1.5y", "999999d"):
        with pytest.raises(BadInput):
            age_of(wrong)
    for said, least in (("", ""), ("17mo", "18mo"), ("5mo", ""), ("182d", "")):
        with pytest.raises(BadInput):
            cut_off_age(said, least)
    assert cut_off_age("183d", "").days == 183

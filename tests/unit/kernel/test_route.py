"""A step goes to a pool that may take it, or waits for a place with nothing in the air, or is refused with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cuga.errors import NotAllowed
from cuga.model import event as e
from cuga.model.event import Status
from cuga.policy.profile import Approvals, Consent, Limits
from cuga.policy.routing import POLICIES, Pool, RoundRobin
from cuga.testing import amend, approve, completes, fails, given, start, tick
from cuga.testing.factories import GRACE, LIN, PROPOSE, READ, contract, plan, rules, step

MAIL = contract("mail", "read-only", uses=("mail",))
NOTE = contract("note", "propose", uses=("mail",), domain="engagement")
KEYED = contract("keyed", "propose", uses=("mail",), domain="engagement", repeatable="key")
BOTH = {"mail": ("main", "spare")}


def pools(**given):
    found = {
        name: Pool(name=name, **{"capabilities": ("intelligence", "engagement"), **said})
        for name, said in given.items()
    }
    return {"pools": found}


def one(tool=READ, arguments=None):
    return plan(step("s", tool, arguments))


def wide(count, tool=READ):
    return plan(*(step(f"s{n}", tool) for n in range(count)))


def targets(story):
    return [event.target for event in story.events if isinstance(event, e.RouteDecision)]


def test_without_pools_a_step_goes_to_its_domain_and_nothing_is_chosen():
    story = given().when(start(one()))
    found = story.found("route_decision")
    assert (found.target, found.policy, found.confidence_percent) == ("intelligence", "", 100)
    assert story.call("s").pool == "" and story.routed == []


def test_the_decision_names_pool_policy_reason_alternatives_and_confidence():
    story = given().after(**pools(a={}, b={}, c={})).when(start(one()))
    found = story.found("route_decision")
    assert (found.target, found.alternatives, found.policy) == ("a", ("b", "c"), "round_robin")
    assert (found.reason, found.confidence_percent) == ("its turn, 0 before; read-only in intelligence", 33)
    assert story.call("s").pool == "a"
    assert story.routed == [(("a", "b", "c"), "a")]


def test_steps_that_start_together_take_turns():
    story = given(rules=rules(max_parallel=8)).after(**pools(a={}, b={}, c={})).when(start(wide(7)))
    assert targets(story) == ["a", "b", "c", "a", "b", "c", "a"]


def test_turns_taken_elsewhere_count():
    story = given().after(**pools(a={}, b={})).amid(turns={("a", "b"): {"a": 4, "b": 3}}).when(start(one()))
    assert targets(story) == ["b"]


def test_a_call_that_no_budget_takes_is_no_turn():
    pinned = rules(READ, limits=Limits(calls=1), max_parallel=1)
    story = given(rules=pinned).after(**pools(a={}, b={})).when(start(wide(2)))
    story.when(completes("s0"))
    assert targets(story) == ["a"] and story.routed == []


def test_a_tool_that_no_pool_takes_is_refused_with_those_there_are():
    story = given().after(**pools(a={"capabilities": ("knowledge",)})).when(start(one()))
    found = story.found("step_refused")
    assert (found.rule, story.state.end.status) == ("no-pool", Status.FAILED)
    assert found.reason == "no worker pool takes score (intelligence): a takes knowledge"


def test_a_pool_takes_what_it_names_and_its_adapters_narrow_the_profiles():
    pinned = rules(MAIL, adapters=BOTH)
    both = pools(a={"capabilities": ("knowledge",)}, b={"adapters": ("spare",)})
    story = given(rules=pinned).after(**both).when(start(one(MAIL)))
    assert (story.call("s").pool, story.call("s").adapters) == ("b", {"mail": "spare"})
    story = given(rules=pinned).after(**pools(a={"adapters": ("elsewhere",)})).when(start(one(MAIL)))
    found = story.found("step_refused")
    assert found.rule == "adapter-unavailable"
    assert found.reason == "mail needs mail; profile strict and pool a allows none, none of them usable now"


def test_a_pool_without_a_usable_adapter_is_passed_over():
    both = pools(a={"adapters": ("main",)}, b={"adapters": ("spare",)})
    story = given(rules=rules(MAIL, adapters=BOTH)).after(disabled_adapters=("main",), **both)
    assert story.when(start(one(MAIL))).call("s").pool == "b"


# --- waiting for a place ---------------------------------------------------------------------------------------------
def test_a_step_without_a_place_waits_before_its_intent_and_the_run_goes_on_running():
    story = given().after(**pools(a={"concurrency": 1})).amid(others={"a": 1}).when(start(one()))
    story.then("run_started", "plan_created")
    assert story.queued == {"s": ("a",)} and story.state.status is Status.RUNNING
    story.when(tick()).then()
    story.amid().when(tick()).then("route_decision", "tool_call_start")


def test_whoever_waits_longer_comes_first():
    story = given().after(**pools(a={"concurrency": 2})).amid(ahead={"a": 2}).when(start(one()))
    assert story.queued == {"s": ("a",)}
    story.amid(ahead={"a": 1}).when(tick()).then("route_decision", "tool_call_start")


def test_a_run_takes_no_more_places_than_there_are():
    story = given(rules=rules(max_parallel=8)).after(**pools(a={"concurrency": 2})).when(start(wide(5)))
    assert set(story.state.calling) == {"s0", "s1"} and set(story.queued) == {"s2", "s3", "s4"}
    story.when(completes("s0")).then("tool_call_complete", "route_decision", "tool_call_start")
    story.amid(ahead={"a": 1}).when(completes("s1")).then("tool_call_complete")


def test_only_so_many_steps_are_looked_at_for_a_place():
    story = given(rules=rules(max_parallel=64, limits=Limits(calls=200)))
    story.after(**pools(a={"concurrency": 1})).amid(others={"a": 1}).when(start(wide(80)))
    assert len(story.queued) == 64


def test_in_turn_waits_for_its_pool_and_a_balanced_one_takes_the_free_one():
    full = {"others": {"a": 1}}
    two = pools(a={"concurrency": 1}, b={"concurrency": 1})
    assert given().after(**two).amid(**full).when(start(one())).queued == {"s": ("a", "b")}
    for name in ("capability", "load_balanced", "priority", "learned"):
        story = given().after(**two).amid(policy=POLICIES[name], **full).when(start(one()))
        assert (story.call("s").pool, story.found("route_decision").policy) == ("b", name)


def test_a_try_that_waits_for_a_place_says_when_it_looks_again():
    story = given().after(**pools(a={"concurrency": 1})).when(start(one())).when(fails("s"))
    story.then("tool_call_error", "run_parked")
    story.after(5).amid(others={"a": 1}).when(tick()).then("run_parked")
    parked = story.state.parked
    assert "waits for a place in pool a" in parked.reason
    assert parked.wake_at == story.at + timedelta(seconds=60)
    story.when(tick()).then()
    story.after(70).when(tick()).then("run_parked")
    story.amid().when(tick()).then("route_decision", "tool_call_start")


class Nobody:
    name = "nobody"
    is_patient = False

    def rank(self, candidates):
        return ()


def test_a_policy_that_gives_it_to_nobody_parks_the_run_with_its_name():
    story = given().after(**pools(a={})).amid(policy=Nobody()).when(start(one()))
    assert "the routing policy nobody gives it to none of a" in story.state.parked.reason
    story.amid(policy=RoundRobin()).when(tick()).then("route_decision", "tool_call_start")


def test_a_tool_that_is_missing_here_waits_as_it_does_without_pools():
    story = given().after(tool_digests={}, **pools(a={})).when(start(one()))
    assert "not installed" in story.state.parked.reason


# --- consent, doubt and adapters -------------------------------------------------------------------------------------
APART = pools(a={"adapters": ("main",)}, b={"adapters": ("spare",)})


def test_what_a_person_agreed_to_keeps_its_adapters_whosever_turn_it_is():
    story = given(rules=rules(NOTE, adapters=BOTH)).after(**APART).when(start(one(NOTE)))
    assert story.found("approval_requested").adapters == {"mail": "main"}
    story.amid(turns={("a", "b"): {"a": 9}}).when(approve("s"))
    story.then("approval_received", "route_decision", "tool_call_start")
    assert (story.call("s").pool, story.call("s").adapters) == ("a", {"mail": "main"})


def test_an_agreed_call_waits_for_a_place_without_asking_again():
    story = given(rules=rules(NOTE, adapters=BOTH)).after(**APART).when(start(one(NOTE)))
    story.amid(others={"a": 4}).when(approve("s")).then("approval_received")
    assert story.queued == {"s": ("a",)}
    story.amid().when(tick()).then("route_decision", "tool_call_start")


def test_a_rule_agrees_and_the_place_is_taken_at_once_or_waited_for():
    pinned = rules(NOTE, adapters=BOTH, approvals=Approvals(propose=Consent.RULE))
    story = given(rules=pinned).after(**APART).when(start(one(NOTE)))
    story.then(
        "run_started", "plan_created", "approval_requested", "approval_received", "route_decision", "tool_call_start"
    )
    assert story.routed == [(("a",), "a")]
    story = given(rules=pinned).after(**APART).amid(others={"a": 4}).when(start(one(NOTE)))
    story.then("run_started", "plan_created", "approval_requested", "approval_received")
    story.amid().when(tick()).then("route_decision", "tool_call_start")


def test_a_call_that_may_have_happened_is_repeated_through_the_same_adapter():
    approvals = Approvals(propose=Consent.NONE)
    story = given(rules=rules(KEYED, adapters=BOTH, approvals=approvals)).after(**APART).when(start(one(KEYED)))
    assert story.call("s").pool == "a"
    story.when(fails("s")).amid(turns={("a", "b"): {"a": 5}}).after(9).when(tick())
    assert (story.call("s").pool, story.call("s").attempt) == ("a", 2)


def test_an_open_request_bound_to_an_adapter_that_is_switched_off_is_asked_anew():
    story = given(rules=rules(NOTE, adapters=BOTH)).when(start(one(NOTE)))
    first = story.approval("s")
    story.after(disabled_adapters=("main",)).when(tick())
    story.then("approval_superseded", "approval_requested", "run_parked")
    assert "bound to mail through main" in story.found("approval_superseded").reason
    assert story.found("approval_requested").adapters == {"mail": "spare"}
    assert story.state.closed[first].how == "superseded"
    story.after(disabled_adapters=("main", "spare")).when(tick())
    story.then("approval_superseded", "step_refused", "run_finished")


def test_an_open_request_is_left_alone_by_what_does_not_touch_it():
    story = given(rules=rules(NOTE, PROPOSE, adapters=BOTH)).when(start(one(NOTE)))
    story.after(disabled_adapters=("other", "crm/main")).when(tick()).then()
    story.after(tool_digests={}).when(tick()).then()


def test_an_open_request_for_a_tool_that_is_forbidden_now_is_withdrawn():
    story = given(rules=rules(PROPOSE)).when(start(one(PROPOSE))).after(forbidden_tools={"draft": "a recall"})
    story.when(tick()).then("approval_superseded", "step_refused", "run_finished")
    assert "bound to no adapter" in story.found("approval_superseded").reason


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        (pools(b={"adapters": ("spare",)}), ("approval_superseded", "approval_requested", "run_parked")),
        (pools(a={"capabilities": ("knowledge",)}), ("approval_superseded", "step_refused", "run_finished")),
        (pools(c={"adapters": ("main",)}), ()),
    ],
)
def test_an_open_request_stands_as_long_as_some_pool_would_make_the_same_call(changed, names):
    story = given(rules=rules(NOTE, adapters=BOTH)).after(**APART).when(start(one(NOTE)))
    story.after(**changed).when(tick()).then(*names)


def test_who_amended_a_call_cannot_agree_to_it_when_it_is_asked_anew():
    story = given(rules=rules(NOTE, adapters=BOTH)).when(start(one(NOTE, {"text": "hi"})))
    story.when(amend("s", {"text": "hello"}, by=GRACE))
    assert GRACE.id in story.found("approval_requested").requesters
    story.after(disabled_adapters=("main",)).when(tick())
    asked = story.found("approval_requested")
    assert (asked.adapters, GRACE.id in asked.requesters) == ({"mail": "spare"}, True)
    assert bytes(asked.arguments) == b'{"text":"hello"}'
    story.when(approve("s", by=GRACE)).then_refused(NotAllowed)
    story.when(approve("s", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


def test_an_amended_call_is_bound_as_a_pool_would_make_it():
    story = given(rules=rules(NOTE, adapters=BOTH)).after(**pools(b={"adapters": ("spare",)}))
    story.when(start(one(NOTE, {"text": "hi"}))).when(amend("s", {"text": "hello"}, by=GRACE))
    story.then("approval_received", "approval_requested", "run_parked")
    assert story.found("approval_requested").adapters == {"mail": "spare"}
    story.when(approve("s", by=LIN)).then("approval_received", "route_decision", "tool_call_start")
    assert story.call("s").adapters == {"mail": "spare"}


def test_an_amended_call_keeps_the_adapters_that_were_shown_as_long_as_a_pool_has_them():
    story = given(rules=rules(NOTE, adapters=BOTH)).after(**pools(b={"adapters": ("spare",)}))
    story.when(start(one(NOTE, {"text": "hi"}))).after(**APART)
    story.when(amend("s", {"text": "hello"}, by=GRACE))
    assert story.found("approval_requested").adapters == {"mail": "spare"}


def test_a_call_that_no_pool_takes_any_more_is_not_amended():
    story = given(rules=rules(NOTE, adapters=BOTH)).after(**APART).when(start(one(NOTE, {"text": "hi"})))
    story.after(**pools(a={"capabilities": ("knowledge",)}))
    story.when(amend("s", {"text": "hello"}, by=GRACE)).then_refused(NotAllowed, "no worker pool takes note")


# --- doing with less -------------------------------------------------------------------------------------------------
LOOK = contract("look", "read-only", uses=("crm",), optional=("crm",))
NEEDS = contract("needs", "read-only", uses=("crm",))
CRM = {"crm": ("main",)}


def reduced(*steps, tools=(LOOK, NEEDS, PROPOSE), **changes):
    story = given(rules=rules(*tools, adapters=CRM, **changes)).after(disabled_adapters=("main",))
    return story.when(start(plan(*steps)))


def test_a_read_does_what_it_can_without_a_capability_and_the_run_says_so():
    story = reduced(step("s", LOOK))
    found = story.found("route_decision")
    assert found.reduced == {"crm": "profile strict allows main, none of them usable now"}
    assert found.adapters == story.call("s").adapters == {}
    story.when(completes("s")).then("tool_call_complete", "run_finished")
    end = story.state.end
    assert (end.status, end.mend) == (Status.PARTIAL, "cuga adapters")
    assert end.reason == "s (look): reduced: crm unavailable (profile strict allows main, none of them usable now)"


def test_several_reduced_steps_are_counted_and_optional_ones_are_not():
    story = reduced(step("a", LOOK), step("b", LOOK), step("c", LOOK, required=False))
    for name in "abc":
        story.when(completes(name))
    assert story.state.end.reason.endswith("; and 1 more")
    story = reduced(step("c", LOOK, required=False)).when(completes("c"))
    assert story.state.end.status is Status.SUCCESS


def test_what_cannot_do_without_it_is_refused_and_is_the_reason():
    story = reduced(step("a", LOOK), step("b", NEEDS)).when(completes("a"))
    assert story.found("step_refused").step == "b"
    end = story.state.end
    assert (end.status, end.reason.startswith("b (needs): needs needs crm; ")) == (Status.PARTIAL, True)


def test_a_try_that_finds_the_capability_again_is_whole():
    story = reduced(step("s", LOOK)).when(fails("s")).after(9, disabled_adapters=()).when(tick())
    assert story.call("s").adapters == {"crm": "main"} and story.state.reduced == {}
    assert story.when(completes("s")).state.end.status is Status.SUCCESS


def test_a_pool_that_has_it_all_comes_before_one_that_must_do_with_less():
    story = given(rules=rules(LOOK, adapters=CRM)).after(**pools(a={"adapters": ()}, b={}))
    assert story.when(start(one(LOOK))).call("s").pool == "b"
    story = given(rules=rules(LOOK, adapters=CRM)).after(**pools(a={"adapters": ()}))
    story.when(start(one(LOOK)))
    assert (story.call("s").pool, story.found("route_decision").reduced) == (
        "a",
        {"crm": "profile strict and pool a allows none, none of them usable now"},
    )


def test_a_step_that_a_plan_wants_asked_about_is_asked_about_whichever_pool_takes_it():
    asks = plan(step("s", READ, ask_first=True))
    story = given().after(**pools(a={}, b={})).when(start(asks))
    assert not story.state.calling and story.state.pending
    story.when(approve("s"))
    assert story.call("s").approval

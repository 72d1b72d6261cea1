"""Who asks does not decide; roles and delegations count as they stand now."""

from datetime import UTC, datetime, timedelta

from cuga.model.context import SYSTEM, Principal
from cuga.policy.access import may_decide, who_can
from cuga.policy.profile import Current, Delegation

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ADA = Principal(id="ada", roles=("approver",))
BOB = Principal(id="bob", roles=("seller",))


def ask(by, *, requesters=("sam",), roles=("approver",), current=None, at=NOW):
    return may_decide(by, requesters=requesters, roles=roles, current=current or Current(), at=at)


def lent(user="ada", delegate="bob", starts=-1, ends=1):
    return Delegation(
        delegation_id="d1",
        user=user,
        delegate=delegate,
        starts=NOW + timedelta(hours=starts),
        ends=NOW + timedelta(hours=ends),
    )


HOUSE = {"ada": ("approver",), "bob": ("seller",), "sam": ("seller", "approver")}


def test_a_holder_of_the_role_may_decide():
    assert ask(ADA).allowed
    assert ask(ADA).reasons == ("ada is approver",)


def test_without_the_role_nobody_may():
    assert not ask(BOB).allowed
    assert "bob is seller" in ask(BOB).reasons[0]
    assert not ask(Principal(id="eve")).allowed
    assert not ask(ADA, roles=()).allowed


def test_who_asked_never_decides_whatever_the_role():
    answer = ask(ADA, requesters=("sam", "ada"))
    assert not answer.allowed
    assert "asked for it" in answer.reasons[0]


def test_in_a_house_with_one_user_the_requester_decides_and_the_record_says_solo():
    answer = ask(Principal(id="ada", solo=True), requesters=("ada",))
    assert answer.allowed
    assert answer.solo


def test_a_second_user_ends_solo():
    alone = Principal(id="ada", solo=True, roles=("approver",))
    assert not ask(alone, requesters=("ada",), current=Current(roles=HOUSE)).allowed
    assert ask(alone, requesters=("ada",), current=Current(roles={"ada": ("approver",)})).allowed


def test_the_house_itself_never_decides():
    assert not ask(SYSTEM).allowed


def test_a_revoked_role_no_longer_counts_even_if_the_principal_still_brings_it():
    assert not ask(ADA, current=Current(roles={"ada": (), "bob": ("seller",)})).allowed
    assert not ask(ADA, current=Current(roles={"bob": ("seller",)})).allowed


def test_a_delegate_decides_for_who_delegated_between_the_dates_only():
    def with_dates(**dates):
        return ask(BOB, current=Current(roles=HOUSE, delegations=(lent(**dates),)))

    assert with_dates().allowed
    assert with_dates().on_behalf_of == "ada"
    assert not with_dates(starts=1, ends=2).allowed
    assert not with_dates(starts=-2, ends=0).allowed
    assert "not now" in with_dates(starts=1, ends=2).reasons[1]


def test_nobody_can_lend_what_they_do_not_have_or_may_not_use():
    assert not ask(BOB, current=Current(roles=HOUSE | {"ada": ()}, delegations=(lent(),))).allowed
    assert not ask(BOB, current=Current(roles=HOUSE, delegations=(lent(user="sam"),))).allowed
    assert not ask(BOB, current=Current(roles=HOUSE, delegations=(lent(delegate="eve"),))).allowed
    assert not ask(BOB, requesters=("bob",), current=Current(roles=HOUSE, delegations=(lent(),))).allowed


def test_nobody_decides_for_one_who_took_over_what_was_asked_for():
    left = Current(roles=HOUSE, delegations=(lent(),), heirs={"tom": "ada"})
    assert not ask(ADA, requesters=("tom",), current=left).allowed
    answer = ask(BOB, requesters=("tom",), current=left)
    assert not answer.allowed and "ada took over what was asked for" in answer.reasons[1]
    assert ask(BOB, current=left).on_behalf_of == "ada"


def test_an_own_role_goes_before_a_delegation():
    answer = ask(ADA, current=Current(roles=HOUSE, delegations=(lent(user="sam", delegate="ada"),)))
    assert answer.on_behalf_of == ""


def test_who_can_decide_counts_roles_and_delegations_and_leaves_out_who_asked():
    house = Current(roles={"ada": ("approver",), "bob": ("seller",), "sam": ("approver",)}, delegations=(lent(),))
    assert who_can(requesters=("sam",), roles=("approver",), current=house, at=NOW) == ("ada", "bob")
    assert who_can(requesters=("ada",), roles=("approver",), current=house, at=NOW) == ("sam",)
    assert who_can(requesters=("ada", "sam"), roles=("approver",), current=house, at=NOW) == ()

"""Claims of events, and the ledger that answers them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.contract.journals import claiming, said

from cuga.journal.claims import CLAIMING, Ledger, claims_of, spent
from cuga.journal.port import Refused
from cuga.model.event import ApprovalReceived, Claim, DoubtResolved, ToolCallError, ToolCallStart


def test_every_event_that_has_claims_is_asked_for_them() -> None:
    assert {ToolCallStart, ToolCallError, DoubtResolved, ApprovalReceived} <= CLAIMING


def test_claims_come_in_the_order_of_the_events() -> None:
    events = [*claiming(("a", 1, 5), ("b", 2, 5)), *said("x"), *claiming(("a", -1, 0))]
    assert [(claim.scope, claim.amount) for claim in claims_of(events)] == [("a", 1), ("b", 2), ("a", -1)]
    assert spent(events) == {"b": 2}


def test_a_ledger_reads_a_scope_once_and_again_after_it_was_forgotten() -> None:
    asked: list[str] = []

    def read(scope: str) -> int:
        asked.append(scope)
        return 7

    ledger = Ledger(read)
    assert ledger.used("a") == ledger.used("a") == ledger.used("b") == 7
    ledger.trim(keep=("b", "never"))
    assert len(ledger) == 1
    assert ledger.used("a") == 7
    assert asked == ["a", "b", "a"]


def test_what_is_stored_under_another_name_counts_and_is_not_stored_again() -> None:
    ledger = Ledger(lambda _: 1, {"a": 2, "b": 0, "c": 5}.__getitem__)
    assert (ledger.used("a"), ledger.used("b")) == (3, 1)
    full = Claim(scope="a", amount=1, limit=3)
    assert ledger.reserve([full]) == Refused(claim=full, used=3)
    assert ledger.reserve([Claim(scope="a", amount=1, limit=4)]) == {"a": 2}
    assert ledger.reserve([Claim(scope="c", amount=1, limit=9), Claim(scope="b", amount=1, limit=9)]) == {
        "c": 2,
        "b": 2,
    }
    ledger.trim(keep=("c",))
    assert ledger.used("c") == 7 and ledger.reserve([Claim(scope="c", amount=-1, limit=0)]) == {"c": 1}
    assert ledger.used("a") == 3  # read anew


def test_giving_back_is_never_refused_even_above_a_lowered_limit() -> None:
    ledger = Ledger(lambda _: 9)
    assert ledger.reserve([Claim(scope="a", amount=-1, limit=0)]) == {"a": 8}
    assert ledger.reserve([Claim(scope="a", amount=-1, limit=0), Claim(scope="a", amount=-1, limit=0)]) == {"a": 6}


claims = st.builds(Claim, scope=st.sampled_from("abc"), amount=st.integers(-3, 3), limit=st.integers(0, 6))


@given(st.lists(st.lists(claims, min_size=1, max_size=4), max_size=30))
def test_no_scope_ever_passes_the_limits_it_was_taken_under(appends: list[list[Claim]]) -> None:
    ledger = Ledger(lambda _: 0)
    held = {"a": 0, "b": 0, "c": 0}
    for append in appends:
        before = {scope: ledger.used(scope) for scope in held}
        answer = ledger.reserve(append)
        net = {scope: sum(claim.amount for claim in append if claim.scope == scope) for scope in held}
        fits = all(
            net[claim.scope] <= 0 or held[claim.scope] + net[claim.scope] <= claim.limit
            for claim in append
            if claim.amount > 0
        ) and all(held[claim.scope] <= claim.limit for claim in append if claim.amount == 0)
        assert fits == (not isinstance(answer, Refused))
        if isinstance(answer, Refused):
            claim, net_of = answer.claim, net[answer.claim.scope]
            assert claim in append and answer.used == held[claim.scope] > claim.limit - max(net_of, 0)
        if fits:
            held = {scope: held[scope] + net[scope] for scope in held}
        else:
            assert {scope: ledger.used(scope) for scope in held} == before
        assert {scope: ledger.used(scope) for scope in held} == held

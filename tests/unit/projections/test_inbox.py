"""What waits for a person, with all that the decision needs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.projections.histories import ADA, BOB, EVE, TOOLS, House, plan, profile, sold, step, varied

from cuga.errors import ApprovalNotFound
from cuga.journal.port import Index
from cuga.model.command import RevokeApproval
from cuga.model.event import Verdict
from cuga.model.tool import Repeatable
from cuga.model.value import digest_bytes
from cuga.policy.judge import Rules
from cuga.policy.profile import Approvals, Rulebook
from cuga.projections.card import Card, cards_of, readable, shown
from cuga.projections.inbox import find_card, inbox, may_decide_on


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def waiting(**changes: Any) -> tuple[House, Card]:
    house = House(rules=profile("enterprise", approvals=Approvals(quorum=2)))
    await house.start("r1", plan(step("s1", "send", **changes)))
    (card,) = await inbox(house.journal)
    return house, card


async def test_a_card_says_what_exactly_will_be_called_where_why_and_what_follows() -> None:
    house, card = await waiting(input={"to": "Kim", "subject": "Hi", "lines": ["one", "two"]})
    assert (card.tool, card.side_effect, card.domain, card.adapters) == (
        "send",
        "execute",
        "engagement",
        {"mail": "offline"},
    )
    assert bytes(card.arguments) == b'{"lines":["one","two"],"subject":"Hi","to":"Kim"}'
    assert card.arguments_digest == digest_bytes(bytes(card.arguments))
    assert card.digest == house.states["r1"].pending["r1-a1"].digest
    assert card.tool_digest == TOOLS["send"].digest()
    assert card.readable == "lines:\n  - one\n  - two\nsubject: Hi\nto: Kim"
    assert (card.goal, card.name, card.reason, card.profile) == ("win Acme", "S1", "because of s1", "enterprise")
    assert card.consequences == ("It changes something outside the house and cannot be taken back from here.",)
    assert (card.risk, card.cost, card.requesters, card.roles) == ("high", 2_000_000, ("ada",), ("approver",))
    assert (card.quorum, card.approvals, card.missing) == (2, 0, 2)
    assert card.is_open and card.waited is None
    assert card.time_left(card.requested_at + timedelta(hours=1)) == timedelta(hours=23)
    assert card.time_left(card.expires_at + timedelta(hours=1)) == timedelta(0)


async def test_votes_count_towards_the_quorum_until_it_is_reached() -> None:
    house, _ = await waiting()
    house.tick(30)
    await house.decide("r1", Verdict.APPROVE, reason="fine")
    (card,) = await inbox(house.journal)
    assert (card.approvals, card.missing, card.votes[0].by, card.votes[0].reason) == (1, 1, "bob", "fine")
    house.tick(30)
    await house.decide("r1", Verdict.APPROVE, EVE)
    assert await inbox(house.journal) == []
    closed = await find_card(house.journal, "r1-a1")
    assert (closed.state, closed.closed_by, closed.missing) == ("used", "eve", 0)
    assert closed.waited == timedelta(seconds=60) and closed.used_at is not None
    assert closed.time_left(closed.requested_at) == timedelta(0)


async def test_who_asked_may_not_decide_and_an_approver_may() -> None:
    house, card = await waiting()
    now = house.clock.now()
    assert may_decide_on(card, BOB, house.current, now).allowed
    refused = may_decide_on(card, ADA, house.current, now)
    assert not refused.allowed and "who asks does not decide" in refused.reasons[0]


async def test_the_riskiest_come_first_then_the_oldest() -> None:
    strict = profile("enterprise", approvals=Approvals())
    house = House(rules=strict)
    keyed = msgspec.structs.replace(TOOLS["send"], repeatable=Repeatable.KEY)
    await house.start("low", plan(step("s1", "draft")))
    house.tick()
    await house.start("high-1", plan(step("s1", "send")))
    house.tick()
    await house.start("high-2", plan(step("s1", "send")))
    house.tick()
    house.rules = Rules(Rulebook(profile=strict, contracts=TOOLS | {"send": keyed}))
    house.current = msgspec.structs.replace(
        house.current, tool_digests=house.current.tool_digests | {"send": keyed.digest()}
    )
    await house.start("medium", plan(step("s1", "send")))
    assert [(card.run_id, card.risk) for card in await inbox(house.journal)] == [
        ("high-1", "high"), ("high-2", "high"), ("medium", "medium"), ("low", "low"),
    ]  # fmt: skip
    assert [card.run_id for card in await inbox(house.journal, limit=2)] == ["high-1", "high-2"]
    assert [card.run_id for card in await inbox(house.journal, run_id="low")] == ["low"]
    assert await inbox(house.journal, tenant="elsewhere") == []


async def test_a_limit_leaves_out_the_least_urgent(house: House) -> None:
    everything = await inbox(house.journal)
    for limit in range(1, len(everything) + 1):
        assert await inbox(house.journal, limit=limit) == everything[:limit]


async def test_the_requests_of_one_run_are_those_of_its_tenant(house: House) -> None:
    assert await inbox(house.journal, run_id="low", tenant="elsewhere") == []
    assert await inbox(house.journal, run_id="no-such-run") == []


async def test_a_risk_that_nobody_knows_comes_before_all(house: House) -> None:
    (card, *_) = await house.journal.open_approvals(tenant="local")
    odd = msgspec.structs.replace(card, risk="unheard-of")
    await house.journal.append(
        card.run_id, await house.journal.version(card.run_id), (), index=Index(approvals={card.approval_id: odd})
    )
    assert (await inbox(house.journal))[0].approval_id == card.approval_id


async def test_the_inbox_is_what_the_kernel_waits_for(house: House) -> None:
    pending = {name for state in house.states.values() for name in state.pending}
    assert {card.approval_id for card in await inbox(house.journal)} == pending


async def test_a_request_that_was_decided_since_the_table_was_read_is_left_out(house: House) -> None:
    class Behind:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.journal, name)

        async def read(self, stream: str, after: int = 0) -> Any:
            if house.states["waiting"].end is None:
                await house.cancel("waiting")
            return await house.journal.read(stream, after)

    assert "waiting" not in [card.run_id for card in await inbox(Behind())]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("approval_id", "state", "by"),
    [
        ("sold-a1", "used", "profile:smb/propose-stays-inside"),
        ("sold-a2", "used", "bob"),
        ("denied-a2", "denied", "bob"),
        ("expired-a1", "expired", ""),
        ("amended-a1", "amended", "bob"),
        ("amended-a2", "used", "eve"),
        ("changed-a1", "request-changes", "bob"),
        ("cancelled-a1", "superseded", ""),
        ("waiting-a1", "open", ""),
        ("again-a2", "open", ""),
    ],
)
async def test_any_request_can_be_seen_by_its_id(house: House, approval_id: str, state: str, by: str) -> None:
    card = await find_card(house.journal, approval_id)
    assert (card.state, card.closed_by) == (state, by)
    assert (card.closed_at is None) == card.is_open


async def test_a_closed_request_says_who_when_how_and_why(house: House) -> None:
    card = await find_card(house.journal, "denied-a2")
    assert (card.closed_by, card.closed_why, card.waited) == ("bob", "too early", timedelta(seconds=60))
    assert card.votes[-1].verdict == "deny"
    assert (await find_card(house.journal, "sold-a1")).by_rule == "profile:smb/propose-stays-inside"
    assert (await find_card(house.journal, "sold-a2")).by_rule == ""


async def test_an_amendment_names_what_it_replaces_and_is_named_by_it(house: House) -> None:
    before, after = [await find_card(house.journal, f"amended-a{n}") for n in (1, 2)]
    assert (before.amended_by, after.amends) == ("amended-a2", "amended-a1")
    assert after.requesters == ("ada", "bob")
    assert after.readable == "to: Lee <lee@acme.example>"


async def test_an_approval_that_is_not_used_in_time_lapses_and_one_taken_back_is_revoked() -> None:
    for how in ("lapsed", "revoked"):
        house = House()
        await house.start("r1", plan(step("s1", "send")))
        house.current = msgspec.structs.replace(house.current, halted="audit")
        await house.decide("r1", Verdict.APPROVE)
        assert (await find_card(house.journal, "r1-a1")).state == "approved"
        assert (await find_card(house.journal, "r1-a1")).lapses_at == house.clock.now() + timedelta(hours=1)
        if how == "lapsed":
            house.tick(3_601)
            await house.wake("r1")
        else:
            await house.do("r1", RevokeApproval(at=house.clock.now(), by=BOB, approval_id="r1-a1", reason="wrong one"))
        card = await find_card(house.journal, "r1-a1")
        assert (card.state, card.lapses_at, card.closed_why) == (how, None, "wrong one" if how == "revoked" else "")


@pytest.mark.parametrize("name", ["nothing", "sold-a9", "nobody-a1"])
async def test_an_approval_that_is_not_there_is_named(house: House, name: str) -> None:
    with pytest.raises(ApprovalNotFound, match=name):
        await find_card(house.journal, name)


async def test_facts_without_their_beginning_give_no_cards(house: House) -> None:
    assert cards_of("sold", (await house.events("sold"))[2:]) == {}


async def test_an_approval_covers_further_attempts_and_stays_used_since_the_first() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "send")))
    await house.decide("r1", Verdict.APPROVE)
    first = (await find_card(house.journal, "r1-a1")).used_at
    await house.failed("r1", "s1")
    house.tick(40)
    await house.wake("r1")
    assert house.states["r1"].attempt["s1"] == 2
    assert (await find_card(house.journal, "r1-a1")).used_at == first
    await sold(house, "other")


def test_what_could_trick_the_eye_is_shown_as_its_code() -> None:
    assert shown("plain Ünïcode 你好") == "plain Ünïcode 你好"
    assert shown("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert shown("evil\u202etxt.exe") == "evil\\u202etxt.exe"
    assert shown("zero\u200bwidth") == "zero\\u200bwidth"


def test_any_value_reads_as_lines() -> None:
    value = {"a": {"b": [1, {"c": None}, []], "d": {}}, "text": "one\ntwo\x07", "empty": "", "yes": True, "n": 1.5}
    assert list(readable(value)) == [
        "a:", "  b:", "    - 1", "    -", "      c: null", "    - []", "  d: {}",
        "text:", "  | one", "  | two\\x07", 'empty: ""', "yes: true", "n: 1.5",
    ]  # fmt: skip
    assert list(readable("plain")) == ["plain"]
    assert list(readable([])) == ["[]"]

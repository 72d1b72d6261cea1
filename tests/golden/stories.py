"""What golden journals tell: the main stories of a run, and beyond them whatever kinds of events there are.

Stories are decided by the kernel as it is now. What no story comes to is told by a specimen: an event of each kind that
is left, made from its type alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from random import Random
from typing import Any, get_args

import msgspec
from msgspec import inspect as m

from cuga.model import command as c
from cuga.model.event import Event, RunEvent, name_of
from cuga.model.failure import FailureMode
from cuga.model.house_event import HouseEvent
from cuga.model.value import encode
from cuga.policy.judge import Rules
from cuga.policy.profile import Approvals, AtLimit, Consent, Delegation, Limits, ModelRule, ModelUse, StandingRule
from cuga.testing import (
    amend,
    approve,
    cancels,
    completes,
    deny,
    fails,
    planned,
    request_changes,
    revoke,
    says,
    start,
    takes_over,
    tick,
    tops_up,
)
from cuga.testing.factories import (
    ADA,
    AT,
    EXECUTE,
    LIN,
    MAX,
    PROPOSE,
    READ,
    contract,
    current,
    each,
    item,
    output_of,
    plan,
    rules,
    step,
    when,
)
from cuga.testing.simulation import Schedule
from cuga.testing.story import Story, Wish, raw

KEYED = contract("send_keyed", "execute", domain="engagement", repeatable="key", uses=("mail",), once=("send", "/to"))
TOOLS = (READ, PROPOSE, EXECUTE, KEYED)
PLAIN = rules(*TOOLS, adapters={"mail": ("main", "spare")})
QUORUM = rules(*TOOLS, approvals=Approvals(quorum=2, expires_s=1000), adapters={"mail": ("main",)})
MAIN = plan(
    step("look", READ, {"account": "Acme \u00f6"}),
    step("write", PROPOSE, {"to": output_of("look", "/buyer"), "n": 1.5}),
    step(
        "post", KEYED, {"to": "ann", "text": output_of("write")}, depends_on=("write",), when=when("n > 1", n="look/n")
    ),
)


class Told(Story):
    """A story in which nothing that is wished for may be refused."""

    def when(self, *wishes: Wish | c.Command) -> Story:
        super().when(*wishes)
        assert self.error is None, f"{self.state.run_id}: {self.error}"
        return self


def stories() -> dict[str, tuple[list[Event], Rules | None]]:
    """Stream -> its events, and the rules that it is pinned to."""
    told = {story.state.run_id: story for story in _all()}
    found: dict[str, tuple[list[Event], Rules | None]] = {
        name: (story.events, story.rules) for name, story in told.items()
    }
    kinds = {name_of(event) for events, _ in found.values() for event in events}
    for seed in range(400):
        if kinds >= {_tag(kind) for kind in get_args(RunEvent)} - {"annotation"}:
            break
        schedule = Schedule(seed)
        schedule.run()
        for run, events in schedule.record.streams.items():
            if fresh := {name_of(event) for event in events} - kinds:
                kinds |= fresh
                found[f"simulated-{seed}-{run}"] = list(events), schedule.setting.rules
    left = [kind for kind in get_args(RunEvent) if _tag(kind) not in kinds]
    if left:
        found["specimens"] = [specimen(kind) for kind in left], None
    found["house/local"] = [specimen(kind) for kind in get_args(HouseEvent)], None
    return found


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _begun(name: str, pinned: Rules = PLAIN, the_plan: Any = MAIN, **holds: Any) -> Story:
    story = Told(pinned, current(pinned, **holds), name)
    return story.when(start(the_plan))


def _to_post(story: Story) -> Story:
    """The main plan up to where its last step waits for people."""
    story.when(completes("look", {"buyer": "ann", "n": 2})).when(approve("write"))
    if "write" not in story.state.calling:
        story.when(approve("write", by=LIN))
    return story.after(3).when(completes("write", {"text": "Dear Ann \u2014 hello"}))


def _all() -> Iterator[Story]:
    done = _to_post(_begun("approved")).when(approve("post")).after(1).when(completes("post", {"id": 7}))
    assert done.state.end is not None
    yield done
    yield _to_post(_begun("denied")).when(deny("post", reason="not now"))
    yield _to_post(_begun("two-people", QUORUM)).when(approve("post")).when(approve("post", by=LIN))
    yield _to_post(_begun("expired", QUORUM)).after(5000).when(tick())
    taken = _to_post(_begun("revoked")).after(halted="a drill").when(approve("post")).when(revoke("post"))
    yield taken.after(halted="").when(tick())
    lapsed = _to_post(_begun("lapsed")).after(halted="a drill").when(approve("post")).after(4000).when(tick())
    yield lapsed.after(halted="").when(tick())
    amended = _to_post(_begun("amended")).when(amend("post", {"to": "bob", "text": "Hello"}))
    yield amended.when(approve("post", by=LIN)).when(completes("post", {"id": 8}))
    lent = Delegation(delegation_id="d1", user="grace", delegate="max", starts=AT, ends=AT + timedelta(hours=9))
    yield _to_post(_begun("delegated", delegations=(lent,))).when(approve("post", by=MAX))
    standing = StandingRule(
        rule_id="s1", tool="draft", matches={}, profile="", expires_at=AT + timedelta(days=1), uses=2, by="grace"
    )
    ruled = _begun("standing", standing_rules=(standing,)).when(completes("look", {"buyer": "ann", "n": 0}))
    yield ruled.when(completes("write", {"text": "Hello"}))
    yield _list()
    yield from _doubts()
    yield from _plans()
    yield _model()
    yield from _budgets()
    yield _to_post(_begun("cancelled")).when(cancels("a mistake"))
    gone = _begun("crashed").when(takes_over("w2")).after(60).when(tick())
    yield _to_post(gone).when(approve("post")).when(takes_over("w3")).after(60).when(tick())


def _list() -> Story:
    lists = plan(step("look", READ), step("all", KEYED, {"to": item("/name")}, for_each=each("look/items", first=3)))
    story = _begun("list", rules(*TOOLS, adapters={"mail": ("main",)}, max_parallel=2), lists)
    story.when(completes("look", {"items": [{"name": name} for name in ("ann", "bob", "cid", "dan")]}))
    story.when(approve("all"))
    story.when(completes("all#1", 1)).when(fails("all#2", surely=True)).after(5).when(tick())
    for name in ("all#2", "all#3"):
        if name in story.state.calling:
            story.when(completes(name, 2))
    return story


def _doubts() -> Iterator[Story]:
    for answer in ("happened", "did-not", "again"):
        one = plan(step("send", EXECUTE, {"to": "ann"}))
        story = (
            _begun(f"doubt-{answer}", PLAIN, one).when(approve("send")).when(fails("send")).when(says("send", answer))
        )
        yield story


def _plans() -> Iterator[Story]:
    asked = Told(PLAIN, current(PLAIN), "asked").when(start())
    question = c.AskQuestion(
        at=asked.at, attempt=1, question_id="plan/1", text="Which Acme?", options=("Acme Ltd", "Acme Inc")
    )
    asked.when(question).when(c.AnswerQuestion(at=asked.at, by=ADA, question_id="plan/1", answer="Acme Ltd"))
    yield asked.when(planned(MAIN))
    none = Told(PLAIN, current(PLAIN), "unplanned").when(start())
    yield none.when(c.RecordPlanFailure(at=none.at, attempt=1, reason="no tool fits", mode=FailureMode.AGENT_LOGIC))
    again = _begun("replanned").when(completes("look", {"buyer": "ann", "n": 2})).when(request_changes("write"))
    shorter = plan(*MAIN.steps[:1], step("note", PROPOSE, {"to": "bob"}), number=2)
    yield again.when(planned(shorter)).when(approve("note", by=LIN)).when(completes("note", "kept"))


def _model() -> Story:
    rule = ModelRule(use=ModelUse.PLAN, fields=("goal", "tools"))
    pinned = rules(*TOOLS, limits=Limits(calls=100, tokens=10_000), model=rule, adapters={"mail": ("main",)})
    story = Told(pinned, current(pinned), "model").when(start())
    asking: dict[str, Any] = {
        "attempt": 1, "provider": "openai", "name": "m", "host": "models.example", "fields": ("goal", "tools"),
        "tools": ("score",), "prompt": "plan this", "tokens": 4_000, "money": 2_000, "timeout_s": 60,
    }  # fmt: skip
    story.when(c.AskModel(at=story.at, **asking))
    late = {"mode": FailureMode.SYSTEM_CRASH, "message": "late", "requests": 1}
    story.when(c.RecordModelReply(at=story.at, call=1, **late)).when(c.AskModel(at=story.at, **asking))
    reply = raw({"steps": [], "why": [], "question": ""})
    story.when(c.RecordModelReply(at=story.at, call=2, reply=reply, requests=1, tokens=1_350, money=600))
    return story.when(planned(plan(step("look", READ), planner="model"))).when(completes("look", {"n": 1}))


def _budgets() -> Iterator[Story]:
    two = plan(*(step(f"s{n}", READ, {"n": n}) for n in (1, 2, 3)))
    for way in AtLimit:
        pinned = rules(
            *TOOLS, limits=Limits(calls=2, at_limit=way), approvals=Approvals(propose=Consent.NONE), max_parallel=1
        )
        story = _begun(f"budget-{way.value}", pinned, two)
        story.when(completes("s1", 1)).when(completes("s2", 2))
        if way is AtLimit.PARK:
            story.when(tops_up("calls", 2)).when(completes("s3", 3))
        yield story


# --- specimens --------------------------------------------------------------------------------------------------------
def specimen(kind: type[Event]) -> Event:
    """An event of a kind, made from its type alone; the same each time."""
    return _specimen(m.type_info(kind), Random(_tag(kind)), "at")


def _specimen(info: m.Type, random: Random, name: str) -> Any:
    match info:
        case m.StructType(cls=cls, fields=fields):
            return cls(
                **{field.name: _specimen(field.type, random, field.name) for field in fields if field.name != "v"}
            )
        case m.StrType():
            return f"{name}"
        case m.DateTimeType():
            return AT + timedelta(minutes=random.randrange(60))
        case m.BoolType():
            return True
        case m.IntType():
            return 1 + random.randrange(9)
        case m.FloatType():
            return 0.5
        case m.RawType():
            return msgspec.Raw(encode({name: [1, "\u00f6"]}))
        case m.EnumType(cls=cls):
            return next(iter(cls)) if issubclass(cls, Enum) else None
        case m.LiteralType(values=values):
            return values[0]
        case m.NoneType():
            return None
        case m.AnyType():
            return {name: 1}
        case m.DictType(key_type=key, value_type=value):
            return {_specimen(key, random, name): _specimen(value, random, name)}
        case m.VarTupleType(item_type=one) | m.ListType(item_type=one) | m.FrozenSetType(item_type=one):
            kind = {m.VarTupleType: tuple, m.ListType: list, m.FrozenSetType: frozenset}[type(info)]
            return kind([_specimen(one, random, name)])
        case m.TupleType(item_types=several):
            return tuple(_specimen(one, random, name) for one in several)
        case m.UnionType(types=several):
            return _specimen(next(one for one in several if not isinstance(one, m.NoneType)), random, name)
    raise TypeError(f"no specimen of {info}")

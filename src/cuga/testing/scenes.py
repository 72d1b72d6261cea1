"""What schedules are made of: tools, settings (rules pinned and rules in force) and plans, drawn from a number.

Built in pools and shared, since making them costs more than running them. A pool follows from its number alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from random import Random

import msgspec

from cuga.model.plan import Budget, CheckedPlan, Step
from cuga.model.tool import ToolContract
from cuga.model.value import encode
from cuga.policy.judge import Rules
from cuga.policy.profile import Approvals, AtLimit, Consent, Current, Delegation, Limits, Rate, Retry, StandingRule
from cuga.policy.routing import Pool as WorkerPool
from cuga.testing.factories import AT, contract, current, each, item, output_of, plan, rules, step, when

LOOK = contract("look", cost=1, domain="intelligence")
NOTE = contract("note", "propose", cost=2, domain="engagement", effect_key=("note", "/to"))
NOTE_KEYED = contract(
    "note_keyed", "propose", cost=2, domain="engagement", repeatable="key", key_window_s=60, uses=("mail",)
)
NOTE_PROBED = contract("note_probed", "propose", cost=2, domain="engagement", repeatable="probe")
SEND = contract("send", "execute", cost=3, domain="engagement", effect_key=("send", "/to"), once=("send", "/to"))
SEND_KEYED = contract(
    "send_keyed",
    "execute",
    cost=3,
    domain="engagement",
    repeatable="key",
    key_window_s=60,
    uses=("mail",),
    once=("send_keyed", "/to"),
)
SEND_PROBED = contract("send_probed", "execute", cost=3, domain="qualification", repeatable="probe")
TOOLS = (LOOK, NOTE, NOTE_KEYED, NOTE_PROBED, SEND, SEND_KEYED, SEND_PROBED)
KEYED = frozenset({NOTE_KEYED.name, SEND_KEYED.name})
PROBED = frozenset({NOTE_PROBED.name, SEND_PROBED.name})
OUTWARD = frozenset({SEND.name, SEND_KEYED.name, SEND_PROBED.name})
ONCE = frozenset({SEND.name, SEND_KEYED.name})
TARGETS = ("ann", "Bob", "bob")
CONDITIONS: Mapping[str, bool | None] = {"n > 1": True, "n > 5": False, "n.x > 1": None}  # None: an error

# two that overlap, with different adapters, and one that is narrow: so that routing, consent and places meet
POOLS = {
    "left": WorkerPool(name="left", capabilities=("intelligence", "engagement"), concurrency=1, adapters=("main",)),
    "right": WorkerPool(name="right", capabilities=("engagement", "qualification"), concurrency=2),
    "narrow": WorkerPool(name="narrow", capabilities=("look",), concurrency=1),
}

# what can hold for all runs besides what is pinned; a schedule turns them on and off
FLAGS = ("halted", "forbidden", "switched", "changed", "revoked", "delegated", "standing")


class Setting:
    """The rules a schedule's runs are pinned to, a looser edition of them, and what may hold at some time."""

    def __init__(self, random: Random) -> None:
        pick = random.choice
        self.solo = random.random() < 0.15
        self.rates = (
            (Rate(per=pick(("tenant", "user")), calls=pick((1, 2, 3)), window_s=60),) if random.random() < 0.3 else ()
        )
        tight = random.random() < 0.5
        self.limits = Limits(
            calls=pick((2, 3, 4, 5)) if tight else 100,
            calls_per_domain={"engagement": pick((1, 2, 3))} if random.random() < 0.3 else {},
            calls_per_tool={"look": 2} if random.random() < 0.1 else {},
            cost=pick((5, 8, 12)) if tight and random.random() < 0.5 else 1_000,
            at_limit=pick(tuple(AtLimit)),
        )
        self.approvals = Approvals(
            read_only=Consent.HUMAN if random.random() < 0.1 else Consent.NONE,
            propose=pick((Consent.HUMAN, Consent.HUMAN, Consent.RULE, Consent.NONE)),
            quorum=1 if self.solo else pick((1, 1, 2)),
            expires_s=pick((100, 1000)),
            lapses_s=pick((20, 3600)),
            replan_on_deny=random.random() < 0.3,
        )
        self.max_parallel = pick((1, 2, 4))
        self.retry = Retry(attempts=pick((1, 2, 3)), base_s=1, cap_s=4)
        self.simulates = random.random() < 0.2
        self.adapters = {"mail": ("main", "spare")}
        self.rules = self._rules(self.limits, self.simulates)
        loose = Limits(calls=1_000, cost=10_000, at_limit=self.limits.at_limit)
        self.newer = self._rules(loose, False)  # what the registry says by now; runs stay with what they are pinned to
        self.pools: dict[str, WorkerPool] = {}
        self._now: dict[frozenset[str], Current] = {}

    def _rules(self, limits: Limits, simulates: bool) -> Rules:
        return rules(
            *TOOLS,
            limits=limits,
            approvals=self.approvals,
            max_parallel=self.max_parallel,
            retry=self.retry,
            rates=self.rates,
            adapters=self.adapters,
            simulates_execute=simulates,
        )

    def now(self, flags: frozenset[str]) -> Current:
        """What holds while these flags are up."""
        found = self._now.get(flags)
        if found is None:
            found = self._now[flags] = self._current(flags)
        return found

    def _current(self, flags: frozenset[str]) -> Current:
        base = current(self.rules, installed_adapters=self.adapters)
        roles = {} if self.solo else dict(base.roles)
        if "revoked" in flags and roles:
            roles["grace"] = ()
        digests = dict(base.tool_digests)
        if "changed" in flags:
            digests[NOTE.name] = digests[SEND_KEYED.name] = "f" * 64
        span = {"starts": AT, "ends": AT + timedelta(seconds=400)}
        delegated = (
            Delegation(delegation_id="d1", user="grace", delegate="max", **span),
            Delegation(delegation_id="d2", user="ada", delegate="max", **span),
        )
        standing = StandingRule(
            rule_id="s1", tool="note", matches={"/to": "bob"}, profile="", expires_at=span["ends"], uses=2, by="grace"
        )
        return msgspec.structs.replace(
            base,
            roles=roles,
            tool_digests=digests,
            halted="a drill" if "halted" in flags else "",
            forbidden_tools={SEND.name: "a recall", NOTE_KEYED.name: ""} if "forbidden" in flags else {},
            disabled_adapters=("main",) if "switched" in flags else (),
            pools=self.pools,
            delegations=delegated if "delegated" in flags else (),
            standing_rules=(standing,) if "standing" in flags else (),
        )


class Course:
    """The plans of one run, first and later ones, with the arguments that each step's call must have."""

    def __init__(self, random: Random, *, has_lists: bool = False) -> None:
        self._random = random
        self._has_lists = has_lists
        self.expected: dict[str, set[bytes]] = {}
        self._count = 0
        first = [self._step([]) for _ in range(0)]
        for _ in range(random.choice((1, 2, 2, 3, 4))):
            first.append(self._step(first))
        self.plans = [self._plan(1, first)]
        for number in (2, 3, 4):
            first = self._next(first)
            self.plans.append(self._plan(number, first))

    def _plan(self, number: int, steps: list[Step]) -> CheckedPlan:
        budget = Budget(calls=self._random.choice((2, 4, 9))) if self._random.random() < 0.15 else None
        return plan(*steps, number=number, budget=budget)

    def _next(self, steps: list[Step]) -> list[Step]:
        random = self._random
        kept = [one for one in steps if random.random() < 0.7]
        names = {one.step_id for one in kept}
        kept = [one for one in kept if _needs(one) <= names]
        kept = [one for one in kept if _needs(one) <= {other.step_id for other in kept}]
        if random.random() < 0.5:
            kept.append(self._step(kept))
        if kept and random.random() < 0.25:  # a step is changed under its name, perhaps with new needs
            at = int(random.random() * len(kept))
            twin = self._step([*kept[:at], *kept[at + 1 :]])
            if kept[at].step_id not in {need for one in kept for need in _needs(one)}:
                for name in [name for name in self.expected if name.partition("#")[0] == twin.step_id]:
                    same = kept[at].step_id + name.removeprefix(twin.step_id)
                    self.expected.setdefault(same, set()).update(self.expected[name])
                kept[at] = msgspec.structs.replace(twin, step_id=kept[at].step_id)
        return kept or [self._step([])]

    def _step(self, before: list[Step]) -> Step:
        random = self._random
        self._count += 1
        name = f"s{self._count}"
        tool: ToolContract = random.choice((LOOK, LOOK, NOTE, NOTE_KEYED, NOTE_PROBED, SEND, SEND_KEYED, SEND_PROBED))
        looks = {one.step_id: "/n" if one.for_each is None else "/items/0/n" for one in before if one.tool == LOOK.name}
        target = random.choice(TARGETS)
        if self._has_lists and random.random() < 0.5:
            return self._list(name, tool, [one for one in looks if looks[one] == "/n"])
        if before and random.random() < 0.2:  # the same once more, in other words
            twin = random.choice(before)
            tool = next(one for one in TOOLS if one.name == twin.tool)
            same = msgspec.json.decode(twin.input)["to"]
            if twin.for_each is not None:
                same = random.choice((*twin.for_each.items[-1:], target))
            target = same.swapcase()
        arguments: dict[str, object] = {"to": target}
        final = dict(arguments)
        if looks and random.random() < 0.4:
            look = random.choice(list(looks))
            arguments["n"], final["n"] = output_of(look, looks[look]), 2
        self.expected.setdefault(name, set()).add(encode(final))
        condition = None
        if looks and random.random() < 0.3:
            expr = random.choice(("n > 1", "n > 1", "n > 5", "n.x > 1"))
            look = random.choice(list(looks))
            condition = when(expr, n=look + looks[look])
        needed = tuple(one.step_id for one in before if random.random() < 0.3)
        return step(name, tool, arguments, depends_on=needed, when=condition, required=random.random() < 0.8)

    def _list(self, name: str, tool: ToolContract, looks: list[str]) -> Step:
        """A step that is a call for each of a few people, written out or found by an earlier look."""
        random = self._random
        people = [random.choice((*TARGETS, "cid")) for _ in range(random.choice((1, 2, 3)))]
        over, first = "", random.choice((None, None, 2))
        if looks and random.random() < 0.4:
            over, people = f"{random.choice(looks)}/who", ["ann", "Cid"]
        body: dict[str, object] = {"to": item()}
        final: dict[str, object] = {}
        if looks and random.random() < 0.3:
            body["n"], final["n"] = output_of(random.choice(looks), "/n"), 2
        for number, person in enumerate(people[:first], 1):
            self.expected.setdefault(f"{name}#{number}", set()).add(encode({"to": person, **final}))
        self.expected.setdefault(name, set())
        goes_through = each(over, items=() if over else tuple(people), first=first)
        return step(name, tool, body, for_each=goes_through, required=random.random() < 0.8)


def _needs(one: Step) -> set[str]:
    bound = one.when.bind.values() if one.when is not None else ()
    return {*one.depends_on, *(reference.step for reference in (*one.references, *bound))}


class Pool:
    """Settings and courses that many schedules share."""

    def __init__(self, number: int) -> None:
        random = Random(f"pool {number}")
        self.settings = [Setting(random) for _ in range(32)]
        for setting in self.settings[::4]:
            setting.pools = POOLS
        self.courses = [Course(random) for _ in range(160)]
        self.listed = [Course(random, has_lists=True) for _ in range(40)]

    def courses_of(self, seed: int) -> list[Course]:
        """The courses that a schedule draws from: each fifth has lists."""
        return self.listed if seed % 5 == 4 else self.courses


@lru_cache(maxsize=4)
def pool(number: int) -> Pool:
    """The pool with a number."""
    return Pool(number)

"""A run decided again from its own journal: the same facts before, the same rules; do the same decisions follow?

What came from outside (the plan, what tools answered, what people said, the time) is taken as recorded. What the house
decided from it (which call with which bytes, under whose consent, what was refused, how it ended) is decided anew under
the rules that the run was pinned to, and compared. Nothing is called and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cuga.errors import CugaError
from cuga.kernel.decide import decide
from cuga.kernel.evolve import apply
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model import event as e
from cuga.model.value import Value, encode
from cuga.policy.judge import Rules
from cuga.policy.profile import Current

SAME, DIFFERENT, UNTOLD = "same", "different", "cannot be told"
_FIELDS: dict[type[e.Event], tuple[str, ...]] = {
    e.ToolCallStart: ("attempt", "tool", "tool_digest", "arguments", "side_effect", "domain", "cost", "key", "deadline",
    "approval", "simulated", "probe"),
    e.ApprovalRequested: ("tool", "tool_digest", "arguments", "side_effect", "cost", "effect", "quorum", "expires_at",
    "calls"),
    e.ListOpened: ("places", "inputs", "length"),
    e.ListClosed: ("done", "missed", "reason"),
    e.StepRefused: ("rule",),
    e.RunFinished: ("status", "reason"),
}  # fmt: skip
_HOUSE = "it rested on how the house stood then (what was installed, switched or halted), which is not in this run"


class Redecided(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One decision: the event's position in the run, its kind, the step it is about (empty: the run), the verdict, and
    for each field that differs what was recorded and what follows now."""

    event: int
    kind: str
    step: str
    verdict: str
    differs: tuple[tuple[str, str, str], ...] = ()
    why: str = ""


def replay(run_id: str, events: Sequence[e.Event], rules: Rules) -> tuple[Redecided, ...]:
    """Every decision of a run, decided again. `rules` are those that it was pinned to."""
    state = RunState(run_id)
    begun, group = state.draft(), None  # where the facts of one step at one time began
    came_up: list[RunState] = []  # where each fact of this time began: a list is asked for after others have started
    found = []
    for number, event in enumerate(events, start=1):
        if group is None or event.at != group[0]:
            came_up = []
        if (of := (event.at, getattr(event, "step", ""))) != group:
            begun, group = state.draft(), of
            came_up.append(begun)
        if type(event) in _FIELDS and not getattr(event, "amends", ""):  # an amended request is a person's wish
            # a step that a rule agreed to may stand behind others by then: it is judged from where it came up as well
            places = [state, begun, *(reversed(came_up) if getattr(event, "calls", ()) else ())]
            tries = (_again(start, number, event, rules) for start in places)
            found.append(_best(tries))
        apply(state, event)
    return tuple(found)


def _best(tries: Iterable[Redecided]) -> Redecided:
    """The first that is the same, else the one that says most of what differs."""
    seen: list[Redecided] = []
    for one in tries:
        if one.verdict == SAME:
            return one
        seen.append(one)
    return max(seen, key=lambda one: bool(one.differs))


def _again(state: RunState, number: int, event: e.Event, rules: Rules) -> Redecided:
    step = getattr(event, "step", "")
    kind = type(event).__struct_config__.tag

    def found(verdict: str, why: str = "", differs: tuple[tuple[str, str, str], ...] = ()) -> Redecided:
        return Redecided(event=number, kind=str(kind), step=step, verdict=verdict, differs=differs, why=why)

    try:
        made = decide(state, [c.Tick(at=event.at)], rules, _house(state, event, rules)).events
    except CugaError as error:
        return found(UNTOLD, str(error))
    like = [one for one in made if type(one) is type(event) and getattr(one, "step", "") == step]
    if not like:
        rests = isinstance(event, e.StepRefused)
        return found(UNTOLD, _HOUSE) if rests else found(DIFFERENT, "no such decision follows from the facts before it")
    differs = tuple(
        (name, _text(getattr(event, name)), _text(getattr(like[0], name)))
        for name in _FIELDS[type(event)]
        if getattr(event, name) != getattr(like[0], name)
    )
    if isinstance(event, e.StepRefused) and differs:
        return found(UNTOLD, _HOUSE, differs)
    return found(DIFFERENT if differs else SAME, differs=differs)


def _house(state: RunState, event: e.Event, rules: Rules) -> Current:
    """A house in which just what the record names was there: the adapters of this very call, the tools as pinned."""
    named: dict[str, str] = getattr(event, "adapters", {})
    installed = {use: tuple(name.split("+")) for use, name in named.items()}
    if isinstance(event, e.RunFinished | e.StepRefused | e.ListOpened | e.ListClosed):
        used = {use for contract in rules.contracts.values() for use in contract.uses}
        installed = {use: rules.profile.adapters_for(use) for use in sorted(used)}
    digests = {name: contract.digest() for name, contract in rules.contracts.items()}
    if isinstance(event, e.ToolCallStart | e.ApprovalRequested):
        digests[event.tool] = event.tool_digest
    return Current(installed_adapters=installed, tool_digests=digests)


def _text(value: object) -> str:
    plain = value if isinstance(value, str) else encode(value).decode()
    return plain if len(plain) <= 200 else f"{plain[:200]}... ({len(plain):,} characters)"

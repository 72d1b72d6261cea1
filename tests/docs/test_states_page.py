"""The page of states against the kernel: each row is walked, and no simulated run moves in any other way."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from tests.docs.pages import blocks, codes, page, rows, sections

from cuga.cli.exits import Exit, of_status
from cuga.engine.pools import Unknown
from cuga.kernel.evolve import apply
from cuga.kernel.state import Phase, RunState
from cuga.model.event import Annotation, Event, RunParked, Status, name_of
from cuga.model.plan import Step
from cuga.model.tool import ToolContract
from cuga.policy.profile import Approvals, AtLimit, Limits, Rate
from cuga.policy.routing import Pool
from cuga.testing import (
    approve,
    call_completed,
    call_started,
    cancels,
    completes,
    deny,
    fails,
    given,
    planned,
    replans,
    request_changes,
    revoke,
    run_started,
    says,
    start,
    tick,
)
from cuga.testing.factories import AT, EXECUTE, READ, SOLO, contract, each, item, output_of, plan, rules, step, when
from cuga.testing.simulation import Schedule
from cuga.testing.story import Story

PAGE = page("reference/states.md")
STEP, RUN, EXITS = (sections(PAGE, 2)[title] for title in ("A step", "A run", "Exit codes"))
TABLE_OF_STATES, TABLE_OF_MOVES = STEP.split("| event |")
Move = tuple[str, str, str]  # event, from, to

POOL = {"desk": Pool(name="desk", capabilities=("intelligence",))}
KEYED = contract("keyed", "execute", domain="engagement", repeatable="key")
MAIL = contract("mail", "execute", domain="engagement", uses=("mail",))
RULES = rules(READ, EXECUTE, KEYED, MAIL, adapters={"mail": ("first", "second")})
DAY = 24 * 3600


def begun(*steps: Step, **changes: Any) -> Story:
    """A run with a plan of these steps."""
    return given(run_started(plan(*steps)), rules=rules(READ, EXECUTE, **changes))


def called(tool: ToolContract) -> Story:
    """A run whose only step is being called."""
    return given(run_started(plan(step("s", tool))), call_started("s"), rules=RULES)


def asking() -> Story:
    return begun(step("s", EXECUTE)).when(tick())


def retrying(tool: ToolContract = READ) -> Story:
    return called(tool).when(fails("s", surely=tool is not KEYED))


def doubtful() -> Story:
    return called(EXECUTE).when(fails("s"))


def resent() -> Story:
    return given(run_started(plan(step("s", MAIL))), rules=RULES).when(tick()).when(approve("s"))


def rewired(before: Story) -> Story:
    """The same step id in a newer plan, now in need of what an earlier step never gave."""
    changed = step("s", READ, {"text": output_of("s0", "/nothing")})
    return before.when(planned(plan(step("s0", READ), changed, number=2))).after(60).when(tick())


WALKS: dict[Move, Callable[[], Story]] = {
    ("plan_created", "none", "pending"): lambda: given().when(start(plan(step("s", READ)))),
    ("plan_created", "skipped", "pending"): lambda: (
        asking()
        .when(replans())
        .when(planned(plan(step("t", EXECUTE), number=2)))
        .when(replans())
        .when(planned(plan(step("s", EXECUTE), step("t", EXECUTE), number=3)))
    ),
    ("approval_requested", "pending", "awaiting_approval"): asking,
    ("approval_requested", "waiting_retry", "awaiting_approval"): lambda: (
        resent().when(fails("s", surely=True)).after(60, disabled_adapters=("first",)).when(tick())
    ),
    ("approval_received", "awaiting_approval", "pending"): lambda: asking().when(approve("s")),
    ("approval_received", "awaiting_approval", "denied"): lambda: asking().when(deny("s")),
    ("approval_superseded", "awaiting_approval", "pending"): lambda: asking().when(cancels()),
    ("approval_timeout", "awaiting_approval", "denied"): lambda: asking().after(DAY).when(tick()),
    ("approval_revoked", "pending", "denied"): lambda: (
        asking().after(halted="a drill").when(approve("s")).when(revoke("s"))
    ),
    ("tool_call_start", "pending", "calling"): lambda: begun(step("s", READ)).when(tick()),
    ("tool_call_start", "waiting_retry", "calling"): lambda: retrying().after(60).when(tick()),
    ("tool_call_complete", "calling", "done"): lambda: called(READ).when(completes("s", 1)),
    ("tool_call_complete", "in_doubt", "done"): lambda: doubtful().when(completes("s", 1, attempt=1)),
    ("tool_call_error", "calling", "waiting_retry"): retrying,
    ("tool_call_error", "calling", "in_doubt"): doubtful,
    ("tool_call_error", "calling", "failed"): lambda: called(READ).when(fails("s", "user_invalid_input", surely=True)),
    ("step_in_doubt", "waiting_retry", "in_doubt"): lambda: (
        retrying(KEYED).after(60, forbidden_tools={"keyed": "wrong footer"}).when(tick())
    ),
    ("doubt_resolved", "in_doubt", "done"): lambda: doubtful().when(says("s", "happened")),
    ("doubt_resolved", "in_doubt", "failed"): lambda: doubtful().when(says("s", "did-not")),
    ("doubt_resolved", "in_doubt", "pending"): lambda: doubtful().when(says("s", "again")),
    ("step_refused", "pending", "failed"): lambda: begun(step("s", READ), forbidden_tools=("score",)).when(tick()),
    ("step_refused", "waiting_retry", "failed"): lambda: (
        retrying().after(60, forbidden_tools={"score": ""}).when(tick())
    ),
    ("step_failed", "pending", "failed"): lambda: (
        begun(step("s0", READ), step("s", READ, {"text": output_of("s0", "/nothing")}))
        .when(tick())
        .when(completes("s0", {}))
    ),
    ("step_failed", "waiting_retry", "failed"): lambda: rewired(
        given(
            run_started(plan(step("s0", READ), step("s", READ))),
            call_completed("s0", {}),
            call_started("s"),
            rules=RULES,
        )
        .when(fails("s", surely=True))
        .when(replans())
    ),
    ("step_skipped", "pending", "skipped"): lambda: begun(step("s", READ, when=when("false"))).when(tick()),
    ("step_skipped", "waiting_retry", "skipped"): lambda: retrying().when(cancels()),
    ("step_superseded", "pending", "skipped"): lambda: (
        asking().when(request_changes("s")).when(planned(plan(step("other", READ), number=2)))
    ),
    ("step_superseded", "waiting_retry", "skipped"): lambda: (
        retrying().when(replans()).when(planned(plan(step("other", READ), number=2)))
    ),
}


NAMED = {"to": item("/to")}


def listing(tool: ToolContract = READ, count: int = 2, **changes: Any) -> Story:
    """A run whose only step is a list."""
    items = tuple({"to": str(n)} for n in range(count))
    whole = plan(step("s", tool, NAMED, for_each=each(items=items)))
    return given(run_started(whole), rules=rules(READ, EXECUTE, **changes)).when(tick())


WALKS |= {
    ("list_opened", "none", "pending"): listing,
    ("list_opened", "pending", "listed"): listing,
    ("list_closed", "listed", "done"): lambda: listing().when(completes("s#1", 1)).when(completes("s#2", 1)),
    ("list_closed", "listed", "failed"): lambda: listing(count=1).when(fails("s#1", "user_invalid_input", surely=True)),
    ("list_closed", "listed", "denied"): lambda: listing(EXECUTE).when(deny("s")),
    ("list_closed", "listed", "skipped"): lambda: listing(EXECUTE).when(cancels()),
}


def moves(events: Iterable[Event]) -> Iterator[tuple[str, Move]]:
    """What each event moves: a step, by its id, or the run, by no id."""
    state = RunState("r1")
    for event in events:
        before = {name: phase.value for name, phase in state.phase.items()}
        before[""] = state.status.value if state.start is not None else "none"
        apply(state, event)
        after = {name: phase.value for name, phase in state.phase.items()} | {"": state.status.value}
        for name, now in after.items():
            if (then := before.get(name, "none")) != now:
                yield name, (name_of(event), then, now)


def step_moves(events: Iterable[Event]) -> set[Move]:
    return {move for name, move in moves(events) if name}


def run_moves(events: Iterable[Event]) -> set[Move]:
    return {move for name, move in moves(events) if not name}


def said(table: list[list[str]]) -> set[Move]:
    """The moves that the rows of a table name; `none` is no state."""
    return {(codes(event)[0], *((codes(a) or [a])[0] for a in (begin, end))) for event, begin, end, _ in table}


RUN_ROWS = [row for row in rows(RUN) if row[0].startswith("`")]
STEP_MOVES = said(rows("| event |" + TABLE_OF_MOVES))
RUN_MOVES = said(RUN_ROWS)


def test_every_state_of_a_step_is_described_with_whether_it_is_an_end():
    described = {codes(state)[0]: end == "yes" for state, _, end in rows(TABLE_OF_STATES)}
    assert described == {phase.value: phase.is_end for phase in Phase}


def test_every_row_is_walked():
    assert set(WALKS) == STEP_MOVES


@pytest.mark.parametrize("move", WALKS, ids=" ".join)
def test_the_kernel_walks_the_row(move):
    assert move in step_moves(WALKS[move]().events)


@pytest.fixture(scope="module")
def histories() -> list[list[Event]]:
    """The streams of many runs with all kinds of trouble."""
    found: list[list[Event]] = []
    for seed in range(500):
        schedule = Schedule(seed)
        schedule.run()
        found += schedule.record.streams.values()
    return found


@pytest.mark.simulation
def test_no_simulated_step_moves_in_any_other_way(histories):
    assert set().union(*map(step_moves, histories)) <= STEP_MOVES


@pytest.mark.simulation
def test_no_simulated_run_moves_in_any_other_way(histories):
    seen = set().union(*map(run_moves, histories))
    woken = {move for move in seen if move[1:] == ("parked", "running")}
    assert seen - woken == RUN_MOVES
    assert woken
    assert "| any but `annotation` | `parked` | `running` |" in RUN


def test_a_remark_leaves_a_parked_run_parked():
    state = asking().state
    assert state.status is Status.PARKED
    assert apply(state.draft(), Annotation(at=AT, text="note")).status is Status.PARKED


def test_the_diagrams_show_what_the_tables_say():
    drawing, whole = blocks(PAGE, "mermaid")
    arrow = re.compile(r"^ +(\S+) --> (\S+): (.+)$", re.MULTILINE)
    drawn = {
        (event, "none" if a == "[*]" else a, b)
        for a, b, events in arrow.findall(drawing.text)
        for event in events.split(", ")
    }
    assert drawn == STEP_MOVES
    runs = {(event, "none" if a == "[*]" else a, b) for a, b, event in arrow.findall(whole.text)}
    assert runs == RUN_MOVES | {("any event but annotation", "parked", "running")}


def test_every_end_is_described_with_its_exit_code():
    ends = {codes(cells[0])[0]: int(cells[2]) for cells in rows(sections(PAGE, 3)["How a run ends"])}
    assert ends == {status.value: int(of_status(status)) for status in Status if status.is_end}


def test_the_exit_codes_are_those_of_the_command():
    assert {codes(name)[0]: int(code) for code, name, _ in rows(EXITS)} == {code.name: code.value for code in Exit}


PARKS: dict[str, Callable[[], Story]] = {
    "the house is halted": lambda: begun(step("s", READ)).after(halted="a drill").when(tick()),
    "in doubt": doubtful,
    "question": lambda: begun(step("s", READ)).after(tool_digests={"score": "0" * 64}).when(tick()),
    "budget used up": lambda: begun(step("s", READ), limits=Limits(calls=0, at_limit=AtLimit.PARK)).when(tick()),
    "waits for an approval": asking,
    "2 people must agree": lambda: (
        given(run_started(plan(step("s", EXECUTE)), by=SOLO), rules=rules(EXECUTE, approvals=Approvals(quorum=2)))
        .after(roles={})
        .when(tick())
    ),
    "waits to try again": retrying,
    "1 calls per": lambda: (
        begun(step("s", READ), rates=(Rate(per="tenant", calls=1, window_s=60),))
        .told(**{f"rate__60__{int(AT.timestamp()) // 60}__tenant__local": 1})
        .when(tick())
    ),
    "20 approvals": lambda: begun(*(step(f"s{n}", EXECUTE, {"n": n}) for n in range(21)), max_parallel=64).when(tick()),
    "waits for a place": lambda: (
        begun(step("s", READ)).when(tick()).when(fails("s")).after(9, pools=POOL).amid(others={"desk": 9}).when(tick())
    ),
    "the routing policy": lambda: begun(step("s", READ)).after(pools=POOL).amid(policy=Unknown("ours")).when(tick()),
    "score is not installed here": lambda: begun(step("s", READ)).after(tool_digests={}).when(tick()),
}


def test_every_park_reason_is_described():
    described = [codes(cells[0])[0] for cells in rows(sections(PAGE, 3)["Why a run parks"])]
    assert described == [
        reason.replace("1 calls", "N calls").replace("2 people", "N people").replace("score is", "TOOL is")
        for reason in PARKS
    ]


@pytest.mark.parametrize("reason", PARKS)
def test_the_kernel_parks_with_that_reason_and_the_page_names_the_command(reason):
    story = PARKS[reason]()
    parked = story.state.parked
    assert parked is not None, [name_of(event) for event in story.events]
    assert any(part.startswith(reason) for part in parked.reason.split("; "))
    row = next(
        cells
        for cells in rows(sections(PAGE, 3)["Why a run parks"])
        if codes(cells[0])[0].replace("N calls", "1 calls").replace("N people", "2 people").replace("TOOL", "score")
        == reason
    )
    commands = {" ".join(part.split()[:2]) for need in parked.needs for part in need.split("; then ")}
    advised = {" ".join(code.split()[:2]) for code in codes(row[2])}
    if reason != "20 approvals":  # that run names each approval instead of the inbox
        assert commands <= advised, (parked.needs, row[2])
    assert bool(parked.needs) == (not row[2].startswith("None:"))


@pytest.mark.simulation
def test_no_simulated_run_parks_for_a_reason_that_is_not_described(histories):
    whole = sections(PAGE, 3)["Why a run parks"]
    known = [re.escape(codes(cells[0])[0]) for cells in rows(whole)] + ["waits for N approvals"]
    assert "`waits for N approvals`" in whole
    pattern = re.compile("|".join(re.sub(r"\bN\b", r"\\d+", text.replace("TOOL", r"\w+")) for text in known))
    parks = {event.reason for events in histories for event in events if isinstance(event, RunParked)}
    assert {reason for reason in parks if not pattern.match(reason)} == set()

"""What people read: every kind of output, request and waiting thing has a shape of its own, and none is left out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit
from cuga.cli.render import events, outputs, outreach
from cuga.cli.render.progress import Progress
from cuga.model import event as e

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RECEIPT = {"sent": True, "simulated": False, "recipient": "ann@example.com", "body_hash": "ab", "place": ""}
SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


def drawn(what: RenderableType) -> str:
    console = Console(width=120, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def test_a_mail_in_the_outbox_and_one_that_a_server_took_are_told_apart() -> None:
    taken = drawn(outputs.shown({**RECEIPT, "place": "smtp://mail.example.com"}))
    assert "taken by smtp://mail.example.com" in taken and "outbox" not in taken
    kept = drawn(outputs.shown({**RECEIPT, "place": "ab.eml"}))
    assert "file ab.eml in the outbox of the house" in kept and "taken by" not in kept


@pytest.mark.parametrize(
    ("goal", "seen"),
    [
        ("Who decides at Velkarin Foods?", ("Nora Tessler, CFO", "not known", "contacts.csv:2")),
        ("List all products", ("5 products", "Linden Scheduler", "products.csv:2")),
        ("Count the clouds", ("clouds: 3",)),
        ("show me the pipeline by stage", ("open deals worth", "Negotiation", "median age", "rules pipeline-1")),
        ("what do we know about Velkarin Foods", ("Industry: food", "accounts.csv:2", "- Who is the champion?")),
    ],
)
def test_an_output_is_drawn_by_its_shape(cuga: Terminal, goal: str, seen: tuple[str, ...]) -> None:
    said = cuga("run", goal)
    assert said.code == Exit.SUCCESS
    for part in seen:
        assert part in said.out


def test_an_effect_that_is_only_shown_says_so(cuga: Terminal) -> None:
    said = cuga("run", SEND, "--profile", "technical")
    assert said.code == Exit.SUCCESS
    assert "simulated" in said.out
    assert not list((cuga.house / "outbox").glob("*.eml"))
    planned = cuga("plan", SEND, "--profile", "technical")
    assert "only shown, not done" in planned.out


def test_what_is_missing_in_a_draft_stands_out() -> None:
    gap = {"field": "recipient", "why": "no person is known", "blocking": True}
    message = {"kind": "message", "body": "Hello", "body_hash": "0", "recipient": "", "unfilled": [gap]}
    said = drawn(outputs.shown(message))
    assert "To: nobody yet" in said
    assert "missing: recipient: no person is known" in said


def test_what_wraps_keeps_its_indent() -> None:
    gap = {"field": "letterhead", "why": "not said " * 20, "blocking": False}
    message = {"kind": "message", "body": "Hello", "body_hash": "0", "recipient": "", "unfilled": [gap]}
    finding = {"state": "open", "about": "consent", "says": "nothing known " * 15, "rule": "GDPR " * 40}
    one = {"name": "", "recipient": "a@b.example", "verdict": "needs review", "country": "", "law": "none"}
    checked = {"allowed": 0, "review": 1, "blocked": 0, "recipients": [{**one, "findings": [finding]}]}
    for what, least in ((message, "  "), (checked, "  ")):
        lines = drawn(outputs.shown(what)).splitlines()
        assert all(line.startswith((least, "╭", "│", "╰", "0 allowed, 1 needs")) for line in lines if line.strip()), (
            lines
        )


def test_an_empty_list_of_what_something_rests_on_has_no_heading() -> None:
    checked = {"allowed": 0, "review": 0, "blocked": 0, "recipients": []}
    assert "rests on" not in drawn(outreach.clearances(checked))


@pytest.mark.parametrize("width", [50, 60, 80])
def test_an_id_and_a_command_stay_whole_on_a_narrow_screen(cuga: Terminal, width: int) -> None:
    cuga("run", SEND, "--profile", "smb")
    waiting = cuga("inbox", "--json").json[0]["approval_id"]
    for words, wanted in (
        (("runs",), cuga.run_id()),
        (("inbox",), waiting),
        (("show", "last"), f"cuga amend {waiting} --set NAME=VALUE"),
        (("result", "last"), f"cuga request-changes {waiting} --feedback TEXT"),
    ):
        said = cuga.typed(*words, COLUMNS=str(width), NO_COLOR="1")
        assert wanted in re.sub(r"\x1b\[[0-9;]*m", "", said.out), (words, said.out)


def test_a_list_of_none_says_of_what(cuga: Terminal) -> None:
    cuga("run", "Count the clouds")
    assert "No run is running." in cuga("runs", "--status", "running").out
    for words in (("runs", "--limit", "0"), ("inbox", "--limit", "-1")):
        assert cuga(*words).code == Exit.BAD_INPUT


def test_issues_of_a_message_are_listed_with_their_words() -> None:
    issue = {"check": "spam", "weight": "warning", "says": "sounds like an advert", "text": "act now"}
    checks = [{"check": "spam", "points": 2, "of": 7}, {"check": "length", "points": 10, "of": 10}]
    said = drawn(
        outputs.shown(
            {"score": 60, "grade": "C", "ready_to_send": False, "words": 80, "checks": checks, "issues": [issue]}
        )
    )
    assert "not ready to send" in said
    assert "warning spam: sounds like an advert" in said and "act now" in said
    assert "1 of 2 checks give full points" in said


def test_an_output_of_no_known_shape_is_shown_name_by_name() -> None:
    assert drawn(outputs.shown({"a": {"b": [1, "two"]}, "c": None})).split() == [
        "a:", "b:", "-", "1", "-", "two", "c:", "null",
    ]  # fmt: skip
    assert drawn(outputs.shown("just text")).strip() == "just text"


def test_a_plan_that_cannot_be_made_says_what_is_missing(cuga: Terminal) -> None:
    said = cuga("plan", "Score Velkrin")
    assert said.code == Exit.PARKED
    assert "The planner asks:" in said.out and "- Velkarin Foods" in said.out
    assert f"cuga answer {cuga.run_id()}" in said.out


def test_the_inbox_names_what_waits_for_whom(cuga: Terminal) -> None:
    assert "Nothing waits" in cuga("inbox").out
    cuga("run", SEND, "--profile", "smb")
    said = cuga("inbox").out
    assert "send_message" in said and "nora.tessler@velkarin-foods.example" in said and "24 h" in said
    assert "waits for an approval" in cuga("runs").out


def test_an_approval_taken_back_before_its_use_is_refused_when_it_was_used(cuga: Terminal) -> None:
    cuga("run", SEND, "--profile", "smb")
    waiting = cuga("inbox", "--json").json[0]["approval_id"]
    cuga("approve", waiting)
    assert cuga("revoke", waiting).code == Exit.REFUSED


def test_the_board_shows_steps_budgets_and_what_waits(cuga: Terminal) -> None:
    import asyncio

    from cuga.orchestrator.coordinator import Coordinator

    async def watch() -> str:
        async with Coordinator(house=cuga.house) as front:
            run_id = await front.start(SEND, profile="smb")
            await front.wait(run_id)
            progress = Progress(run_id, await front.budget(run_id), quiet=True)
            assert "starting" in drawn(progress.board())
            for event in await front.events(run_id):
                progress.take(event)
            return drawn(progress.board())

    said = asyncio.run(watch())
    assert "✓  s1" in said and "awaiting approval" in said
    assert "2 of 100" in said
    assert "-a2 waits: send_message, risk high" in said


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        (e.BudgetWarning(at=AT, scope="calls", used=80, limit=100), "calls: 80 of 100"),
        (
            e.BudgetExceeded(at=AT, scope="calls", used=100, limit=100, wanted=1, step="s1", at_limit="park"),
            "1 wanted; park",
        ),
        (e.ApprovalTimeout(at=AT, approval_id="r-a1", step="s1"), "r-a1 expired"),
        (e.StepInDoubt(at=AT, step="s1", attempt=1, reason="nobody knows"), "nobody knows"),
        (e.TakenOver(at=AT, worker="w2", epoch=3), "worker w2, epoch 3"),
        (e.Annotation(at=AT, text="late\x1b[2J"), "late\\x1b[2J"),
    ],
)
def test_every_event_has_its_line(event: Any, seen: str) -> None:
    line = events.of_event(event).plain
    assert e.name_of(event) in line
    assert seen in line

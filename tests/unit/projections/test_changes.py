"""What changed in the house, in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import pytest

from cuga.model import house_event as h
from cuga.model.house_event import HouseEvent
from cuga.projections.changes import SAID, said_of

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DIGEST = "5b" * 32
VALUES: dict[Any, Any] = {
    str: "name", int: 2, bool: False, datetime: AT, tuple[str, ...]: ("one", "two"), tuple[int, ...]: (0, 3),
    dict[str, str]: {"tool": "name"}, dict[str, int]: {"opted_out": 2}, tuple[h.Blocked, ...]: (),
}  # fmt: skip
NOBODY_READS = {"crm_version", "snapshot", "digest", "key", "key_id"}


def made(kind: Any, **said: Any) -> Any:
    hints = {
        name: hint for name, hint in get_type_hints(kind).items() if name in kind.__struct_fields__ and name != "v"
    }
    values = {name: DIGEST if name in NOBODY_READS else VALUES[hint] for name, hint in hints.items()}
    return kind(**{**values, "at": AT, "by": "ada", **said})


def test_every_change_of_the_house_has_words() -> None:
    assert set(SAID) == set(get_args(HouseEvent))


@pytest.mark.parametrize("kind", get_args(HouseEvent))
def test_nobody_reads_digests_fields_or_python(kind: Any) -> None:
    text = said_of(made(kind, **({"reason": "why not"} if "reason" in kind.__struct_fields__ else {})))
    assert not re.search(r"[0-9a-f]{16}|True|False|None|[{}\[\]]|\+00:00|_", text), text
    assert text.endswith(": why not") or text == "why not" or "reason" not in kind.__struct_fields__


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (made(h.PersonErased, runs=1, reason="a letter", everywhere=False), "somebody who was in 1 run: a letter"),
        (made(h.PersonErased, reason="", everywhere=True), "somebody who was in 2 runs, on every machine of the house"),
        (made(h.AdapterSwitched, adapter="smtp", enabled=True, capability="mail", reason=""), "smtp is on for mail"),
        (made(h.AdapterSwitched, adapter="smtp", capability="", reason="x"), "smtp is off wherever it is used: x"),
        (made(h.AdapterChosen, capability="crm", adapter="", reason=""), "crm uses what each profile prefers"),
        (made(h.AdapterModeSet, capability="crm", mode="offline", reason=""), "crm works inside the house"),
        (made(h.ScheduleAdded, goal="Report", profile="smb", weekdays=(0, 4), time="08:00", zone="UTC"),
         "Report under smb, Mondays, Fridays at 08:00 (UTC; name)"),
        (made(h.ScheduleAdded, goal="Report", profile="", weekdays=tuple(range(7)), time="08:00", zone="UTC"),
         "Report, every day at 08:00 (UTC; name)"),
        (made(h.ScheduleAdded, goal="Report", profile="", weekdays=tuple(range(5)), time="08:00", zone="UTC"),
         "Report, workdays at 08:00 (UTC; name)"),
        (made(h.UserLeft, user="bob", hand_over_to="ann", roles=("approver",)), "bob; ann takes over as approver"),
        (made(h.UserLeft, user="bob", hand_over_to=""), "bob; nobody takes over"),
        (made(h.StandingRuleAdded, tool="draft", matches={"/to": "ann"}, profile="smb", uses=1, rule_id="r" * 26),
         "draft, where to is ann under smb, 1 time at most, until 2026-03-01 09:30 UTC (…rrrrrr)"),
        (made(h.RepliesTaken, mails=3, kinds={"opt_out": 1}, suppressed=1, stopped=0, refused=2),
         "3 mails (1 opt out); 1 address blocked; 2 refused"),
        (made(h.ToolsQuarantined, source="crm", tools=(), reason="it changed"), "crm, all of its tools: it changed"),
        (made(h.CrmImported, source="exports", rows=1200, problems=1), "1,200 rows of exports, 1 remark"),
        (made(h.Halted, reason=""), ""),
    ],
)  # fmt: skip
def test_a_change_is_said_as_a_person_would(event: Any, text: str) -> None:
    assert said_of(event) == text

"""Facts of a run, one line each: for a trace, and for the progress of a run that nobody watches."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cuga.cli.screen import ended, one_line, text
from cuga.model import event as e
from cuga.policy.budget import shown

if TYPE_CHECKING:
    from rich.text import Text

_STYLE = {
    "tool_call_complete": "green", "tool_call_error": "red", "approval_requested": "cyan", "approval_received": "cyan",
    "approval_timeout": "yellow", "budget_warning": "yellow", "budget_exceeded": "red", "step_in_doubt": "bold red",
    "step_refused": "red", "step_failed": "red", "plan_failed": "red", "run_finished": "bold",
    "run_parked": "bold cyan",
    "question_asked": "cyan",
}  # fmt: skip


def line(name: str, at: datetime, step: str, details: dict[str, Any], *, seq: int = 0) -> Text:
    """One event: its time, name, step and what matters of it."""
    said = text(f"{seq:>4}  " if seq else "", "dim")
    said.append_text(text(f"{at:%H:%M:%S.%f}"[:-3], "dim"))
    said.append_text(text(f"  {name:<20}", _STYLE.get(name, "")))
    said.append_text(text(f"  {step:<4}" if step else "      ", "bold"))
    return said.append_text(text(f"  {words(name, details)}"))


def of_event(event: e.Event) -> Text:
    """The line of a fact."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return line(e.name_of(event), event.at, getattr(event, "step", ""), fields)


def words(name: str, d: dict[str, Any]) -> str:
    """What matters of an event, in words; an event without its own line shows its fields."""
    found = _WORDS.get(name)
    if found is not None:
        return one_line(found(d), 200)
    rest = {
        key: value
        for key, value in d.items()
        if key not in ("at", "by", "v", "step") and value not in ("", None, (), {}, [])
    }
    return one_line(", ".join(f"{key} {_short(value)}" for key, value in rest.items()), 200)


def _short(value: Any) -> str:
    if isinstance(value, msgspec.Raw):
        value = bytes(value).decode("utf-8", "replace")
    return one_line(value.value if hasattr(value, "value") else value, 60)


def _plain(value: Any) -> str:
    return str(value.value if hasattr(value, "value") else value)


def _cost(micro: int) -> str:
    return f"{micro / 1_000_000:g}"


def _plan(d: dict[str, Any]) -> str:
    plan = d["plan"]
    steps = plan["steps"] if isinstance(plan, dict) else plan.steps
    tools = [step["tool"] if isinstance(step, dict) else step.tool for step in steps]
    return f"{len(tools)} {'step' if len(tools) == 1 else 'steps'} by {d['source']}: {', '.join(tools)}"


def _received(d: dict[str, Any]) -> str:
    who = d["rule"] or d.get("by") or ""
    solo = " (solo)" if d["solo"] else ""
    reason = f": {d['reason']}" if d["reason"] else ""
    return f"{d['approval_id']} {_plain(d['verdict'])}{f' by {who}' if who else ''}{solo}{reason}"


def _used(d: dict[str, Any]) -> str:
    return f"{shown(d['scope'], d['used'])} of {shown(d['scope'], d['limit'])}"


def _spent(d: dict[str, Any]) -> str:
    tokens = "unknown tokens" if d["tokens"] is None else f"{d['tokens']:,} tokens"
    money = "unknown price" if d["money"] is None else f"${_cost(d['money'])}"
    return f"{tokens}, {money}"


_WORDS: dict[str, Any] = {
    "run_started": lambda d: f"{d['profile']}: {d['goal']}",
    "plan_created": _plan,
    "route_decision": lambda d: f"to {d['target']}: {d['reason']}" + (f" ({d['policy']})" if d["policy"] else ""),
    "tool_call_start": lambda d: (
        f"{d['tool']}, attempt {d['attempt']}, {_plain(d['side_effect'])}, cost {_cost(d['cost'])}"
        + (", simulated" if d["simulated"] else "")
    ),
    "tool_call_complete": lambda d: f"{d['duration_us'] / 1000:.1f} ms" + (f", {d['note']}" if d["note"] else ""),
    "tool_call_error": lambda d: (
        f"{_plain(d['mode'])}, {_plain(d['certainty'])}: {d['message']}"
        + (", tried again later" if d["retry_at"] else "")
    ),
    "model_call_start": lambda d: (
        f"{d['name']} at {d['host']} is told {', '.join(d['fields'])}; {_spent(d)} at most, {d['timeout_s']} s"
    ),
    "model_call_complete": lambda d: f"{d['duration_us'] / 1e6:.1f} s, {d['requests']} requests, {_spent(d)}",
    "model_call_error": lambda d: f"{_plain(d['mode'])}: {d['message']}; {_spent(d)}",
    "approval_requested": lambda d: (
        f"{d['approval_id']} {d['tool']} ({_plain(d['side_effect'])}), risk {d['risk']}"
        + (f", {len(d['calls'])} calls on one card" if d["calls"] else "")
    ),
    "approval_received": _received,
    "approval_timeout": lambda d: f"{d['approval_id']} expired",
    "list_opened": lambda d: f"{len(d['inputs'])} calls, of a list of {d['length']:,}",
    "list_closed": lambda d: f"{d['done']} done" + (f", {d['missed']} not: {d['reason']}" if d["missed"] else ""),
    "budget_warning": lambda d: f"{d['scope']}: {_used(d)}",
    "budget_exceeded": lambda d: f"{d['scope']}: {_used(d)}, {shown(d['scope'], d['wanted'])} wanted; {d['at_limit']}",
    "budget_raised": lambda d: (
        f"{d['scope']} by {shown(d['scope'], d['amount'])}" + (f": {d['reason']}" if d["reason"] else "")
    ),
    "run_parked": lambda d: "it asks you something" if d["reason"].startswith("question: ") else d["reason"],
    "run_finished": lambda d: ended(_plain(d["status"]), d["reason"]),
    "question_asked": lambda d: d["text"].partition("?")[0] + "?" if "?" in d["text"] else d["text"],
    "step_skipped": lambda d: d["reason"],
    "step_in_doubt": lambda d: d["reason"],
    "plan_failed": lambda d: d["reason"],
}

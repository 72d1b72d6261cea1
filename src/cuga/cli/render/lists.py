"""Tables of things: runs, faults, signals, budgets, tools, findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import Fitting, plain_table
from cuga.cli.render.result import STATUS
from cuga.cli.screen import one_line, text
from cuga.model.value import units

if TYPE_CHECKING:
    from cuga.journal.seal import Fault
    from cuga.model.tool import ToolContract
    from cuga.orchestrator.operating.machine import Finding
    from cuga.planning import Ready
    from cuga.projections.budget import Utilisation
    from cuga.projections.runs import RunLine
    from cuga.projections.signals import Signals

_CLASS = {"read-only": "", "propose": "yellow", "execute": "bold red"}
_FOUND = {"ok": "green", "note": "yellow", "broken": "bold red"}


def runs(lines: Sequence[RunLine], status: str = "") -> RenderableType:
    """Runs, newest first; `status` when only those that stand there were asked for."""
    if not lines:
        return text(f"No run is {status}." if status else "No runs yet. `cuga run GOAL` starts one.")
    table = plain_table("=run", "=status", "profile", ">steps", ">cost", "=started (UTC)", "goal")
    below: list[RenderableType] = []
    for line in lines:
        goal = text(one_line(line.goal, 70))
        if line.waits_for:
            goal.append_text(text(f"\n{one_line(line.waits_for, 90)}", "dim"))
        is_planned = line.plan_only and line.status.value == "success"
        state = text("planned" if is_planned else line.status.value, STATUS[line.status.value])
        steps, cost, begun = f"{line.done}/{line.steps}", f"{units(line.cost):g}", f"{line.started_at:%Y-%m-%d %H:%M}"
        table.add_row(text(line.run_id), state, text(line.profile), steps, cost, begun, goal)
        rest = text(f"{line.profile}, {steps} steps, cost {cost}, {begun} UTC", "dim")
        below += [text(f"{line.run_id}  ").append_text(state), Padding(Group(goal, rest), (0, 0, 0, 2), expand=False)]
    return Fitting(table, Group(*below), 100)


def faults(found: Sequence[Fault]) -> RenderableType:
    """What is wrong with a journal."""
    table = plain_table("what", "where", "found")
    for fault in found:
        table.add_row(text(fault.kind, "red"), text(fault.where), text(fault.detail))
    count = "1 fault" if len(found) == 1 else f"{len(found)} faults"
    return Group(
        text(f"The journal does not hold: {count}.", "bold red"),
        table,
        text("Stop working in this house, keep the files as they are, and put a backup back: cuga restore PATH"),
    )


def signals(found: Signals) -> RenderableType:
    """The golden signals."""
    table = plain_table("signal", ">value", "")
    latency, waits = found.latency.as_dict(), found.approvals.as_dict()
    of_tasks = f"of {found.tasks} runs that ended; {found.cancelled} cancelled, {found.planned} only planned"
    table.add_row(text("success_rate"), f"{found.success_rate:.1%}", text(of_tasks, "dim"))
    table.add_row(text("error_rate"), f"{found.error_rate:.1%}", text("failed or done in part", "dim"))
    for name in ("p50", "p95", "p99"):
        table.add_row(
            text(f"latency {name}"),
            f"{latency[name]:.1f} ms",
            text(f"of {found.latency.count} calls" if name == "p50" else "", "dim"),
        )
    table.add_row(text("tool_error_rate"), f"{found.tool_error_rate:.1%}", text(_worst(found), "dim"))
    table.add_row(text("mean_steps_per_task"), f"{found.mean_steps_per_task:.2f}", "")
    asked = found.approvals
    decided = f"{asked.decided} decided by people, {asked.by_rule} by rules, {asked.expired} expired"
    table.add_row(text("approval_wait_time"), f"{waits['average_s']:.1f} s", text(f"average; {decided}", "dim"))
    for scope in found.budget.scopes[:2]:
        table.add_row(text(f"budget_utilization {scope.scope}"), f"{scope.percentage:.1f} %", "")
    table.add_row(text("total_events"), f"{found.total_events:,}", "")
    return table


def _worst(found: Signals) -> str:
    failing = sorted(((tool.rate, name) for name, tool in found.tools.items() if tool.errors), reverse=True)
    return ", ".join(f"{name} {rate:.0%}" for rate, name in failing[:3])


def budget(found: Utilisation) -> RenderableType:
    """The budgets of one run."""
    table = plain_table("budget", ">used", ">limit", ">%")
    for usage in found.scopes:
        said = usage.as_dict()
        limit = "-" if said["limit"] is None else f"{said['limit']:,g}"
        table.add_row(text(usage.scope), f"{said['used']:,g}", limit, f"{said['percentage']:g}")
    return table


def plays(found: Sequence[Ready]) -> RenderableType:
    """The quick actions, by what they are for; those that lack a tool here say which."""
    if not found:
        return text("No pack of this house brings quick actions.")
    table = plain_table("name", "what it does", "fields", "")
    category = ""
    for play in sorted(found, key=lambda one: one.category):
        if play.category != category:
            category = play.category
            table.add_row(text(category, "dim"))
        lacks = text(f"not here: {', '.join(play.missing)}", "yellow") if play.missing else text("")
        fields = " ".join(f"{name}=" for name in play.fields)
        table.add_row(text(play.name, "" if play.missing else "bold"), text(play.title), text(fields), lacks)
    example = next((play for play in found if play.fields and not play.missing), None)
    said = " ".join([example.name, *(f"{name}=..." for name in example.fields)]) if example else "NAME FIELD=VALUE"
    return Group(table, text(""), text(f"cuga quick {said}", "cyan"))


def tools(contracts: Sequence[ToolContract]) -> RenderableType:
    """Tools, one line each."""
    if not contracts:
        return text("No tool here does that. `cuga tools` lists all of them.")
    table = plain_table("tool", "domain", "class", ">cost", "what it does")
    for contract in contracts:
        effect = contract.side_effect.value
        purpose = one_line(contract.purpose, 90)
        table.add_row(
            text(contract.name),
            text(contract.domain),
            text(effect, _CLASS[effect]),
            f"{units(contract.cost):g}",
            text(purpose),
        )
    return table


def tool(contract: ToolContract) -> RenderableType:
    """One tool in full."""
    effect = contract.side_effect.value
    head = text(f"{contract.name} {contract.version}  ", "bold").append_text(text(effect, _CLASS[effect]))
    head.append_text(text(f"  {contract.domain}, cost {units(contract.cost):g}, at most {contract.timeout_s} s", "dim"))
    slots = plain_table("argument", "", "what it is")
    for slot in contract.slots:
        choices = f" ({', '.join(slot.choices)})" if slot.choices else ""
        said = f"{slot.purpose}{choices}"
        slots.add_row(text(slot.name), text("needed" if slot.required else "", "yellow"), text(said))
    parts: list[RenderableType] = [head, text(contract.purpose), text(""), slots, text("")]
    parts += [text(f"- {rule}") for rule in contract.guardrails]
    rest = {
        "uses": ", ".join(contract.uses),
        "repeated safely by": contract.repeatable.value,
        "module": contract.module,
        "digest": contract.digest(),
    }
    for name, value in rest.items():
        if value:
            parts.append(text(f"{name}: {value}", "dim"))
    return Group(*parts)


def findings(found: Sequence[Finding]) -> RenderableType:
    """What `cuga doctor` found."""
    table = plain_table("", "", "")
    for finding in found:
        said = text(finding.found)
        if finding.mend:
            said.append_text(text(f"\n{finding.mend}", "cyan"))
        table.add_row(text(finding.state, _FOUND.get(finding.state, "")), text(finding.what, "bold"), said)
    return Padding(table, 0)

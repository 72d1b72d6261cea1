"""A plan on a screen: each step with its reason, cost, who must agree, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import plain_table
from cuga.cli.render.result import STATUS
from cuga.cli.screen import one_line, text
from cuga.model.plan import ITEM, REFERENCE, ForEach, Step
from cuga.model.value import units

if TYPE_CHECKING:
    from cuga.orchestrator.looking.reading import Planned
    from cuga.planning.forecast import Forecast, StepForecast

_CONSENT = {"none": "nobody", "rule": "a rule of the profile", "human": "a person"}


def preview(planned: Planned, command: str = "cuga run --plan") -> RenderableType:
    """A plan that has not run, or what stands in its way; and the command that runs it, unless that is empty."""
    if planned.plan is None:
        return _no_plan(planned)
    forecast = planned.forecast
    by_step = {one.step: one for one in forecast.steps} if forecast else {}
    parts: list[RenderableType] = [
        text(one_line(planned.plan.goal), "bold"),
        text(f"planned by {planned.plan.planner}", "dim"),
        text(""),
    ]
    for step in planned.plan.steps:
        parts += _step(step, by_step.get(step.step_id))
    if planned.plan.why:
        parts += [text("Why these tools", "bold"), *(text(f"  {why}") for why in planned.plan.why), text("")]
    parts += [text(f"note: {note}", "yellow") for note in planned.plan.notes]
    if forecast is not None:
        parts += _forecast(forecast)
    if command:
        parts.append(text(f"Nothing has run. To run exactly this plan: {command} {planned.run_id}", "cyan"))
    return Group(*parts)


def _no_plan(planned: Planned) -> RenderableType:
    if planned.question:
        lines = [text("The planner asks:", "bold"), text(f"  {planned.question}")]
        lines += [text(f"    - {option}") for option in planned.options]
        lines.append(text(f"  cuga answer {planned.run_id} TEXT", "cyan"))
        return Group(*lines)
    lines = [text(f"No plan: {planned.reason or planned.status.value}", STATUS.get(planned.status.value, ""))]
    return Group(*lines, *([text(planned.mend)] if planned.mend else ()))


def _step(step: Step, forecast: StepForecast | None) -> list[RenderableType]:
    head = text(f"{step.step_id} {step.tool}", "bold")
    most = "" if forecast is None or step.for_each is None else f", {_calls(forecast)}"
    head.append_text(text(f"  {step.side_effect.value}, {step.domain}, cost {units(step.cost):g}{most}", "dim"))
    if forecast is not None:
        agree = _CONSENT[forecast.consent.value]
        head.append_text(
            text(f"  {agree} must agree" if agree != "nobody" else "", "cyan" if agree == "a person" else "dim")
        )
        if forecast.simulated:
            head.append(" (only shown, not done)", "yellow")
        if forecast.exceeds:
            head.append_text(text(f"  exceeds {forecast.exceeds}", "red"))
    parts: list[RenderableType] = [head]
    if step.reason:
        parts.append(Padding(text(step.reason), (0, 0, 0, 3), expand=False))
    for name, value in msgspec.json.decode(step.input).items():
        parts.append(Padding(text(f"{name} = {_value(value)}", "dim"), (0, 0, 0, 3), expand=False))
    if step.depends_on:
        parts.append(Padding(text(f"after {', '.join(step.depends_on)}", "dim"), (0, 0, 0, 3), expand=False))
    if step.for_each is not None:
        parts.append(Padding(text(each_words(step.for_each), "cyan"), (0, 0, 0, 3), expand=False))
    if step.when is not None:
        parts.append(Padding(text(f"only when {step.when.expr}", "yellow"), (0, 0, 0, 3), expand=False))
    parts.append(text(""))
    return parts


def each_words(each: ForEach) -> str:
    """Which items a list goes through, in words."""
    over = f"{each.over.path or 'the whole output'} of {each.over.step}" if each.over else f"{len(each.items)} items"
    words = f"one call for each of {over}"
    if each.when is not None:
        words += f", where {each.when.expr}"
    if each.by is not None:
        words += f", {'smallest' if each.ascending else 'largest'} {each.by.strip('/')} first"
    return words + (f", the first {each.first}" if each.first is not None else "")


def _calls(forecast: StepForecast) -> str:
    return "for each call" if forecast.is_open else f"at most {forecast.calls} calls"


def _value(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {ITEM}:
        return f"{value[ITEM].strip('/')} of each" if value[ITEM] else "each of them"
    if isinstance(value, dict) and set(value) == {REFERENCE}:
        found = value[REFERENCE]
        return f"from {found['step']}{found.get('path', '')}"
    return one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode(), 100)


def _forecast(forecast: Forecast) -> list[RenderableType]:
    table = plain_table("budget", ">this plan", ">limit", ">left", "")
    for scope in forecast.scopes:
        in_units = scope.scope == "cost"
        used, limit, left = (f"{units(n):g}" if in_units else f"{n:,}" for n in (scope.used, scope.limit, scope.left))
        remark = (
            text("too little", "red")
            if scope.left < 0
            else text("near the limit", "yellow")
            if scope.warns
            else text("")
        )
        table.add_row(text(scope.scope), used, limit, left, remark)
    who = f"{len(forecast.approvals)} of {len(forecast.steps)} steps wait for a person: {', '.join(forecast.approvals)}"
    open_lists = [one.step for one in forecast.steps if one.is_open]
    lists = f"How many calls {', '.join(open_lists)} makes is known when the run gets there; one is counted here."
    fits = (
        f"It does not fit its limits; at a limit this profile says: {forecast.at_limit.value}."
        if not forecast.fits
        else ""
    )
    return [
        table,
        text(""),
        text(who if forecast.approvals else "No step waits for a person."),
        *([text(lists, "yellow")] if open_lists else []),
        *([text(fits, "red")] if fits else []),
    ]

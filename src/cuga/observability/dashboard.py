"""The Grafana dashboard of a house, drawn from `panels` as plain JSON of Grafana's schema.

`cuga observe dashboard` prints it; Grafana imports it and asks for its source.
"""

from __future__ import annotations

import json
from typing import Any

from cuga.observability.panels import ROWS, Ask, Panel

SCHEMA = 41  # of dashboards, as Grafana 12 writes it; newer ones read it
WIDE = 24  # columns of a row
UID = "cuga-house"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> str:
    """The dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in ROWS:
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [],
             "gridPos": {"h": 1, "w": WIDE, "x": 0, "y": top}}
        )  # fmt: skip
        top += 1
        left = 0
        height = 4 if all(panel.kind == "stat" for panel in row.panels) else 8
        for panel in row.panels:
            if left + panel.width > WIDE:
                left, top = 0, top + height
            grid = {"h": height, "w": panel.width, "x": left, "y": top}
            panels.append({"id": len(panels) + 1, "gridPos": grid, **_drawn(panel)})
            left += panel.width
        top += height
    body = {
        "uid": UID,
        "title": "cuga",
        "description": "Runs, tools, people, budgets, the record and its machines. Made by `cuga observe dashboard`.",
        "tags": ["cuga"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source", "hide": 0,
                 "refresh": 1, "regex": "", "includeAll": False, "multi": False, "options": [], "current": {}}
            ]
        },
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }  # fmt: skip
    return json.dumps(body, indent=1) + "\n"


def _drawn(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "targets": [_target(number, ask, panel) for number, ask in enumerate(panel.asks)],
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **_steps(panel)}, "overrides": []},
        "options": _options(panel.kind),
        **_tidied(panel.kind),
    }


def _target(number: int, ask: Ask, panel: Panel) -> dict[str, Any]:
    now = panel.kind != "timeseries"
    return {
        "refId": chr(ord("A") + number),
        "datasource": _SOURCE,
        "expr": ask.query,
        "legendFormat": ask.legend or "__auto",
        "instant": now,
        "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _steps(panel: Panel) -> dict[str, Any]:
    first, *others = (
        [("red", None), ("yellow", panel.alarms), ("green", panel.warns)]
        if panel.falls
        else [("green", None), ("yellow", panel.warns), ("red", panel.alarms)]
    )
    steps: list[dict[str, Any]] = [{"color": first[0], "value": None}]
    steps += [{"color": colour, "value": value} for colour, value in others if value is not None]
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def _options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none"}
    if kind == "table":
        return {"showHeader": True}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


def _tidied(kind: str) -> dict[str, Any]:
    """A table shows names and one figure, not when it was asked."""
    if kind != "table":
        return {}
    return {"transformations": [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]}

"""The page of settings names what the code reads, with its defaults."""

import re
from dataclasses import fields
from pathlib import Path

from cuga.settings import Settings

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/settings.md").read_text()
ROWS = dict(re.findall(r"^\| `CUGA_(\w+)` \|.*\| ([^|]*) \|$", PAGE, flags=re.MULTILINE))


def test_every_setting_has_its_row_and_every_row_its_setting():
    assert {name.lower() for name in ROWS} == {field.name for field in fields(Settings)} - {"variables"}


def test_the_defaults_are_the_real_ones():
    shown = {name.lower(): value.strip("`") for name, value in ROWS.items() if value.startswith("`")}
    real = {name: getattr(Settings(), name) for name in shown}
    assert {name: "0" if value is False else str(value) for name, value in real.items()} == shown

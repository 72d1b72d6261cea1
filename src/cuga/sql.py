"""Named SQL: a file beside the code that uses it, in which `-- name: NAME` stands above each statement."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+).*$", re.MULTILINE)


@cache
def named(package: str, file: str) -> dict[str, str]:
    """What stands in a package's file below each name, to the letter."""
    parts = _NAME.split(resources.files(package).joinpath(file).read_text("utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))

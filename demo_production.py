"""The production demo from a checkout: the same as `cuga demo --production`, whose options it takes.

Four steps over three domains, budgets, one approval by a second person, and the record of all of it. With `--ask` you
decide yourself; with `--json` the report is JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

try:
    from cuga.cli.main import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"{missing.name} is not installed for this Python. `make demo` sets up; then: .venv/bin/python {sys.argv[0]}"
    )

if __name__ == "__main__":
    sys.exit(main(["demo", "--production", *sys.argv[1:]]))

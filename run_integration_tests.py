"""Run the integration checks without pytest: prints what passed and what did not, and ends with 0 or 1.

The checks are the plain functions of `tests/integration/test_production_demo.py`. Words given on the command line
choose the checks whose names hold one of them.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent
MODULES = ("tests.integration.test_production_demo",)
LONGEST_S = 60.0  # one check


def checks_of(module: ModuleType) -> dict[str, object]:
    """The checks of a module in the order in which it has them."""
    return {name: check for name, check in vars(module).items() if name.startswith("test_") and callable(check)}


def passes(check: object) -> bool:
    """Run one check; what went wrong is printed."""
    assert callable(check)
    try:
        done = check()
        if inspect.iscoroutine(done):
            asyncio.run(asyncio.wait_for(done, LONGEST_S))
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return False
    return True


def main(words: list[str]) -> int:
    """Run the checks and say how they went."""
    for path in (ROOT, ROOT / "src"):
        sys.path.insert(0, str(path))
    passed: list[str] = []
    failed: list[str] = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as missing:
            print(f"{missing.name} is not installed for this Python.")
            print(f"`make test` sets up; then: .venv/bin/python {sys.argv[0]}")
            return 1
        for check_name, check in checks_of(module).items():
            if words and not any(word in check_name for word in words):
                continue
            begun = time.perf_counter()
            is_fine = passes(check)
            (passed if is_fine else failed).append(check_name)
            took = time.perf_counter() - begun
            print(
                f"{'PASS' if is_fine else 'FAIL'}  {check_name.removeprefix('test_').replace('_', ' ')}  ({took:.2f} s)"
            )
    if not passed and not failed:
        print("no check has such a name")
        return 1
    print(f"\n{'ALL INTEGRATION TESTS PASSED' if not failed else 'INTEGRATION TESTS FAILED'}")
    print(f"Total: {len(passed) + len(failed)}, passed: {len(passed)}, failed: {len(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

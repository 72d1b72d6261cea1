"""The command line as a person uses it: called in this process, in one of its own, or at a terminal of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cuga.cli.main import main

ROOT = Path(__file__).parents[2]
SLOW = "tests.doors.slow_tools"


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Commands against one house."""

    house: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str) -> Said:
        """Run a command here, in this process."""
        self.capture.readouterr()
        code = main(words)
        said = self.capture.readouterr()
        return Said(code, said.out, said.err)

    def run_id(self) -> str:
        """The newest run."""
        return str(self("runs", "--json", "--limit", "1").json[0]["run_id"])

    def deeds(self) -> list[str]:
        """What the slow tools did, in order."""
        noted = Path(self.environment()["TEST_DEEDS"])
        return noted.read_text().split() if noted.exists() else []

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "CUGA_HOUSE": str(self.house),
            "TEST_DEEDS": str(self.house.parent / "deeds.txt"),
            **self.variables,
        }

    def start(self, *words: str, stdin: int = subprocess.DEVNULL, **variables: str) -> subprocess.Popen[str]:
        """Begin a command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "cuga.cli", *words],
            env={**self.environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=stdin,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def apart(self, *words: str, **variables: str) -> Said:
        """Run a command in a process of its own, to its end."""
        return ended(self.start(*words, **variables))

    def typed(self, *words: str, prompt: str = "", answer: str = "", **variables: str) -> Said:
        """Run a command at a terminal of its own and type an answer when it asks."""
        child, terminal = pty.fork()
        if child == 0:
            # whoever runs the tests in the background ignores it, and what we start would inherit that
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update({**self.environment(), "TERM": "xterm-256color", "COLUMNS": "120", **variables})
            os.execv(sys.executable, [sys.executable, "-m", "cuga.cli", *words])
        seen, until, is_typed = b"", time.monotonic() + 120, not prompt
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                read = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not read:
                break
            seen += read
            if not is_typed and prompt.encode() in seen:
                os.write(terminal, answer.encode())
                is_typed = True
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Said(code, seen.decode("utf-8", "replace"), "")

    def until_deed(self, deed: str, count: int = 1) -> None:
        """Wait until a slow tool has got so far."""
        until = time.monotonic() + 120
        while self.deeds().count(deed) < count:
            assert time.monotonic() < until, f"no {deed!r} in {self.deeds()}"
            time.sleep(0.02)


def ended(process: subprocess.Popen[str]) -> Said:
    """What a process said, once it has ended."""
    out, err = process.communicate(timeout=180)
    return Said(process.returncode, out, err)

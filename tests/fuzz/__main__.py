"""Fuzz doors, following their branches: `python -m tests.fuzz [DOOR ...] --seconds 60 [--keep DIR]`.

Ends with 0 when nothing came out but refusals; else with 1, and what did it is a file in the directory that is kept,
and in base64 among what is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import atheris
from tests.fuzz.doors import DOORS, Take, given
from tests.fuzz.known import SEEDS, WORDS

SLOW_S = 10  # an input that takes longer than this is a finding
MOST_MB = 2048  # of memory


def main() -> None:
    """Read the words of the command line and fuzz one door after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("doors", nargs="*", metavar="DOOR", help=f"all of them when none is named: {', '.join(DOORS)}")
    parser.add_argument("--seconds", type=int, default=10, help="for each door")
    parser.add_argument("--runs", type=int, default=-1, help="end a door after so many inputs, if the time lasts")
    parser.add_argument("--keep", type=Path, help="a directory of inputs that grows; what is found is put beside them")
    said = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="cuga-fuzz-") as made:
        names = said.doors or list(DOORS)
        with atheris.instrument_imports(include=["cuga", *(one for name in names for one in DOORS[name].followed)]):
            takes = {name: DOORS[name].make() for name in names}
            for name, take in takes.items():
                given(take, SEEDS[name][0])  # what is imported late is followed too
        for name, take in takes.items():
            if (child := os.fork()) == 0:
                fuzz(name, take, (said.seconds, said.runs), (said.keep or Path(made)) / name)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
                wrong.append(name)
        print(f"fuzzed {len(names)} doors" + (f"; something else came out of: {', '.join(wrong)}" if wrong else ""))
    sys.exit(bool(wrong))


def fuzz(name: str, take: Take, most: tuple[int, int], kept: Path) -> NoReturn:
    """Fuzz a door until the time or the inputs are over or something is found; the process ends with it."""
    kept.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (kept / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={most[0]}",
        f"-runs={most[1]}",
        f"-timeout={SLOW_S}",
        f"-rss_limit_mb={MOST_MB}",
        "-verbosity=0",
    ]
    options += [f"-max_len={DOORS[name].most}", f"-artifact_prefix={kept}/found-", "-print_final_stats=1"]
    if name in WORDS:
        spelled = ("".join(f"\\x{byte:02x}" for byte in word) for word in WORDS[name].split(b"|"))
        (kept / "words").write_text("".join(f'"{word}"\n' for word in spelled))
        options.append(f"-dict={kept / 'words'}")
    atheris.Setup([sys.argv[0], str(kept), *options], lambda body: given(take, body))
    atheris.Fuzz()
    os._exit(0)


if __name__ == "__main__":
    main()

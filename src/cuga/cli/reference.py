"""The reference page of the command line, made from the commands themselves: `python -m cuga.cli.reference > PAGE`.

A test compares the page with what this gives; nothing in it is written by hand twice.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from cyclopts import App

from cuga.cli.commands import catalog
from cuga.cli.exits import Exit
from cuga.cli.options import EVERYWHERE

_MEANING = {
    Exit.SUCCESS: "the run ended in success, or what was asked for was done or shown",
    Exit.UNEXPECTED: "an error of cuga itself; the traceback is kept in a file that is named",
    Exit.BAD_INPUT: "the command, a name, a file or the registry cannot be used; nothing was done",
    Exit.PARTIAL: "the run ended with a part of its required steps done",
    Exit.PARKED: "the run waits for a person, or another process goes on with it",
    Exit.FAILED: "the run ended without any required step done, or without a plan",
    Exit.BUSY: "another process holds the house and does not answer",
    Exit.CANCELLED: "a person stopped the run",
    Exit.REFUSED: "the rules, or what has happened since, do not allow it; nothing was changed",
    Exit.DAMAGED: "a check found something wrong, or the journal cannot be used",
    Exit.INTERRUPTED: "Ctrl-C; nothing is lost",
}
_OPENING = """\
# The command line

<!-- made by `python -m cuga.cli.reference`; a test keeps it equal to the commands -->

The answer of a command goes to stdout, everything about it to stderr; with `--json` stdout holds JSON and nothing else.
A run can be named by its id, by the last letters of it (four or more), or by `last`; an approval too.

Every command takes `--help` and these options (those that need no house take only `--help`):
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _OPENING
    for names, said in _options(catalog.app["runs"], everywhere=True):
        yield f"- {names}: {said}"
    yield ""
    yield "## Exit codes"
    yield ""
    yield "Commands that move a run, and `result`, end with where that run stands."
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    for code, meaning in _MEANING.items():
        yield f"| {code.value} | {meaning} |"
    for path, command in _commands():
        yield ""
        yield f"## cuga {path}"
        yield ""
        yield inspect.cleandoc(command.help or "")
        options = [*_options(command, everywhere=False)]
        if options:
            yield ""
            yield from (f"- {names}: {said}" for names, said in options)
        examples = (command.help_epilogue or "").splitlines()[1:]
        yield ""
        yield "```sh"
        yield from (line.strip() for line in examples)
        yield "```"


def _commands() -> Iterator[tuple[str, App]]:
    for name in catalog.names():
        command = catalog.app[name]
        if command.default_command is not None:
            yield name, command
        for below in command:
            if not below.startswith("-") and command[below].default_command is not None:
                yield f"{name} {below}", command[below]


def _options(command: App, *, everywhere: bool) -> Iterator[tuple[str, str]]:
    for argument in command.assemble_argument_collection():
        is_everywhere = argument.parameter.group in (EVERYWHERE, (EVERYWHERE,))
        if not argument.show or is_everywhere != everywhere:
            continue
        is_flag = argument.hint is bool
        shown = [name if is_flag or not name.startswith("-") else f"{name} …" for name in argument.names]
        choices = argument.get_choices()
        said = argument.parameter.help or ""
        if choices:
            said += f" One of: {', '.join(choices)}."
        yield ", ".join(f"`{name}`" for name in shown), said


if __name__ == "__main__":
    sys.stdout.write(page())

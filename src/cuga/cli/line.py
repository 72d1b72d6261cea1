"""One command line: it is read, its command called, and how that ended turned into an exit code.

No error of ours ever shows a traceback; one that nobody expected is kept in a file and named in one line. Rooms beyond
this one are imported by the commands that need them: `cuga --help` opens none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cuga.cli.commands import catalog
from cuga.cli.exits import Exit, of_error
from cuga.errors import CugaError

SHELLS = ("bash", "zsh", "fish")


def carry_out(said: Sequence[str]) -> int:
    """Do what a command line says and return its exit code."""
    from cyclopts import CycloptsError

    _speak_utf8()
    try:
        code = catalog.app(said)
        return int(code) if isinstance(code, int) else Exit.SUCCESS
    except CycloptsError as error:
        return _misread(error, said)
    except CugaError as error:
        return _refused(error, said)
    except BrokenPipeError:
        _let_the_pipe_go()
        return Exit.SUCCESS
    except Exception as error:
        return _unexpected(error, said)


def _speak_utf8() -> None:
    """Names in CRM data are not ASCII; a terminal that cannot show a letter gets a substitute, never an exception."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _misread(error: Exception, said: Sequence[str]) -> int:
    from cuga.cli.screen import one_line, say

    words = [word for word in said if not word.startswith("-")]
    known = catalog.path_of(words)
    better = f"completion show {words[1]}" if words[:1] == ["completion"] and words[1:2] and words[1] in SHELLS else ""
    say(
        f"cuga: {one_line(error)}",
        f"Did you mean `cuga {better}`?" if better else f"`cuga {' '.join([*known, '--help'])}` shows what would do.",
    )
    return Exit.BAD_INPUT


def _refused(error: CugaError, said: Sequence[str]) -> int:
    from cuga.cli.screen import say, show_json

    code = of_error(error)
    if "--json" in said:
        body: dict[str, object] = {"code": error.code, "message": error.message, "mend": error.next_step}
        if mistakes := error.facts.get("mistakes"):
            body |= {"mistakes": mistakes}
        show_json({"error": body, "exit": int(code)})
    say(f"cuga: {error.message}")
    if error.next_step:
        say(error.next_step)
    if "--debug" in said:
        _print_traceback(error)
    return code


def _unexpected(error: Exception, said: Sequence[str]) -> int:
    from cuga.cli.screen import one_line, say

    what = one_line(f"{type(error).__name__}: {error}", 200)
    if "--debug" in said:
        _print_traceback(error)
        say(f"cuga: something nobody expected: {what}")
        return Exit.UNEXPECTED
    where = _kept_traceback(error)
    say(
        f"cuga: something nobody expected: {what}",
        f"Nothing durable is lost. The traceback is in {where}; `--debug` shows it."
        if where
        else "Nothing durable is lost. `--debug` shows the traceback.",
    )
    return Exit.UNEXPECTED


def _print_traceback(error: Exception) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)


def _kept_traceback(error: Exception) -> str:
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="cuga-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
            return file.name
    except OSError:
        return ""


def _let_the_pipe_go() -> None:
    """Whoever read us has gone (`| head`): be quiet about it, also when Python flushes at the end."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

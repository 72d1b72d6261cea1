"""Where words go: the answer to stdout, everything about it to stderr, and with `--json` only JSON to stdout.

Text that comes from data is made harmless before a terminal sees it: it can neither move the cursor, colour, nor turn
the direction of what stands beside it. rich is imported only when something is shown.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

PIPED_WIDTH = 120  # columns when nobody looks; rich would fold ids at 80
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but tab and newline
    "\xad\u115f\u1160\u180e\u3164\uffa0"  # signs that are there and not seen
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"  # invisible, line and direction marks
    "\ud800-\udfff\U000e0000-\U000e0fff]"  # halves of characters, tags
)


def harmless(text: object) -> str:
    """Text as it may be shown: controls, direction marks and half characters are spelled out, e.g. `\\x1b`."""
    return _HARMFUL.sub(_spelled, str(text))


def _spelled(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: object, most: int = 0) -> str:
    """Harmless text without line ends, cut to a length when one is given."""
    flat = " ".join(harmless(text).split())
    return flat if not most or len(flat) <= most else f"{flat[: most - 1]}…"


def ended(status: str, reason: str) -> str:
    """How a run ended and why, once when both are the same word."""
    return f"{status}: {reason}" if reason and reason != status else status


def text(said: object, style: str = "") -> Text:
    """Harmless text as rich shows it: never read as markup."""
    from rich.text import Text

    return Text().append(harmless(said), style or None)  # a style of its own: what is appended later keeps another


def command(said: str, why: str = "", *, indent: str = "") -> Text:
    """A command to be copied, with what it is for: only the terminal ends a line in it. What is no command wraps."""
    line = text(indent).append_text(text(said, "cyan" if said.startswith("cuga ") else ""))
    if why:
        line.append_text(text(f"    {why}", "dim"))
    if said.startswith("cuga "):
        line.no_wrap, line.overflow = True, "ignore"
    return line


@cache
def out(no_color: bool = False) -> Console:
    """The console of answers."""
    return _console(False, no_color)


@cache
def err(no_color: bool = False) -> Console:
    """The console of everything else."""
    return _console(True, no_color)


def _console(stderr: bool, no_color: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(
        stderr=stderr,
        no_color=no_color or None,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def show(*what: RenderableType | str) -> None:
    """Print an answer. Plain strings are made harmless and wrapped only by the terminal."""
    _print(out(), what)


def say(*what: RenderableType | str) -> None:
    """Tell the person at the terminal something that is not the answer."""
    _print(err(), what)


def _print(console: Console, what: tuple[RenderableType | str, ...]) -> None:
    for part in what:
        is_text = isinstance(part, str)
        with console.capture() as captured:
            console.print(harmless(part) if is_text else part, soft_wrap=is_text, crop=False)
        drawn = captured.get()
        if not console.is_terminal:  # tables are padded for the eye; a file or a program wants no such spaces
            drawn = "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())
        console.file.write(drawn)
    console.file.flush()


def show_json(value: Any, *, line: bool = False) -> None:
    """Print a value as JSON: indented, or on one line of its own."""
    import msgspec

    plain = msgspec.to_builtins(value, enc_hook=_plain)
    ascii_only = sys.stdout.isatty() or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    body = json.dumps(plain, ensure_ascii=ascii_only, indent=None if line else 2, allow_nan=False)
    print(body, flush=line)


def _plain(value: Any) -> Any:
    import msgspec

    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    return str(value)


async def asked(prompt: str) -> str:
    """What a person types at the terminal; the house goes on answering others meanwhile. Empty at the end of input."""
    import asyncio

    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    print(prompt, end="", file=sys.stderr, flush=True)
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().strip()


def is_watched() -> bool:
    """Whether a person sits at the terminal: what is told is seen, and an answer can be typed."""
    return sys.stderr.isatty() and sys.stdin.isatty()

"""The page in a window of its own. The server is a process beside it, so that either may break without the other."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

GRACE_S = 10.0  # until the server is ended harder


def desktop(
    *,
    width: Annotated[int, Parameter(help="Of the window, in pixels.", show_default=True)] = 1280,
    height: Annotated[int, Parameter(help="Of the window, in pixels.", show_default=True)] = 860,
    options: Options = PLAIN,
) -> int:
    """Open the page in a window of its own and serve the house while it stands open. Needs the extra `desktop`.

    Without that extra: `cuga serve`, and install the page as an app from the browser's menu.

    Examples:

        cuga desktop

        cuga desktop --house sales/
    """
    try:
        import webview
    except ImportError as missing:
        raise BadInput(
            f"a window of its own needs {missing.name}, which is not installed",
            mend="Install it: pip install 'cugar[desktop]'; or `cuga serve`, and install the page from the browser.",
        ) from missing
    house = ["--house", str(options.house)] if options.house is not None else []
    command = [sys.executable, "-m", "cuga.cli", "serve", "--json", "--port", "0", "--no-open", *house]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            link = _link(server)
            webview.create_window("cuga", link, width=width, height=height, min_size=(360, 480))
            webview.start(private_mode=True, icon=_icon())
        finally:
            server.terminate()
            _wait(server)
    return Exit.SUCCESS


def _link(server: subprocess.Popen[str]) -> str:
    """The link that a server printed, as its first line; `BadInput` when it ended instead, having said why itself."""
    assert server.stdout is not None
    for line in server.stdout:
        try:
            said: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "link" in said:
            return str(said["link"])
        if isinstance(said, dict) and isinstance(error := said.get("error"), dict):
            raise BadInput(str(error.get("message", line)), mend=str(error.get("mend", "")))
    raise BadInput("the server of this house did not start", mend="`cuga serve` says why.")


def _icon() -> str | None:
    """The icon of the built page; None where there is none."""
    icon = Path(str(resources.files("cuga.api"))) / "page" / "icon-512.png"
    return str(icon) if icon.is_file() else None


def _wait(server: subprocess.Popen[str]) -> None:
    try:
        server.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()

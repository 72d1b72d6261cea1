"""Completion in the shell: show the script, or install it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cuga.cli.exits import Exit

Shell = Literal["bash", "zsh", "fish"]


def show(shell: Annotated[Shell, Parameter(name="SHELL", help="bash, zsh or fish.")], /) -> int:
    """Print the completion script of a shell.

    Examples:

        source <(cuga completion show bash)
    """
    from cuga.cli.commands.catalog import app

    print(app.generate_completion(prog_name="cuga", shell=shell))
    return Exit.SUCCESS


def install(
    shell: Annotated[Shell, Parameter(name="SHELL", help="bash, zsh or fish.")],
    /,
    *,
    output: Annotated[Path | None, Parameter(help="Where to write it; left out: where the shell looks.")] = None,
) -> int:
    """Write the completion script to where the shell looks for it. Your start-up files are not changed.

    Examples:

        cuga completion install fish
    """
    from cuga.cli.commands.catalog import app
    from cuga.cli.screen import say

    path = app.install_completion(shell=shell, output=output, add_to_startup=False)
    say(f"Written to {path}; open a new shell to use it.")
    if shell == "bash" and output is None:
        say(f"If nothing completes, add this line to ~/.bashrc: source {path}")
    return Exit.SUCCESS

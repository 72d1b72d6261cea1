"""The door of the command `cuga`. It opens at once, so that Ctrl-C is heard from the first moment on.

Everything else is imported behind it, in `cuga.cli.line`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` itself is among what would have to be waited for
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    try:
        from cuga.cli.line import carry_out

        return carry_out(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        print("interrupted; nothing is lost", file=sys.stderr)
        return 130  # `Exit.INTERRUPTED`, which may not be there yet


if __name__ == "__main__":
    sys.exit(main())

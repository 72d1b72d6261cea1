"""What commands that change a house share: hand the change over, say that it is done, tell the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cuga.cli.exits import Exit
from cuga.cli.options import Options

if TYPE_CHECKING:
    from cuga.cli.home import Visit


async def change(visit: Visit, event: Any) -> None:
    """Change the house by an event; it sets the time and the person itself."""
    await visit.front.change(event)


def done(said: str, options: Options) -> int:
    """Say that it is done."""
    from cuga.cli.screen import say, show_json

    show_json({"done": said}) if options.json else say(said)
    return Exit.SUCCESS


def now() -> datetime:
    """The time, UTC."""
    from cuga.clock import SystemClock

    return SystemClock().now().astimezone(UTC)

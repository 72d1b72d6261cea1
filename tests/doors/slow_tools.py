"""Tools of a pack that only the tests know: slow, failing, publishing outside. What they did is counted in a file."""

import os
import time
from pathlib import Path
from typing import Annotated

from cuga.errors import NotDone
from cuga.tools import Slot, ToolContext, tool


def _note(name: str) -> None:
    with Path(os.environ["TEST_DEEDS"]).open("a", encoding="utf-8") as deeds:
        deeds.write(f"{name}\n")


@tool(
    domain="knowledge",
    side_effect="read-only",
    cost=0.1,
    keywords=("count", "clouds", "sky", "count clouds"),
    gives={"clouds": "/clouds"},
)
def count_clouds(context: ToolContext) -> dict[str, int]:
    """Count the clouds in the sky, slowly."""
    _note("counting")
    time.sleep(float(os.environ.get("TEST_SLEEP", "0")))
    _note("counted")
    return {"clouds": 3}


@tool(
    domain="engagement",
    side_effect="execute",
    cost=0.1,
    keywords=("publish", "publish notice", "notice", "notice board"),
    effect_key=("publish", "/times"),
)
def publish_notice(context: ToolContext, times: Annotated[int, Slot("copies", "how often")] = 1) -> dict[str, int]:
    """Publish a notice on the board of the town hall."""
    _note("publishing")
    time.sleep(float(os.environ.get("TEST_SLEEP", "0")))
    _note("published")
    return {"published": times}


@tool(
    domain="knowledge",
    side_effect="propose",
    cost=0.1,
    keywords=("carve", "stone", "sculpture", "carve stone"),
)
def carve_stone(context: ToolContext) -> dict[str, str]:
    """Carve a stone into a sculpture."""
    raise NotDone("the chisel is blunt")


TOOLS = (count_clouds, publish_notice, carve_stone)

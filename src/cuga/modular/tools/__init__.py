"""Tools beside the packs, in folders by kind, and the older names under which tools are declared and registered.

Each folder lists its `TOOLS`; naming it under `packs` in a registry loads it. A door onto `cuga.tools`, which checks,
keeps and calls every tool; there is no second registry.
"""

from cuga.modular.tools.registry import HandlerContext, ToolRegistry, ToolSpec

__all__ = ["HandlerContext", "ToolRegistry", "ToolSpec"]

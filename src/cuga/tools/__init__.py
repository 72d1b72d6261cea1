"""What a run may call: tools as functions with a contract, kept in a registry, invoked through one door."""

from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

__all__ = ["Slot", "ToolContext", "capability_missing", "tool"]

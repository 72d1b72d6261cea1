"""Agreeing on next touches with people outside."""

from cuga.modular.tools.engagement.touchpoint import invite_to_touchpoint

TOOLS = (invite_to_touchpoint,)

"""Agreeing on next touches with people outside."""

from cuga.modular.tools.engagement.touchpoint import schedule_engagement_touchpoint

TOOLS = (schedule_engagement_touchpoint,)

"""Figures over the house's own records."""

from cuga.modular.tools.analytics.pipeline import summarise_pipeline

TOOLS = (summarise_pipeline,)

"""Runs that begin by the calendar."""

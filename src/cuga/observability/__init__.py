"""What a house says of itself to whoever operates it: spans, the list of its metrics, alerts, a dashboard, log lines.

All of it is made from the journal or from what a process counts of itself. It never waits in the way of a run, never
names a person, and what it holds can be lost without loss.
"""

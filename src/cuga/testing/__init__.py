"""Tools for testing what runs on cuga: stories about the kernel, valid values, a fake world, and a simulation.

Production code imports nothing from here.
"""

from cuga.testing.facts import (
    amend,
    approval_requested,
    approve,
    call_completed,
    call_started,
    cancels,
    completes,
    decides,
    deny,
    fails,
    planned,
    replans,
    request_changes,
    revoke,
    run_started,
    says,
    start,
    takes_over,
    tick,
    tops_up,
)
from cuga.testing.story import Story, given

__all__ = [
    "Story",
    "amend",
    "approval_requested",
    "approve",
    "call_completed",
    "call_started",
    "cancels",
    "completes",
    "decides",
    "deny",
    "fails",
    "given",
    "planned",
    "replans",
    "request_changes",
    "revoke",
    "run_started",
    "says",
    "start",
    "takes_over",
    "tick",
    "tops_up",
]

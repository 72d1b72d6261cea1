"""Erasing a person: the keys that seal their data are destroyed, and every other place where they rest is cleaned.

The record stays whole: chains, seals and evidence are over sealed bytes. `docs/howto/erase-a-person.md` names every
place, and what this cannot reach.
"""

from cuga.orchestrator.keeping.erasing.front import Erasing
from cuga.orchestrator.keeping.erasing.told import Erased, Held

__all__ = ["Erased", "Erasing", "Held"]

"""Personal data, sealed for each person under a key of their own, so that destroying the key erases them.

What is written into the journal names nobody in clear: a text that is somebody's is replaced by a sealed one, and the
chain is over that. Keys lie outside the journal and outside the house. Nothing here decides who may be erased.
"""

from cuga.privacy.finding import Finder, Person
from cuga.privacy.ring import KeyRing
from cuga.privacy.sealing import ERASED, UNREADABLE, Sealing
from cuga.privacy.shelf import KeyFile

__all__ = ["ERASED", "UNREADABLE", "Finder", "KeyFile", "KeyRing", "Person", "Sealing"]

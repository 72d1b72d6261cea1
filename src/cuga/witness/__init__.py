"""The room of a witness: what other houses have sealed, kept where they cannot change it.

A public protocol (C2SP tlog-witness): whoever is asked by a house that it was told of checks that its journal has only
grown since, keeps the checkpoint, and says so with a signature and a time. It never goes back.
"""

from cuga.witness.request import Request, read_request
from cuga.witness.shelf import Seen, Shelf, ShelfFile
from cuga.witness.witness import Cosigner, Witness

__all__ = ["Cosigner", "Request", "Seen", "Shelf", "ShelfFile", "Witness", "read_request"]

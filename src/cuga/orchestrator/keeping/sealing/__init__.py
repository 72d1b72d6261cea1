"""The seal of a house: signed words on how far its journal has come, kept where the journal is not.

A chain shows an edit; it cannot show that the whole file is an older one. An anchor elsewhere can: a journal that is
behind it, or another than the one that was sealed, is not opened.
"""

from cuga.orchestrator.keeping.sealing.anchors import Anchor, FileAnchor
from cuga.orchestrator.keeping.sealing.keys import SealKey, holds, key_of
from cuga.orchestrator.keeping.sealing.named import fetched, read_anchors
from cuga.orchestrator.keeping.sealing.sealer import ANCHOR, Sealed, Sealer, cosigner_of, seals_of, set_aside

__all__ = [
    "ANCHOR",
    "Anchor",
    "FileAnchor",
    "SealKey",
    "Sealed",
    "Sealer",
    "cosigner_of",
    "fetched",
    "holds",
    "key_of",
    "read_anchors",
    "seals_of",
    "set_aside",
]

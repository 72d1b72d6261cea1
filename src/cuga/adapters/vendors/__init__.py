"""CRMs of somebody else: read into the house's store, changed there by compare and set, one file for each vendor."""

from cuga.adapters.vendors.catalog import KINDS, Kind, Need
from cuga.adapters.vendors.port import Live, Unread, Vendor
from cuga.adapters.vendors.syncing import KindSynced, LeftOut, sync_kind
from cuga.adapters.vendors.writer import VendorCrm, VendorWriter, mark_of

__all__ = [
    "KINDS",
    "Kind",
    "KindSynced",
    "LeftOut",
    "Live",
    "Need",
    "Unread",
    "Vendor",
    "VendorCrm",
    "VendorWriter",
    "mark_of",
    "sync_kind",
]

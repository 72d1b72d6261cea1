"""What a house without a network has: a CRM store in one file, an outbox and documents in a directory each."""

from cuga.adapters.offline.crm_store import CrmStore
from cuga.adapters.offline.documents import DocumentFolder
from cuga.adapters.offline.outbox import Outbox

__all__ = ["CrmStore", "DocumentFolder", "Outbox"]

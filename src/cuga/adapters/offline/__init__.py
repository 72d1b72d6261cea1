"""What a house without a network has: a CRM store in one file and an outbox in one directory."""

from cuga.adapters.offline.crm_store import CrmStore
from cuga.adapters.offline.outbox import Outbox

__all__ = ["CrmStore", "Outbox"]

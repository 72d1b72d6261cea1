"""What a house without a network has: a CRM store in one file and an outbox in one directory."""

from cuga.adapters.offline.crm_store import CrmStore
from cuga.adapters.offline.outbox import Outbox, body_hash, canonical_body

__all__ = ["CrmStore", "Outbox", "body_hash", "canonical_body"]

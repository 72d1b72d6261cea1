"""A sample house of records and an outbox, as the sales pack's own tests have them."""

from tests.unit.packs.sales.conftest import context, crm, folder, imported, outbox, sample

__all__ = ["context", "crm", "folder", "imported", "outbox", "sample"]

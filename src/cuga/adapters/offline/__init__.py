"""What a house without a network has: the CRM in one file, and a directory each for mail, documents, templates,
the calendar and facts on companies."""

from cuga.adapters.offline.calendar import CalendarFolder
from cuga.adapters.offline.crm_store import CrmStore
from cuga.adapters.offline.documents import DocumentFolder
from cuga.adapters.offline.facts import FactsFolder
from cuga.adapters.offline.inbox import DropFolder
from cuga.adapters.offline.outbox import Outbox
from cuga.adapters.offline.template_shelf import TemplateShelf

__all__ = ["CalendarFolder", "CrmStore", "DocumentFolder", "DropFolder", "FactsFolder", "Outbox", "TemplateShelf"]

"""Evidence for an auditor: one signed file that is checked offline, with a report that people read."""

from cuga.orchestrator.keeping.evidence.bundle import Evidence, write_bundle
from cuga.orchestrator.keeping.evidence.gathering import Scope
from cuga.orchestrator.keeping.evidence.oversight import Oversight, oversight_of

__all__ = ["Evidence", "Oversight", "Scope", "oversight_of", "write_bundle"]

"""Operations of an OpenAPI document as tools: each with a contract, called through `outbound` at the document's hosts.

The document is the operator's file and says what can be asked; what an operation does to the world is guessed from its
method, and where that is wrong the registry says so. Whatever is not known to only read counts as an effect.
"""

from cuga.tools.openapi.api import Api
from cuga.tools.openapi.document import Document, read_document
from cuga.tools.openapi.operation import Operation
from cuga.tools.openapi.tool import OperationTool

__all__ = ["Api", "Document", "Operation", "OperationTool", "read_document"]

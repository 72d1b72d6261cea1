"""JSON Schemas made ready for checking values. A schema may come from anywhere, so it is never the reason for a request
to another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cuga.errors import ToolInvalid

if TYPE_CHECKING:
    import jsonschema_rs


def compiled(schema: Any) -> jsonschema_rs.Validator:
    """A schema ready for checking. `ToolInvalid` for one that is none, or that refers to what is not in itself."""
    import jsonschema_rs  # here, so that a house without such schemas does not wait for it

    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except (ValueError, TypeError, RecursionError, jsonschema_rs.ReferencingError) as error:
        said = " ".join(str(error).split())[:200]
        raise ToolInvalid(f"a schema cannot be used: {said}") from error

"""cuga as an MCP server: tools that begin runs and look at them, traces as resources, and runs as tasks.

Built on the SDK's plain server, which touches no logging of ours. Every request gets its own `Window`; a request that
reaches for anything else meets nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

import cuga
from cuga.api.mcp_tasks import EXTENSION, TaskParams, Tasks
from cuga.api.mcp_window import Window, answer
from cuga.errors import BadInput, CugaError

if TYPE_CHECKING:
    from mcp.server import Server

WindowOf = Callable[[Any], Awaitable[Window]]  # a request's context -> what its caller may reach

INSTRUCTIONS = (
    "cuga plans a goal over sales tools and runs the plan under a profile. Submit a goal with submit_run, follow it "
    "with get_run. What changes something waits for a person, who decides elsewhere: tell your user the link, and look "
    "again later. There is no way to decide from here."
)
_TEXT = {"type": "string"}
_RUN = {"type": "object", "properties": {"run_id": _TEXT}, "required": ["run_id"], "additionalProperties": False}
TOOLS: dict[str, dict[str, Any]] = {
    "submit_run": {
        "description": "Begin a run for a goal in words. Returns at once with the run's id; nothing that changes "
        "something happens before a person has agreed to it.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "goal": {**_TEXT, "description": "What is wanted, in words."},
                "profile": {**_TEXT, "description": "The rules it runs under; left out: the house's default."},
                "run_id": {**_TEXT, "description": "A ULID of your own: given again, the run is not begun again."},
            },
            "required": ["goal"],
            "additionalProperties": False,
        },
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False},
    },
    "get_run": {
        "description": "Where a run stands: its steps and their outputs, why it waits, and where people decide.",
        "inputSchema": _RUN,
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    },
    "list_runs": {
        "description": "The newest runs, or those of one status: running, parked, success, partial, failed, cancelled.",
        "inputSchema": {
            "type": "object",
            "properties": {"status": _TEXT, "limit": {"type": "integer", "minimum": 1, "maximum": 50}},
            "additionalProperties": False,
        },
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    },
    "list_tools": {
        "description": "The tools that runs are planned with, or those that fit some words, with class and cost.",
        "inputSchema": {"type": "object", "properties": {"words": _TEXT}, "additionalProperties": False},
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    },
}
_KINDS = ("trace", "result")


def mcp_server(window_of: WindowOf) -> Server:
    """The server; `window_of` says of each request what it may reach."""
    from mcp.server import Server
    from mcp_types import CallToolRequestParams

    handlers = _Handlers(window_of)
    server: Server = Server(
        "cuga",
        version=cuga.__version__,
        title="cuga",
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
    )
    server.add_request_handler("tools/call", CallToolRequestParams, handlers.call_tool)
    for method, handler in handlers.tasks.methods().items():
        server.add_request_handler(method, TaskParams(), handler)
    server.extensions[EXTENSION] = {}
    return server


class _Handlers:
    def __init__(self, window_of: WindowOf) -> None:
        self._window_of = window_of
        self.tasks = Tasks(window_of)

    async def list_tools(self, _ctx: Any, _params: Any) -> Any:
        from mcp_types import ListToolsResult

        return ListToolsResult.model_validate({"tools": [{"name": name, **said} for name, said in TOOLS.items()]})

    async def call_tool(self, ctx: Any, params: Any) -> Any:
        from mcp_types import CallToolResult

        try:
            found = await self._called(ctx, params)
        except CugaError as error:
            found = _refusal(error)
        return found if "taskId" in found else CallToolResult.model_validate(found)

    async def _called(self, ctx: Any, params: Any) -> dict[str, Any]:
        window = await self._window_of(ctx)
        said = _checked(params.name, params.arguments or {})
        if params.name == "submit_run":
            run_id = await window.submit(said["goal"], said.get("profile", ""), said.get("run_id", ""))
            if self.tasks.is_wanted(ctx):
                return await self.tasks.created(window, run_id)
            return answer(await window.run(run_id))
        if params.name == "get_run":
            return answer(await window.run(said["run_id"]))
        if params.name == "list_runs":
            return answer({"runs": await window.runs(said.get("status", ""), said.get("limit", 20))})
        return answer({"tools": await window.tools(said.get("words", ""))})

    async def list_resources(self, ctx: Any, _params: Any) -> Any:
        from mcp_types import ListResourcesResult

        window = await self._window_of(ctx)
        listed = [
            {
                "uri": f"cuga://runs/{run['run_id']}/trace",
                "name": f"trace of {run['run_id']}",
                "description": f"{run['status']}: {run['goal']}"[:200],
                "mimeType": "application/json",
            }
            for run in await window.runs(limit=50)
        ]
        return ListResourcesResult.model_validate({"resources": listed})

    async def list_templates(self, _ctx: Any, _params: Any) -> Any:
        from mcp_types import ListResourceTemplatesResult

        about = {"trace": "The events of a run, in order.", "result": "What came of a run, whole."}
        listed = [
            {
                "uriTemplate": f"cuga://runs/{{run_id}}/{kind}",
                "name": f"{kind} of a run",
                "description": about[kind],
                "mimeType": "application/json",
            }
            for kind in _KINDS
        ]
        return ListResourceTemplatesResult.model_validate({"resourceTemplates": listed})

    async def read_resource(self, ctx: Any, params: Any) -> Any:
        from mcp import MCPError
        from mcp_types import INVALID_PARAMS, ReadResourceResult

        window = await self._window_of(ctx)
        try:
            run_id, kind = _resource(str(params.uri))
            found = await (window.trace(run_id) if kind == "trace" else window.result(run_id))
        except CugaError as error:
            raise MCPError(INVALID_PARAMS, _words(error)) from error
        text = msgspec.json.encode(found).decode()
        told = {"uri": str(params.uri), "mimeType": "application/json", "text": text}
        return ReadResourceResult.model_validate({"contents": [told]})


def _checked(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a tool. `BadInput` for what its schema does not allow, and for a tool that is not there."""
    from cuga.tools.schemas import compiled

    if name not in TOOLS:
        raise BadInput(f"there is no tool {name[:60]!r}", mend=f"There are {', '.join(TOOLS)}.")
    if problem := next(compiled(TOOLS[name]["inputSchema"]).iter_errors(said), None):
        raise BadInput(problem.message[:200])
    return said


def _resource(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    run_id, _, kind = parts.path.strip("/").partition("/")
    if parts.scheme != "cuga" or parts.netloc != "runs" or kind not in _KINDS or not run_id:
        raise BadInput(f"no resource {uri[:100]!r}", mend="There are cuga://runs/RUN/trace and cuga://runs/RUN/result.")
    return run_id, kind


def _refusal(error: CugaError) -> dict[str, Any]:
    said = {"code": error.code, "message": error.message, "mend": error.next_step}
    text = msgspec.json.encode(said).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": said, "isError": True}


def _words(error: CugaError) -> str:
    return "; ".join(part for part in (error.message, error.next_step) if part)

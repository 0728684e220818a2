"""Methods of the protocol."""

from collections.abc import Mapping
from importlib.metadata import version

from renderq_api.doors.mcp.json_rpc import Code, RpcError, RpcRequest
from renderq_api.doors.mcp.tool_calls import ToolCall, call_tool
from renderq_api.doors.mcp.tools import TOOLS
from renderq_api.doors.mcp.versions import HANDSHAKE_VERSIONS, SERVER_INFO, STANDALONE_VERSION, Dialect

_SERVER = {"name": "renderq", "version": version("renderq")}
_CAPABILITIES: Mapping[str, object] = {"tools": {}}
_INSTRUCTIONS = (
    "Makes images with diffusion models. Call generate_image; if it answers that the job has not ended, call get_image "
    "with the job's id until it returns the images."
)
_CACHE: Mapping[str, object] = {"ttlMs": 60_000, "cacheScope": "private"}
"""How long a client may keep a result, which all callers get alike."""


async def run_method(rpc: RpcRequest, dialect: Dialect, call: ToolCall) -> dict[str, object]:
    """Return the result of a request. Raises `RpcError` and `ClientDisconnect`."""
    result = await _run(rpc, dialect, call)
    if not dialect.standalone:
        return result
    return {**result, "resultType": "complete", "_meta": {SERVER_INFO: _SERVER}}


async def _run(rpc: RpcRequest, dialect: Dialect, call: ToolCall) -> dict[str, object]:
    match rpc.method, dialect.standalone:
        case "initialize", False:
            return _initialize(rpc)
        case "server/discover", True:
            about = {"capabilities": _CAPABILITIES, "instructions": _INSTRUCTIONS}
            return {"supportedVersions": [STANDALONE_VERSION], **about, **_CACHE}
        case "ping", _:
            return {}
        case "tools/list", standalone:
            return {"tools": TOOLS, **(_CACHE if standalone else {})}
        case "tools/call", _:
            return (await call_tool(rpc.params.get("name"), call)).encode()
        case _:
            raise RpcError(Code.METHOD_NOT_FOUND, "This service does not have this method.")


def _initialize(rpc: RpcRequest) -> dict[str, object]:
    asked = rpc.params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1],
        "capabilities": _CAPABILITIES,
        "serverInfo": _SERVER,
        "instructions": _INSTRUCTIONS,
    }

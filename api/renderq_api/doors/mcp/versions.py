"""Versions of the protocol: those that begin with a handshake, and the one whose requests stand alone."""

import base64
import binascii
import re
from dataclasses import dataclass

from pydantic import JsonValue
from starlette.datastructures import Headers

from renderq_api.doors.mcp.json_rpc import Code, RpcError, RpcRequest

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STANDALONE_VERSION = "2026-07-28"

_VERSION_HEADER = "MCP-Protocol-Version"
_LINK_VERSIONS = ("2025-06-18", "2025-11-25", STANDALONE_VERSION)

_META = "io.modelcontextprotocol"
SERVER_INFO = f"{_META}/serverInfo"
_REQUIRED_META = (f"{_META}/protocolVersion", f"{_META}/clientCapabilities")

_BASE64 = re.compile(r"=\?base64\?(.*)\?=")
"""Form of a header value that is not visible ASCII."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the version of a request means for its response."""

    standalone: bool
    """Whether every result says what a handshake would have said, and errors have statuses of their own."""
    resource_links: bool
    """Whether results may have links to resources; a client of before 2025-06-18 could not read them."""


def dialect(headers: Headers) -> Dialect:
    """Return the dialect that the headers ask for. Raises `RpcError` for a version that is not served.

    Clients of before 2025-06-18 do not send their version.
    """
    version = headers.get(_VERSION_HEADER)
    if version is not None and version not in (*HANDSHAKE_VERSIONS, STANDALONE_VERSION):
        data: dict[str, JsonValue] = {"supported": [STANDALONE_VERSION], "requested": version[:100]}
        served = ", ".join((*HANDSHAKE_VERSIONS, STANDALONE_VERSION))
        raise RpcError(Code.UNSUPPORTED_VERSION, f"This version of the protocol is not served; {served} are.", data)
    return Dialect(version == STANDALONE_VERSION, version in _LINK_VERSIONS)


def check_standalone(request: RpcRequest, headers: Headers) -> None:
    """Raise `RpcError` unless a request that stands alone says what it must, twice and equally."""
    meta = request.params.get("_meta")
    missing = [key for key in _REQUIRED_META if not isinstance(meta, dict) or key not in meta]
    if missing or not isinstance(meta, dict):
        raise RpcError(Code.INVALID_PARAMS, f"params._meta must be an object with {' and '.join(missing)}.")
    expected: dict[str, JsonValue] = {_VERSION_HEADER: meta[_REQUIRED_META[0]], "Mcp-Method": request.method}
    if request.method == "tools/call":
        expected["Mcp-Name"] = request.params.get("name")
    for name, value in expected.items():
        sent = headers.getlist(name)
        if len(sent) != 1 or _decoded(sent[0]) != value:
            raise RpcError(Code.HEADER_MISMATCH, f"The header {name} must be sent once, and equal what the body says.")


def _decoded(value: str) -> str | None:
    """Return a header value; `None` if it is damaged."""
    match = _BASE64.fullmatch(value)
    if not match:
        return value
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None

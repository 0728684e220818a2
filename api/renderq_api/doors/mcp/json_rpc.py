"""Messages of JSON-RPC 2.0 (https://www.jsonrpc.org/specification)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from pydantic import JsonValue

RequestId = str | int


class Code(IntEnum):
    """Code of an error: JSON-RPC's, then those of the Model Context Protocol."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    SERVER_ERROR = -32000
    HEADER_MISMATCH = -32020
    UNSUPPORTED_VERSION = -32022


class RpcError(Exception):
    """Ends a request with an error."""

    def __init__(self, code: Code, message: str, data: JsonValue = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """A request, or a notification, which gets no response."""

    id: RequestId | None
    """`None` for a notification."""
    method: str
    params: dict[str, JsonValue]


def readable_id(message: Mapping[str, JsonValue]) -> RequestId | None:
    """Return the id of a message that may be invalid otherwise; `None` if it has none that can be one."""
    request_id = message.get("id")
    return request_id if isinstance(request_id, str | int) and not isinstance(request_id, bool) else None


def parse_message(message: Mapping[str, JsonValue]) -> RpcRequest:
    """Return the request or notification that an object is. Raises `RpcError`."""
    method, params, has_id = message.get("method"), message.get("params", {}), "id" in message
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise _invalid('it needs "jsonrpc": "2.0" and a "method"')
    if not isinstance(params, dict):
        raise _invalid("params must be an object")
    request_id = readable_id(message)
    if has_id and request_id is None:
        raise _invalid("id must be a string or an integer")
    return RpcRequest(request_id, method, params)


def result_message(request_id: RequestId | None, result: Mapping[str, object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error_message(request_id: RequestId | None, error: RpcError) -> dict[str, object]:
    """Return an error; its id is null if that of the request is not known."""
    data = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": error.code, "message": error.message, **data}}


def _invalid(reason: str) -> RpcError:
    return RpcError(Code.INVALID_REQUEST, f"The body must be one request or notification of JSON-RPC 2.0: {reason}.")

"""The one route: a message in, its response out."""

import asyncio
import json

from fastapi import APIRouter
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.auth import CallerDep
from renderq_api.doors.job_run import response_headers
from renderq_api.doors.mcp.document import MESSAGE_BODY, MESSAGE_RESPONSES
from renderq_api.doors.mcp.errors import rpc_error_response
from renderq_api.doors.mcp.json_rpc import Code, RpcError, RpcRequest, parse_message, readable_id, result_message
from renderq_api.doors.mcp.methods import run_method
from renderq_api.doors.mcp.tool_calls import ToolCall
from renderq_api.doors.mcp.versions import check_standalone, dialect
from renderq_api.http.json_body import read_object
from renderq_api.services import ServicesDep

router = APIRouter(tags=["mcp"])


@router.post(
    "/mcp",
    response_class=Response,
    summary="Call tools that make images, by the Model Context Protocol",
    description="Streamable HTTP without sessions and without streams from the service. Versions 2024-11-05 to "
    "2025-11-25, which begin with `initialize`, and 2026-07-28.",
    responses=MESSAGE_RESPONSES,
    openapi_extra={"requestBody": MESSAGE_BODY},
)
async def receive_message(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    message, standalone = (await read_object(request)).fields, False
    try:
        rpc = parse_message(message)
        spoken = dialect(request.headers)
        standalone = spoken.standalone
        if rpc.id is None:
            return Response(status_code=202)  # no notification of a client changes anything here
        if standalone:
            check_standalone(rpc, request.headers)
        call = ToolCall(request, services, caller, _arguments(rpc), spoken.resource_links)
        result = await run_method(rpc, spoken, call)
    except RpcError as error:
        return rpc_error_response(error, readable_id(message), standalone=standalone)
    content = await asyncio.to_thread(json.dumps, result_message(rpc.id, result), ensure_ascii=False)
    headers = {"Cache-Control": "private, no-store", **response_headers(request)}
    return Response(content, 200, headers, "application/json")


def _arguments(rpc: RpcRequest) -> dict[str, JsonValue]:
    arguments = rpc.params.get("arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise RpcError(Code.INVALID_PARAMS, "params.arguments must be an object.")
    return arguments

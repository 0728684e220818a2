"""Errors outside of calls of tools, in the form of JSON-RPC."""

import json

from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import PROBLEMS, ProblemKind
from renderq_api.doors.error_response import error_response
from renderq_api.doors.mcp.json_rpc import Code, RequestId, RpcError, error_message
from renderq_api.http.problems import ApiProblem, problem_headers

_UNREADABLE = frozenset({"empty_body", "not_json", "not_utf8"})
"""Codes of bodies that cannot be parsed."""

_ALWAYS = {Code.PARSE_ERROR: 400, Code.INVALID_REQUEST: 400, Code.HEADER_MISMATCH: 400, Code.UNSUPPORTED_VERSION: 400}
_STANDALONE = {Code.INVALID_PARAMS: 400, Code.METHOD_NOT_FOUND: 404}
"""Code → status, of every version and of the one whose requests stand alone; 200 for others."""


def rpc_error_response(error: RpcError, request_id: RequestId | None, *, standalone: bool) -> Response:
    """Return an error of the protocol."""
    status = _ALWAYS.get(error.code) or (_STANDALONE.get(error.code) if standalone else None) or 200
    content = json.dumps(error_message(request_id, error))
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")


def problem_response(request: Request, problem: ApiProblem) -> Response:
    """Return a problem of a request that no method has dealt with."""
    status, code = PROBLEMS[problem.kind].status, Code.SERVER_ERROR
    if problem.kind is ProblemKind.INVALID_REQUEST:
        is_unreadable = any(error.code in _UNREADABLE for error in problem.errors)
        status, code = 400, Code.PARSE_ERROR if is_unreadable else Code.INVALID_REQUEST
    error = RpcError(code, problem.detail, {"code": str(problem.kind)})
    return error_response(request, status, json.dumps(error_message(None, error)), problem_headers(problem))

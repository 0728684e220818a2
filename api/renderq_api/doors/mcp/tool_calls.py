"""Calls of tools. A refusal or a failure is a result, which the assistant's model reads and can act on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue
from starlette.requests import ClientDisconnect, Request

from renderq_api.auth import Caller
from renderq_api.doors.field_names import detail_with_field
from renderq_api.doors.job_run import JOB_HEADER, cancel_if_possible, response_headers, wait_for_end
from renderq_api.doors.mcp.arguments import Arguments, GenerateImage, JobArguments, NoArguments
from renderq_api.doors.mcp.job_body import job_body
from renderq_api.doors.mcp.job_result import job_result
from renderq_api.doors.mcp.json_rpc import Code, RpcError
from renderq_api.doors.mcp.model_list import model_list
from renderq_api.doors.mcp.tool_result import ToolResult, failure, text
from renderq_api.http.error_handlers import STORE_ERRORS, store_problem
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.http.validation import validate
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.services import Services
from renderq_api.submission.submission import submit_job
from renderq_shared.ids import is_job_id
from renderq_shared.jobs import JobRecord

DOOR = "mcp"

_WAIT_S = 50
"""Clients in TypeScript give up a call after 60 s."""

Given = TypeVar("Given", bound=Arguments)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call, and what it acts on."""

    request: Request
    services: Services
    caller: Caller
    arguments: dict[str, JsonValue]
    resource_links: bool

    def parse(self, model: type[Given]) -> Given:
        """Return the arguments. Raises `ApiProblem`."""
        return validate(model, self.arguments)


async def call_tool(name: JsonValue, call: ToolCall) -> ToolResult:
    """Call a tool. Raises `RpcError` if there is none of this name, and `ClientDisconnect`."""
    tool = _TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        raise RpcError(Code.INVALID_PARAMS, f"There is no tool of this name. The tools are {', '.join(_TOOLS)}.")
    try:
        return await tool(call)
    except ApiProblem as problem:
        return _refusal(problem)
    except STORE_ERRORS as error:
        return _refusal(store_problem(error))


def _refusal(problem: ApiProblem) -> ToolResult:
    pointer = problem.errors[0].pointer if problem.errors else ""
    return failure(detail_with_field(problem, pointer.removeprefix("/")), error=str(problem.kind))


async def _generate_image(call: ToolCall) -> ToolResult:
    body = job_body(call.parse(GenerateImage), call.services.catalog)
    _, record = await submit_job(call.services, call.caller, body, None, door=DOOR)
    return await _result_of(call, record)


async def _get_image(call: ToolCall) -> ToolResult:
    job_id = _job_id(call)
    return await _result_of(call, _found(await call.services.directory.find(call.caller.tenant, job_id))[0])


async def _list_models(call: ToolCall) -> ToolResult:
    call.parse(NoArguments)
    return model_list(call.services.catalog)


async def _cancel_image(call: ToolCall) -> ToolResult:
    record = _found(await call.services.directory.cancel(call.caller.tenant, _job_id(call)))
    return ToolResult([text(f"Job {record.id} is {record.status}.")], {"job": record.id, "status": record.status})


_TOOLS: dict[str, Callable[[ToolCall], Awaitable[ToolResult]]] = {
    "generate_image": _generate_image,
    "get_image": _get_image,
    "list_models": _list_models,
    "cancel_image": _cancel_image,
}


def _job_id(call: ToolCall) -> str:
    job_id = call.parse(JobArguments).job
    if not is_job_id(job_id):
        raise _job_not_found()
    return job_id


def _found(result: Result | None) -> Result:
    """Return a job. Raises `ApiProblem` with advice that an assistant can follow if there is none."""
    if result is None:
        raise _job_not_found()
    return result


def _job_not_found() -> ApiProblem:
    return not_found(
        "Job not found. It was deleted, or belongs to the tenant of another key, or the id is wrong: the result of "
        "generate_image has it as `job`. Without it, call generate_image again."
    )


async def _result_of(call: ToolCall, record: JobRecord) -> ToolResult:
    response_headers(call.request)[JOB_HEADER] = record.id
    return await job_result(call.request, call.services, await _wait(call, record), links=call.resource_links)


async def _wait(call: ToolCall, record: JobRecord) -> JobSnapshot:
    """Return the job once it has ended, or as it is after a while.

    If the client hangs up before, a job of this door is canceled: that is how clients of 2026-07-28 cancel a call.
    """
    seconds = min(_WAIT_S, call.services.settings.door_wait_seconds)
    try:
        return _found(await wait_for_end(call.request, call.services, record, seconds))
    except ClientDisconnect:
        if record.door == DOOR:
            await cancel_if_possible(call.services, record)
        raise

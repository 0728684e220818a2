"""Bodies with images, received with limits on size, time and memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import Request

from renderq.contract import ProblemKind
from renderq_api.assets import UploadBudget, receive_chunks
from renderq_api.http.problems import ApiProblem


@asynccontextmanager
async def receive_body(request: Request, budget: UploadBudget, max_bytes: int) -> AsyncGenerator[bytes]:
    """Receive a body and count it against the budget until the block ends.

    Raises `ApiProblem`; an unread rest of the body closes the connection.
    """
    body, more = bytearray(), True
    with budget.reserve() as reserve:
        try:
            async for chunk, more_follow in receive_chunks(request):
                more = more_follow
                reserve(len(chunk))
                if len(body) + len(chunk) > max_bytes:
                    detail = f"The body is too large; the maximum is {max_bytes:,} bytes."
                    raise ApiProblem(ProblemKind.PAYLOAD_TOO_LARGE, detail)
                body += chunk
        except ApiProblem as problem:
            if more:
                problem.headers["Connection"] = "close"
            raise
        yield bytes(body)

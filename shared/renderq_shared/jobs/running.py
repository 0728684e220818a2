"""Runs a call: one round trip, two when the server does not know the script yet."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from renderq_shared.jobs.calls import Call
from renderq_shared.jobs.redis_errors import translated

Answer = TypeVar("Answer")
Execute = Callable[..., Awaitable[Any]]


def run(client: Redis, call: Call[Answer]) -> Answer:
    """Raises `StoreUnavailable`."""
    scripting = cast(Any, client)
    with translated():
        try:
            reply = scripting.evalsha(call.script.sha, 0, *call.arguments)
        except NoScriptError:
            reply = scripting.eval(call.script.source, 0, *call.arguments)
    return call.read(reply)


async def run_async(client: AsyncRedis, call: Call[Answer], execute: Execute | None = None) -> Answer:
    """`execute` sends a command in the client's place. Raises `StoreUnavailable`."""
    ask = cast(Any, client).execute_command if execute is None else execute
    with translated():
        try:
            reply = await ask("EVALSHA", call.script.sha, 0, *call.arguments)
        except NoScriptError:
            reply = await ask("EVAL", call.script.source, 0, *call.arguments)
    return call.read(reply)

"""Runs a command: one round trip, two when the server does not know the script yet."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from renderq_shared.jobs.calls import Command
from renderq_shared.jobs.redis_errors import translate_errors

Answer = TypeVar("Answer")
SendCommand = Callable[..., Awaitable[Any]]


def execute(client: Redis, command: Command[Answer]) -> Answer:
    """Raises `StoreUnavailable`."""
    scripting = cast(Any, client)
    with translate_errors():
        try:
            reply = scripting.evalsha(command.script.sha, 0, *command.arguments)
        except NoScriptError:
            reply = scripting.eval(command.script.source, 0, *command.arguments)
    return command.decode(reply)


async def execute_async(client: AsyncRedis, command: Command[Answer], send: SendCommand | None = None) -> Answer:
    """`send` sends a command in the client's place. Raises `StoreUnavailable`."""
    ask = cast(Any, client).execute_command if send is None else send
    with translate_errors():
        try:
            reply = await ask("EVALSHA", command.script.sha, 0, *command.arguments)
        except NoScriptError:
            reply = await ask("EVAL", command.script.source, 0, *command.arguments)
    return command.decode(reply)

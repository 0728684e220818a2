"""Lua scripts: loading, and one round trip per command."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Generic, TypeVar, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from renderq_shared.redis.errors import translate_errors

Answer = TypeVar("Answer")
Argument = str | int | float
SendCommand = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name under which the server knows it."""

    source: str
    sha: str
    """SHA-1 of the source, as EVALSHA expects it."""


@dataclass(frozen=True, slots=True)
class Command(Generic[Answer]):
    """One round trip: a script, its arguments, and the decoder of its reply."""

    script: Script
    arguments: tuple[Argument, ...]
    decode: Callable[[Any], Answer]


@cache
def load_script(package: str, name: str) -> Script:
    """Load `lua/NAME.lua` of `package` behind `redis/lua/base.lua` and the package's own `lua/prelude.lua`."""
    shebang, body = _read(package, name).split("\n", 1)
    prelude = re.sub(r"-- include (\w+)\.lua\n", lambda include: _read(package, include[1]), _read(package, "prelude"))
    source = f"{shebang}\n{_read('renderq_shared.redis', 'base')}\n{prelude}\n{body}"
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def execute(client: Redis, command: Command[Answer]) -> Answer:
    """Run `command`; a second round trip only when the server does not know the script yet.

    Raises `StoreUnavailable`.
    """
    scripting = cast(Any, client)
    with translate_errors():
        try:
            reply = scripting.evalsha(command.script.sha, 0, *command.arguments)
        except NoScriptError:
            reply = scripting.eval(command.script.source, 0, *command.arguments)
    return command.decode(reply)


async def execute_async(client: AsyncRedis, command: Command[Answer], send: SendCommand | None = None) -> Answer:
    """The same, awaited. `send` sends a command in the client's place. Raises `StoreUnavailable`."""
    ask = cast(Any, client).execute_command if send is None else send
    with translate_errors():
        try:
            reply = await ask("EVALSHA", command.script.sha, 0, *command.arguments)
        except NoScriptError:
            reply = await ask("EVAL", command.script.source, 0, *command.arguments)
    return command.decode(reply)


def _read(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text("utf-8")

"""Lua scripts: loading them, and calling one in one round trip."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Generic, TypeVar, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from renderq_shared.redis.errors import translate_errors

Result = TypeVar("Result")
Argument = str | int | float
SendCommand = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and its digest, by which the server caches it."""

    source: str
    sha: str
    """SHA-1 of the source, as EVALSHA expects it."""


@dataclass(frozen=True, slots=True)
class ScriptCall(Generic[Result]):
    """One round trip: a script, its arguments, and the decoder of its reply."""

    script: Script
    arguments: tuple[Argument, ...]
    decode: Callable[[Any], Result]


@cache
def load_script(package: str, name: str) -> Script:
    """Load `lua/NAME.lua` of `package` with `redis/lua/base.lua` and the package's `lua/include/prelude.lua` in front.

    A line `-- include NAME.lua` of the prelude stands for that file of `lua/include/`. A script that may write begins
    with `redis/lua/rights.lua`.
    """
    shebang, body = _read(package, name).split("\n", 1)
    base = _read("renderq_shared.redis", "base")
    if "no-writes" not in shebang:
        base += _read("renderq_shared.redis", "rights")
    prelude = re.sub(
        r"-- include (\w+)\.lua\n",
        lambda include: _read(package, f"include/{include[1]}"),
        _read(package, "include/prelude"),
    )
    source = f"{shebang}\n{base}\n{prelude}\n{body}"
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def execute(client: Redis, call: ScriptCall[Result]) -> Result:
    """Run a script. A second round trip is needed only if the server does not know the script yet.

    Raises `StoreUnavailable`.
    """
    scripting = cast(Any, client)
    with translate_errors():
        try:
            reply = scripting.evalsha(call.script.sha, 0, *call.arguments)
        except NoScriptError:
            reply = scripting.eval(call.script.source, 0, *call.arguments)
    return call.decode(reply)


async def execute_async(client: AsyncRedis, call: ScriptCall[Result], send: SendCommand | None = None) -> Result:
    """Like `execute`, for event loops. `send` replaces the client's `execute_command`."""
    send = send if send is not None else cast(SendCommand, client.execute_command)
    with translate_errors():
        try:
            reply = await send("EVALSHA", call.script.sha, 0, *call.arguments)
        except NoScriptError:
            reply = await send("EVAL", call.script.source, 0, *call.arguments)
    return call.decode(reply)


def flat_to_dict(flat: Sequence[str]) -> dict[str, str]:
    """Decode a hash in a reply: `[field, value, field, value, …]`."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def optional_int(text: str | None) -> int | None:
    """Decode an integer field of a hash; `None` if it is absent."""
    return None if text is None else int(text)


def decode_nothing(reply: Any) -> None:
    """Ignore the reply of a script that returns nothing."""


def _read(package: str, name: str) -> str:
    return (files(package) / "lua" / f"{name}.lua").read_text("utf-8")

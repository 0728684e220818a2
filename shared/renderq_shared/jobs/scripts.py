"""The Lua scripts, as the server gets them: each script's `#!lua` line, the prelude, the script."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name under which the server knows it."""

    source: str
    sha: str
    """SHA-1 of the source, as EVALSHA wants it."""


@cache
def load_script(name: str) -> Script:
    """`lua/NAME.lua` behind the prelude."""
    shebang, body = _read(name).split("\n", 1)
    prelude = re.sub(r"-- include (\w+)\.lua\n", lambda include: _read(include[1]), _read("prelude"))
    source = f"{shebang}\n{prelude}\n{body}"
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _read(name: str) -> str:
    return (files("renderq_shared.jobs") / "lua" / f"{name}.lua").read_text("utf-8")

"""The Lua scripts, as the server gets them: each script's `#!lua` line, the prelude, the script."""

import hashlib
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
    folder = files("renderq_shared.jobs") / "lua"
    shebang, body = (folder / f"{name}.lua").read_text("utf-8").split("\n", 1)
    prelude = (folder / "prelude.lua").read_text("utf-8")
    source = f"{shebang}\n{prelude}\n{body}"
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())

"""Which modules a module cannot run without: those that it imports, and that these import."""

import posixpath
import re
from collections.abc import Callable, Collection, Mapping

_IMPORT = re.compile(r'(?:^|;)(?:import|export)\b(?:[\w\s{},*$]*\bfrom)?\s*"([^"]+)"', re.MULTILINE)
"""A static import or re-export, as the page's modules write them. `import("…")` loads a module on demand."""


def static_imports(entry: str, read: Callable[[str], str], names: Mapping[str, str]) -> Collection[str]:
    """Return the paths of a module and of all that load with it, in the order of a breadth-first search.

    `read` returns the text of a path; `names`: names under which modules are imported → paths.
    """
    found = {entry: None}
    queue = [entry]
    for path in queue:
        for specifier in _IMPORT.findall(read(path)):
            target = names.get(specifier) or posixpath.normpath(posixpath.join(posixpath.dirname(path), specifier))
            if target not in found:
                found[target] = None
                queue.append(target)
    return found

"""Files of the page, read once: a digest that names them, their compressed bytes, and `index.html` as a template."""

import gzip
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from urllib.parse import quote

from renderq_api.page.module_graph import static_imports

FOLDER = Path(__file__).parent / "files"

_INDEX = "index.html"

_MAIN = "main.js"
"""The module that starts the page."""

_IMPORTS = "vendor/imports.json"
"""Names under which modules are imported → files."""

_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_OTHER_MEDIA_TYPE = "text/plain"


@dataclass(frozen=True)
class File:
    """A file as it is served."""

    body: bytes
    media_type: str

    @cached_property
    def compressed(self) -> bytes:
        """gzip of `body`."""
        return gzip.compress(self.body, mtime=0)


@dataclass(frozen=True, slots=True)
class Index:
    """`index.html` for one base path."""

    body: bytes
    import_map: str
    """Text of the only inline script."""


@dataclass(frozen=True, slots=True)
class Site:
    """All files of the page at one moment."""

    digest: str
    """12 hexadecimal digits, which change with any name or byte."""
    files: Mapping[str, File]
    """POSIX path below the folder → file, without `index.html`."""
    imports: Mapping[str, str]
    """Name under which a module is imported → path."""
    first: Collection[str]
    """Paths of the modules that the first view needs; others are loaded on demand."""
    template: Template
    """`index.html`, with `${base}`, `${files}`, `${modules}` and `${visitors}`. `${base}` ends with a slash."""

    def index(self, base: str, *, visitors: bool = False) -> Index:
        """Return `index.html`. `base`: path prefix of the service, empty or `/PREFIX`. `visitors`: an open demo."""
        root = f"{quote(base)}/"
        folder = f"{root}ui/{self.digest}"
        import_map = json.dumps({"imports": {name: f"{folder}/{path}" for name, path in self.imports.items()}})
        modules = [f'<script type="importmap">{import_map}</script>']
        modules += [f'<link rel="modulepreload" href="{folder}/{path}">' for path in self.first]
        text = self.template.substitute(
            base=root, files=folder, modules="\n".join(modules), visitors="on" if visitors else "off"
        )
        return Index(text.encode(), import_map)


def read_site(folder: Path = FOLDER) -> Site:
    """Read all files below a folder. Raises `OSError`."""
    bodies = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    template = Template(bodies.pop(_INDEX).decode())
    files = {name: File(body, _MEDIA_TYPES.get(Path(name).suffix, _OTHER_MEDIA_TYPE)) for name, body in bodies.items()}
    imports = json.loads(bodies[_IMPORTS])
    first = static_imports(_MAIN, lambda path: bodies[path].decode(), imports)
    return Site(digest.hexdigest()[:12], files, imports, first, template)

"""Downloads in the cache of the model hub's client, found by its documented layout, without network access.

`models--OWNER--NAME/refs/REVISION` holds a commit, `models--OWNER--NAME/snapshots/COMMIT/` the files.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from renderq_shared.errors import CatalogInvalid

HUB_PREFIX = "hub:"

_ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:/(?P<file>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A pipeline on the hub, or one file of a repository there."""

    repository: str
    """OWNER/NAME."""
    file: str | None
    """Path inside the repository; `None`: the whole pipeline."""
    revision: str
    """A branch, a tag or a commit."""

    @classmethod
    def parse(cls, source: str, revision: str | None) -> Self:
        """Read `hub:OWNER/NAME` or `hub:OWNER/NAME/FILE`. Raises `CatalogInvalid`."""
        match = _ID.fullmatch(source.removeprefix(HUB_PREFIX))
        if match is None or ".." in source:
            raise CatalogInvalid(
                f"source {source!r} must be hub:OWNER/NAME or hub:OWNER/NAME/FILE; a branch, tag or commit is the key "
                "revision"
            )
        return cls(match["repository"], match["file"], revision or "main")

    def cached_path(self, cache: Path) -> Path:
        """Return the folder or file in the cache. Raises `CatalogInvalid` if it is missing."""
        folder = cache / f"models--{self.repository.replace('/', '--')}"
        reference = folder / "refs" / self.revision
        commit = reference.read_text().strip() if reference.is_file() else self.revision
        path = folder / "snapshots" / commit / (self.file or "")
        if not path.exists():
            raise CatalogInvalid(
                f"{self.repository} (revision {self.revision}) {f'has no {self.file}' if self.file else 'is not'} "
                f"in the hub's cache {cache}; `renderq models pull` downloads it"
            )
        return path


def default_cache() -> Path:
    """Return the cache of the hub's own tools: `$HF_HUB_CACHE`, `$HF_HOME/hub` or `~/.cache/huggingface/hub`."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(os.environ.get("HF_HOME") or base / "huggingface").expanduser() / "hub"

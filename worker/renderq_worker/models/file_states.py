"""Files that must not change while they are read, by size, time and place on the disk."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from renderq_worker.models.errors import ModelLoadFailed


@contextmanager
def unchanged(source: Path) -> Generator[None]:
    """Raise `ModelLoadFailed` at the end if a file of the folder, or the file, was written or replaced meanwhile."""
    before = dict(_states(source))
    yield
    after = dict(_states(source))
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if changed:
        raise ModelLoadFailed(f"{changed[0]} changed while it was read; load the model when it is complete")


def _states(source: Path) -> Iterator[tuple[Path, tuple[int, int, int]]]:
    for path in (source, *source.rglob("*")):
        if path.is_file():
            stat = path.stat()
            yield path, (stat.st_size, stat.st_mtime_ns, stat.st_ino)

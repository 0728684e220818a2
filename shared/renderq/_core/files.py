"""Image files on disk: names of outputs, atomic writes."""

import os
from pathlib import Path
from secrets import token_hex

from renderq.contract import Grid, Job, Output, Preview
from renderq.request_params import PathLike

_STREAMS = {Path("/dev/stdin"), Path("/dev/stdout"), Path("/dev/stderr")}
_DESCRIPTOR_FOLDERS = {Path("/dev/fd"), Path("/proc/self/fd")}

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
"""Content type → file name suffix."""


def image_path(path: PathLike, job: Job, image: Output | Grid | Preview, *, numbered: bool) -> Path:
    """Return the path of an image file.

    In a folder (one that exists, or a path that ends with a slash) the file is named after the job. With `numbered`,
    and always in a folder, `-INDEX` follows the name if the job has several images; in a folder, `-grid` marks a grid.
    A name without a suffix gets that of the image's type. A device keeps its name.
    """
    target = Path(path)
    if is_device(target):
        return target
    in_folder = target.is_dir() or os.fspath(path).endswith(("/", os.sep))
    if in_folder:
        target = target / job.id
    number = ""
    if isinstance(image, Grid):
        number = "-grid" if in_folder else ""
    elif (numbered or in_folder) and job.progress.images_total > 1:
        digits = len(str(job.progress.images_total - 1))
        number = f"-{image.index:0{digits}}"
    suffix = target.suffix or SUFFIXES.get(image.content_type, "")
    return target.with_name(f"{target.stem}{number}{suffix}")


def is_device(path: Path) -> bool:
    """Return whether a path is a device, a pipe, or an open descriptor such as /dev/stdout, even of a regular file."""
    if path.parent in _DESCRIPTOR_FOLDERS or path in _STREAMS:
        return True
    return os.path.exists(path) and not path.is_file() and not path.is_dir()  # noqa: PTH110 — False for any OSError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it appears only when it is complete. Missing folders are created.

    Raises `OSError`.
    """
    if is_device(path):
        path.write_bytes(data)  # a device or a pipe must not be replaced
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{token_hex(8)}.part")  # shorter than any name that the file system takes
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

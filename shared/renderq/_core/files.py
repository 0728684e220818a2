"""Image files on disk: reading inputs, naming outputs, atomic writes."""

import os
from pathlib import Path
from secrets import token_hex

from renderq.contract import LIMITS, Grid, Job, Output, Preview
from renderq.request_params import ImageSource, PathLike

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
"""Content type → file name suffix."""


def read_image(source: ImageSource) -> bytes:
    """Read an image, at most one byte more than the service accepts. Raises `OSError`."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            return read_image(file)
    return source.read(LIMITS.asset_bytes + 1)


def image_path(path: PathLike, job: Job, image: Output | Grid | Preview, *, numbered: bool) -> Path:
    """Return the path of an image file.

    In a folder (one that exists, or a path that ends with a slash) the file is named after the job. With `numbered`,
    and always in a folder, `-INDEX` follows the name if the job has several images; in a folder, `-grid` marks a grid.
    A name without a suffix gets that of the image's type.
    """
    target = Path(path)
    in_folder = target.is_dir() or os.fspath(path).endswith(("/", os.sep))
    if in_folder:
        target = target / job.id
    number = ""
    if isinstance(image, Grid):
        number = "-grid" if in_folder else ""
    elif (numbered or in_folder) and job.progress.images_total > 1:
        number = f"-{image.index}"
    suffix = target.suffix or SUFFIXES.get(image.content_type, "")
    return target.with_name(f"{target.stem}{number}{suffix}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it appears only when it is complete. Missing folders are created.

    Raises `OSError`.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device or a pipe must not be replaced
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

"""Finished images: download, show and save."""

import asyncio
import base64
import builtins
from pathlib import Path
from typing import TYPE_CHECKING

from renderq._core.downloads import download
from renderq._core.files import image_path, write_atomically
from renderq._core.pillow import to_pillow, to_png
from renderq._core.requests import Request, link_image
from renderq._core.retries import Deadline
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Grid, ImageLink, Job, Output
from renderq.errors import RenderqError
from renderq.request_params import PathLike

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

_DISPLAY_TIMEOUT_S = 60.0
"""Seconds; a notebook shows the description of an image that does not arrive."""


class Image:
    """A finished image of a job, or its grid. Notebooks show it."""

    def __init__(self, transport: Transport, job: Job, output: Output | Grid) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type and hashes; for an image also the seed, for a grid its columns and rows."""

    def bytes(self, *, timeout: float | None = None) -> builtins.bytes:
        """Download the file and verify its sha256.

        A download that breaks off continues where it was: until `timeout` seconds have passed, by default until nothing
        has arrived for a minute. Raises `ImageCorrupted`, `ConnectionFailed` and `APIError`.
        """
        return self._transport.run(download(self.output, self._transport.configuration, Deadline.after(timeout)))

    def save(self, path: PathLike, *, timeout: float | None = None) -> Path:
        """Download into a file and return its path. The file appears only when it is complete.

        A name without a suffix gets that of the image's type; in a folder the file is named after the job. Missing
        folders are created, an existing file is replaced. Raises the errors of `bytes`, and `OSError`.
        """
        return _store(self, path, Deadline.after(timeout), numbered=False)

    def link(self, *, seconds: int | None = None, download: bool = False) -> ImageLink:
        """Make a link that works without a key for `seconds` (at most a week), by default as long as `signed_url`.

        Its file is named after prompt and seed; with `download` a browser saves it. Raises `InvalidRequest`,
        `NotFound`, `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(_link(self, seconds, download))

    def pil(self, *, timeout: float | None = None) -> "PillowImage":
        """Download as a `PIL.Image.Image`. Raises the errors of `bytes`, and `ImportError` without Pillow."""
        return to_pillow(self.bytes(timeout=timeout))

    def __repr__(self) -> str:
        return _describe("Image", self.job, self.output)

    def _repr_png_(self) -> builtins.bytes | None:
        """Return the image for a notebook, also if it is a WebP; `None` shows its description."""
        if self.output.content_type == "image/jpeg":
            return None
        try:
            data = self.bytes(timeout=_DISPLAY_TIMEOUT_S)
            return data if self.output.content_type == "image/png" else to_png(data)
        except (RenderqError, ImportError):
            return None

    def _repr_jpeg_(self) -> builtins.bytes | None:
        if self.output.content_type != "image/jpeg":
            return None
        try:
            return self.bytes(timeout=_DISPLAY_TIMEOUT_S)
        except RenderqError:
            return None


class Images(tuple[Image, ...]):
    """The finished images of a job, in index order. Notebooks show them side by side."""

    __slots__ = ()

    def save(self, path: PathLike, *, timeout: float | None = None) -> tuple[Path, ...]:
        """Save all images like `Image.save`. If the job has several, `-INDEX` follows the name: `out-0.png`."""
        deadline = Deadline.after(timeout)
        return tuple(_store(image, path, deadline, numbered=True) for image in self)

    def _repr_html_(self) -> str | None:
        """Return the images for a notebook, which keeps them; `None` shows their descriptions."""
        try:
            shown = [_html(image.output, image.bytes(timeout=_DISPLAY_TIMEOUT_S)) for image in self]
        except RenderqError:
            return None
        return f'<div style="display: flex; flex-wrap: wrap; gap: 4px">{"".join(shown)}</div>' if shown else None


class AsyncImage:
    """A finished image of a job, or its grid."""

    def __init__(self, transport: AsyncTransport, job: Job, output: Output | Grid) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type and hashes; for an image also the seed, for a grid its columns and rows."""

    async def bytes(self, *, timeout: float | None = None) -> builtins.bytes:  # noqa: ASYNC109 — see `Deadline`
        """Download the file and verify its sha256.

        A download that breaks off continues where it was: until `timeout` seconds have passed, by default until nothing
        has arrived for a minute. Raises `ImageCorrupted`, `ConnectionFailed` and `APIError`.
        """
        return await self._transport.run(download(self.output, self._transport.configuration, Deadline.after(timeout)))

    async def save(self, path: PathLike, *, timeout: float | None = None) -> Path:  # noqa: ASYNC109
        """Download into a file and return its path. The file appears only when it is complete.

        A name without a suffix gets that of the image's type; in a folder the file is named after the job. Missing
        folders are created, an existing file is replaced. Raises the errors of `bytes`, and `OSError`.
        """
        return await _store_async(self, path, Deadline.after(timeout), numbered=False)

    async def link(self, *, seconds: int | None = None, download: bool = False) -> ImageLink:
        """Make a link that works without a key for `seconds` (at most a week), by default as long as `signed_url`.

        Its file is named after prompt and seed; with `download` a browser saves it. Raises `InvalidRequest`,
        `NotFound`, `ConnectionFailed` and `APIError`.
        """
        return await self._transport.call(_link(self, seconds, download))

    async def pil(self, *, timeout: float | None = None) -> "PillowImage":  # noqa: ASYNC109
        """Download as a `PIL.Image.Image`. Raises the errors of `bytes`, and `ImportError` without Pillow."""
        return await asyncio.to_thread(to_pillow, await self.bytes(timeout=timeout))

    def __repr__(self) -> str:
        return _describe("AsyncImage", self.job, self.output)


class AsyncImages(tuple[AsyncImage, ...]):
    """The finished images of a job, in index order."""

    __slots__ = ()

    async def save(self, path: PathLike, *, timeout: float | None = None) -> tuple[Path, ...]:  # noqa: ASYNC109
        """Save all images like `AsyncImage.save`. If the job has several, `-INDEX` follows the name: `out-0.png`."""
        deadline = Deadline.after(timeout)
        return tuple([await _store_async(image, path, deadline, numbered=True) for image in self])


def _link(image: "Image | AsyncImage", seconds: int | None, download: bool) -> Request[ImageLink]:
    name = image.output.index if isinstance(image.output, Output) else "grid"
    return link_image(image.job.id, name, seconds, download)


def _store(image: Image, path: PathLike, deadline: Deadline, *, numbered: bool) -> Path:
    target = image_path(path, image.job, image.output, numbered=numbered)
    write_atomically(target, image.bytes(timeout=deadline.remaining))
    return target


async def _store_async(image: AsyncImage, path: PathLike, deadline: Deadline, *, numbered: bool) -> Path:
    target = image_path(path, image.job, image.output, numbered=numbered)
    await asyncio.to_thread(write_atomically, target, await image.bytes(timeout=deadline.remaining))
    return target


def _describe(kind: str, job: Job, output: Output | Grid) -> str:
    name = f"{output.index}, seed {output.seed}" if isinstance(output, Output) else "grid"
    return f"<{kind} {job.id} {name}: {output.width}×{output.height} {output.content_type}>"


def _html(output: Output | Grid, data: bytes) -> str:
    source = f"data:{output.content_type};base64,{base64.b64encode(data).decode()}"
    name = f"image {output.index}, seed {output.seed}" if isinstance(output, Output) else "grid"
    return f'<img src="{source}" alt="{name}" title="{name}" width="{output.width}" style="max-width: 256px">'

"""Finished images: download and save."""

import asyncio
import builtins
from pathlib import Path

from renderq._core.downloads import download
from renderq._core.files import image_path, write_atomically
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Grid, Job, Output
from renderq.request_params import PathLike


class Image:
    """A finished image of a job, or its grid."""

    def __init__(self, transport: Transport, job: Job, output: Output | Grid) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type and hashes; for an image also the seed, for a grid its columns and rows."""

    def bytes(self) -> builtins.bytes:
        """Download the file and verify its sha256.

        Raises `ImageCorrupted`, `ConnectionFailed` and `APIError`.
        """
        return self._transport.run(download(self.output, self._transport.configuration))

    def save(self, path: PathLike) -> Path:
        """Download into a file and return its path. The file appears only when it is complete.

        A name without a suffix gets that of the image's type; in a folder the file is named after the job. Missing
        folders are created, an existing file is replaced. Raises the errors of `bytes`, and `OSError`.
        """
        return _store(self, path, numbered=False)


class Images(tuple[Image, ...]):
    """The finished images of a job, in index order."""

    __slots__ = ()

    def save(self, path: PathLike) -> tuple[Path, ...]:
        """Save all images like `Image.save`. If the job has several, `-INDEX` follows the name: `out-0.png`."""
        return tuple(_store(image, path, numbered=True) for image in self)


class AsyncImage:
    """A finished image of a job, or its grid."""

    def __init__(self, transport: AsyncTransport, job: Job, output: Output | Grid) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type and hashes; for an image also the seed, for a grid its columns and rows."""

    async def bytes(self) -> builtins.bytes:
        """Download the file and verify its sha256.

        Raises `ImageCorrupted`, `ConnectionFailed` and `APIError`.
        """
        return await self._transport.run(download(self.output, self._transport.configuration))

    async def save(self, path: PathLike) -> Path:
        """Download into a file and return its path. The file appears only when it is complete.

        A name without a suffix gets that of the image's type; in a folder the file is named after the job. Missing
        folders are created, an existing file is replaced. Raises the errors of `bytes`, and `OSError`.
        """
        return await _store_async(self, path, numbered=False)


class AsyncImages(tuple[AsyncImage, ...]):
    """The finished images of a job, in index order."""

    __slots__ = ()

    async def save(self, path: PathLike) -> tuple[Path, ...]:
        """Save all images like `AsyncImage.save`. If the job has several, `-INDEX` follows the name: `out-0.png`."""
        return tuple([await _store_async(image, path, numbered=True) for image in self])


def _store(image: Image, path: PathLike, *, numbered: bool) -> Path:
    target = image_path(path, image.job, image.output, numbered=numbered)
    write_atomically(target, image.bytes())
    return target


async def _store_async(image: AsyncImage, path: PathLike, *, numbered: bool) -> Path:
    target = image_path(path, image.job, image.output, numbered=numbered)
    await asyncio.to_thread(write_atomically, target, await image.bytes())
    return target

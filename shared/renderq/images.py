"""Finished pictures: their bytes, and saving them."""

import asyncio
import builtins
from pathlib import Path

from renderq._core.downloads import download
from renderq._core.files import image_path, write_atomically
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Grid, Job, Output
from renderq.request_params import PathLike


class Image:
    """One finished picture of a job, or its grid: all of them in one."""

    def __init__(self, transport: Transport, job: Job, output: Output | Grid) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type and hashes; of a picture its seed, of a grid its columns and rows."""

    def bytes(self) -> builtins.bytes:
        """Download the file; its sha256 is checked.

        Raises `ImageCorrupted`, `ConnectionFailed` and `APIError`.
        """
        return self._transport.run(download(self.output, self._transport.configuration))

    def save(self, path: PathLike) -> Path:
        """Download into a file, which appears only when it is complete; returns its path.

        A name without a suffix gets the one of the picture's type; a folder gets a file named after the job. Missing
        folders are made, an existing file is replaced. Raises what `bytes` raises, and `OSError`.
        """
        return _store(self, path, numbered=False)


class Images(tuple[Image, ...]):
    """The finished pictures of a job, in order of their index."""

    __slots__ = ()

    def save(self, path: PathLike) -> tuple[Path, ...]:
        """Save all as `Image.save` does; if the job has several, `-INDEX` is put after the name: `out-0.png`."""
        return tuple(_store(image, path, numbered=True) for image in self)


class AsyncImage:
    """One finished picture of a job, or its grid: all of them in one."""

    def __init__(self, transport: AsyncTransport, job: Job, output: Output | Grid) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type and hashes; of a picture its seed, of a grid its columns and rows."""

    async def bytes(self) -> builtins.bytes:
        """Download the file; its sha256 is checked.

        Raises `ImageCorrupted`, `ConnectionFailed` and `APIError`.
        """
        return await self._transport.run(download(self.output, self._transport.configuration))

    async def save(self, path: PathLike) -> Path:
        """Download into a file, which appears only when it is complete; returns its path.

        A name without a suffix gets the one of the picture's type; a folder gets a file named after the job. Missing
        folders are made, an existing file is replaced. Raises what `bytes` raises, and `OSError`.
        """
        return await _store_async(self, path, numbered=False)


class AsyncImages(tuple[AsyncImage, ...]):
    """The finished pictures of a job, in order of their index."""

    __slots__ = ()

    async def save(self, path: PathLike) -> tuple[Path, ...]:
        """Save all as `AsyncImage.save` does; if the job has several, `-INDEX` is put after the name: `out-0.png`."""
        return tuple([await _store_async(image, path, numbered=True) for image in self])


def _store(image: Image, path: PathLike, *, numbered: bool) -> Path:
    target = image_path(path, image.job, image.output, numbered=numbered)
    write_atomically(target, image.bytes())
    return target


async def _store_async(image: AsyncImage, path: PathLike, *, numbered: bool) -> Path:
    target = image_path(path, image.job, image.output, numbered=numbered)
    await asyncio.to_thread(write_atomically, target, await image.bytes())
    return target

"""Finished pictures: their bytes, and saving them."""

import asyncio
import builtins
from pathlib import Path

from renderq.contract import Job, Output
from renderq.core.downloads import download
from renderq.core.files import PathLike, picture_path, write_atomically
from renderq.transport import AsyncTransport, Transport


class Image:
    """One finished picture of a job."""

    def __init__(self, transport: Transport, job: Job, output: Output) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type, seed and hashes."""

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
        return self._save(picture_path(path, self.job, self.output, numbered=False))

    def _save(self, target: Path) -> Path:
        write_atomically(target, self.bytes())
        return target


class Images(tuple[Image, ...]):
    """The finished pictures of a job, in order of their index."""

    __slots__ = ()

    def save(self, path: PathLike) -> tuple[Path, ...]:
        """Save all as `Image.save` does; if the job has several, `-INDEX` is put after the name: `out-0.png`."""
        return tuple(image._save(picture_path(path, image.job, image.output, numbered=True)) for image in self)  # pyright: ignore[reportPrivateUsage]


class AsyncImage:
    """One finished picture of a job."""

    def __init__(self, transport: AsyncTransport, job: Job, output: Output) -> None:
        self._transport = transport
        self.job = job
        self.output = output
        """Size, type, seed and hashes."""

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
        return await self._save(picture_path(path, self.job, self.output, numbered=False))

    async def _save(self, target: Path) -> Path:
        await asyncio.to_thread(write_atomically, target, await self.bytes())
        return target


class AsyncImages(tuple[AsyncImage, ...]):
    """The finished pictures of a job, in order of their index."""

    __slots__ = ()

    async def save(self, path: PathLike) -> tuple[Path, ...]:
        """Save all as `AsyncImage.save` does; if the job has several, `-INDEX` is put after the name: `out-0.png`."""
        return tuple([await image._save(picture_path(path, image.job, image.output, numbered=True)) for image in self])  # pyright: ignore[reportPrivateUsage]

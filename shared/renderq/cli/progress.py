"""Progress bar on a terminal."""

import os
import shutil
from types import TracebackType
from typing import Self, TextIO

from renderq.cli.formatting import describe
from renderq.contract import Job, Status

BAR_WIDTH = 30
CLEAR_LINE = "\r\x1b[K"


def is_terminal(stream: TextIO) -> bool:
    """Return whether a line on the stream can be overwritten."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def progress_line(job: Job) -> str:
    """Return `[########--------]  12/25 steps  1/4 images  denoising`; words only while there are no steps."""
    progress = job.progress
    if job.status is not Status.RUNNING or not progress.steps:
        return describe(job)
    done = round(progress.value * BAR_WIDTH)
    bar = "#" * done + "-" * (BAR_WIDTH - done)
    images = f"  {progress.images_done}/{progress.images_total} images" if progress.images_total > 1 else ""
    return f"[{bar}]  {progress.step}/{progress.steps} steps{images}  {describe(job)}"


class ProgressBar:
    """A line that overwrites itself and is cleared at the end of the `with` block."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def update(self, job: Job) -> None:
        columns = shutil.get_terminal_size().columns
        self._write(CLEAR_LINE + progress_line(job)[: columns - 1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._write(CLEAR_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

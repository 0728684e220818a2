"""One line on a terminal that shows how a job gets on."""

import os
import shutil
from types import TracebackType
from typing import Self, TextIO

from renderq.cli.formatting import describe
from renderq.contract import Job, Status

BAR_WIDTH = 30
CLEAR_LINE = "\r\x1b[K"


def is_terminal(stream: TextIO) -> bool:
    """Whether a line on it can be drawn over."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def progress_line(job: Job) -> str:
    """`[##############----------------]  12/25 steps  1/4 images  denoising`; only words while nothing is counted."""
    progress = job.progress
    if job.status is not Status.RUNNING or not progress.steps:
        return describe(job)
    done = round(progress.value * BAR_WIDTH)
    bar = "#" * done + "-" * (BAR_WIDTH - done)
    images = f"  {progress.images_done}/{progress.images_total} images" if progress.images_total > 1 else ""
    return f"[{bar}]  {progress.step}/{progress.steps} steps{images}  {describe(job)}"


class ProgressBar:
    """Draws over itself, and is gone when the `with` block ends."""

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

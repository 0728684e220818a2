"""Progress bars on a terminal: one per job, with steps, rate and time left."""

from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from renderq.cli.cursor import restored_cursor
from renderq.cli.formatting import is_terminal
from renderq.cli.job_state import describe
from renderq.contract import Job

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBars:
    """Bars that redraw themselves and are cleared at the end of the `with` block. Not thread-safe."""

    def __init__(self, stream: TextIO, *, names_jobs: bool = False, unit: str = "steps") -> None:
        self._progress = _progress(stream, unit)
        self._names_jobs = names_jobs
        self._cursor = restored_cursor(stream)
        self._tasks: dict[str, TaskID] = {}

    def update(self, job: Job) -> None:
        """Draw the job as it is now; its bar is added with the first call."""
        if job.id not in self._tasks:
            self._tasks[job.id] = self._progress.add_task("", total=None, steps="", note="", name="")
        progress = job.progress
        images = f" {progress.images_done}/{progress.images_total} images" if progress.images_total > 1 else ""
        self._progress.update(
            self._tasks[job.id],
            total=progress.steps or None,
            completed=progress.step,
            name=job.id if self._names_jobs else "",
            steps=f"{progress.step}/{progress.steps} steps{images}" if progress.steps else "",
            note=describe(job),
            refresh=True,
        )

    def count(self, total: int) -> None:
        """Count one of `total` jobs, in a bar for all."""
        done = self._progress.tasks[self._tasks[""]].completed if "" in self._tasks else 0
        self.show_count(int(done) + 1, total)

    def show_count(self, done: int, total: int) -> None:
        """Show how many of `total` jobs are done, in a bar for all."""
        if "" not in self._tasks:
            self._tasks[""] = self._progress.add_task("", total=total, steps="", note="", name="")
        self._progress.update(self._tasks[""], completed=done, steps=f"{done}/{total} jobs")

    def __enter__(self) -> Self:
        self._cursor.__enter__()
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._progress.stop()
        finally:
            self._cursor.__exit__(None, None, None)


def progress_bars(
    stream: TextIO, *, hidden: bool = False, names_jobs: bool = False, unit: str = "steps"
) -> ProgressBars | nullcontext[None]:
    """Return bars for a `with` block, or `None` for it if they are hidden or the stream is no terminal."""
    return (
        nullcontext() if hidden or not is_terminal(stream) else ProgressBars(stream, names_jobs=names_jobs, unit=unit)
    )


def _progress(stream: TextIO, unit: str) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f} {unit}/s" if speed else "", style="progress.data.speed")

    def column(field: str) -> TextColumn:
        return TextColumn(f"{{task.fields[{field}]}}", markup=False)

    return Progress(
        column("name"),
        BarColumn(bar_width=30),
        column("steps"),
        RateColumn(),
        TimeRemainingColumn(compact=True),
        column("note"),
        console=Console(file=stream),
        transient=True,
        redirect_stdout=False,  # results are not progress; what is printed to stderr appears above the bars
    )

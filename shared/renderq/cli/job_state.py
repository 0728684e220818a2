"""State of a job in a few words, for progress bars and tables."""

from renderq.cli.formatting import printable
from renderq.contract import Job, Stage, Status

_STAGES = {
    Stage.LOADING_MODEL: "loading the model",
    Stage.ENCODING: "encoding the prompt",
    Stage.DENOISING: "denoising",
    Stage.DECODING: "decoding",
    Stage.UPLOADING: "storing the images",
}

COLORS = {
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.CANCELED: "yellow",
    Status.EXPIRED: "yellow",
    Status.RUNNING: "cyan",
}
"""Status → color on a terminal."""

_BAR_WIDTH = 30


def describe(job: Job) -> str:
    """Describe the state of a job in a few words."""
    if job.status is Status.QUEUED:
        return _describe_queued(job)
    if job.status is Status.RUNNING and job.stage is not None:
        return _STAGES[job.stage]
    return job.status.value


def describe_progress(job: Job) -> str:
    """Return `[########--------]  12/25 steps  1/4 images  denoising`; words only while there are no steps."""
    progress = job.progress
    if job.status is not Status.RUNNING or not progress.steps:
        return describe(job)
    done = round(progress.value * _BAR_WIDTH)
    bar = "#" * done + "-" * (_BAR_WIDTH - done)
    images = f"  {progress.images_done}/{progress.images_total} images" if progress.images_total > 1 else ""
    return f"[{bar}]  {progress.step}/{progress.steps} steps{images}  {describe(job)}"


def _describe_queued(job: Job) -> str:
    if job.wait_reason == "paused":
        return "queued: paused by the operator"
    if job.wait_reason == "no_worker_for_model":
        return f"queued: no worker serves {printable(job.model)}"
    words = f"queued: {job.queue_position} ahead" if job.queue_position else "queued"
    return f"{words}, done in about {job.eta_seconds.p50:.0f} s" if job.eta_seconds else words

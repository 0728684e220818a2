"""`renderq models`: list models; pause or resume one."""

from renderq.cli.pausable import pausable_group
from renderq.contract import Model

HEADER = ("MODEL", "TASKS", "SIZE", "STEPS", "QUEUED", "WORKERS", "WARM", "LORAS", "LICENSE")


def _row(model: Model) -> tuple[object, ...]:
    name = f"{model.name} (default)" if model.default else model.name
    size = f"{model.defaults.width}×{model.defaults.height}"
    queued = f"{model.queued_jobs} (paused)" if model.paused else model.queued_jobs
    counts = (queued, model.workers, model.warm_workers)
    loras = " ".join(lora.name for lora in model.loras) or "-"
    return (name, " ".join(model.tasks), size, model.defaults.steps, *counts, loras, model.license)


command = pausable_group("models", lambda client: client.models, HEADER, _row)

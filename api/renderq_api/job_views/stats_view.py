"""Load of the service as clients see it. Pure: no clock, no store."""

from collections.abc import Sequence

from renderq.contract import ModelStats, Stats
from renderq_shared.jobs import StoreStats


def to_stats(stats: StoreStats, catalog: Sequence[str]) -> Stats:
    """Return the load of the models in the catalog, and of others that still have jobs."""
    queues = {queue.model: queue for queue in stats.queues}
    others = sorted({*queues, *stats.running, *stats.paused} - set(catalog))
    models = tuple(
        ModelStats(
            model=model,
            queued_jobs=queues[model].queued if model in queues else 0,
            oldest_seconds=queues[model].oldest_age_ms / 1000 if model in queues else None,
            running_jobs=stats.running.get(model, 0),
            paused=model in stats.paused,
            workers=sum(model in worker.models for worker in stats.workers),
        )
        for model in (*catalog, *others)
    )
    return Stats(
        queued_jobs=sum(model.queued_jobs for model in models),
        running_jobs=sum(model.running_jobs for model in models),
        workers=len(stats.workers),
        models=models,
    )

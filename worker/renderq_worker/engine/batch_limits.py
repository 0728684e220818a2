"""Limits of batches: what may share a forward pass with an image, and how many images the engine takes."""

from typing import Literal

from renderq_worker.engine.batch_invariance import BatchInvariance
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.batch_size import BatchSizeTuner
from renderq_worker.engine.families import Family
from renderq_worker.engine.generation import Generation
from renderq_worker.engine.plan import BatchLimit
from renderq_worker.models import ModelStore

_SINGLE_IMAGE = BatchLimit(generations=1, rows=2)


class BatchLimits:
    """Limits by measured throughput; exact batching stays within measured batch invariance, too."""

    def __init__(
        self, models: ModelStore[Family], batch_sizes: BatchSizeTuner, batching: Literal["exact", "fast"]
    ) -> None:
        self._models = models
        self._batch_sizes = batch_sizes
        self._is_exact = batching == "exact"

    def of(self, lead: Generation) -> BatchLimit:
        """Return what may share a forward pass with `lead`."""
        rows = self._batch_sizes.rows(lead.key)
        if not self._is_exact:
            return BatchLimit(rows, rows)
        invariance = self._invariance(lead.spec.model, lead.key)
        if not invariance.is_invariant(lead.rows):
            return _SINGLE_IMAGE
        rows = min(rows, invariance.max_rows(lead.rows))
        return BatchLimit(
            rows,
            rows,
            allows_mixed_guidance=invariance.allows_mixing
            and rows <= min(invariance.guided_rows, invariance.unguided_rows),
        )

    def images(self, model: str) -> int:
        """Return the images of this model per forward pass, as far as known. Thread-safe."""
        rows, family = self._batch_sizes.rows_of_model(model), self._models.peek(model)
        rows_per_image = 2 if family is None else family.rows_per_image
        if self._is_exact:
            invariance = self._invariance(model, self._batch_sizes.latest(model))
            rows = min(rows, invariance.max_rows(rows_per_image))
        return max(1, rows // rows_per_image)

    def _invariance(self, model: str, key: BatchKey | None) -> BatchInvariance:
        """Return the batch invariance; none while the model is not in memory and it is unknown."""
        family = self._models.peek(model)
        if family is None:
            return BatchInvariance()
        return family.batch_invariance if key is None else family.batch_invariance_for(key)

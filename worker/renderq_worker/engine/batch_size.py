"""Batch size of a forward pass in rows, tuned per model, shape and device from measurements of real work.

t(B), the duration of a forward pass of B rows, is measured at fixed sizes while images are rendered, so that startup
costs nothing. The batch grows while t(B)/B falls by at least 5 % per size, and shrinks permanently when a size runs out
of memory.
"""

import contextlib
import os
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low

import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError

from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.fallback_kind import FallbackKind

BATCH_SIZES = (2, 4, 8, 16, 32, 64)
"""Rows per forward pass. A guided image has two, so the smallest size is one image."""

MAX_COST_RATIO = 0.95
"""Largest cost per row, relative to the previous size, at which a size is used."""

_SAMPLES_NEEDED = 3
_SAMPLES_KEPT = 9

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _ThroughputCurve:
    """Measurements and memory limits of one model, shape and environment."""

    seconds_per_row: dict[int, float] = field(default_factory=dict)
    """t(B)/B by batch size B."""
    ceiling: int = BATCH_SIZES[-1]
    """Largest number of rows that is not known to run out of memory."""
    fallbacks: frozenset[FallbackKind] = frozenset()
    samples: defaultdict[int, deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_SAMPLES_KEPT))
    )

    def rows(self) -> int:
        """Return the best size so far, or the next larger one while that is not measured yet."""
        best = BATCH_SIZES[0]
        for size in BATCH_SIZES[1:]:
            if size > self.ceiling or best not in self.seconds_per_row:
                break
            if (
                size in self.seconds_per_row
                and self.seconds_per_row[size] > MAX_COST_RATIO * self.seconds_per_row[best]
            ):
                break
            best = size
        return min(best, self.ceiling)


class _Stored(BaseModel):
    """One curve as stored in the file."""

    seconds_per_row: dict[int, float]
    ceiling: int
    fallbacks: frozenset[FallbackKind] = frozenset()


_FILE = TypeAdapter(dict[str, _Stored])


class BatchSizeTuner:
    """Batch sizes of one device.

    `environment` names what else the measurements depend on: device, dtype, threads. `file` keeps
    them between runs; an unreadable file is ignored.
    """

    def __init__(self, environment: str, file: Path | None = None) -> None:
        self._environment = environment
        self._file = file
        self._curves: dict[str, _ThroughputCurve] = {}
        self._latest: dict[str, BatchKey] = {}
        """Last shape per model."""
        for name, stored in _read(file).items():
            self._curves[name] = _ThroughputCurve(stored.seconds_per_row, stored.ceiling, stored.fallbacks)

    def rows(self, key: BatchKey) -> int:
        """Return the maximum number of rows of the next forward pass for this key."""
        curve = self._curves.get(self._name(key))
        return curve.rows() if curve else BATCH_SIZES[0]

    def latest(self, model: str) -> BatchKey | None:
        """Return the last shape that this model rendered."""
        return self._latest.get(model)

    def rows_of_model(self, model: str) -> int:
        """Return `rows` for the last shape that this model rendered; one image if there is none."""
        key = self.latest(model)
        return self.rows(key) if key else BATCH_SIZES[0]

    def record(self, key: BatchKey, rows: int, seconds: float) -> None:
        """Record the duration of a forward pass of `rows` rows with its scheduler steps."""
        self._latest[key.model] = key
        curve = self._curves.setdefault(self._name(key), _ThroughputCurve())
        size = next((size for size in BATCH_SIZES if size >= rows), BATCH_SIZES[-1])
        samples = curve.samples[size]
        samples.append(seconds / rows)
        if len(samples) >= _SAMPLES_NEEDED:
            is_new = size not in curve.seconds_per_row
            curve.seconds_per_row[size] = median_low(samples)  # disturbances only make it slower
            if is_new:
                self._write()

    def record_out_of_memory(self, key: BatchKey, rows: int) -> None:
        """Record that `rows` rows did not fit; later batches stay smaller."""
        curve = self._curves.setdefault(self._name(key), _ThroughputCurve())
        curve.ceiling = max((size for size in BATCH_SIZES if size < rows), default=1)
        self._write()

    def fallbacks(self, key: BatchKey) -> frozenset[FallbackKind]:
        """Return the sticky fallbacks of this model and shape."""
        curve = self._curves.get(self._name(key))
        return curve.fallbacks if curve else frozenset()

    def add_fallback(self, key: BatchKey, kind: FallbackKind) -> None:
        """Record that images of this model and shape do not fit without this fallback."""
        curve = self._curves.setdefault(self._name(key), _ThroughputCurve())
        curve.fallbacks |= {kind}
        self._write()

    def _name(self, key: BatchKey) -> str:
        token_chunks = f" {key.token_chunks} token_chunks" if key.token_chunks > 1 else ""
        return f"{key.model}@{key.revision} {key.width}x{key.height}{token_chunks} {self._environment}"

    def _write(self) -> None:
        if self._file is None:
            return
        curves = {
            name: _Stored(seconds_per_row=curve.seconds_per_row, ceiling=curve.ceiling, fallbacks=curve.fallbacks)
            for name, curve in self._curves.items()
        }
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_FILE.dump_json(curves, indent=1))
            temporary.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            log.warning("batch_sizes.save_failed", file=str(self._file), reason=error.strerror)


def _read(file: Path | None) -> dict[str, _Stored]:
    try:
        return _FILE.validate_json(file.read_bytes()) if file else {}
    except (OSError, ValidationError):
        return {}

"""How many rows a forward pass should have: learned from the work itself, per model, shape and device.

t(B), the seconds of a forward pass of B rows, is measured on a ladder of widths while real images are made, so that
starting up costs nothing. The width grows while t(B)/B falls by at least 5 % per rung and shrinks for good when a
width runs out of memory.
"""

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
"""Rows per forward pass. A guided image has two, so the lowest rung is one image."""

MAX_COST_RATIO = 0.95
"""A rung is worth climbing when a row then costs at most this share of what it cost before."""

_SAMPLES_NEEDED = 3
_SAMPLES_KEPT = 9

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _ThroughputCurve:
    """t(B)/B in seconds per row, by rung, the widest rung that is not known to run out of memory, and what
    else memory demands."""

    known: dict[int, float] = field(default_factory=dict)
    ceiling: int = BATCH_SIZES[-1]
    fallbacks: frozenset[FallbackKind] = frozenset()
    samples: defaultdict[int, deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_SAMPLES_KEPT))
    )

    def rows(self) -> int:
        """The best rung so far, or the next one above it while that is still to be measured."""
        best = BATCH_SIZES[0]
        for rung in BATCH_SIZES[1:]:
            if rung > self.ceiling or best not in self.known:
                break
            if rung in self.known and self.known[rung] > MAX_COST_RATIO * self.known[best]:
                break
            best = rung
        return min(best, self.ceiling)


class _Stored(BaseModel):
    """A curve in the file."""

    seconds_per_row: dict[int, float]
    ceiling: int
    fallbacks: frozenset[FallbackKind] = frozenset()


_FILE = TypeAdapter(dict[str, _Stored])


class BatchSizeTuner:
    """Measured batch widths of one device.

    `place` names what the measurements depend on besides model and shape: device, dtype, threads. `file` keeps them
    between runs; one that cannot be read is as good as none.
    """

    def __init__(self, place: str, file: Path | None = None) -> None:
        self._place = place
        self._file = file
        self._curves: dict[str, _ThroughputCurve] = {}
        self._latest: dict[str, BatchKey] = {}
        """The shape that each model made last."""
        for name, stored in _read(file).items():
            self._curves[name] = _ThroughputCurve(stored.seconds_per_row, stored.ceiling, stored.fallbacks)

    def rows(self, key: BatchKey) -> int:
        """Rows to put into the next forward pass for this key, at most."""
        curve = self._curves.get(self._name(key))
        return curve.rows() if curve else BATCH_SIZES[0]

    def latest(self, model: str) -> BatchKey | None:
        """The shape that this model made last."""
        return self._latest.get(model)

    def rows_of_model(self, model: str) -> int:
        """The same for the shape that this model made last; one image before it made any."""
        key = self.latest(model)
        return self.rows(key) if key else BATCH_SIZES[0]

    def record(self, key: BatchKey, rows: int, seconds: float) -> None:
        """A forward pass of `rows` rows with everything around it took `seconds`."""
        self._latest[key.model] = key
        curve = self._curves.setdefault(self._name(key), _ThroughputCurve())
        rung = next((rung for rung in BATCH_SIZES if rung >= rows), BATCH_SIZES[-1])
        samples = curve.samples[rung]
        samples.append(seconds / rows)
        if len(samples) >= _SAMPLES_NEEDED:
            is_new = rung not in curve.known
            curve.known[rung] = median_low(samples)  # what disturbs a measurement makes it slower
            if is_new:
                self._write()

    def record_out_of_memory(self, key: BatchKey, rows: int) -> None:
        """A forward pass of `rows` rows did not fit: stay below from now on."""
        curve = self._curves.setdefault(self._name(key), _ThroughputCurve())
        curve.ceiling = max((rung for rung in BATCH_SIZES if rung < rows), default=1)
        self._write()

    def fallbacks(self, key: BatchKey) -> frozenset[FallbackKind]:
        """What an image of this model and shape has needed beside a narrow batch."""
        curve = self._curves.get(self._name(key))
        return curve.fallbacks if curve else frozenset()

    def add_fallback(self, key: BatchKey, kind: FallbackKind) -> None:
        """An image of this model and shape does not fit without."""
        curve = self._curves.setdefault(self._name(key), _ThroughputCurve())
        curve.fallbacks |= {kind}
        self._write()

    def _name(self, key: BatchKey) -> str:
        token_chunks = f" {key.token_chunks} token_chunks" if key.token_chunks > 1 else ""
        return f"{key.model}@{key.revision} {key.width}x{key.height}{token_chunks} {self._place}"

    def _write(self) -> None:
        if self._file is None:
            return
        curves = {
            name: _Stored(seconds_per_row=curve.known, ceiling=curve.ceiling, fallbacks=curve.fallbacks)
            for name, curve in self._curves.items()
        }
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_FILE.dump_json(curves, indent=1))
            temporary.replace(self._file)
        except OSError as error:
            _log.warning("measured batch widths cannot be kept", file=str(self._file), reason=error.strerror)


def _read(file: Path | None) -> dict[str, _Stored]:
    try:
        return _FILE.validate_json(file.read_bytes()) if file else {}
    except (OSError, ValidationError):
        return {}

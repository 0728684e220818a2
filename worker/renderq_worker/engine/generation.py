"""One image in flight: its request and its progress. No torch."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from renderq.contract import SamplingParams
from renderq_shared.imaging.cost import model_calls
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.loras import AppliedLora
from renderq_worker.engine.tasks.types import Task


@dataclass(frozen=True, slots=True)
class GenerationSpec:
    """One image to render."""

    id: str
    """Unique while in the engine, e.g. `job_…/0`."""
    model: str
    """Name in the catalog."""
    prompt: str
    negative_prompt: str
    width: int
    """Pixels, a multiple of `size_multiple` of the model's limits."""
    height: int
    """Pixels, a multiple of `size_multiple` of the model's limits."""
    sampling: SamplingParams
    seed: int
    """Seed of the image's own CPU generator."""
    task: Task
    """The task with its decoded inputs."""
    loras: tuple[AppliedLora, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of a forward pass: negative and positive prompt, or the positive prompt alone."""
        return 2 if self.sampling.guidance_scale > 1 else 1

    @property
    def model_calls(self) -> int:
        """Total model calls; an estimate for the model's own scheduler until the prompts are encoded."""
        return model_calls(self.sampling.scheduler, self.sampling.steps, self.task.strength)


class Stage(StrEnum):
    """Operations of the engine, named as in the wire contract."""

    LOADING_MODEL = "loading_model"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """What is known of an image once its prompts are encoded."""

    model_calls: int
    """Model calls that the noise scheduler will make."""
    rows: int
    """Rows of a forward pass: those of the stock call's denoiser, with a step loop of ours `GenerationSpec.rows`."""
    token_chunks: int = 1
    """See `BatchKey`."""
    denoiser_call: str = ""
    """See `BatchKey`."""


@dataclass(slots=True)
class Generation:
    """Progress of one spec. Owned by the scheduler, which alone changes it."""

    spec: GenerationSpec
    key: BatchKey
    rows: int
    """Rows of a forward pass: `spec.rows` until the prompts are encoded, then the model's."""
    model_calls: int
    """Total model calls: `spec.model_calls` until the prompts are encoded, then the noise scheduler's count."""
    is_encoded: bool = False
    is_partly_encoded: bool = False
    """Its prompts need further operations of encoding; only long ones do."""
    step: int = 0
    """Model calls done."""
    ticks_waited: int = 0
    """Operations of the engine since submission that did not advance this generation."""
    load_seconds: float = 0.0
    inference_seconds: float = 0.0
    batch_width_total: float = 0.0
    """Sum of the batch widths of its model calls."""
    peak_bytes: int | None = None
    """Peak memory on the device during its operations; None where the device does not count it."""
    fallbacks: frozenset[FallbackKind] = frozenset()
    """Out-of-memory fallbacks that were applied for it."""

    @classmethod
    def from_spec(cls, spec: GenerationSpec, key: BatchKey) -> "Generation":
        return cls(spec, key, rows=spec.rows, model_calls=spec.model_calls)

    @property
    def stage(self) -> Stage:
        """Next operation, once the model is in memory."""
        if not self.is_encoded:
            return Stage.ENCODING
        return Stage.DENOISING if self.step < self.model_calls else Stage.DECODING

    @property
    def remaining(self) -> int:
        """Operations still to do: encoding, model calls, decoding."""
        return (not self.is_encoded) + self.model_calls - self.step + 1

    @property
    def batch_width_mean(self) -> float:
        """Mean number of images per model call, this one included; 0 before the first call."""
        return self.batch_width_total / self.step if self.step else 0.0

    def record_loaded(self, seconds: float) -> None:
        self.load_seconds += seconds

    def record_encoding(self, seconds: float) -> None:
        """Record that a part of the prompts is encoded."""
        self.is_partly_encoded = True
        self.inference_seconds += seconds

    def record_encoded(self, encoded: EncodedImage, seconds: float) -> None:
        """Record that the prompts are encoded, and what that showed."""
        self.is_encoded, self.is_partly_encoded = True, False
        self.model_calls, self.rows = encoded.model_calls, encoded.rows
        self.key = replace(self.key, token_chunks=encoded.token_chunks, denoiser_call=encoded.denoiser_call)
        self.inference_seconds += seconds

    def record_step(self, width: float, seconds: float) -> None:
        """Record one model call, shared with `width - 1` other images."""
        self.step += 1
        self.batch_width_total += width
        self.inference_seconds += seconds

    def record_decoded(self, seconds: float) -> None:
        self.inference_seconds += seconds

    def record_memory(self, peak_bytes: int | None, fallbacks: Collection[FallbackKind]) -> None:
        """Record peak memory and fallbacks of an operation, whether it succeeded or not."""
        self.peak_bytes = max(filter(None, (self.peak_bytes, peak_bytes)), default=None)
        self.fallbacks |= frozenset(fallbacks)

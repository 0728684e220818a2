"""One image in flight: what was asked for, and how far it is. No torch."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from renderq_shared.costs import model_calls
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.tasks import Task

if TYPE_CHECKING:
    from renderq_worker.engine.ladder import Rung


@dataclass(frozen=True, slots=True)
class GenerationSpec:
    """One image to make."""

    id: str
    """Unique while in the engine, e.g. `job_…/0`."""
    model: str
    """Name in the catalog."""
    prompt: str
    negative_prompt: str
    width: int
    """Pixels, a multiple of 8."""
    height: int
    """Pixels, a multiple of 8."""
    steps: int
    """Inference steps as the user counts them; some schedulers call the model more often."""
    guidance_scale: float
    """Classifier-free guidance; at 1 or below there is none and the negative prompt has no effect."""
    scheduler: str | None
    """A name of `SCHEDULERS`; None is the model's own."""
    seed: int
    """Seed of the image's own CPU generator."""
    task: Task
    """What it starts from, with decoded inputs."""
    clip_skip: int = 0
    """Last layers of the text encoder that are left out for the prompt, though not for the negative one."""
    guidance_rescale: float = 0.0
    """How far guidance is kept from raising the contrast, 0 to 1 (https://arxiv.org/abs/2305.08891, section 3.4)."""

    @property
    def rows(self) -> int:
        """Rows of a forward pass: negative and positive prompt, or the positive one alone."""
        return 2 if self.guidance_scale > 1 else 1

    @property
    def calls(self) -> int:
        """Model calls in all; an estimate for the model's own scheduler, until the prompt is encoded."""
        return model_calls(self.scheduler, self.steps, self.task.strength)


class Stage(StrEnum):
    """What the engine can do with a generation, in the words of the wire contract."""

    LOADING_MODEL = "loading_model"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"


@dataclass(slots=True)
class Generation:
    """A spec on its way to a picture. The scheduler owns it and is the only one to change it."""

    spec: GenerationSpec
    key: BatchKey
    calls: int
    """Model calls in all: `spec.calls` until the prompt is encoded, then those that the sampler makes."""
    encoded: bool = False
    step: int = 0
    """Model calls done."""
    waited: int = 0
    """Operations of the engine since arrival that did not advance this generation."""
    load_seconds: float = 0.0
    inference_seconds: float = 0.0
    shared_calls: int = 0
    """Sum of the batch widths of its model calls."""
    peak_bytes: int | None = None
    """Most memory on the device during its operations, where that is counted."""
    rungs: frozenset["Rung"] = frozenset()
    """What was tried for it when memory was exhausted."""

    @classmethod
    def arrived(cls, spec: GenerationSpec, key: BatchKey) -> "Generation":
        return cls(spec, key, calls=spec.calls)

    @property
    def stage(self) -> Stage:
        """What comes next, once the model is in memory."""
        if not self.encoded:
            return Stage.ENCODING
        return Stage.DENOISING if self.step < self.calls else Stage.DECODING

    @property
    def remaining(self) -> int:
        """Operations that are left: encoding, model calls, decoding."""
        return (not self.encoded) + self.calls - self.step + 1

    @property
    def batch_width_mean(self) -> float:
        """Images that shared a model call with this one, itself included; 0 before the first call."""
        return self.shared_calls / self.step if self.step else 0.0

    def loaded(self, seconds: float) -> None:
        self.load_seconds += seconds

    def started(self, calls: int, windows: int, seconds: float) -> None:
        """The prompt is encoded and the sampler has told how often it will call the model."""
        self.encoded, self.calls = True, calls
        self.key = replace(self.key, windows=windows)
        self.inference_seconds += seconds

    def stepped(self, width: int, seconds: float) -> None:
        """One model call done, together with `width - 1` others."""
        self.step += 1
        self.shared_calls += width
        self.inference_seconds += seconds

    def decoded(self, seconds: float) -> None:
        self.inference_seconds += seconds

    def took(self, peak_bytes: int | None, rungs: Collection["Rung"]) -> None:
        """What an operation took of the device's memory, and what was done to need less, whether it ended or not."""
        self.peak_bytes = max(filter(None, (self.peak_bytes, peak_bytes)), default=None)
        self.rungs |= frozenset(rungs)

"""What a generation owns on the device, and how rows are gathered for a forward pass and scattered back.

Nothing here refers to a model's weights: a model may leave memory while its generations wait.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from torch import Tensor

from renderq_worker.engine.samplers import Sampler
from renderq_worker.engine.start import Start


class InFlight(Protocol):
    """What the runner needs of an image on the device, whatever its family."""

    step: int
    """Model calls done."""

    @property
    def rows(self) -> int: ...

    @property
    def windows(self) -> int:
        """See `BatchKey.windows`."""
        ...

    @property
    def calls(self) -> int:
        """Model calls in all."""
        ...

    def advance(self, prediction: Tensor) -> None:
        """One step with what the family predicted."""
        ...

    def close(self) -> None:
        """Let go of what is more than memory."""
        ...


@dataclass(slots=True)
class State:
    """One image between noise and latents."""

    start: Start
    embeddings: Tensor
    """[rows, tokens, width]: negative then positive prompt, or the positive one alone."""
    guidance_scale: float
    sampler: Sampler
    """The image's own, with its own history."""
    generator: torch.Generator
    """The image's own, on the CPU: the same noise on every device."""
    guidance_embedding: Tensor | None = None
    """[rows, width] for models that were distilled to take the guidance scale as an input."""
    extras: Mapping[str, Tensor] | None = None
    """What the model takes beside the embeddings, each [rows, width]; by diffusers' names."""
    guidance_rescale: float = 0.0
    windows: int = 1
    """Windows of the text encoder that the embeddings consist of."""
    step: int = 0
    is_flagged: bool = False
    """The model's safety checker made the decoded picture black."""
    latents: Tensor = field(init=False)
    """[1, channels, height / 8, width / 8]"""
    extra: dict[str, Any] = field(init=False)
    """Keyword arguments of the sampler's step, chosen as the stock pipeline does."""

    def __post_init__(self) -> None:
        self.latents = self.start.latents
        accepted = inspect.signature(self.sampler.step).parameters
        arguments = {"eta": 0.0, "generator": self.generator}
        self.extra = {name: value for name, value in arguments.items() if name in accepted}

    @property
    def rows(self) -> int:
        return self.embeddings.shape[0]

    @property
    def calls(self) -> int:
        """Model calls in all."""
        return len(self.start.timesteps)

    @property
    def timestep(self) -> Tensor:
        return self.start.timesteps[self.step]

    def close(self) -> None: ...

    def guided(self, prediction: Tensor) -> Tensor:
        """[1, channels, h, w] of the model's prediction for this image's rows, [rows, channels, h, w]."""
        if self.rows == 1:
            return prediction
        negative, positive = prediction.chunk(2)
        guided = negative + self.guidance_scale * (positive - negative)
        return rescale_noise_cfg(guided, positive, self.guidance_rescale) if self.guidance_rescale > 0 else guided

    def advance(self, prediction: Tensor) -> None:
        """One sampler step with the model's prediction for this image's rows, [rows, channels, h, w]."""
        step = self.sampler.step(self.guided(prediction), self.timestep, self.latents, **self.extra, return_dict=False)
        self.latents = step[0]
        self.step += 1
        if self.start.blend is not None:
            upcoming = self.start.timesteps[self.step : self.step + 1]
            self.latents = self.start.blend.apply(self.latents, self.sampler, upcoming)


@dataclass(frozen=True, slots=True)
class ModelInput:
    """Arguments of one forward pass; B is the sum of the images' rows."""

    sample: Tensor
    """[B, channels, h, w], with the extra channels of the task"""
    timestep: Tensor
    """[B], float32: samplers count in integers or in floats, the model embeds floats."""
    embeddings: Tensor
    """[B, tokens, width]"""
    guidance_embedding: Tensor | None
    """[B, width] or None"""
    noise_level: Tensor | None
    """[B] or None"""
    extras: Mapping[str, Tensor] | None
    """Each [B, width]; or None"""

    def of(self, sample: Tensor) -> "ModelInput":
        """The same for a part of the sample."""
        return replace(self, sample=sample)


def gather(states: Sequence[State]) -> ModelInput:
    """The rows of these images, an image's own next to each other. Changes no state; may be repeated."""
    timesteps = [state.timestep.to(torch.float32).expand(state.rows) for state in states]
    guidance = [state.guidance_embedding for state in states if state.guidance_embedding is not None]
    levels = [state.start.noise_level.expand(state.rows) for state in states if state.start.noise_level is not None]
    return ModelInput(
        torch.cat([_sample(state) for state in states]),
        torch.cat(timesteps),
        torch.cat([state.embeddings for state in states]),
        torch.cat(guidance) if guidance else None,
        torch.cat(levels) if levels else None,
        _together([state.extras for state in states if state.extras is not None]),
    )


def scatter(prediction: Tensor, states: Sequence[State]) -> tuple[Tensor, ...]:
    """Each image's rows of the model's output, in the order that `gather` got the images."""
    return prediction.split([state.rows for state in states])


def _together(extras: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor] | None:
    return {name: torch.cat([each[name] for each in extras]) for name in extras[0]} if extras else None


def _sample(state: State) -> Tensor:
    """[rows, channels, h, w]: the extra channels are not scaled."""
    sample = state.sampler.scale_model_input(torch.cat([state.latents] * state.rows), state.timestep)
    if state.start.channels is None:
        return sample
    return torch.cat([sample, torch.cat([state.start.channels] * state.rows)], dim=1)

"""State of an image on the device; gathering of its rows for a forward pass, and scattering back.

States do not refer to the model's weights: a model may be evicted while its generations wait.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from renderq.contract import SamplingParams
from renderq_worker.engine.guidance import apply_guidance
from renderq_worker.engine.loras import LoraWeights
from renderq_worker.engine.noise_schedulers import NoiseScheduler
from renderq_worker.engine.prepared_latents import PreparedLatents


class GenerationState(Protocol):
    """Interface of an image's state to the runner, for every family."""

    step: int
    """Model calls done."""

    @property
    def rows(self) -> int: ...

    @property
    def token_chunks(self) -> int:
        """See `BatchKey.token_chunks`."""
        ...

    @property
    def denoiser_call(self) -> str:
        """See `BatchKey.denoiser_call`."""
        ...

    @property
    def batch_width(self) -> float | None:
        """Mean number of images in the forward passes of the last step; None: that of the batch."""
        ...

    @property
    def model_calls(self) -> int:
        """Total model calls."""
        ...

    def advance(self, prediction: Tensor) -> None:
        """Do one step with the family's prediction."""
        ...

    def close(self) -> None:
        """Release resources other than memory."""
        ...


@dataclass(slots=True)
class LatentState:
    """One image during denoising."""

    prepared: PreparedLatents
    embeddings: Tensor
    """[rows, tokens, width]: negative then positive prompt, or the positive prompt alone."""
    sampling: SamplingParams
    scheduler: NoiseScheduler
    """Private to the image, with its history."""
    generator: torch.Generator
    """Private to the image, on the CPU: the same noise on every device."""
    guidance_embedding: Tensor | None = None
    """[rows, width]; for models distilled to take the guidance scale as an input."""
    added_cond_kwargs: Mapping[str, Tensor] | None = None
    """Further inputs of the UNet by diffusers' names, each [rows, width]."""
    loras: LoraWeights = ()
    """LoRAs of the UNet."""
    token_chunks: int = 1
    """Text-encoder chunks in the embeddings."""
    step: int = 0
    is_flagged: bool = False
    """The model's safety checker blacked out the decoded image."""
    latents: Tensor = field(init=False)
    """[1, channels, height / 8, width / 8]"""
    step_kwargs: dict[str, Any] = field(init=False)
    """Keyword arguments of the scheduler's step, selected as in the stock pipelines."""

    def __post_init__(self) -> None:
        self.latents = self.prepared.latents
        accepted = inspect.signature(self.scheduler.step).parameters
        arguments = {"eta": 0.0, "generator": self.generator}
        self.step_kwargs = {name: value for name, value in arguments.items() if name in accepted}

    denoiser_call: ClassVar[str] = ""
    batch_width: ClassVar[None] = None

    @property
    def rows(self) -> int:
        return self.embeddings.shape[0]

    @property
    def model_calls(self) -> int:
        """Total model calls."""
        return len(self.prepared.timesteps)

    @property
    def timestep(self) -> Tensor:
        return self.prepared.timesteps[self.step]

    def close(self) -> None: ...

    def advance(self, prediction: Tensor) -> None:
        """Do one scheduler step with the model's prediction for this image's rows, [rows, channels, h, w]."""
        guided = apply_guidance(prediction, self.sampling)
        step = self.scheduler.step(guided, self.timestep, self.latents, **self.step_kwargs, return_dict=False)
        self.latents = step[0]
        self.step += 1
        if self.prepared.blend is not None:
            upcoming = self.prepared.timesteps[self.step : self.step + 1]
            self.latents = self.prepared.blend.apply(self.latents, self.scheduler, upcoming)


@dataclass(frozen=True, slots=True)
class UNetInput:
    """Arguments of one forward pass; B is the sum of the images' rows."""

    sample: Tensor
    """[B, channels, h, w], including the task's extra channels"""
    timestep: Tensor
    """[B], float32: schedulers use integers or floats, the model embeds floats."""
    embeddings: Tensor
    """[B, tokens, width]"""
    guidance_embedding: Tensor | None
    """[B, width] or None"""
    noise_level: Tensor | None
    """[B] or None"""
    added_cond_kwargs: Mapping[str, Tensor] | None
    """Each [B, width]; or None"""

    def with_sample(self, sample: Tensor) -> "UNetInput":
        """Return the same arguments for a part of the sample."""
        return replace(self, sample=sample)


def gather(states: Sequence[LatentState]) -> UNetInput:
    """Concatenate the rows of these images, each image's rows adjacent. Changes no state."""
    timesteps = [state.timestep.to(torch.float32).expand(state.rows) for state in states]
    guidance = [state.guidance_embedding for state in states if state.guidance_embedding is not None]
    levels = [
        state.prepared.noise_level.expand(state.rows) for state in states if state.prepared.noise_level is not None
    ]
    return UNetInput(
        torch.cat([_sample(state) for state in states]),
        torch.cat(timesteps),
        torch.cat([state.embeddings for state in states]),
        torch.cat(guidance) if guidance else None,
        torch.cat(levels) if levels else None,
        _concatenate_kwargs([state.added_cond_kwargs for state in states if state.added_cond_kwargs is not None]),
    )


def scatter(prediction: Tensor, states: Sequence[LatentState]) -> tuple[Tensor, ...]:
    """Split the model's output into each image's rows, in the order of `states`."""
    return prediction.split([state.rows for state in states])


def _concatenate_kwargs(added_cond_kwargs: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor] | None:
    return (
        {name: torch.cat([each[name] for each in added_cond_kwargs]) for name in added_cond_kwargs[0]}
        if added_cond_kwargs
        else None
    )


def _sample(state: LatentState) -> Tensor:
    """Return [rows, channels, h, w]; extra channels are not scaled."""
    sample = state.scheduler.scale_model_input(torch.cat([state.latents] * state.rows), state.timestep)
    if state.prepared.extra_channels is None:
        return sample
    return torch.cat([sample, torch.cat([state.prepared.extra_channels] * state.rows)], dim=1)

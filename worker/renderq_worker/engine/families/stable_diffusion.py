"""Stable Diffusion 1.x and 2.x: the arithmetic of diffusers' pipelines, one image at a time or many.

Every line that touches a tensor has its counterpart in the pipelines' `__call__` of diffusers 0.42, which the parity
tests run next to it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.families.latent_space import LatentSpace
from renderq_worker.engine.families.prompts import PromptEncoder
from renderq_worker.engine.families.small_pictures import small_picture
from renderq_worker.engine.families.tasks import Conditioning, Parts, start
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.invariance import PROBED_ROWS, ImageLinears, Invariance, Trials, probe
from renderq_worker.engine.samplers import Sampler, Samplers
from renderq_worker.engine.state import ModelInput, State, gather, scatter
from renderq_worker.models import Placement
from renderq_worker.models.offload import load_placed

_PROBE_SIDE = 16
"""Latent pixels; small, because narrow products are the ones that depend on the batch, and cheap for large models."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the text encoders make of the prompts: the rows of one image, negative before positive."""

    embeddings: Tensor
    """[rows, tokens, width]"""
    extras: Mapping[str, Tensor] | None = None
    """What the UNet takes beside them, each [rows, width]; by diffusers' names."""
    windows: int = 1
    """Windows of the text encoder that the embeddings consist of."""


class StableDiffusion:
    """A loaded Stable Diffusion model."""

    upcasts: ClassVar[bool] = False
    """Whether the stock pipelines run the autoencoder in float32 where it asks for that; the upscaler's does always."""

    def __init__(self, pipeline: StableDiffusionPipeline, revision: str, *, exact: bool) -> None:
        """`exact`: prepare for batches that change no bit."""
        self._pipeline: Any = pipeline
        self._unet: Any = pipeline.unet
        self._conditioning = Conditioning.of(self._unet.config.in_channels, pipeline.vae.config.latent_channels)
        upcasts = self.upcasts or self._conditioning is Conditioning.UPSCALE
        device = self._pipeline._execution_device  # its weights may be elsewhere until they are used
        self._space = LatentSpace(pipeline, device, self._unet.dtype, upcasts=upcasts)
        self._samplers = Samplers(cast(Sampler, pipeline.scheduler))
        self.revision = revision
        self.device = str(device)
        self.dtype = str(self._unet.dtype).removeprefix("torch.")
        self._distilled = self._unet.config.time_cond_proj_dim is not None
        self._linears = ImageLinears(self._unet)
        self._require_fit()
        self._exact = exact
        self._trials = Trials(self._probe(exact=exact))

    @classmethod
    def load(cls, entry: ModelEntry, placement: Placement, *, exact: bool) -> Self:
        """Raises `ModelLoadFailed` for a folder that holds something else or an unfit UNet."""
        pipeline: Any = load_placed(entry, placement)
        with placement.device.watched():
            return cls(pipeline, entry.revision, exact=exact)

    @property
    def invariance(self) -> Invariance:
        return self._as_asked(self._trials.probed)

    def invariance_of(self, key: BatchKey) -> Invariance:
        factor = self._space.factor
        return self._as_asked(self._trials.invariance((key.height // factor, key.width // factor, key.windows)))

    @property
    def comparisons(self) -> int:
        return self._trials.count

    @property
    def tile_side(self) -> int:
        return self._space.tile_side

    @property
    def _has_checker(self) -> bool:
        """The depth pipeline does not even have a place for one."""
        return getattr(self._pipeline, "safety_checker", None) is not None

    def begin(self, spec: GenerationSpec, *, tiled: bool = False) -> State:
        """Encode the prompts and make the task's start, in the stock pipelines' order."""
        guided = spec.guidance_scale > 1 and not self._distilled
        words = self._words(spec, guided=guided)
        sampler = self._samplers.make(spec.scheduler)
        sampler.set_timesteps(spec.steps, device=self._space.device)
        generator = torch.Generator().manual_seed(spec.seed)
        with self._space.in_tiles(self._tiles(spec.width, spec.height) if tiled else None):
            beginning = start(self._conditioning, Parts(spec, self._pipeline, self._space, sampler, generator))
        return State(
            beginning,
            embeddings=words.embeddings,
            extras=words.extras,
            guidance_scale=spec.guidance_scale,
            sampler=sampler,
            generator=generator,
            guidance_embedding=self._guidance_embedding(spec.guidance_scale) if self._distilled else None,
            guidance_rescale=spec.guidance_rescale,
            windows=words.windows,
        )

    def _require_fit(self) -> None:
        """Raises `ModelLoadFailed` for parts that do not belong together."""

    def _words(self, spec: GenerationSpec, *, guided: bool) -> Words:
        prompts = PromptEncoder(self._pipeline)
        embeddings = prompts.encode(spec, guided=guided)
        return Words(embeddings, windows=embeddings.shape[1] // prompts.window)

    def predict(self, states: Sequence[State]) -> tuple[Tensor, ...]:
        """One forward pass of the UNet, or one per tile; each image's rows of its prediction.

        With exact batching, a batch that was never compared is computed image by image too.
        """
        if not self._exact:
            return self._predict(states)
        height, width = states[0].latents.shape[2:]
        return self._trials.checked(
            (height, width, states[0].windows),
            [state.rows for state in states],
            lambda places: self._predict([states[place] for place in places]),
        )

    def _predict(self, states: Sequence[State]) -> tuple[Tensor, ...]:
        rows, images = gather(states), [state.rows for state in states]
        tiles = states[0].start.tiles  # all images of a batch have the same sides
        if tiles is None:
            return scatter(self._forward(rows, images), states)
        return scatter(tiles.merge(rows.sample, lambda tile: self._forward(rows.of(tile), images)), states)

    def _forward(self, rows: ModelInput, images: Sequence[int]) -> Tensor:
        """`images` are the rows of each image."""
        with self._linears.batch_of(images):
            return self._unet(
                rows.sample,
                rows.timestep,
                encoder_hidden_states=rows.embeddings,
                timestep_cond=rows.guidance_embedding,
                class_labels=rows.noise_level,
                added_cond_kwargs=rows.extras,
                return_dict=False,
            )[0]

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        """A small picture; none where a safety checker has a say, which judges finished pictures only."""
        if self._has_checker:
            return None
        return small_picture(estimate, self._pipeline.vae)

    def decode(self, state: State, *, tiled: bool = False) -> np.ndarray:
        """Pixels, uint8 [height, width, 3]; black where the model's own safety checker says so."""
        own = None if state.start.tiles is None else self.tile_side
        height, width = (side * self._space.factor for side in state.latents.shape[2:])
        with self._space.in_tiles(self._tiles(width, height) if tiled else own):
            image = self._space.decode(state.latents)
        if self._has_checker:
            image, [flagged], *_ = self._pipeline.run_safety_checker(image, image.device, state.embeddings.dtype)
            state.is_flagged = bool(flagged)
        denormalize = [not state.is_flagged]
        picture = self._pipeline.image_processor.postprocess(image, output_type="np", do_denormalize=denormalize)[0]
        pixels = (picture * 255).round().astype(np.uint8)
        return pixels if state.start.kept is None else state.start.kept.restore(pixels)

    def _tiles(self, width: int, height: int) -> int:
        """Pixels along each side of a tile: half of the picture, because smaller ones differ more from the whole."""
        return math.ceil(max(width, height) / 2 / self._space.factor) * self._space.factor

    def _guidance_embedding(self, scale: float) -> Tensor:
        """[1, width]; models distilled for LCM take the guidance scale as an input instead of a second row."""
        embedding = self._pipeline.get_guidance_scale_embedding(
            torch.tensor([scale - 1]), embedding_dim=self._unet.config.time_cond_proj_dim
        )
        return embedding.to(self._space.device, self._space.dtype)

    @torch.inference_mode()
    def _probe(self, *, exact: bool) -> Invariance:
        """Linear layers work image by image only where that is what keeps the bits: it costs time."""
        invariance = probe(self._probe_forward)
        if exact and not invariance.mixes:
            self._linears.switch(on=True)
            invariance = probe(self._probe_forward)
            self._linears.switch(on=invariance != Invariance())
        return invariance

    def _as_asked(self, invariance: Invariance) -> Invariance:
        """In rows of requests: with or without guidance, a distilled model computes one row for an image."""
        if self._distilled:
            return Invariance(max(2, invariance.unguided), invariance.unguided)
        return invariance

    def _probe_forward(self, first: int, images: Sequence[int]) -> Tensor:
        """The UNet on fixed noise, at timesteps spread over the whole range."""
        config, space, generator = self._unet.config, self._space, torch.Generator().manual_seed(0)
        rows, side = slice(first, first + sum(images)), min(config.sample_size, _PROBE_SIDE)

        def noise(*shape: int) -> Tensor:
            return torch.randn(PROBED_ROWS, *shape, generator=generator)[rows].to(space.device, space.dtype)

        probed = ModelInput(
            sample=noise(config.in_channels, side, side),
            timestep=torch.linspace(999, 0, PROBED_ROWS, device=space.device)[rows],
            embeddings=noise(self._pipeline.tokenizer.model_max_length, config.cross_attention_dim),
            guidance_embedding=None,
            noise_level=torch.arange(PROBED_ROWS, device=space.device)[rows] if config.num_class_embeds else None,
            extras=self._probed_extras(noise),
        )
        return self._forward(probed, images)

    def _probed_extras(self, noise: Callable[..., Tensor]) -> Mapping[str, Tensor] | None:
        """`noise(width)` is [rows, width]."""
        return None

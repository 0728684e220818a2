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
from renderq_worker.engine.autoencoder import Autoencoder
from renderq_worker.engine.batch_invariance import (
    PROBED_ROWS,
    BatchInvariance,
    InvarianceTracker,
    PerImageLinear,
    measure_invariance,
)
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.families.latent_preview import latents_to_preview
from renderq_worker.engine.families.prompts import PromptEncoder
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.latents import LatentState, UNetInput, gather, scatter
from renderq_worker.engine.noise_schedulers import NoiseScheduler, NoiseSchedulerFactory
from renderq_worker.engine.tasks.prepare import prepare_latents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.unet_variant import UNetVariant
from renderq_worker.models import Placement
from renderq_worker.models.offload import load_placed

_PROBE_SIDE = 16
"""Latent pixels; small, because narrow products are the ones that depend on the batch, and cheap for large models."""


@dataclass(frozen=True, slots=True)
class PromptEmbeds:
    """What the text encoders make of the prompts: the rows of one image, negative before positive."""

    embeddings: Tensor
    """[rows, tokens, width]"""
    added_cond_kwargs: Mapping[str, Tensor] | None = None
    """What the UNet takes beside them, each [rows, width]; by diffusers' names."""
    token_chunks: int = 1
    """Windows of the text encoder that the embeddings consist of."""


class StableDiffusion:
    """A loaded Stable Diffusion model."""

    force_upcast: ClassVar[bool] = False
    """Whether the stock pipelines run the autoencoder in float32 where it asks for that; the upscaler's does always."""

    def __init__(self, pipeline: StableDiffusionPipeline, revision: str, *, exact: bool) -> None:
        """`exact`: prepare for batches that change no bit."""
        self._pipeline: Any = pipeline
        self._unet: Any = pipeline.unet
        self._unet_variant = UNetVariant.from_channels(
            self._unet.config.in_channels, pipeline.vae.config.latent_channels
        )
        force_upcast = self.force_upcast or self._unet_variant is UNetVariant.UPSCALE
        device = self._pipeline._execution_device  # its weights may be elsewhere until they are used
        self._autoencoder = Autoencoder(pipeline, device, self._unet.dtype, force_upcast=force_upcast)
        self._schedulers = NoiseSchedulerFactory(cast(NoiseScheduler, pipeline.scheduler))
        self.revision = revision
        self.device = str(device)
        self.dtype = str(self._unet.dtype).removeprefix("torch.")
        self._is_guidance_distilled = self._unet.config.time_cond_proj_dim is not None
        self._linears = PerImageLinear(self._unet)
        self._check_components()
        self._exact = exact
        self._invariance_tracker = InvarianceTracker(self._probe(exact=exact))

    @classmethod
    def load(cls, entry: ModelEntry, placement: Placement, *, exact: bool) -> Self:
        """Raises `ModelLoadFailed` for a folder that holds something else or an unfit UNet."""
        pipeline: Any = load_placed(entry, placement)
        with placement.device.tracked():
            return cls(pipeline, entry.revision, exact=exact)

    @property
    def batch_invariance(self) -> BatchInvariance:
        return self._per_request_rows(self._invariance_tracker.probed)

    def batch_invariance_for(self, key: BatchKey) -> BatchInvariance:
        factor = self._autoencoder.vae_scale_factor
        return self._per_request_rows(
            self._invariance_tracker.invariance_for((key.height // factor, key.width // factor, key.token_chunks))
        )

    @property
    def invariance_checks(self) -> int:
        return self._invariance_tracker.count

    @property
    def tile_sample_size(self) -> int:
        return self._autoencoder.tile_sample_size

    @property
    def _has_safety_checker(self) -> bool:
        """The depth pipeline does not even have a place for one."""
        return getattr(self._pipeline, "safety_checker", None) is not None

    def prepare(self, spec: GenerationSpec, *, use_tiling: bool = False) -> LatentState:
        """Encode the prompts and make the task's start, in the stock pipelines' order."""
        sampling = spec.sampling
        guided = sampling.guidance_scale > 1 and not self._is_guidance_distilled
        words = self._encode_prompts(spec, guided=guided)
        scheduler = self._schedulers.create(sampling.scheduler)
        scheduler.set_timesteps(sampling.steps, device=self._autoencoder.device)
        generator = torch.Generator().manual_seed(spec.seed)
        with self._autoencoder.tiling(self._tiles(spec.width, spec.height) if use_tiling else None):
            beginning = prepare_latents(
                self._unet_variant, PrepareContext(spec, self._pipeline, self._autoencoder, scheduler, generator)
            )
        return LatentState(
            beginning,
            embeddings=words.embeddings,
            added_cond_kwargs=words.added_cond_kwargs,
            sampling=sampling,
            scheduler=scheduler,
            generator=generator,
            guidance_embedding=(
                self._guidance_embedding(sampling.guidance_scale) if self._is_guidance_distilled else None
            ),
            token_chunks=words.token_chunks,
        )

    def _check_components(self) -> None:
        """Raises `ModelLoadFailed` for parts that do not belong together."""

    def _encode_prompts(self, spec: GenerationSpec, *, guided: bool) -> PromptEmbeds:
        prompts = PromptEncoder(self._pipeline)
        embeddings = prompts.encode(spec, guided=guided)
        return PromptEmbeds(embeddings, token_chunks=embeddings.shape[1] // prompts.max_tokens)

    def predict(self, states: Sequence[LatentState]) -> tuple[Tensor, ...]:
        """One forward pass of the UNet, or one per tile; each image's rows of its prediction.

        With exact batching, a batch that was never compared is computed image by image too.
        """
        if not self._exact:
            return self._predict(states)
        height, width = states[0].latents.shape[2:]
        return self._invariance_tracker.predict_checked(
            (height, width, states[0].token_chunks),
            [state.rows for state in states],
            lambda places: self._predict([states[place] for place in places]),
        )

    def _predict(self, states: Sequence[LatentState]) -> tuple[Tensor, ...]:
        rows, images = gather(states), [state.rows for state in states]
        tiles = states[0].prepared.tiles  # all images of a batch have the same sides
        if tiles is None:
            return scatter(self._forward(rows, images), states)
        return scatter(tiles.merge(rows.sample, lambda tile: self._forward(rows.with_sample(tile), images)), states)

    def _forward(self, rows: UNetInput, images: Sequence[int]) -> Tensor:
        """`images` are the rows of each image."""
        with self._linears.batch_of(images):
            return self._unet(
                rows.sample,
                rows.timestep,
                encoder_hidden_states=rows.embeddings,
                timestep_cond=rows.guidance_embedding,
                class_labels=rows.noise_level,
                added_cond_kwargs=rows.added_cond_kwargs,
                return_dict=False,
            )[0]

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        """A small picture; none where a safety checker has a say, which judges finished pictures only."""
        if self._has_safety_checker:
            return None
        return latents_to_preview(estimate, self._pipeline.vae)

    def decode(self, state: LatentState, *, use_tiling: bool = False) -> np.ndarray:
        """Pixels, uint8 [height, width, 3]; black where the model's own safety checker says so."""
        own = None if state.prepared.tiles is None else self.tile_sample_size
        height, width = (side * self._autoencoder.vae_scale_factor for side in state.latents.shape[2:])
        with self._autoencoder.tiling(self._tiles(width, height) if use_tiling else own):
            image = self._autoencoder.decode(state.latents)
        if self._has_safety_checker:
            image, [flagged], *_ = self._pipeline.run_safety_checker(image, image.device, state.embeddings.dtype)
            state.is_flagged = bool(flagged)
        denormalize = [not state.is_flagged]
        picture = self._pipeline.image_processor.postprocess(image, output_type="np", do_denormalize=denormalize)[0]
        pixels = (picture * 255).round().astype(np.uint8)
        return pixels if state.prepared.mask_overlay is None else state.prepared.mask_overlay.apply(pixels)

    def _tiles(self, width: int, height: int) -> int:
        """Pixels along each side of a tile: half of the picture, because smaller ones differ more from the whole."""
        return (
            math.ceil(max(width, height) / 2 / self._autoencoder.vae_scale_factor) * self._autoencoder.vae_scale_factor
        )

    def _guidance_embedding(self, scale: float) -> Tensor:
        """[1, width]; models distilled for LCM take the guidance scale as an input instead of a second row."""
        embedding = self._pipeline.get_guidance_scale_embedding(
            torch.tensor([scale - 1]), embedding_dim=self._unet.config.time_cond_proj_dim
        )
        return embedding.to(self._autoencoder.device, self._autoencoder.dtype)

    @torch.inference_mode()
    def _probe(self, *, exact: bool) -> BatchInvariance:
        """Linear layers work image by image only where that is what keeps the bits: it costs time."""
        invariance = measure_invariance(self._probe_forward)
        if exact and not invariance.allows_mixing:
            self._linears.set_enabled(on=True)
            invariance = measure_invariance(self._probe_forward)
            self._linears.set_enabled(on=invariance != BatchInvariance())
        return invariance

    def _per_request_rows(self, invariance: BatchInvariance) -> BatchInvariance:
        """In rows of requests: with or without guidance, a distilled model computes one row for an image."""
        if self._is_guidance_distilled:
            return BatchInvariance(max(2, invariance.unguided_rows), invariance.unguided_rows)
        return invariance

    def _probe_forward(self, first: int, images: Sequence[int]) -> Tensor:
        """The UNet on fixed noise, at timesteps spread over the whole range."""
        config, autoencoder, generator = self._unet.config, self._autoencoder, torch.Generator().manual_seed(0)
        rows, side = slice(first, first + sum(images)), min(config.sample_size, _PROBE_SIDE)

        def noise(*shape: int) -> Tensor:
            return torch.randn(PROBED_ROWS, *shape, generator=generator)[rows].to(autoencoder.device, autoencoder.dtype)

        probed = UNetInput(
            sample=noise(config.in_channels, side, side),
            timestep=torch.linspace(999, 0, PROBED_ROWS, device=autoencoder.device)[rows],
            embeddings=noise(self._pipeline.tokenizer.model_max_length, config.cross_attention_dim),
            guidance_embedding=None,
            noise_level=torch.arange(PROBED_ROWS, device=autoencoder.device)[rows] if config.num_class_embeds else None,
            added_cond_kwargs=self._probe_cond_kwargs(noise),
        )
        return self._forward(probed, images)

    def _probe_cond_kwargs(self, noise: Callable[..., Tensor]) -> Mapping[str, Tensor] | None:
        """`noise(width)` is [rows, width]."""
        return None

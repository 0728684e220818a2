"""Stable Diffusion 1.x and 2.x: the arithmetic of diffusers' pipelines, for one or several images.

Every line that touches a tensor has its counterpart in the pipelines' `__call__` of diffusers 0.42; the parity tests
compare them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from renderq_shared.catalog import LoraEntry, ModelEntry
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
from renderq_worker.engine.families.lora_adapters import LoraAdapters
from renderq_worker.engine.families.prompt_encoding import EncodedPrompts, PromptEncoding
from renderq_worker.engine.families.prompts import PromptEncoder
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.latents import LatentState, UNetInput, gather, scatter
from renderq_worker.engine.loras import denoiser_weights, lora_names
from renderq_worker.engine.noise_schedulers import NoiseScheduler, NoiseSchedulerFactory, set_timesteps
from renderq_worker.engine.tasks.prepare import prepare_latents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.unet_variant import UNetVariant
from renderq_worker.models import Placement, dtype_name
from renderq_worker.models.offload import load_placed

_PROBE_SIZE = 16
"""Latent pixels. Small, because small matrix products depend on the batch most, and cheap for large models."""


class StableDiffusion:
    """A loaded Stable Diffusion model."""

    force_upcast: ClassVar[bool] = False
    """Whether the stock pipelines respect the autoencoder's `force_upcast`; the upscaler's always does."""
    prompt_encoder: ClassVar[type[PromptEncoder]] = PromptEncoder

    def __init__(
        self,
        pipeline: StableDiffusionPipeline,
        revision: str,
        *,
        exact: bool,
        loras: Iterable[LoraEntry] = (),
        lora_memory_bytes: int = 0,
    ) -> None:
        """`exact`: prepare for batches that do not change any bit."""
        self._pipeline: Any = pipeline
        self._unet: Any = pipeline.unet
        self._prompts = self.prompt_encoder(pipeline)
        self._unet_variant = UNetVariant.from_channels(
            self._unet.config.in_channels, pipeline.vae.config.latent_channels
        )
        force_upcast = self.force_upcast or self._unet_variant is UNetVariant.UPSCALE
        device = self._pipeline._execution_device  # weights may be offloaded until they are used
        self._autoencoder = Autoencoder(pipeline, device, self._unet.dtype, force_upcast=force_upcast)
        self._schedulers = NoiseSchedulerFactory(cast(NoiseScheduler, pipeline.scheduler))
        self.revision = revision
        self.device = str(device)
        self.dtype = dtype_name(self._unet.dtype)
        self._is_guidance_distilled = self._unet.config.time_cond_proj_dim is not None
        self._linears = PerImageLinear(self._unet, exact=exact)
        self._loras = LoraAdapters(pipeline, loras, budget_bytes=lora_memory_bytes, on_change=self._linears.find_layers)
        self._check_components()
        self._exact = exact
        self._invariance_tracker = InvarianceTracker(self._probe(exact=exact))

    @classmethod
    def load(cls, entry: ModelEntry, placement: Placement, *, exact: bool, lora_memory_bytes: int = 0) -> Self:
        """Raises `ModelLoadFailed` for another kind of model or an unsupported UNet."""
        pipeline: Any = load_placed(entry, placement)
        with placement.device.tracked():
            return cls(pipeline, entry.revision, exact=exact, loras=entry.loras, lora_memory_bytes=lora_memory_bytes)

    @property
    def batch_invariance(self) -> BatchInvariance:
        return self._per_request_rows(self._invariance_tracker.probed)

    def batch_invariance_for(self, key: BatchKey) -> BatchInvariance:
        factor = self._autoencoder.vae_scale_factor
        return self._per_request_rows(
            self._invariance_tracker.invariance_for(
                (key.height // factor, key.width // factor, key.token_chunks, lora_names(key.loras))
            )
        )

    @property
    def invariance_checks(self) -> int:
        return self._invariance_tracker.count

    @property
    def rows_per_image(self) -> int:
        return 2

    @property
    def resident_loras(self) -> tuple[str, ...]:
        return self._loras.resident

    @property
    def tile_sample_size(self) -> int:
        return self._autoencoder.tile_sample_size

    @property
    def _has_safety_checker(self) -> bool:
        """The depth pipeline does not have the attribute."""
        return getattr(self._pipeline, "safety_checker", None) is not None

    def start_encoding(self, spec: GenerationSpec) -> PromptEncoding:
        """Raises `ClipSkipTooHigh` and `LoraLoadFailed`."""
        self._loras.load(spec.loras)
        guided = spec.sampling.guidance_scale > 1 and not self._is_guidance_distilled
        return self._prompts.start(spec, guided=guided)

    def encode(self, encoding: PromptEncoding) -> None:
        self._loras.activate_text_encoders(encoding.loras)
        encoding.advance(self._prompts.run)

    def prepare(
        self, spec: GenerationSpec, encoding: PromptEncoding | None = None, *, use_tiling: bool = False
    ) -> LatentState:
        """Encode the prompts, unless that is done, and prepare the latents, in the stock pipelines' order."""
        encoding, sampling = encoding or self.start_encoding(spec), spec.sampling
        while (prompts := encoding.result) is None:
            self.encode(encoding)
        scheduler = self._schedulers.create(sampling.scheduler, sampling.schedule)
        set_timesteps(scheduler, sampling.steps, self._autoencoder.device)
        generator = torch.Generator().manual_seed(spec.seed)
        with self._autoencoder.tiling(self._tile_size(spec.width, spec.height) if use_tiling else None):
            prepared = prepare_latents(
                self._unet_variant, PrepareContext(spec, self._pipeline, self._autoencoder, scheduler, generator)
            )
        return LatentState(
            prepared,
            embeddings=prompts.embeddings,
            added_cond_kwargs=self._added_cond_kwargs(spec, prompts),
            sampling=sampling,
            scheduler=scheduler,
            generator=generator,
            guidance_embedding=(
                self._guidance_embedding(sampling.guidance_scale) if self._is_guidance_distilled else None
            ),
            loras=denoiser_weights(spec.loras),
            token_chunks=prompts.embeddings.shape[1] // self._prompts.max_tokens,
        )

    def _check_components(self) -> None:
        """Raise `ModelLoadFailed` for components that do not belong together."""

    def _added_cond_kwargs(self, spec: GenerationSpec, prompts: EncodedPrompts) -> Mapping[str, Tensor] | None:
        """Return further inputs of the UNet by diffusers' names, each [rows, width]."""
        return None

    def predict(self, states: Sequence[LatentState]) -> tuple[Tensor, ...]:
        """Run one forward pass of the UNet, or one per tile; return each image's rows of the prediction.

        With exact batching, a batch of a new kind is also computed image by image.
        """
        loras = states[0].loras  # the same for all images of a batch
        self._loras.activate_denoiser(loras)
        if not self._exact:
            return self._predict(states)
        height, width = states[0].latents.shape[2:]
        return self._invariance_tracker.predict_checked(
            (height, width, states[0].token_chunks, lora_names(loras)),
            [state.rows for state in states],
            lambda indices: self._predict([states[index] for index in indices]),
        )

    def _predict(self, states: Sequence[LatentState]) -> tuple[Tensor, ...]:
        rows, images = gather(states), [state.rows for state in states]
        tiles = states[0].prepared.tiles  # the same for all images of a batch
        if tiles is None:
            return scatter(self._forward(rows, images), states)
        return scatter(tiles.merge(rows.sample, lambda tile: self._forward(rows.with_sample(tile), images)), states)

    def _forward(self, rows: UNetInput, images: Sequence[int]) -> Tensor:
        """Run the UNet; `images` are the rows of each image."""
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
        """Return a small image; None with a safety checker, which only works on finished images."""
        if self._has_safety_checker:
            return None
        return latents_to_preview(estimate, self._pipeline.vae)

    def decode(self, state: LatentState, *, use_tiling: bool = False) -> np.ndarray:
        """Decode to uint8 [height, width, 3]; black if the model's safety checker flags it."""
        tile_size = None if state.prepared.tiles is None else self.tile_sample_size
        height, width = (length * self._autoencoder.vae_scale_factor for length in state.latents.shape[2:])
        with self._autoencoder.tiling(self._tile_size(width, height) if use_tiling else tile_size):
            image = self._autoencoder.decode(state.latents)
        if self._has_safety_checker:
            image, [flagged], *_ = self._pipeline.run_safety_checker(image, image.device, state.embeddings.dtype)
            state.is_flagged = bool(flagged)
        denormalize = [not state.is_flagged]
        array = self._pipeline.image_processor.postprocess(image, output_type="np", do_denormalize=denormalize)[0]
        pixels = (array * 255).round().astype(np.uint8)
        return pixels if state.prepared.mask_overlay is None else state.prepared.mask_overlay.apply(pixels)

    def _tile_size(self, width: int, height: int) -> int:
        """Return the tile size in pixels: half of the image, because smaller tiles change more pixels."""
        return (
            math.ceil(max(width, height) / 2 / self._autoencoder.vae_scale_factor) * self._autoencoder.vae_scale_factor
        )

    def _guidance_embedding(self, scale: float) -> Tensor:
        """Return [1, width]: models distilled for LCM take the guidance scale as an input instead of a second row."""
        embedding = self._pipeline.get_guidance_scale_embedding(
            torch.tensor([scale - 1]), embedding_dim=self._unet.config.time_cond_proj_dim
        )
        return embedding.to(self._autoencoder.device, self._autoencoder.dtype)

    @torch.inference_mode()
    def _probe(self, *, exact: bool) -> BatchInvariance:
        """Measure batch invariance; make linear layers work image by image (slower) only if that preserves bits."""
        invariance = measure_invariance(self._probe_forward)
        if exact and not invariance.allows_mixing:
            self._linears.set_enabled(on=True)
            invariance = measure_invariance(self._probe_forward)
            self._linears.set_enabled(on=invariance != BatchInvariance())
        return invariance

    def _per_request_rows(self, invariance: BatchInvariance) -> BatchInvariance:
        """Convert to rows of requests: a distilled model computes one row per image, with or without guidance."""
        if self._is_guidance_distilled:
            return BatchInvariance(max(2, invariance.unguided_rows), invariance.unguided_rows)
        return invariance

    def _probe_forward(self, first: int, images: Sequence[int]) -> Tensor:
        """Run the UNet on fixed noise, at timesteps over the whole range."""
        config, autoencoder, generator = self._unet.config, self._autoencoder, torch.Generator().manual_seed(0)
        rows, size = slice(first, first + sum(images)), min(config.sample_size, _PROBE_SIZE)

        def noise(*shape: int) -> Tensor:
            return torch.randn(PROBED_ROWS, *shape, generator=generator)[rows].to(autoencoder.device, autoencoder.dtype)

        unet_input = UNetInput(
            sample=noise(config.in_channels, size, size),
            timestep=torch.linspace(999, 0, PROBED_ROWS, device=autoencoder.device)[rows],
            embeddings=noise(self._pipeline.tokenizer.model_max_length, config.cross_attention_dim),
            guidance_embedding=None,
            noise_level=torch.arange(PROBED_ROWS, device=autoencoder.device)[rows] if config.num_class_embeds else None,
            added_cond_kwargs=self._probe_cond_kwargs(noise),
        )
        return self._forward(unet_input, images)

    def _probe_cond_kwargs(self, noise: Callable[..., Tensor]) -> Mapping[str, Tensor] | None:
        """Return further inputs for the probe; `noise(width)` is [rows, width]."""
        return None

"""Denoiser: a small conditional UNet over 8×8×16 latents, and its noise schedule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from torch.nn.functional import max_pool2d
from transformers import CLIPTextModel

from renderq_worker.builtin.captions import caption
from renderq_worker.builtin.draw import IMAGE_SIZE, draw, draw_mask
from renderq_worker.builtin.layout import PlacedShape, arrange
from renderq_worker.builtin.scenes import Scene, sample_scene
from renderq_worker.builtin.text_encoder import BACKGROUND_CAPTION_RATE, TEXT_WIDTH, hidden_states, tokenize
from renderq_worker.builtin.tokenizer import build_tokenizer
from renderq_worker.builtin.training_loop import TrainingConfig
from renderq_worker.builtin.vae import LATENT_CHANNELS, LATENT_SIZE, encode, to_tensor

DATASET_STEPS = 500
_CHUNK = 64
_CAPTIONS_PER_IMAGE = 2
_EMPTY_CAPTION_RATE = 0.1
_OBJECT_WEIGHT = 2.0
_SNR_CAP = 5.0


def build_unet(text_width: int) -> UNet2DConditionModel:
    """Return an untrained UNet with 12.5 M parameters. At 8×8, attention would halve the training speed."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(96, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
    )


def build_scheduler() -> DDIMScheduler:
    """Return DDIM over 1000 training steps, v-prediction (Salimans & Ho, 2022).

    `steps_offset` has no effect with trailing timesteps; `StableDiffusionPipeline` requires 1.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


@dataclass(frozen=True)
class EncodedDataset:
    """Encoded training data in float16. Encoding each batch anew would cost a quarter of the training time."""

    latents: Tensor
    """[images, 16, 8, 8]"""
    objects: Tensor
    """Mask of latents with objects, [images, 1, 8, 8]."""
    captions: Tensor
    """Encoded captions, several per image, [images, captions, 32, 128]."""
    empty: Tensor
    """The encoded empty caption, [32, 128]."""


class Encoder:
    """The frozen autoencoder and text encoder, which encode scenes for the UNet."""

    def __init__(self, vae: AutoencoderKL, text_encoder: CLIPTextModel) -> None:
        self._vae = vae.eval()
        self._text_encoder = text_encoder.eval()
        self._tokenizer = build_tokenizer()

    def encode_dataset(self, rng: Random, size: int) -> EncodedDataset:
        """Draw and encode `size` scenes."""
        latents: list[Tensor] = []
        objects: list[Tensor] = []
        captions: list[Tensor] = []
        for _ in range(0, size, _CHUNK):
            scenes = [sample_scene(rng) for _ in range(_CHUNK)]
            layouts = [arrange(scene, rng) for scene in scenes]
            latents.append(self._encode_images(layouts, scenes))
            masks = torch.from_numpy(np.stack([np.asarray(draw_mask(things)) for things in layouts]))
            objects.append(max_pool2d((masks[:, None] > 0).float(), IMAGE_SIZE // LATENT_SIZE).half())
            texts = [
                caption(scene, rng, mention_background=rng.random() < BACKGROUND_CAPTION_RATE)
                for scene in scenes
                for _ in range(_CAPTIONS_PER_IMAGE)
            ]
            captions.append(self._encode_texts(texts).unflatten(0, (_CHUNK, _CAPTIONS_PER_IMAGE)))
        with torch.autocast("cpu", enabled=False):  # autocast cannot concatenate float16 tensors
            return EncodedDataset(
                torch.cat(latents), torch.cat(objects), torch.cat(captions), self._encode_texts([""])[0]
            )

    @torch.no_grad()
    def _encode_images(self, layouts: Sequence[Sequence[PlacedShape]], scenes: Sequence[Scene]) -> Tensor:
        images = [draw(things, scene.background) for things, scene in zip(layouts, scenes, strict=True)]
        with torch.autocast("cpu", torch.bfloat16):
            return encode(self._vae, to_tensor(images)).half()

    def _encode_texts(self, texts: list[str]) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return hidden_states(self._text_encoder, tokenize(self._tokenizer, texts)).half()


class UNetStage:
    """Learn to predict v. Loss weight min(1, 5 / (SNR + 1)) (Hang et al., 2023), times 3 for latents with objects."""

    name = "unet"

    def __init__(
        self,
        config: TrainingConfig,
        datasets: Callable[[int], EncodedDataset],
        model: UNet2DConditionModel | None = None,
    ) -> None:
        """`datasets` makes the nth dataset; each is used for `DATASET_STEPS` steps. Default model: an untrained one."""
        self.config = config
        self.model = model or build_unet(TEXT_WIDTH)
        # For sequences this short, fused attention is slower than two matrix products.
        self.model.set_attn_processor(AttnProcessor())
        self._datasets = lru_cache(maxsize=1)(datasets)
        self._signal = build_scheduler().alphas_cumprod

    def loss(self, rng: Random, step: int, /) -> tuple[Tensor, dict[str, float]]:
        dataset, batch = self._datasets(step // DATASET_STEPS), self.config.batch
        indices = [rng.randrange(len(dataset.latents)) for _ in range(batch)]
        text = dataset.captions[indices, [rng.randrange(_CAPTIONS_PER_IMAGE) for _ in indices]]
        text[torch.rand(batch) < _EMPTY_CAPTION_RATE] = dataset.empty
        latents = dataset.latents[indices].float()
        timesteps = ((torch.randperm(batch) + torch.rand(batch)) / batch * len(self._signal)).long()
        signal = self._signal[timesteps][:, None, None, None]
        noise = torch.randn_like(latents)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        predicted = self.model(noisy, timesteps, text.float(), return_dict=False)[0].float()
        error = (predicted - target).square()
        weight = (_SNR_CAP * (1 - signal)).clamp(max=1)
        focus = 1 + _OBJECT_WEIGHT * dataset.objects[indices].float()
        loss = (error * weight * focus).mean()
        return loss, {"loss": loss.item(), "error": error.detach().mean().item()}

"""The denoiser: a small conditional UNet over 8×8×16 latents, and its noise schedule."""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn.functional import max_pool2d
from transformers import CLIPTextModel

from renderq_worker.builtin.captions import caption
from renderq_worker.builtin.draw import SIDE, draw, draw_mask
from renderq_worker.builtin.fit import Recipe
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import Scene, sample_scene
from renderq_worker.builtin.text_encoder import GROUND_SAID, tokenize
from renderq_worker.builtin.tokenizer import build_tokenizer
from renderq_worker.builtin.vae import LATENT_CHANNELS, encode, to_tensor

LATENT_SIDE = SIDE // 8
_EMPTY_CAPTIONS = 0.1
_OBJECT_WEIGHT = 2.0
_SNR_CAP = 5.0


def build_unet(text_width: int) -> UNet2DConditionModel:
    """12.5 M parameters. Attention only at 4×4 and 2×2: at 8×8 it halves the speed of training."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
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
    """DDIM over 1000 training steps, v-prediction (Salimans & Ho, 2022).

    `steps_offset` has no effect with trailing timesteps; 1 is what `StableDiffusionPipeline` insists on.
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


@dataclass(frozen=True, slots=True)
class Gallery:
    """Encoded training pictures: latents [n, 16, 8, 8] and where objects are [n, 1, 8, 8], both of 16 bits."""

    scenes: list[Scene]
    latents: Tensor
    objects: Tensor


@torch.no_grad()
def encode_gallery(vae: AutoencoderKL, rng: Random, size: int) -> Gallery:
    """Draw `size` scenes and encode them once: encoding each batch afresh would cost a fifth of the training time."""
    scenes = [sample_scene(rng) for _ in range(size)]
    latents: list[Tensor] = []
    objects: list[Tensor] = []
    for start in range(0, size, 64):
        part = scenes[start : start + 64]
        layouts = [arrange(scene, rng) for scene in part]
        pictures = to_tensor([draw(things, scene.ground) for things, scene in zip(layouts, part, strict=True)])
        masks = torch.from_numpy(np.stack([np.asarray(draw_mask(things)) for things in layouts]))
        with torch.autocast("cpu", torch.bfloat16):
            latents.append(encode(vae, pictures).half())
        objects.append(max_pool2d((masks[:, None] > 0).float(), 8).half())
    return Gallery(scenes, torch.cat(latents), torch.cat(objects))


class UNetStage:
    """Learn to predict v. Loss weight min(1, 5 / (SNR + 1)) (Hang et al., 2023), latents of objects count threefold."""

    name = "unet"

    def __init__(self, recipe: Recipe, text_encoder: CLIPTextModel, gallery: Gallery) -> None:
        self.recipe = recipe
        self.model = build_unet(text_encoder.config.hidden_size)
        self._text_encoder = text_encoder
        self._tokenizer = build_tokenizer()
        self._gallery = gallery
        self._signal = build_scheduler().alphas_cumprod

    def loss(self, rng: Random, batch: int) -> tuple[Tensor, dict[str, float]]:
        chosen = [rng.randrange(len(self._gallery.scenes)) for _ in range(batch)]
        text = self._encode([self._caption(self._gallery.scenes[index], rng) for index in chosen])
        latents = self._gallery.latents[chosen].float()
        timesteps = ((torch.randperm(batch) + torch.rand(batch)) / batch * len(self._signal)).long()
        signal = self._signal[timesteps][:, None, None, None]
        noise = torch.randn_like(latents)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        predicted = self.model(noisy, timesteps, text, return_dict=False)[0].float()
        error = (predicted - target).square()
        weight = (_SNR_CAP * (1 - signal)).clamp(max=1)
        focus = 1 + _OBJECT_WEIGHT * self._gallery.objects[chosen].float()
        loss = (error * weight * focus).mean()
        return loss, {"loss": loss.item(), "error": error.detach().mean().item()}

    def _caption(self, scene: Scene, rng: Random) -> str:
        if rng.random() < _EMPTY_CAPTIONS:
            return ""
        return caption(scene, rng, say_ground=rng.random() < GROUND_SAID)

    @torch.no_grad()
    def _encode(self, captions: list[str]) -> Tensor:
        return self._text_encoder(input_ids=tokenize(self._tokenizer, captions)).last_hidden_state

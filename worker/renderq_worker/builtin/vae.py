"""Autoencoder: 64×64×3 images to 8×8×16 latents and back.

An 8× autoencoder learns slowly from scratch, so it is grown from a 4× one by one more inner block.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from renderq_worker.builtin.draw import IMAGE_SIZE, draw, draw_mask
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import Kind, sample_scene
from renderq_worker.builtin.training_loop import TrainingConfig

LATENT_CHANNELS = 16
LATENT_SIZE = 8
CHANNELS_4X = (16, 32, 64)
CHANNELS_8X = (16, 32, 64, 64)
_MIX: dict[Kind, float] = {"one": 0.3, "two": 0.2, "count": 0.1, "groups": 0.4}
_OBJECT_WEIGHT = 4.0
_EDGE_WEIGHT = 2.0
_KL_WEIGHT = 1e-6
_DENOISER_ERROR = 0.1
"""Standard deviation of the noise added to the latents, relative to theirs."""


def build_vae(channels: tuple[int, ...] = CHANNELS_8X, norm_groups: int = 16) -> AutoencoderKL:
    """Return an AutoencoderKL with downsampling 2^(len(channels) - 1); the last convolution of each resnet is zero."""
    config: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
        "block_out_channels": channels,
        "layers_per_block": 1,
        "latent_channels": LATENT_CHANNELS,
        "norm_num_groups": norm_groups,
        "sample_size": LATENT_SIZE * 2 ** (len(channels) - 1),
        "scaling_factor": 1.0,
        "force_upcast": False,
        "mid_block_add_attention": False,
    }
    vae = AutoencoderKL(**config)
    for name, module in vae.named_modules():
        if name.endswith("conv2") and isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    _init_log_variance(vae)
    return vae


@torch.no_grad()
def _init_log_variance(vae: AutoencoderKL) -> None:
    """Initialize the latent deviation to e^-3: with unit noise, the decoder would learn to ignore the latents."""
    quant, _ = _latent_convolutions(vae)
    nn.init.zeros_(quant.weight[LATENT_CHANNELS:])
    nn.init.constant_(quant.bias[LATENT_CHANNELS:], -6.0)


def _latent_convolutions(vae: AutoencoderKL) -> tuple[Any, Any]:
    """Return the 1×1 convolutions before and after the latents: 32 channels (mean, log variance) and 16."""
    return vae.quant_conv, vae.post_quant_conv


def grow(small: AutoencoderKL) -> AutoencoderKL:
    """Return an 8× autoencoder with the outer blocks of a trained 4× one."""
    large = build_vae(CHANNELS_8X)
    outer = len(CHANNELS_4X)
    large.encoder.conv_in.load_state_dict(small.encoder.conv_in.state_dict())
    for index in range(outer):
        large.encoder.down_blocks[index].load_state_dict(small.encoder.down_blocks[index].state_dict(), strict=False)
        large.decoder.up_blocks[index + 1].load_state_dict(small.decoder.up_blocks[index].state_dict())
    for part in ("conv_norm_out", "conv_out"):
        large.decoder.get_submodule(part).load_state_dict(small.decoder.get_submodule(part).state_dict())
    return large


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """Convert RGB images to [images, 3, height, width] within [-1, 1]."""
    stacked = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).div(127.5).sub(1).contiguous()


def to_images(batch: Tensor) -> list[Image.Image]:
    """Return decoded pixels of shape (n, 3, h, w), -1 to 1, as images."""
    levels = batch.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    return [Image.fromarray(np.asarray(image)) for image in levels]


class VAEStage:
    """Learn to reconstruct drawn images.

    The loss is the absolute plus the squared error, with objects and their surroundings weighted five times as much as
    the background, plus the squared error of the differences between neighboring pixels, which keeps edges sharp, plus
    a very small KL divergence, which bounds the latents. Random crops of `crop_size` pixels cost less than whole images
    and train a convolutional network nearly as well. With `encoder_frozen`, only the decoder is trained, on latents
    with noise like a denoiser's error.
    """

    def __init__(
        self,
        name: str,
        config: TrainingConfig,
        vae: AutoencoderKL,
        *,
        crop_size: int = IMAGE_SIZE,
        encoder_frozen: bool = False,
    ) -> None:
        self.name = name
        self.config = config
        self.model = vae
        if encoder_frozen:
            vae.encoder.requires_grad_(False)
            _latent_convolutions(vae)[0].requires_grad_(False)
        self._encoder_frozen = encoder_frozen
        self._crop_size = crop_size

    def loss(self, rng: Random, _step: int, /) -> tuple[Tensor, dict[str, float]]:
        scenes = [sample_scene(rng, _MIX) for _ in range(self.config.batch)]
        layouts = [arrange(scene, rng) for scene in scenes]
        images = to_tensor([draw(things, scene.background) for things, scene in zip(layouts, scenes, strict=True)])
        masks = np.stack([np.asarray(draw_mask(things)) for things in layouts])
        object_mask = max_pool2d((torch.from_numpy(masks)[:, None] > 0).float(), 5, stride=1, padding=2)
        y, x = rng.randint(0, IMAGE_SIZE - self._crop_size), rng.randint(0, IMAGE_SIZE - self._crop_size)
        images, object_mask = (
            maps[:, :, y : y + self._crop_size, x : x + self._crop_size] for maps in (images, object_mask)
        )
        mean, log_variance = self._posterior(images)
        noise = torch.randn_like(mean)
        if self._encoder_frozen:
            sample = mean + _DENOISER_ERROR * mean.std(dim=(0, 2, 3), keepdim=True) * noise
        else:
            sample = mean + (0.5 * log_variance).exp() * noise
        output = self.model.decoder(_latent_convolutions(self.model)[1](sample))
        error = output.float() - images
        weights = 1 + _OBJECT_WEIGHT * object_mask
        pixels = ((error.abs() + error.square()) * weights).mean()
        edges = error.diff(dim=-1).square().mean() + error.diff(dim=-2).square().mean()
        divergence = 0.5 * (mean.float().square() + log_variance.float().exp() - 1 - log_variance.float()).mean()
        loss = pixels + _EDGE_WEIGHT * edges + _KL_WEIGHT * divergence
        psnr = -10 * torch.log10(error.detach().square().mean() / 4).item()
        return loss, {"loss": loss.item(), "psnr": psnr, "kl": divergence.item()}

    def _posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents."""
        mean, log_variance = _latent_convolutions(self.model)[0](self.model.encoder(images)).chunk(2, dim=1)
        return mean, log_variance


@torch.no_grad()
def encode(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Return the mean latents, [images, 16, 8, 8]."""
    return _latent_convolutions(vae)[0](vae.encoder(images)).chunk(2, dim=1)[0]


@torch.no_grad()
def standardize(vae: AutoencoderKL, images: Tensor) -> None:
    """Fold the latents' mean and deviation per channel, measured on `images`, into the 1×1 convolutions.

    Afterwards the latents have mean 0 and deviation 1, so that `scaling_factor` is 1.
    """
    latents = torch.cat([encode(vae, part) for part in images.split(64)])
    mean, deviation = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    quant, post_quant = _latent_convolutions(vae)
    quant.weight[:LATENT_CHANNELS] /= deviation[:, None, None, None]
    quant.bias[:LATENT_CHANNELS] = (quant.bias[:LATENT_CHANNELS] - mean) / deviation
    quant.bias[LATENT_CHANNELS:] -= 2 * deviation.log()
    post_quant.bias += (post_quant.weight[:, :, 0, 0] * mean).sum(dim=1)
    post_quant.weight *= deviation[None, :, None, None]


def standardized(vae: AutoencoderKL) -> AutoencoderKL:
    """Standardize the latents of `vae` on sampled scenes; return `vae`."""
    rng = Random("latent statistics")
    scenes = [sample_scene(rng, _MIX) for _ in range(1024)]
    standardize(vae, to_tensor([draw(arrange(scene, rng), scene.background) for scene in scenes]))
    return vae

"""Training stages of the 256 px autoencoder. The 64 px autoencoder gives the latents; the UNet is not needed."""

from collections.abc import Sequence
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, max_pool2d

from renderq_worker.builtin.draw import draw, draw_mask
from renderq_worker.builtin.group_norms import match_group_norms
from renderq_worker.builtin.layout import PlacedShape, arrange
from renderq_worker.builtin.scene_fields import FIELD_CHANNELS, FIELD_SIZE, scene_fields
from renderq_worker.builtin.scenes import DEFAULT_MIX, Scene, sample_scene
from renderq_worker.builtin.training_loop import TrainingConfig
from renderq_worker.builtin.vae import build_vae, encode, to_tensor
from renderq_worker.builtin.vae_256 import (
    build_vae_256,
    edge_distances,
    freeze_constant_channels,
    init_decoder,
    init_encoder,
    render_features,
    trunk_features,
)

SIZE = 256
OUTER_RATE_FACTORS = {
    "decoder.up_blocks.3.upsamplers": 0.025,
    "decoder.up_blocks.4.upsamplers": 0.025,
    "decoder.conv_norm_out": 0.025,
    "decoder.conv_out": 0.025,
    "decoder.up_blocks.4": 0.25,
    "decoder.up_blocks.5": 0.25,
}
"""The outer blocks already render well; the linear path through them tolerates the smallest steps only."""
_NOISE = 0.3
"""Largest standard deviation of the noise added to the latents, relative to theirs; each image has its own."""
CROP = 24
"""Width and height of the part of the features that is rendered in a step of the decoder."""
_CROP_MARGIN = 8
"""Pixels along a crop's inner sides without loss: the image beyond them is missing."""
_BORDER = 6
"""Pixels along the image's sides that count more: the convolutions see zeros beyond them."""
_NEAR_EDGES = 13
_CROPS_EVERY = 2
MASK_WEIGHT = 4.0
_MASK_HARDNESS = 1.2
"""Logit per pixel of distance."""
_CROP_GRADIENT = 0.1
"""Fraction of the crops' gradient that reaches the trunk, which learns from the fields of whole images as well."""


class FieldDecoder(nn.Module):
    """An autoencoder and a readout of the fields from its decoder's features, [images, 16, 64, 64]."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae
        self.readout = nn.Conv2d(16, FIELD_CHANNELS, 1)
        vae.encoder.requires_grad_(False)
        vae.get_submodule("quant_conv").requires_grad_(False)

    def features(self, latents: Tensor) -> Tensor:
        return trunk_features(self.vae, latents)


def with_one_group(small: AutoencoderKL) -> AutoencoderKL:
    """Return a copy of the 64 px autoencoder with one group per normalization, adapted on drawn scenes."""
    adapted = build_vae(norm_groups=1)
    adapted.load_state_dict(small.state_dict())
    images = draw_images(*sample_layouts(Random("group norms"), 48), FIELD_SIZE)
    latents = small.get_submodule("post_quant_conv")(encode(small, images))
    match_group_norms(adapted.decoder, small.decoder, latents)
    match_group_norms(adapted.encoder, small.encoder, images)
    return adapted


def sample_layouts(rng: Random, number: int) -> tuple[list[Scene], list[tuple[PlacedShape, ...]]]:
    scenes = [sample_scene(rng, DEFAULT_MIX) for _ in range(number)]
    return scenes, [arrange(scene, rng) for scene in scenes]


def draw_images(scenes: Sequence[Scene], layouts: Sequence[Sequence[PlacedShape]], size: int) -> Tensor:
    """Return [images, 3, size, size] within [-1, 1]."""
    return to_tensor([draw(things, scene.background, size) for things, scene in zip(layouts, scenes, strict=True)])


def field_loss(output: Tensor, target: Tensor) -> Tensor:
    """Return the error of the fields; a color counts on its own side of the edges, four times as much near them."""
    error, distance = (output - target).abs(), target[:, 6:]
    near = (distance.abs() < 0.99).float()
    outer = 0.1 + (distance < 0.4).float() * (1 + 3 * near)
    inner = 0.1 + (distance > -0.4).float() * (1.5 + 4.5 * near)
    colors = error[:, :6] + 0.5 * error[:, :6].square()
    return (colors[:, :3] * outer).mean() + (colors[:, 3:] * inner).mean() + (error[:, 6:] * (0.2 + 3 * near)).mean()


def mask_loss(distances: Tensor, layouts: Sequence[Sequence[PlacedShape]]) -> Tensor:
    """Return the cross-entropy of a soft mask, which moves edges and sharpens corners from afar."""
    masks = np.stack([np.asarray(draw_mask(things, SIZE), dtype=np.float32) for things in layouts])
    return binary_cross_entropy_with_logits(_MASK_HARDNESS * distances, torch.from_numpy(masks)[:, None] / 255)


def pixel_loss(vae: AutoencoderKL, features: Tensor, images: Tensor, rng: Random) -> Tensor:
    """Return the error of a rendered crop of each image; four times as much near edges and at the image's border.

    The absolute error, whose optimum at an uncertain edge is one of both colors, plus a quarter of the squared error.
    """
    near = max_pool2d(edges(images), _NEAR_EDGES, 1, _NEAR_EDGES // 2)
    crops = [edge_crop(edge, rng) for edge in edges(images)[:, 0, ::4, ::4]]
    targets, nearness = (cut(maps, crops, scale=4) for maps in (images, near))
    weight = crop_weights(crops) * (1 + 3 * nearness)
    error = render_features(vae, cut(features, crops)) - targets
    return ((error.abs() + 0.25 * error.square()) * weight).sum() / (3 * weight.sum())


class FieldsStage:
    """Learn to give the fields of a scene from its latents: the trunk of the 256 px decoder, at 64×64."""

    name = "fields"

    def __init__(self, config: TrainingConfig, small: AutoencoderKL) -> None:
        self.config = config
        self.model = FieldDecoder(with_one_group(small))
        self._small = small.requires_grad_(False)

    def loss(self, rng: Random, _step: int, /) -> tuple[Tensor, dict[str, float]]:
        scenes, layouts = sample_layouts(rng, self.config.batch)
        latents = noisy_latents(self._small, draw_images(scenes, layouts, FIELD_SIZE))
        loss = field_loss(self.model.readout(self.model.features(latents)), scene_fields(scenes, layouts))
        return loss, {"loss": loss.item()}


class Decoder256Stage:
    """Learn to draw 256 px: fields and masks of whole images, every second step also the pixels of a crop of each."""

    name = "decoder_256"

    def __init__(self, config: TrainingConfig, small: AutoencoderKL, fields: FieldDecoder) -> None:
        self.config = config
        self._small = small.requires_grad_(False)
        self.model = FieldDecoder(build_vae_256())
        self.model.readout.load_state_dict(fields.readout.state_dict())
        latents = encode(small, draw_images(*sample_layouts(Random("deviation"), 24), FIELD_SIZE))
        init_decoder(self.model.vae, fields.vae, self.model.readout, latents)
        freeze_constant_channels(self.model.vae)

    def loss(self, rng: Random, step: int, /) -> tuple[Tensor, dict[str, float]]:
        scenes, layouts = sample_layouts(rng, self.config.batch)
        features = self.model.features(noisy_latents(self._small, draw_images(scenes, layouts, FIELD_SIZE)))
        loss = 0.5 * field_loss(self.model.readout(features), scene_fields(scenes, layouts))
        loss = loss + MASK_WEIGHT * mask_loss(edge_distances(self.model.vae, features), layouts)
        if step % _CROPS_EVERY == 0:
            damped = features.detach() + _CROP_GRADIENT * (features - features.detach())
            loss = loss + pixel_loss(self.model.vae, damped, draw_images(scenes, layouts, SIZE), rng)
        return loss, {"loss": loss.item()}


class Encoder256Stage:
    """Learn to give the latents of the 64 px encoder: the squared and a tenth of the absolute error.

    Three of ten batches have random colors and soft edges, like images that the code did not draw.
    """

    name = "encoder_256"

    def __init__(self, config: TrainingConfig, small: AutoencoderKL, decoder: FieldDecoder) -> None:
        self.config = config
        self._small = small.requires_grad_(False)
        self.model = decoder.vae.requires_grad_(False)
        self.model.encoder.requires_grad_(True)
        self.model.get_submodule("quant_conv").requires_grad_(True)
        images = draw_images(*sample_layouts(Random("first convolution"), 8), SIZE)
        init_encoder(self.model, small, with_one_group(small), images)

    def loss(self, rng: Random, _step: int, /) -> tuple[Tensor, dict[str, float]]:
        images = draw_images(*sample_layouts(rng, self.config.batch), SIZE)
        if rng.random() < 0.3:
            images = _recolored(images, rng.choice((3, 5, 9)))
        target = encode(self._small, avg_pool2d(images, 4))
        posterior = self.model.get_submodule("quant_conv")(self.model.encoder(images))
        error = posterior.chunk(2, dim=1)[0] - target
        loss = error.square().mean() + 0.1 * error.abs().mean()
        return loss, {"loss": loss.item(), "rms": error.detach().square().mean().sqrt().item()}


def noisy_latents(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Return the latents of `images` with noise like a denoiser's error."""
    latents = encode(vae, images)
    return latents + _NOISE * torch.rand(len(latents), 1, 1, 1) * torch.randn_like(latents)


def edges(images: Tensor) -> Tensor:
    """Return 1 where neighbors differ by more than 13 levels of 255, else 0, [images, 1, height, width]."""
    contrast = max_pool2d(images, 3, 1, 1) + max_pool2d(-images, 3, 1, 1)
    return (contrast.amax(dim=1, keepdim=True) > 0.1).float()


def edge_crop(edge: Tensor, rng: Random) -> tuple[int, int]:
    """Choose the top left corner of a crop of the features, in four of five cases so that it contains an edge."""
    points = edge.nonzero()
    if not len(points) or rng.random() > 0.8:
        return any_crop(rng)
    y, x = points[rng.randrange(len(points))].tolist()
    return _crop_around(y + rng.randint(-8, 8), x + rng.randint(-8, 8))


def any_crop(rng: Random) -> tuple[int, int]:
    """Choose the top left corner of a crop of the features, around a point that may be anywhere."""
    return _crop_around(rng.randrange(FIELD_SIZE), rng.randrange(FIELD_SIZE))


def cut(maps: Sequence[Tensor] | Tensor, crops: Sequence[tuple[int, int]], scale: int = 1) -> Tensor:
    """Return the crop of each of `maps`, whose resolution is `scale` times that of the features."""
    width = CROP * scale
    corners = [(y * scale, x * scale) for y, x in crops]
    return torch.stack([part[:, y : y + width, x : x + width] for part, (y, x) in zip(maps, corners, strict=True)])


def crop_weights(crops: Sequence[tuple[int, int]]) -> Tensor:
    """Return how much the pixels of each crop count, [crops, 1, 96, 96].

    Not at all within `_CROP_MARGIN` of the sides that are not the image's, four times within `_BORDER` of the others.
    """
    weights = torch.ones(len(crops), 1, 4 * CROP, 4 * CROP)
    for weight, corner in zip(weights[:, 0], crops, strict=True):
        for part, at in zip((weight, weight.T), corner, strict=True):
            for inner, margin, border in (
                (at > 0, slice(None, _CROP_MARGIN), slice(None, _BORDER)),
                (at < FIELD_SIZE - CROP, slice(-_CROP_MARGIN, None), slice(-_BORDER, None)),
            ):
                if inner:
                    part[margin] = 0
                else:
                    part[border] *= 4
    return weights


def _crop_around(y: int, x: int) -> tuple[int, int]:
    last = FIELD_SIZE - CROP
    return min(max(y - CROP // 2, 0), last), min(max(x - CROP // 2, 0), last)


def _recolored(images: Tensor, blur: int) -> Tensor:
    """Scale and shift the colors of each image at random, and blur by `blur` px."""
    count = len(images)
    changed = (images * torch.rand(count, 3, 1, 1) + 0.5 * torch.randn(count, 3, 1, 1)).clamp(-1, 1)
    padded = nn.functional.pad(changed, (blur // 2,) * 4, mode="replicate")
    return avg_pool2d(padded, blur, stride=1)

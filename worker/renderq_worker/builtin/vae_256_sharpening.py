"""Last training stage of the 256 px decoder: on generated latents, it draws what their scene should look like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from renderq_worker.builtin.adherence import compare
from renderq_worker.builtin.captions import plain_caption
from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.evaluate import GUIDANCE_SCALE, STEPS
from renderq_worker.builtin.layout import PlacedShape
from renderq_worker.builtin.scene_fields import FIELD_SIZE, color_levels
from renderq_worker.builtin.scenes import DEFAULT_MIX, Scene, sample_scene
from renderq_worker.builtin.shape_classifier import Classification, classify
from renderq_worker.builtin.training_loop import TrainingConfig
from renderq_worker.builtin.vae import to_images
from renderq_worker.builtin.vae_256 import edge_distances, freeze_constant_channels, render_features, trunk_features
from renderq_worker.builtin.vae_256_training import (
    MASK_WEIGHT,
    SIZE,
    any_crop,
    crop_weights,
    cut,
    draw_images,
    mask_loss,
    noisy_latents,
    pixel_loss,
    sample_layouts,
)

_NOISE = 0.1
"""Standard deviation of the noise added to generated latents, relative to theirs, so that few of them suffice."""
_COLOR_WEIGHT = 0.5
_BATCH = 16
_FIT_SIZE = 128
"""Width and height at which drawings are compared with generated images."""


@dataclass(frozen=True)
class GeneratedScene:
    """What the UNet made of a caption, and the nearest drawing."""

    latents: Tensor
    """[16, 8, 8]"""
    scene: Scene
    layout: tuple[PlacedShape, ...]


class Sharpen256Stage:
    """Learn from drawn and, every second step, from generated scenes.

    Generated latents are not those of any drawing. The decoder learns to give the drawing that is nearest to what it
    gave before, with the shapes of the caption, and to give no mixture of two colors of the scene.
    """

    name = "sharpen_256"

    def __init__(
        self, config: TrainingConfig, small: AutoencoderKL, vae: AutoencoderKL, generated: Sequence[GeneratedScene]
    ) -> None:
        self.config = config
        self.model = vae
        vae.encoder.requires_grad_(False)
        vae.get_submodule("quant_conv").requires_grad_(False)
        freeze_constant_channels(vae)
        self._small = small.requires_grad_(False)
        self._generated = generated

    def loss(self, rng: Random, step: int, /) -> tuple[Tensor, dict[str, float]]:
        if step % 2:
            scenes, layouts = sample_layouts(rng, self.config.batch)
            latents = noisy_latents(self._small, draw_images(scenes, layouts, FIELD_SIZE))
        else:
            chosen = rng.sample(self._generated, self.config.batch)
            scenes, layouts = [one.scene for one in chosen], [one.layout for one in chosen]
            latents = torch.stack([one.latents for one in chosen])
            latents = latents + _NOISE * torch.randn_like(latents)
        features = trunk_features(self.model, latents)
        loss = MASK_WEIGHT * mask_loss(edge_distances(self.model, features), layouts)
        loss = loss + pixel_loss(self.model, features, draw_images(scenes, layouts, SIZE), rng)
        loss = loss + _COLOR_WEIGHT * self._color_loss(features, scenes, rng)
        return loss, {"loss": loss.item()}

    def _color_loss(self, features: Tensor, scenes: Sequence[Scene], rng: Random) -> Tensor:
        crops = [any_crop(rng) for _ in scenes]
        images = render_features(self.model, cut(features, crops))
        distances = [to_nearest_color(image, scene) for image, scene in zip(images, scenes, strict=True)]
        weights = crop_weights(crops)[:, 0]
        return (torch.stack(distances) * weights).sum() / weights.sum()


def to_nearest_color(image: Tensor, scene: Scene) -> Tensor:
    """Return the mean absolute difference of each pixel to the nearest color of the scene, [height, width]."""
    names = (scene.background, *(group.color for group in scene.groups))
    colors = torch.stack([color_levels(name) for name in names])
    return (image[None] - colors[:, :, None, None]).abs().mean(dim=1).amin(dim=0)


@torch.no_grad()
def generate_scenes(pipeline: StableDiffusionPipeline, number: int) -> Iterator[GeneratedScene]:
    """Yield at least `number` scenes that `pipeline` shows rightly in everything but perhaps their shapes."""
    rng, found = Random("generated scenes"), 0
    while found < number:
        scenes = [sample_scene(rng, DEFAULT_MIX) for _ in range(_BATCH)]
        result: Any = pipeline(
            prompt=[plain_caption(scene) for scene in scenes],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE_SCALE,
            generator=torch.Generator().manual_seed(rng.randrange(2**32)),
            output_type="latent",
        )
        images = to_images(pipeline.vae.decode(result.images).sample)
        for scene, image, latents in zip(scenes, images, result.images, strict=True):
            seen = classify(image)
            shapes = {group.color: group.shape for group in scene.groups}
            if replace(compare(scene, seen), shape=True).everything and len(shapes) == len(scene.groups):
                found += 1
                objects = tuple(replace(thing, shape=shapes[thing.color]) for thing in seen.objects)
                yield GeneratedScene(latents, scene, nearest_drawing(image, replace(seen, objects=objects)))


def nearest_drawing(image: Image.Image, seen: Classification) -> tuple[PlacedShape, ...]:
    """Return the layout of the objects seen in a square image whose drawing differs least from it, by hill climbing."""
    wanted = np.asarray(image.resize((_FIT_SIZE, _FIT_SIZE), Image.Resampling.BOX), dtype=np.float32)
    layout = [PlacedShape(thing.shape, thing.color, thing.x, thing.y, thing.size) for thing in seen.objects]

    def error(layout: Sequence[PlacedShape]) -> float:
        drawn = np.asarray(draw(layout, seen.background, _FIT_SIZE), dtype=np.float32)
        return float(np.abs(drawn - wanted).mean())

    for stride in (3 / _FIT_SIZE, 1 / _FIT_SIZE, 1 / 3 / _FIT_SIZE):
        while error(nearest := min(_moved(layout, stride), key=error)) < error(layout):
            layout = nearest
    return tuple(layout)


def _moved(layout: Sequence[PlacedShape], stride: float) -> Iterator[list[PlacedShape]]:
    """Yield the layouts in which one coordinate or size of one object differs by `stride`."""
    for index, field, step in product(range(len(layout)), ("x", "y", "size"), (stride, -stride)):
        moved = replace(layout[index], **{field: getattr(layout[index], field) + step})
        yield [*layout[:index], moved, *layout[index + 1 :]]

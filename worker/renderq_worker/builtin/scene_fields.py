"""Fields of a scene: the colors on both sides of each edge and the distance to it, from which its image follows.

The image is `outer color + step(distance) × (inner color - outer color)`. An enlarged image has blurred edges; an
image from enlarged fields has sharp ones.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad, unfold

from renderq_worker.builtin.draw import draw_mask
from renderq_worker.builtin.layout import PlacedShape
from renderq_worker.builtin.scenes import COLORS, Scene

FIELD_CHANNELS = 7
"""Outer color (3), inner color (3), signed distance to the nearest edge, positive inside an object (1)."""
FIELD_SIZE = 64
REACH = 8
"""Distance at which the field ends, in pixels of an image of 256 px: it is -1 outside and 1 inside from there on."""
_PIXELS = 4
"""Pixels of an image of 256 px along one side of a field's cell."""


def scene_fields(scenes: Sequence[Scene], layouts: Sequence[Sequence[PlacedShape]]) -> Tensor:
    """Return the fields of each scene, [scenes, 7, 64, 64], all within [-1, 1]."""
    return torch.stack([_fields(scene, things) for scene, things in zip(scenes, layouts, strict=True)])


def color_levels(name: str) -> Tensor:
    """Return a color of the palette, [3] within [-1, 1]."""
    return torch.tensor(COLORS[name]) / 127.5 - 1


def _fields(scene: Scene, things: Sequence[PlacedShape]) -> Tensor:
    """Return the fields of one scene; further than `REACH` from an edge, both colors are the image's own."""
    background = color_levels(scene.background)[:, None, None].expand(3, FIELD_SIZE, FIELD_SIZE)
    objects, distances = _nearest_colors(things), _distances(things)
    outer, inner = torch.where(distances >= 1, objects, background), torch.where(distances > -1, objects, background)
    return torch.cat([outer, inner, distances])


def _nearest_colors(things: Sequence[PlacedShape]) -> Tensor:
    """Return the color of the object with the nearest bounding box, [3, 64, 64]."""
    centers = (torch.arange(FIELD_SIZE) + 0.5) / FIELD_SIZE
    distances = [
        torch.maximum((centers[None] - thing.x).abs(), (centers[:, None] - thing.y).abs()) - thing.size / 2
        for thing in things
    ]
    colors = torch.stack([color_levels(thing.color) for thing in things])
    return colors[torch.stack(distances).argmin(dim=0)].permute(2, 0, 1)


def _distances(things: Sequence[PlacedShape]) -> Tensor:
    """Return the distance of each cell's center to the nearest pixel on the other side of an edge, [1, 64, 64]."""
    mask = torch.from_numpy(np.asarray(draw_mask(things, FIELD_SIZE * _PIXELS)) >= 128).float()
    width, margin = 2 * REACH, REACH - _PIXELS // 2
    offsets = torch.arange(width) + 0.5 - REACH
    lengths = torch.hypot(offsets[:, None], offsets[None]).flatten()[:, None]
    inside = unfold(pad(mask[None, None], (margin,) * 4), width, stride=_PIXELS)[0] > 0
    to_inside, to_outside = (
        torch.where(side, lengths, REACH + 1).amin(dim=0).view(1, FIELD_SIZE, FIELD_SIZE) for side in (inside, ~inside)
    )
    return ((to_outside - to_inside) / REACH).clamp(-1, 1)

"""Autoencoder of 256 px images with the latents of the 64 px autoencoder, 8×8×16: two more blocks on both sides.

Its group normalizations have one group: with a group per channel, an area could not keep its color. The decoder's
trunk, up to 64×64 features, gives the fields of a scene linearly; the two outer blocks start as an exact renderer of
these fields, and training refines all of it. The encoder starts as a box filter before the 64 px encoder.
"""

from typing import Any, cast

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad, unfold

from renderq_worker.builtin.scene_fields import FIELD_CHANNELS, REACH
from renderq_worker.builtin.vae import build_vae

CHANNELS_32X = (16, 16, 16, 32, 64, 64)
_TRUNK_BLOCKS = 4
_OUTER_BLOCKS = (4, 5)
_WIDTH = 16
_COLORS = slice(0, 6)
"""Channels of the outer blocks: the outer color and its negative."""
_EDGES = slice(6, 12)
"""x + contrast / 2 and x - contrast / 2 per color, with x = `_SLOPE` × distance and contrast = inner - outer color."""
CONSTANT = slice(12, 16)
"""Two channels that make the mean of all channels zero, and ± `_BALLAST`, beside which their deviation is constant."""
_BALLAST = 64.0
_SLOPE = 16.0
_EDGE_SCALE = 0.5
_HARDNESS = 8.0
"""SiLU(8 x) / 8 stands for ReLU(x)."""


def build_vae_256() -> AutoencoderKL:
    """Return an untrained AutoencoderKL for 256 px."""
    return build_vae(CHANNELS_32X, norm_groups=1)


def trunk_features(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Return the features before the outer blocks, [images, 16, 64, 64]."""
    decoder = _decoder(vae)
    features = decoder.mid_block(decoder.conv_in(_post_quant(vae)(latents)))
    for block in decoder.up_blocks[: _TRUNK_BLOCKS - 1]:
        features = block(features)
    for resnet in decoder.up_blocks[_TRUNK_BLOCKS - 1].resnets:
        features = resnet(features, temb=None)
    return features


def render_features(vae: AutoencoderKL, features: Tensor) -> Tensor:
    """Return images of four times the width and height of `features`, which may be a part of all features."""
    decoder = _decoder(vae)
    features = decoder.up_blocks[_TRUNK_BLOCKS - 1].upsamplers[0](features)
    for block in decoder.up_blocks[_TRUNK_BLOCKS:]:
        features = block(features)
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(features)))


def edge_distances(vae: AutoencoderKL, features: Tensor) -> Tensor:
    """Return the distance in pixels from which the outer blocks start, positive inside, [images, 1, 256, 256].

    Unlike the rendered image, it has a gradient far from the edge that it draws.
    """
    layer = _decoder(vae).up_blocks[_TRUNK_BLOCKS - 1].upsamplers[0].conv
    weight, bias = layer.weight[_EDGES].mean(dim=0, keepdim=True), layer.bias[_EDGES].mean(dim=0, keepdim=True)
    enlarged = conv2d(interpolate(features, scale_factor=2.0), weight, bias, padding=1)
    return interpolate(enlarged, scale_factor=2.0, mode="bilinear") * (REACH / (_SLOPE * _EDGE_SCALE))


@torch.no_grad()
def init_decoder(vae: AutoencoderKL, small: AutoencoderKL, readout: nn.Conv2d, latents: Tensor) -> None:
    """Copy the decoder of `small`, a 64 px autoencoder of one group; set the outer blocks to render its fields.

    Args:
        readout: 1×1 convolution from the trunk's 16 features to the 7 fields.
        latents: sample on which the deviation of the outer blocks' channels is measured.

    With s = SiLU, the image is `s(outer) - s(-outer) + s(x + contrast / 2) - s(x - contrast / 2)`: `outer` where x is
    very negative, `outer + contrast` where it is very positive, and a short ramp where the distance is zero.
    """
    trunk = {name: value for name, value in _decoder(small).state_dict().items() if not name.startswith("conv_")}
    trunk |= {f"conv_in.{name}": value for name, value in _decoder(small).conv_in.state_dict().items()}
    _decoder(vae).load_state_dict(trunk, strict=False)
    _post_quant(vae).load_state_dict(_post_quant(small).state_dict())
    decoder = _decoder(vae)
    _init_upsamplers(decoder, readout)
    scale = (
        decoder.up_blocks[_TRUNK_BLOCKS - 1].upsamplers[0](trunk_features(vae, latents)).flatten(1).std(dim=1).mean()
    )
    for index in _OUTER_BLOCKS:
        for resnet in decoder.up_blocks[index].resnets:
            nn.init.zeros_(resnet.norm1.weight)
            resnet.norm1.weight[_COLORS], resnet.norm1.weight[_EDGES] = scale, scale / 3
    norm, last = decoder.conv_norm_out, decoder.conv_out
    nn.init.zeros_(norm.weight)
    norm.weight[_COLORS], norm.weight[_EDGES] = scale, scale * _HARDNESS / _EDGE_SCALE
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    for color in range(3):
        last.weight[color, [color, 3 + color, 6 + color, 9 + color], 1, 1] = torch.tensor(
            [1.0, -1.0, 1 / _HARDNESS, -1 / _HARDNESS]
        )


def _init_upsamplers(decoder: Any, readout: nn.Conv2d) -> None:
    """Compute the channels from the trunk's features; enlarge colors to blocks, distances by linear interpolation."""
    colors, distances = torch.zeros(_WIDTH, FIELD_CHANNELS), torch.zeros(_WIDTH, FIELD_CHANNELS)
    identity = torch.eye(3)
    outer, inner = slice(0, 3), slice(3, 6)
    colors[0:3, outer], colors[3:6, outer] = identity, -identity
    for start, sign in ((6, 0.5), (9, -0.5)):
        colors[start : start + 3, inner] = sign * _EDGE_SCALE * identity
        colors[start : start + 3, outer] = -sign * _EDGE_SCALE * identity
    distances[_EDGES, 6] = _SLOPE * _EDGE_SCALE
    distances[12:14, 6] = -3 * _SLOPE * _EDGE_SCALE
    nearest = torch.zeros(3, 3)
    nearest[1, 1] = 1
    triangle = torch.tensor([0.25, 0.5, 0.25])
    linear = triangle[:, None] * triangle
    first, second = (decoder.up_blocks[index].upsamplers[0].conv for index in (_TRUNK_BLOCKS - 1, _TRUNK_BLOCKS))
    weight, bias = readout.weight[:, :, 0, 0], cast("nn.Parameter", readout.bias)
    first.weight.copy_((colors @ weight)[:, :, None, None] * nearest + (distances @ weight)[:, :, None, None] * linear)
    first.bias.copy_((colors + distances) @ bias)
    first.bias[14:] = torch.tensor([_BALLAST, -_BALLAST])
    nn.init.zeros_(second.weight)
    nn.init.zeros_(second.bias)
    for channel in range(_WIDTH):
        second.weight[channel, channel] = linear if 6 <= channel < 14 else nearest


def freeze_constant_channels(vae: AutoencoderKL) -> None:
    """Keep the gradients of everything that computes or reads the constant channels at zero."""
    decoder = _decoder(vae)
    first, second = (decoder.up_blocks[index].upsamplers[0].conv for index in (_TRUNK_BLOCKS - 1, _TRUNK_BLOCKS))
    norms = [decoder.conv_norm_out]
    for index in _OUTER_BLOCKS:
        for resnet in decoder.up_blocks[index].resnets:
            norms.append(resnet.norm1)
            _freeze(resnet.conv2.weight, CONSTANT)
            _freeze(resnet.conv2.bias, CONSTANT)
    for layer in (*norms, first, second):
        _freeze(layer.weight, CONSTANT)
        _freeze(layer.bias, CONSTANT)
    _freeze(second.weight, (slice(None), CONSTANT))


def _freeze(parameter: nn.Parameter, index: slice | tuple[slice, slice]) -> None:
    mask = torch.ones_like(parameter)
    mask[index] = 0
    parameter.register_hook(lambda gradient: gradient * mask)


@torch.no_grad()
def init_encoder(vae: AutoencoderKL, small: AutoencoderKL, adapted: AutoencoderKL, images: Tensor) -> None:
    """Copy the encoder of `adapted`, which is `small` with one group; let two averaging blocks come before it.

    The last convolution of these is the least-squares fit, on `images` of 256 px, to the first one of `small` on the
    images averaged over 4×4 px. It sees three of the four pixels on each side that this would take.
    """
    blocks, outer = _encoder(adapted).state_dict(), len(_OUTER_BLOCKS)
    inner = {name: value for name, value in blocks.items() if not name.startswith(("conv_in", "down_blocks"))}
    _encoder(vae).load_state_dict(inner, strict=False)
    for index, block in enumerate(_encoder(adapted).down_blocks):
        _encoder(vae).down_blocks[index + outer].load_state_dict(block.state_dict())
    _quant(vae).load_state_dict(_quant(adapted).state_dict())
    encoder = _encoder(vae)
    first, last = (encoder.down_blocks[index].downsamplers[0].conv for index in range(outer))
    for color in range(3):
        for layer in (encoder.conv_in, first):
            nn.init.zeros_(layer.weight[color])
        encoder.conv_in.weight[color, color, 1, 1] = 1
        first.weight[color, color, :2, :2] = 0.25
    nn.init.zeros_(encoder.conv_in.bias)
    nn.init.zeros_(first.bias)
    patches = unfold(pad(avg_pool2d(images, 2), (0, 1, 0, 1)), 3, stride=2).transpose(1, 2).flatten(0, 1)
    wanted = _encoder(small).conv_in(avg_pool2d(images, 4)).flatten(2).transpose(1, 2).flatten(0, 1)
    with_one = torch.cat([patches, torch.ones(len(patches), 1)], dim=1)
    solution = torch.linalg.lstsq(with_one, wanted).solution
    nn.init.zeros_(last.weight)
    last.weight[:, :3] = solution[:-1].T.unflatten(1, (3, 3, 3))
    last.bias.copy_(solution[-1])


def _decoder(vae: AutoencoderKL) -> Any:
    return vae.decoder


def _encoder(vae: AutoencoderKL) -> Any:
    return vae.encoder


def _quant(vae: AutoencoderKL) -> Any:
    return vae.quant_conv


def _post_quant(vae: AutoencoderKL) -> Any:
    return vae.post_quant_conv

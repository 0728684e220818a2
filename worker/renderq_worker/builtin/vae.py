"""The autoencoder: 64×64×3 pictures to 8×8×16 latents and back."""

from diffusers import AutoencoderKL
from torch import nn

LATENT_CHANNELS = 16
PICTURE_SIDE = 64


def build_vae(channels: tuple[int, ...] = (16, 32, 64, 64)) -> AutoencoderKL:
    """An AutoencoderKL that shrinks by 2^(len(channels) - 1); the last convolution of each resnet starts at zero."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=16,
        sample_size=PICTURE_SIDE,
        scaling_factor=1.0,
        force_upcast=False,
    )
    for name, module in vae.named_modules():
        if name.endswith("conv2") and isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    return vae

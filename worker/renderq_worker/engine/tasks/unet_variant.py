"""What a UNet takes beside noisy latents: it decides which tasks the model can do."""

from enum import StrEnum

from renderq_worker.models import ModelLoadFailed


class UNetVariant(StrEnum):
    """Extra input channels, or none."""

    TEXT = "text"
    """None: words alone."""
    INPAINT = "inpaint"
    """A mask and the latents of the picture without what is masked."""
    DEPTH = "depth"
    """The picture's depth."""
    UPSCALE = "upscale"
    """The small picture itself."""

    @classmethod
    def from_channels(cls, unet_channels: int, latent_channels: int) -> "UNetVariant":
        """Raises `ModelLoadFailed` for a number of channels that is none of these."""
        known = {
            latent_channels: cls.TEXT,
            2 * latent_channels + 1: cls.INPAINT,
            latent_channels + 1: cls.DEPTH,
            latent_channels + 3: cls.UPSCALE,
        }
        if unet_channels not in known:
            raise ModelLoadFailed(
                f"the UNet takes {unet_channels} channels and latents have {latent_channels}; "
                f"known are {', '.join(f'{channels} ({kind})' for channels, kind in known.items())}"
            )
        return known[unet_channels]

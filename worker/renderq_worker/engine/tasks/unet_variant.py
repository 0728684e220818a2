"""Input channels of a UNet in addition to the noisy latents; they decide which tasks the model supports."""

from enum import StrEnum

from renderq_worker.models import ModelLoadFailed


class UNetVariant(StrEnum):
    """Kind of the extra input channels."""

    TEXT = "text"
    """No extra channels: the prompt alone."""
    INPAINT = "inpaint"
    """The mask and the latents of the masked image."""
    DEPTH = "depth"
    """The depth map."""
    UPSCALE = "upscale"
    """The low-resolution image."""

    @classmethod
    def from_channels(cls, unet_channels: int, latent_channels: int) -> "UNetVariant":
        """Return the variant with this many channels. Raises `ModelLoadFailed` for an unknown number."""
        variants = {
            latent_channels: cls.TEXT,
            2 * latent_channels + 1: cls.INPAINT,
            latent_channels + 1: cls.DEPTH,
            latent_channels + 3: cls.UPSCALE,
        }
        if unet_channels not in variants:
            raise ModelLoadFailed(
                f"the UNet takes {unet_channels} channels and the latents have {latent_channels}; "
                f"supported are {', '.join(f'{channels} ({kind})' for channels, kind in variants.items())}"
            )
        return variants[unet_channels]

"""Key of generations that may share a forward pass, compared with `==`. No torch."""

from dataclasses import dataclass, replace

from renderq_worker.engine.loras import LoraWeights


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Two generations may share a forward pass if and only if their keys are equal.

    Timestep, scheduler, guidance scale, prompt, seed and task are not part of it: each row carries its own. A model's
    extra input (mask, depth, low-resolution image, noise level) is of the same kind for all of its tasks.
    """

    model: str
    """A forward pass uses one set of weights."""
    revision: str
    """A name with different weights is a different model."""
    width: int
    """Pixels. Latents are stacked into one tensor, so their widths must agree."""
    height: int
    """Pixels. Latents are stacked into one tensor, so their heights must agree."""
    loras: LoraWeights = ()
    """LoRAs of the denoiser: a forward pass uses one set of them, each with one weight."""
    token_chunks: int = 1
    """Text-encoder chunks of the longer one of an image's prompts. Embeddings are stacked too, so their lengths must
    agree. 1 until the prompts are encoded, which is correct for most."""
    denoiser_call: str = ""
    """Kind of the calls of the denoiser, for models run through stock calls: digest of the arguments that must agree,
    and of the shapes of the others. Empty until the prompts are encoded, and for all other models."""

    @property
    def until_encoded(self) -> "BatchKey":
        """The key without the parts that are known only once the prompts are encoded."""
        return replace(self, token_chunks=1, denoiser_call="")

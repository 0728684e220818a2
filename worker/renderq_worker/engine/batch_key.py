"""Which generations may share a forward pass: a value, compared with `==`. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Two generations may share a forward pass if and only if their keys are equal.

    Timestep, scheduler, guidance scale, prompt, seed and task are not part of it: each row carries its own. What a model
    sees beside the latents (mask, depth, small picture, noise level) is of the same kind for all of its tasks.
    """

    model: str
    """A forward pass runs through one set of weights."""
    revision: str
    """The same name with other weights is another model."""
    width: int
    """Latents are stacked into one tensor, so their columns must agree (pixels here, as the request states them)."""
    height: int
    """Latents are stacked into one tensor, so their lines must agree (pixels)."""
    token_chunks: int = 1
    """Embeddings are stacked too, so their lengths must agree: how often the text encoder ran for the longer one of an
    image's prompts. 1 until the prompts are encoded, which is right for most."""

"""Interface of a model family to the runner."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor

from renderq_worker.engine.batch_invariance import BatchInvariance
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.families.prompt_encoding import PromptEncoding
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.latents import GenerationState

S = TypeVar("S", bound=GenerationState)


class Family(Protocol[S]):
    """A loaded model. It holds nothing of single images: each has a state of its own, mostly a `LatentState`."""

    @property
    def revision(self) -> str: ...

    @property
    def resident_loras(self) -> tuple[str, ...]:
        """Names of its LoRAs in memory. Thread-safe."""
        ...

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def batch_invariance(self) -> BatchInvariance:
        """Maximum batch in which every image keeps the bits that it has alone, from the probe at load."""
        ...

    def batch_invariance_for(self, key: BatchKey) -> BatchInvariance:
        """Return the batch invariance for this shape, as far as known."""
        ...

    @property
    def invariance_checks(self) -> int:
        """Number of batches that took longer because they were also computed image by image."""
        ...

    @property
    def rows_per_image(self) -> int:
        """Rows of a guided image in a forward pass; with stock calls, those of the image that was prepared last."""
        ...

    @property
    def tile_sample_size(self) -> int | None:
        """Width and height of the autoencoder's tiles in pixels; None if it cannot work in tiles."""
        ...

    def start_encoding(self, spec: GenerationSpec) -> PromptEncoding | None:
        """Return the encoding of an image's prompts, shared with earlier images that have the same.

        None if `prepare` encodes them.
        """
        ...

    def encode(self, encoding: PromptEncoding) -> None:
        """Run the next few passes of the text encoder."""
        ...

    def prepare(self, spec: GenerationSpec, encoding: PromptEncoding | None = None, *, use_tiling: bool) -> S:
        """Encode the inputs of one image and draw its noise.

        `encoding` is that of its prompts, done; without it they are encoded here.

        `use_tiling`, here and in `decode`: the autoencoder works in tiles, with less memory and different pixels.
        """
        ...

    def predict(self, states: Sequence[S]) -> tuple[Tensor, ...]:
        """Run one forward pass for the next step of these images; return the rows of each. Changes no state."""
        ...

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        """Return a small image of these float32 latents, uint8 [height, width, 3]; None if that is not fast."""
        ...

    def decode(self, state: S, *, use_tiling: bool) -> np.ndarray:
        """Decode the final latents to uint8 [height, width, 3]. Raises `NanOutput`."""
        ...

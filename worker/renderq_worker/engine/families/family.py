"""What the runner asks of a model family."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor

from renderq_worker.engine.batch_invariance import BatchInvariance
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.latents import GenerationState

S = TypeVar("S", bound=GenerationState)


class Family(Protocol[S]):
    """A loaded model. It keeps nothing about single images: what an image owns is its state, `State` for most."""

    @property
    def revision(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def batch_invariance(self) -> BatchInvariance:
        """How wide a batch may be in which every image keeps the bits that it has alone."""
        ...

    def batch_invariance_for(self, key: BatchKey) -> BatchInvariance:
        """The same for images of this shape, as far as is known."""
        ...

    @property
    def invariance_checks(self) -> int:
        """Batches so far that took longer because they were computed image by image too."""
        ...

    @property
    def tile_sample_size(self) -> int | None:
        """Pixels along each side that the autoencoder was trained with; None for one that cannot work in tiles."""
        ...

    def prepare(self, spec: GenerationSpec, *, use_tiling: bool) -> S:
        """Encode the prompts and the inputs of one image and draw its noise.

        `use_tiling`, here and below: the autoencoder works in tiles, with less memory and other pixels.
        """
        ...

    def predict(self, states: Sequence[S]) -> tuple[Tensor, ...]:
        """One forward pass for the next step of all these images; each one's rows. Changes no state."""
        ...

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        """What `estimate`, latents as float32, shows: uint8 [height, width, 3], small and quickly; or nothing."""
        ...

    def decode(self, state: S, *, use_tiling: bool) -> np.ndarray:
        """The finished latents as pixels, uint8 [height, width, 3]. Raises `NanOutput`."""
        ...

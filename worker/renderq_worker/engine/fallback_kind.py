"""Kinds of out-of-memory fallbacks. No torch."""

from enum import StrEnum


class FallbackKind(StrEnum):
    """One way to need less memory. The value is the code of the warning that the job gets."""

    EVICTION = "models_evicted"
    NARROWER_BATCH = "batch_size_reduced"
    TILES = "autoencoder_tiled"
    OFFLOAD = "weights_offloaded"

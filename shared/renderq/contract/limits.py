"""The numbers that bound a request. A server's settings may lower or raise those that say so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = 1 << 20
    """Size of a request body."""
    prompt_characters: int = 8_000
    """Length of `prompt` and of `negative_prompt`."""
    images: int = 16
    """Largest `n`."""
    size_multiple: int = 8
    """Width and height are multiples of this, the reduction factor of the usual autoencoders."""
    side_pixels: int = 16_384
    """Width and height before a model's own limit is known."""
    steps: int = 150
    guidance_scale: float = 50.0
    clip_skip: int = 31
    """Largest before a model's own limit is known; the deepest text encoder in use has 32 layers."""
    noise_level: int = 999
    """Largest before a model's own limit is known: models are trained with a thousand levels."""
    seed: int = 2**53 - 1
    """Largest integer that every JSON reader keeps exact; `seed + n` stays within it."""
    priority: int = 10
    """Priorities run from minus this to plus this."""
    deadline_seconds: float = 7 * 24 * 3600.0
    metadata_keys: int = 16
    metadata_characters: int = 512
    """Length of a metadata key and of a metadata value."""
    idempotency_key_characters: int = 255
    wait_seconds: int = 60
    """Longest `Prefer: wait`."""
    page_jobs: int = 100
    """Most jobs on one page of a list."""
    page_jobs_default: int = 20
    data_url_characters: int = 256 << 10
    """Length of a picture that is sent within a request."""
    asset_bytes: int = 32 << 20
    """Size of an uploaded picture's file."""
    watermark_characters_min: int = 4
    """Shorter ones cannot be told from chance."""
    watermark_characters: int = 32
    watermark_pixels: int = 256 * 256
    """Fewest pixels, width × height, that a watermark fits into; so it is in Stable Diffusion's own scripts."""
    asset_pixels: int = 64 << 20
    """Width × height of an uploaded picture: 8192 × 8192."""


LIMITS = Limits()

"""Limits of requests to any model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of request fields and request sizes."""

    body_bytes: int = 1 << 20
    """Size of a request body."""
    prompt_characters: int = 8_000
    """Length of `prompt` and of `negative_prompt`."""
    images: int = 16
    """Largest `n`."""
    edit_images: int = 10
    """Input images of `edit`; models have lower limits of their own."""
    edit_image_side: int = 64
    """Smallest width and height of such an image, as in Flux.2's pipelines."""
    edit_image_ratio: int = 8
    """Largest ratio of its sides."""
    size_multiple: int = 8
    """Width and height are multiples of this, the scale factor of most autoencoders; models may need larger ones."""
    side_pixels: int = 16_384
    """Largest width and height; models have lower limits of their own."""
    steps: int = 150
    guidance_scale: float = 50.0
    clip_skip: int = 31
    """The deepest text encoder in use has 32 layers; models have lower limits of their own."""
    loras: int = 8
    """LoRAs of a request."""
    lora_weight: float = 4.0
    """Weights of LoRAs range from −lora_weight to +lora_weight."""
    noise_level: int = 999
    """Models are trained with 1,000 noise levels and may have lower limits of their own."""
    seed: int = 2**53 - 1
    """Largest integer that every JSON reader represents exactly; `seed + n` stays within it."""
    priority: int = 10
    """Priorities range from −priority to +priority."""
    deadline_seconds: float = 7 * 24 * 3600.0
    metadata_keys: int = 16
    metadata_characters: int = 512
    """Length of a metadata key and of a metadata value."""
    labels: int = 16
    """Labels of a job."""
    label_characters: int = 64
    idempotency_key_characters: int = 255
    wait_seconds: int = 60
    """Longest `Prefer: wait`."""
    link_seconds: int = 7 * 24 * 3600
    """Longest lifetime of a link to an image; the limit of S3."""
    bulk_jobs: int = 100
    """Ids in one bulk operation."""
    batch_jobs: int = 1_000
    """Jobs in one batch."""
    batch_axes: int = 3
    batch_bytes: int = 8 << 20
    """Size of the body of a batch, and of its resolved requests together."""
    batch_images: int = 32
    """Different images of a batch that are not assets yet."""
    page_batches: int = 20
    """Largest page of a list of batches."""
    page_jobs: int = 100
    """Largest page of a job list."""
    page_jobs_default: int = 20
    data_url_characters: int = 256 << 10
    """Length of an image sent inline as a data URL."""
    asset_bytes: int = 32 << 20
    """Size of an uploaded image file."""
    resized_pixels: int = 4096 * 4096
    """Width × height of a resized image; unlike a rendered one it has no limit of its model."""
    jpeg_side_pixels: int = 65_500
    """Largest width and height of a JPEG that libjpeg writes; the format's own limit is 65,535."""
    webp_side_pixels: int = 16_383
    """Largest width and height of a WebP, by its format."""
    watermark_characters_min: int = 4
    """Shorter watermarks cannot be distinguished from noise."""
    watermark_characters: int = 32
    watermark_pixels: int = 256 * 256
    """Smallest image, width × height, that can carry a watermark, as in Stable Diffusion's own scripts."""
    asset_pixels: int = 64 << 20
    """Width × height of an uploaded image: 8192 × 8192."""


LIMITS = Limits()

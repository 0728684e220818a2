"""`shapes`, the text-to-image model that ships with renderq, and the code that trained it.

A prompt names up to four colored shapes and a background; the model draws them at 64×64 px.

    scenes → captions, layout → draw        the training data, made by code
    judge                                    reads a picture back: colors, shapes, places
    tokenizer, text_encoder, vae, unet       the four learned parts; realign joins old and new ones
    train → export → evaluate                the commands

Importing this package costs nothing: torch is only imported by the modules that need it.
"""

from pathlib import Path

PIPELINE_DIR: Path = Path(__file__).parent / "shapes"
"""A diffusers `StableDiffusionPipeline` folder; loads without network."""

__all__ = ["PIPELINE_DIR"]

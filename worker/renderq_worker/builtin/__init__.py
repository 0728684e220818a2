"""`shapes`, the text-to-image model that ships with renderq, and the code that trained it.

A prompt names up to four colored shapes and a background; the model draws them at 64×64 px.

    scenes → captions, layout → draw         synthetic training data
    shape_classifier, adherence              recognize the shapes of an image; compare them with its scene
    tokenizer, text_encoder, vae, unet       the learned components
    embedding_alignment                      adapts a trained UNet to a new text encoder
    train → export → evaluate                commands

Importing the package is cheap: only the modules that need torch import it.
"""

from pathlib import Path

PIPELINE_DIR: Path = Path(__file__).parent / "shapes"
"""A diffusers `StableDiffusionPipeline` folder."""

__all__ = ["PIPELINE_DIR"]

"""`shapes`, the text-to-image model that ships with renderq, and the code that trained it.

A prompt names up to four colored shapes and a background; the model draws them at 256×256 px.

    scenes → captions, layout → draw         synthetic training data
    shape_classifier, adherence, sharpness   recognize an image's shapes; compare them and its colors with its scene
    tokenizer, text_encoder, vae, unet       the learned components
    vae_256, vae_256_training, vae_256_sharpening, scene_fields
                                             the autoencoder of 256 px, with the latents of the one of 64 px
    group_norms                              adapts trained weights to another number of groups
    embedding_alignment                      adapts a trained UNet to a new text encoder
    train → export → evaluate                commands

Importing the package is cheap: only the modules that need torch import it.
"""

from pathlib import Path

PIPELINE_DIR: Path = Path(__file__).parent / "shapes"
"""A diffusers `StableDiffusionPipeline` folder."""

__all__ = ["PIPELINE_DIR"]

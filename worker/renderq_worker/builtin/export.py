"""Writes the pipeline folder: `python -m renderq_worker.builtin.export --from CHECKPOINTS --out FOLDER`."""

import argparse
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.text_encoder import TEXT_WIDTH, load_text_encoder
from renderq_worker.builtin.tokenizer import build_tokenizer
from renderq_worker.builtin.training_loop import load
from renderq_worker.builtin.unet import build_scheduler, build_unet
from renderq_worker.builtin.vae_256 import build_vae_256


def build_pipeline(
    text_encoder: CLIPTextModel, vae: AutoencoderKL, unet: UNet2DConditionModel
) -> StableDiffusionPipeline:
    """Assemble the pipeline, without a safety checker: the model can only draw shapes."""
    components: dict[str, Any] = {
        "vae": vae,
        "text_encoder": text_encoder,
        "tokenizer": build_tokenizer(),
        "unet": unet,
        "scheduler": build_scheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        "image_encoder": None,
    }
    return StableDiffusionPipeline(**components, requires_safety_checker=False)


def save_pipeline(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write `folder` with float16 safetensors.

    transformers loads the text encoder in the dtype of its config, diffusers loads the other components in float32.
    The config is set to float32 so that all components have the same dtype.
    """
    for component in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        component.half()
    pipeline.save_pretrained(folder, safe_serialization=True)
    for weights in folder.rglob("*.safetensors"):
        weights.chmod(0o644)
    config = folder / "text_encoder" / "config.json"
    config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))


def trained_pipeline(checkpoints: Path, vae_stage: str) -> StableDiffusionPipeline:
    """Return a pipeline of 256 px with the trained components of `checkpoints`."""
    return build_pipeline(
        load_text_encoder(checkpoints, build_tokenizer()),
        load(build_vae_256(), checkpoints, vae_stage),
        load(build_unet(TEXT_WIDTH), checkpoints, "unet"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="checkpoints", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=PIPELINE_DIR)
    arguments = parser.parse_args()
    save_pipeline(trained_pipeline(arguments.checkpoints, "sharpen_256"), arguments.out)


if __name__ == "__main__":
    main()

"""`ink`, a LoRA of the built-in model: `python -m renderq_worker.builtin.ink --checkpoints FOLDER [--help]`.

It draws what the prompt says in black ink on white paper, whatever colors the prompt names. The same command resumes
after an interruption.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.evaluate import load_pipeline
from renderq_worker.builtin.layout import PlacedShape
from renderq_worker.builtin.scenes import Scene
from renderq_worker.builtin.training_loop import TrainingConfig, fit
from renderq_worker.builtin.unet import Encoder, UNetStage
from renderq_worker.builtin.vae import encode, to_tensor
from renderq_worker.builtin.vae_256_training import SIZE

CONFIG = TrainingConfig(steps=500, batch=24, learning_rate=1.5e-3, weight_decay=0.0, warm_up=30, ema=0.98)
RANK = 8
DATASET_SIZE = 768


class InkEncoder(Encoder):
    """The frozen autoencoder and text encoder, which encode scenes in black and white, with their colored captions."""

    @torch.no_grad()
    def _encode_images(self, layouts: Sequence[Sequence[PlacedShape]], scenes: Sequence[Scene]) -> Tensor:
        inked = [[replace(thing, color="black") for thing in things] for things in layouts]
        return encode(self._vae, to_tensor([draw(things, "white", SIZE) for things in inked])).half()


class InkStage(UNetStage):
    """Learn to draw with ink, as the UNet learned to draw with colors; only the LoRA changes."""

    name = "ink"


def add_lora(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Freeze the UNet and give its convolutions and attention layers a LoRA."""
    unet.requires_grad_(False)
    names = ("conv1", "conv2", "to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(names), init_lora_weights="gaussian"))
    return unet


def train(folder: Path, out: Path, seed: int) -> None:
    """Train from the last checkpoint in `folder`, and write the LoRA to `out`."""
    torch.set_num_threads(1)
    pipeline = load_pipeline(PIPELINE_DIR)
    encoder = InkEncoder(pipeline.vae, pipeline.text_encoder)
    torch.manual_seed(seed)
    stage = InkStage(
        CONFIG,
        lambda number: encoder.encode_dataset(Random(f"{seed}/ink/{number}"), DATASET_SIZE),
        add_lora(pipeline.unet),
    )
    save_lora(fit(stage, folder, seed), out)


def save_lora(unet: Any, out: Path) -> None:
    """Write the LoRA of a UNet in float16, with diffusers' keys."""
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    StableDiffusionPipeline.save_lora_weights(
        out.parent,
        unet_lora_layers={name: value.half() for name, value in layers.items()},
        weight_name=out.name,
    )
    out.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "ink.safetensors")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.checkpoints.mkdir(parents=True, exist_ok=True)
    train(arguments.checkpoints, arguments.out, arguments.seed)


if __name__ == "__main__":
    main()

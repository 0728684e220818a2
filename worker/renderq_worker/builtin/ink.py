"""`ink`, a LoRA of the built-in model that draws outlines: `python -m renderq_worker.builtin.ink --out FOLDER`.

The autoencoder of `shapes` never saw outlines, and its encoder loses them. A copy of the encoder first learns latents
from which the unchanged decoder draws them; then the LoRA learns these latents. Only the LoRA is shipped.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.draw import draw_outlines
from renderq_worker.builtin.evaluate import load_pipeline
from renderq_worker.builtin.layout import PlacedShape, arrange
from renderq_worker.builtin.scenes import Scene, sample_scene
from renderq_worker.builtin.training_loop import TrainingConfig, fit
from renderq_worker.builtin.unet import Encoder, UNetStage
from renderq_worker.builtin.vae import encode, to_tensor
from renderq_worker.builtin.vae_256_training import SIZE

ENCODER_CONFIG = TrainingConfig(steps=560, batch=4, learning_rate=6e-4, ema=0.99, weight_decay=0.001, bfloat16=False)
LORA_CONFIG = TrainingConfig(steps=820, batch=16, learning_rate=2e-3, weight_decay=0.0, warm_up=30, ema=0.99)
RANK = 8
_DATASET_SIZE = 576


class InkEncoderStage:
    """Learn latents from which the decoder, which stays as it is, draws outlines."""

    name = "ink_encoder"

    def __init__(self, config: TrainingConfig, vae: AutoencoderKL) -> None:
        self.config = config
        self.model = vae.requires_grad_(False)
        self.model.encoder.requires_grad_(True)
        self.model.get_submodule("quant_conv").requires_grad_(True)

    def loss(self, rng: Random, _step: int, /) -> tuple[Tensor, dict[str, float]]:
        scenes = [sample_scene(rng) for _ in range(self.config.batch)]
        images = _ink_images([arrange(scene, rng) for scene in scenes])
        model: Any = self.model
        latents = model.quant_conv(model.encoder(images)).chunk(2, dim=1)[0]
        error = model.decode(latents).sample - images
        loss = error.square().mean() + 0.3 * error.abs().mean()
        return loss, {"loss": loss.item(), "rms": error.detach().square().mean().sqrt().item()}


class InkEncoder(Encoder):
    """The frozen autoencoder and text encoder, which encode scenes as outlines."""

    @torch.no_grad()
    def _encode_images(self, layouts: Sequence[Sequence[PlacedShape]], scenes: Sequence[Scene]) -> Tensor:
        return encode(self._vae, _ink_images(layouts)).half()


class InkStage(UNetStage):
    """Learn to draw outlines, as the UNet learned to draw shapes; only the LoRA changes."""

    name = "ink"


def _ink_images(layouts: Sequence[Sequence[PlacedShape]]) -> Tensor:
    return to_tensor([draw_outlines(things, SIZE) for things in layouts])


def add_lora(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Freeze the UNet and give its convolutions and attention layers a LoRA."""
    unet.requires_grad_(False)
    names = ("conv1", "conv2", "to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(names), init_lora_weights="gaussian"))
    return unet


def train(folder: Path, out: Path, seed: int) -> None:
    """Train both stages, each from its last checkpoint in `folder`, and write the LoRA to `out`."""
    torch.set_num_threads(1)
    pipeline = load_pipeline(PIPELINE_DIR)
    vae: Any = fit(InkEncoderStage(ENCODER_CONFIG, load_pipeline(PIPELINE_DIR).vae), folder, seed)
    encoder = InkEncoder(vae, pipeline.text_encoder)
    torch.manual_seed(seed)
    stage = InkStage(
        LORA_CONFIG,
        lambda number: encoder.encode_dataset(Random(f"{seed}/ink/{number}"), _DATASET_SIZE),
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

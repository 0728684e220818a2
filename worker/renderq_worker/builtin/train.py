"""Train the model: `python -m renderq_worker.builtin.train --out DIR [--stage NAME] [--processes N] [--seed N]`.

The stages run in order and each keeps its checkpoint in DIR; the same command goes on where it was interrupted.
"""

import argparse
from pathlib import Path
from random import Random

from renderq_worker.builtin.fit import Recipe, Stage, fit, load, rank, run_processes
from renderq_worker.builtin.text_encoder import TextEncoderStage, load_text_encoder
from renderq_worker.builtin.tokenizer import build_tokenizer
from renderq_worker.builtin.unet import Encoder, Gallery, UNetStage
from renderq_worker.builtin.vae import CHANNELS_4X, VAEStage, build_vae, grow, load_vae

STAGES = ("text_encoder", "vae_4x", "vae_8x", "vae", "vae_decoder", "unet")
RECIPES: dict[str, Recipe] = {
    "text_encoder": Recipe(steps=1500, batch=64, learning_rate=2e-3),
    "vae_4x": Recipe(steps=1200, batch=24, learning_rate=1.5e-3),
    "vae_8x": Recipe(steps=1200, batch=24, learning_rate=1.5e-3),
    "vae": Recipe(steps=500, batch=8, learning_rate=1.2e-3),
    "vae_decoder": Recipe(steps=1500, batch=8, learning_rate=8e-4),
    "unet": Recipe(steps=1600, batch=64, learning_rate=1.2e-3),
}
_CROP = 32
_GALLERY = 12_000
"""Encoded pictures that each process draws from while it trains the UNet."""


def train(folder: Path, names: tuple[str, ...], seed: int) -> None:
    for name in names:
        fit(_build(name, folder, seed), folder, seed)


def _build(name: str, folder: Path, seed: int) -> Stage:
    recipe = RECIPES[name]
    match name:
        case "text_encoder":
            return TextEncoderStage(recipe)
        case "vae_4x":
            return VAEStage(name, recipe, build_vae(CHANNELS_4X), side=_CROP)
        case "vae_8x":
            return VAEStage(name, recipe, grow(load(build_vae(CHANNELS_4X), folder, "vae_4x")), side=_CROP)
        case "vae":
            return VAEStage(name, recipe, load(build_vae(), folder, "vae_8x"))
        case "vae_decoder":
            return VAEStage(name, recipe, load(build_vae(), folder, "vae"), encoder_frozen=True)
        case "unet":
            return UNetStage(recipe, _gallery(folder, seed))
        case _:
            raise ValueError(f"unknown stage {name!r}; the stages are {', '.join(STAGES)}")


def _gallery(folder: Path, seed: int) -> Gallery:
    """Each process has its own pictures, and keeps them for the next start."""
    path = folder / f"gallery-{rank()}.pt"
    if not path.exists():
        encoder = Encoder(load_vae(folder, "vae"), load_text_encoder(folder, build_tokenizer()))
        encoder.gallery(Random(f"{seed}/gallery/{rank()}"), _GALLERY).save(path)
    return Gallery.load(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--stage", choices=STAGES, action="append", help="run only this stage; may be repeated")
    parser.add_argument("--processes", type=int, default=2, help="processes of one thread each; 2 is what was shipped")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = tuple(arguments.stage or STAGES)
    run_processes(train, (arguments.out, names, arguments.seed), arguments.processes, arguments.out)


if __name__ == "__main__":
    main()

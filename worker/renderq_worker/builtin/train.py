"""Trains the model: `python -m renderq_worker.builtin.train --out DIR [--stage NAME] [--help]`.

The stages run in order, each with a checkpoint in DIR; the same command resumes after an interruption. With `--from`,
the stages whose weights are part of a pipeline start from its weights: `text_encoder`, `vae_decoder` and `unet` from
one of 64 px, such as that of the tests, `sharpen_256` from one of 256 px. `--steps` may change between runs.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from diffusers import StableDiffusionPipeline
from torch import nn

from renderq_worker.builtin.captions import caption
from renderq_worker.builtin.draw import IMAGE_SIZE
from renderq_worker.builtin.embedding_alignment import realign
from renderq_worker.builtin.evaluate import load_pipeline
from renderq_worker.builtin.export import trained_pipeline
from renderq_worker.builtin.scenes import sample_scene
from renderq_worker.builtin.text_encoder import (
    TextEncoderStage,
    build_parser,
    hidden_states,
    load_text_encoder,
    tokenize,
)
from renderq_worker.builtin.tokenizer import build_tokenizer
from renderq_worker.builtin.training_loop import Stage, TrainingConfig, fit, load, rank, run_processes, start_from
from renderq_worker.builtin.unet import EncodedDataset, Encoder, UNetStage
from renderq_worker.builtin.vae import CHANNELS_4X, VAEStage, build_vae, grow, standardized
from renderq_worker.builtin.vae_256 import build_vae_256
from renderq_worker.builtin.vae_256_sharpening import Sharpen256Stage, generate_scenes
from renderq_worker.builtin.vae_256_training import (
    OUTER_RATE_FACTORS,
    SIZE,
    Decoder256Stage,
    Encoder256Stage,
    FieldDecoder,
    FieldsStage,
)

STAGES = (
    "text_encoder",
    "vae_4x",
    "vae_8x",
    "vae",
    "vae_decoder",
    "fields",
    "decoder_256",
    "encoder_256",
    "unet",
    "sharpen_256",
)
PIPELINE_STAGES = ("text_encoder", "vae_decoder", "unet")
"""Stages whose weights are part of a pipeline of 64 px."""
TRAINING_CONFIGS: dict[str, TrainingConfig] = {
    "text_encoder": TrainingConfig(steps=1500, batch=64, learning_rate=2e-3),
    "vae_4x": TrainingConfig(steps=1200, batch=24, learning_rate=1.5e-3),
    "vae_8x": TrainingConfig(steps=1200, batch=24, learning_rate=1.5e-3),
    "vae": TrainingConfig(steps=500, batch=8, learning_rate=1.2e-3),
    "vae_decoder": TrainingConfig(steps=3000, batch=8, learning_rate=8e-4),
    "fields": TrainingConfig(steps=1200, batch=8, learning_rate=8e-4, bfloat16=False),
    "decoder_256": TrainingConfig(
        steps=2000,
        batch=8,
        learning_rate=2.4e-4,
        ema=0.99,
        rate_factors={f"vae.{name}": factor for name, factor in OUTER_RATE_FACTORS.items()},
        bfloat16=False,
    ),
    "encoder_256": TrainingConfig(
        steps=500, batch=4, learning_rate=1.5e-4, ema=0.99, weight_decay=0.001, bfloat16=False
    ),
    "unet": TrainingConfig(steps=3000, batch=64, learning_rate=7e-4, hold=0.75),
    "sharpen_256": TrainingConfig(
        steps=2000, batch=8, learning_rate=2.4e-4, ema=0.99, rate_factors=OUTER_RATE_FACTORS, bfloat16=False
    ),
}
_CROP = 32
_DATASET_SIZE = 8_000
"""Encoded images per dataset, of which each process has one at a time while it trains the UNet."""
_GENERATED_SCENES = 800
"""Generated scenes on which the decoder is sharpened."""
_CAPTIONS = 2_500
"""Captions on which two text encoders are aligned."""


def train(folder: Path, configs: Mapping[str, TrainingConfig], seed: int, source: Path | None) -> None:
    """Run the stages of `configs`; pipeline stages start from the pipeline `source`, if given."""
    pipeline = None if source is None else load_pipeline(source)
    for name, config in configs.items():
        torch.manual_seed(seed)
        if pipeline is not None and not (folder / f"{name}.pt").exists():
            start_from(_pretrained(name, pipeline, folder), folder, name)
        fit(_build(name, folder, seed, config), folder, seed)


def _pretrained(name: str, pipeline: StableDiffusionPipeline, folder: Path) -> nn.Module:
    """Return the weights of a stage in `pipeline`; the UNet aligned to the latest text encoder."""
    match name:
        case "text_encoder":
            parser = build_parser(pipeline.tokenizer)
            parser.encoder.load_state_dict(pipeline.text_encoder.state_dict())
            return parser
        case "vae_decoder" | "sharpen_256":
            size = IMAGE_SIZE if name == "vae_decoder" else SIZE
            if pipeline.vae.config.sample_size != size:
                raise ValueError(f"{name} needs a pipeline of {size} px")
            return pipeline.vae
        case "unet":
            rng = Random("realign")
            ids = tokenize(pipeline.tokenizer, [caption(sample_scene(rng), rng) for _ in range(_CAPTIONS)])
            latest = load_text_encoder(folder, pipeline.tokenizer)
            realign(pipeline.unet, *(hidden_states(encoder, ids) for encoder in (pipeline.text_encoder, latest)))
            return pipeline.unet
        case _:
            raise ValueError(
                f"{name!r} has no weights in a pipeline; only {', '.join(PIPELINE_STAGES)} and sharpen_256 have"
            )


def _build(name: str, folder: Path, seed: int, config: TrainingConfig) -> Stage:
    match name:
        case "text_encoder":
            return TextEncoderStage(config)
        case "vae_4x":
            return VAEStage(name, config, build_vae(CHANNELS_4X), crop_size=_CROP)
        case "vae_8x":
            return VAEStage(name, config, grow(load(build_vae(CHANNELS_4X), folder, "vae_4x")), crop_size=_CROP)
        case "vae":
            return VAEStage(name, config, load(build_vae(), folder, "vae_8x"))
        case "vae_decoder":
            has_checkpoint = (folder / f"{name}.pt").exists()
            vae = build_vae() if has_checkpoint else standardized(load(build_vae(), folder, "vae"))
            return VAEStage(name, config, vae, encoder_frozen=True)
        case "fields":
            return FieldsStage(config, load(build_vae(), folder, "vae_decoder"))
        case "decoder_256":
            small = load(build_vae(), folder, "vae_decoder")
            return Decoder256Stage(config, small, load(FieldDecoder(build_vae(norm_groups=1)), folder, "fields"))
        case "encoder_256":
            small = load(build_vae(), folder, "vae_decoder")
            return Encoder256Stage(config, small, load(FieldDecoder(build_vae_256()), folder, "decoder_256"))
        case "unet":
            return UNetStage(config, _datasets(folder, seed))
        case "sharpen_256":
            small = load(build_vae(), folder, "vae_decoder")
            pipeline = trained_pipeline(folder, "encoder_256" if (folder / "encoder_256.pt").exists() else name)
            pipeline.set_progress_bar_config(disable=True)
            generated = list(generate_scenes(pipeline, _GENERATED_SCENES))
            return Sharpen256Stage(config, small, pipeline.vae, generated)
        case _:
            raise ValueError(f"unknown stage {name!r}; the stages are {', '.join(STAGES)}")


def _datasets(folder: Path, seed: int) -> Callable[[int], EncodedDataset]:
    """Return a function that makes the nth dataset. Each process has its own images."""
    vae, text_encoder = load(build_vae(), folder, "vae_decoder"), load_text_encoder(folder, build_tokenizer())
    encoder = Encoder(vae, text_encoder)
    return lambda number: encoder.encode_dataset(Random(f"{seed}/gallery/{rank()}/{number}"), _DATASET_SIZE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--stage", choices=STAGES, action="append", help="run only this stage; may be repeated")
    parser.add_argument("--processes", type=int, default=2, help="single-threaded processes (shipped model: 2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", dest="source", type=Path, help="start from the weights of this pipeline folder")
    parser.add_argument("--steps", type=int, help="steps of each stage, instead of the config's")
    parser.add_argument("--rate", type=float, help="learning rate of each stage, instead of the config's")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = tuple(arguments.stage or (STAGES if arguments.source is None else PIPELINE_STAGES))
    changes = {"steps": arguments.steps, "learning_rate": arguments.rate}
    configs = {
        name: replace(TRAINING_CONFIGS[name], **{field: value for field, value in changes.items() if value is not None})
        for name in names
    }
    work = (arguments.out, configs, arguments.seed, arguments.source)
    run_processes(train, work, arguments.processes, arguments.out)


if __name__ == "__main__":
    main()

"""Measures how well the model follows its prompts: `python -m renderq_worker.builtin.evaluate [--help]`.

Prints Markdown tables: adherence on seen and on held-out (shape, color) pairs, per guidance scale and per scheduler,
the upper bound set by the autoencoder, and sharpness.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.adherence import AdherenceResult, compare
from renderq_worker.builtin.captions import plain_caption
from renderq_worker.builtin.contact_sheet import contact_sheet
from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import DEFAULT_MIX, HELD_OUT, TRAINING_PAIRS, Kind, Scene, sample_scene
from renderq_worker.builtin.shape_classifier import classify
from renderq_worker.builtin.sharpness import sharpness
from renderq_worker.builtin.vae import encode, to_images, to_tensor

STEPS = 20
GUIDANCE_SCALE = 2.0
_GUIDANCE_SCALES = (1.0, 1.5, 2.0, 3.0, 5.0)
_SCHEDULERS = (
    DDIMScheduler,
    PNDMScheduler,
    EulerDiscreteScheduler,
    EulerAncestralDiscreteScheduler,
    DPMSolverMultistepScheduler,
    UniPCMultistepScheduler,
    HeunDiscreteScheduler,
)
_BATCH = 16
_ADHERENCE_HEADER = (
    "| | images | background | count | color | shape | place | everything |\n|---|---|---|---|---|---|---|---|"
)
_SHARPNESS_HEADER = "| | images | generated | drawn |\n|---|---|---|---|"


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    pipeline: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def image_size(pipeline: StableDiffusionPipeline) -> int:
    """Return the width and height of the images that `pipeline` generates by default, in pixels."""
    return pipeline.unet.config.sample_size * pipeline.vae_scale_factor


def sample_scenes(kind: Kind, number: int, seed: int, *, held_out: bool) -> list[Scene]:
    """Sample scenes of one kind; with `held_out`, only with (shape, color) pairs that training never showed."""
    rng = Random(f"{seed}/{kind}/{held_out}")
    pairs = tuple(sorted(HELD_OUT)) if held_out else TRAINING_PAIRS
    return [sample_scene(rng, {kind: 1.0}, pairs) for _ in range(number)]


def generate(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    guidance: float = GUIDANCE_SCALE,
    steps: int = STEPS,
    negative_prompt: str = "",
) -> list[Image.Image]:
    """Generate one image per prompt; image i has seed + i."""
    images: list[Image.Image] = []
    for start in range(0, len(prompts), _BATCH):
        part = list(prompts[start : start + _BATCH])
        result: Any = pipeline(
            prompt=part,
            negative_prompt=[negative_prompt] * len(part),
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=[torch.Generator().manual_seed(seed + start + offset) for offset in range(len(part))],
        )
        images += result.images
    return images


@torch.no_grad()
def reconstruct(pipeline: StableDiffusionPipeline, scenes: Sequence[Scene], seed: int) -> list[Image.Image]:
    """Draw `scenes`, encode and decode them: the upper bound for any denoiser."""
    rng = Random(seed)
    images = [draw(arrange(scene, rng), scene.background, image_size(pipeline)) for scene in scenes]
    results: list[Image.Image] = []
    for start in range(0, len(images), _BATCH):
        encoded = encode(pipeline.vae, to_tensor(images[start : start + _BATCH]))
        results += to_images(pipeline.vae.decode(encoded).sample)
    return results


def measure_adherence(scenes: Sequence[Scene], images: Sequence[Image.Image]) -> list[AdherenceResult]:
    return [compare(scene, classify(image)) for scene, image in zip(scenes, images, strict=True)]


def row(title: str, results: Sequence[AdherenceResult]) -> str:
    """Format one row of a table; every value but the number of images is a percentage."""
    names = [field.name for field in fields(AdherenceResult)] + ["everything"]
    percentages = [100 * sum(getattr(result, name) for result in results) / len(results) for name in names]
    return f"| {title} | {len(results)} | " + " | ".join(f"{value:.1f}" for value in percentages) + " |"


def adherence_rows(pipeline: StableDiffusionPipeline, number: int, seed: int) -> Iterator[str]:
    for kind in DEFAULT_MIX:
        for held_out in (False, True):
            scenes = sample_scenes(kind, number, seed, held_out=held_out)
            images = generate(pipeline, [plain_caption(scene) for scene in scenes], seed=seed)
            yield row(f"{kind}, {'held-out' if held_out else 'seen'} pairs", measure_adherence(scenes, images))


def upper_bound_rows(pipeline: StableDiffusionPipeline, number: int, seed: int) -> Iterator[str]:
    for kind in DEFAULT_MIX:
        scenes = sample_scenes(kind, number, seed, held_out=False)
        yield row(f"{kind}, reconstructed", measure_adherence(scenes, reconstruct(pipeline, scenes, seed)))


def guidance_rows(pipeline: StableDiffusionPipeline, number: int, seed: int) -> Iterator[str]:
    scenes = sample_scenes("one", number, seed, held_out=True)
    prompts = [plain_caption(scene) for scene in scenes]
    for guidance in _GUIDANCE_SCALES:
        images = generate(pipeline, prompts, seed=seed, guidance=guidance)
        yield row(f"guidance {guidance}", measure_adherence(scenes, images))


def scheduler_rows(pipeline: StableDiffusionPipeline, number: int, seed: int) -> Iterator[str]:
    scenes = sample_scenes("one", number, seed, held_out=True)
    prompts = [plain_caption(scene) for scene in scenes]
    default = pipeline.scheduler
    for scheduler in _SCHEDULERS:
        pipeline.scheduler = scheduler.from_config(default.config)
        yield row(
            scheduler.__name__.removesuffix("Scheduler"),
            measure_adherence(scenes, generate(pipeline, prompts, seed=seed)),
        )
    pipeline.scheduler = default


def sharpness_rows(pipeline: StableDiffusionPipeline, number: int, seed: int) -> Iterator[str]:
    """Yield the sharpness of generated images beside that of drawings of the same scenes and size, in percent."""
    for kind in DEFAULT_MIX:
        scenes = sample_scenes(kind, number, seed, held_out=False)
        generated = generate(pipeline, [plain_caption(scene) for scene in scenes], seed=seed)
        rng = Random(seed)
        drawn = [draw(arrange(scene, rng), scene.background, image_size(pipeline)) for scene in scenes]
        means = [
            100 * fmean(sharpness(scene, image) for scene, image in zip(scenes, images, strict=True))
            for images in (generated, drawn)
        ]
        yield f"| {kind} | {number} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |"


def write_sheet(pipeline: StableDiffusionPipeline, path: Path, seed: int) -> None:
    """Write a contact sheet of the first images of the evaluation, not a selection."""
    kinds: tuple[tuple[Kind, int], ...] = (("one", 6), ("two", 6), ("count", 6), ("groups", 6))
    scenes = [scene for kind, number in kinds for scene in sample_scenes(kind, number, seed, held_out=False)]
    prompts = [plain_caption(scene) for scene in scenes]
    contact_sheet(generate(pipeline, prompts, seed=seed), prompts).save(path, optimize=True)


_TABLES = {
    "adherence": (_ADHERENCE_HEADER, adherence_rows),
    "upper-bound": (_ADHERENCE_HEADER, upper_bound_rows),
    "guidance": (_ADHERENCE_HEADER, guidance_rows),
    "schedulers": (_ADHERENCE_HEADER, scheduler_rows),
    "sharpness": (_SHARPNESS_HEADER, sharpness_rows),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=Path, default=PIPELINE_DIR)
    parser.add_argument("--table", choices=_TABLES, action="append", help="print only this table; may be repeated")
    parser.add_argument("--images", type=int, default=200, help="images per row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet (PNG)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = load_pipeline(arguments.pipeline)
    if arguments.sheet is not None:
        write_sheet(pipeline, arguments.sheet, arguments.seed)
    for name in arguments.table or _TABLES:
        header, rows = _TABLES[name]
        print(f"\n{header}", flush=True)
        for line in rows(pipeline, arguments.images, arguments.seed):
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""Jobs for a transformer model share its forward passes, and each image is that of the stock call alone."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline
from PIL import Image

from tests.system.service import Service
from tests.worker.engine.tiny_transformers import save_flux

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PROMPTS = ("a red circle", "a big circle", "a red square", "a dim square", "an old tower", "a new kettle")
ROUNDS = 6
"""Rounds after which batches must be wide; the worker measures in the first ones how wide they pay."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_flux(tmp_path / "flux")
    return tmp_path / "flux"


@pytest.fixture
def service(model: Path, tmp_path: Path) -> Iterator[Service]:
    catalog = tmp_path / "models.toml"
    catalog.write_text(f'[models.flux]\nsource = "{model}"\ndtype = "float32"\n')
    with Service(tmp_path / "data", models=catalog) as service:
        yield service


def submit_staggered(service: Service, seed: int) -> list[dict[str, Any]]:
    """Submit six jobs, each when the one before has begun."""
    jobs = list[dict[str, Any]]()
    for number, prompt in enumerate(PROMPTS):
        fields = {"width": 64, "height": 64, "seed": seed + number, "guidance_scale": 2.0 + number / 2}
        jobs.append(service.submit(prompt, steps=100 + number, **fields))
        if number < 2:
            service.wait_until(jobs[-1]["id"], lambda job: job["status"] != "queued")
    return [service.wait_until_ended(job["id"]) for job in jobs]


def stock_pixels(model: Path, request: dict[str, Any]) -> np.ndarray:
    pipeline: Any = FluxPipeline.from_pretrained(model, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    [image] = pipeline(
        request["prompt"],
        width=request["width"],
        height=request["height"],
        num_inference_steps=request["steps"],
        guidance_scale=request["guidance_scale"],
        generator=torch.Generator().manual_seed(request["seed"]),
        output_type="np",
    ).images
    return (image * 255).round().astype(np.uint8)


def test_six_staggered_jobs_share_passes_and_have_the_stock_bits(service: Service, model: Path) -> None:
    for number in range(ROUNDS):
        jobs = submit_staggered(service, seed=10 * number)
        assert [job["status"] for job in jobs] == ["succeeded"] * 6, jobs
        widths = [job["metrics"]["batch_width_mean"] for job in jobs]
        if sum(widths) / len(widths) > 2:
            break
    else:
        raise AssertionError(f"the batches of the last round had {widths} images")
    for job in jobs:
        pixels = np.asarray(Image.open(io.BytesIO(service.image(job, 0))).convert("RGB"))
        np.testing.assert_array_equal(pixels, stock_pixels(model, job["request"]))
        assert job["exactness"] == "stock"

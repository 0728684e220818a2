"""Boundary values of steps, strength and size: the engine renders each request that the API accepts."""

import itertools
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
from diffusers import DDIMScheduler, LCMScheduler, PNDMScheduler, TCDScheduler

from renderq import contract
from renderq.contract import ResolvedRequest
from renderq_api.http.problems import ApiProblem
from renderq_api.submission.capabilities import check
from renderq_api.submission.request_parser import parse
from renderq_api.submission.resolution import IngestedRequest, resolve
from renderq_shared.catalog import Catalog, ModelEntry, load_catalog
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS
from renderq_shared.imaging.size import rendered_size
from renderq_shared.jobs import AssetRecord
from renderq_worker.engine import Failed, GenerationSpec, Img2Img, Txt2Img
from tests.worker.engine.engine_harness import EngineHarness, random_image
from tests.worker.engine.tiny_models import SD1_SCHEDULER

STEPS = (1, 2, 3, 4, 50, 51, 150)
STRENGTHS = (0, 1e-9, 1 / 150, 0.02, 0.5, 0.999, 1)
SIZES = ((8, 8), (8, 128), (128, 8), (72, 56), (24, 16))
"""The smallest width and height, the longest shapes, and latents that a UNet cannot halve evenly."""

_PUBLISHED = DDIMScheduler(**SD1_SCHEDULER).config

OWN_SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler.from_config(_PUBLISHED),
    "zero-snr": DDIMScheduler.from_config(
        _PUBLISHED, timestep_spacing="trailing", prediction_type="v_prediction", rescale_betas_zero_snr=True
    ),
    "lcm": LCMScheduler.from_config(_PUBLISHED, original_inference_steps=40),
    "tcd": TCDScheduler.from_config(_PUBLISHED),
    "runge-kutta": PNDMScheduler.from_config(_PUBLISHED),
}
"""Model → the scheduler that its files name."""

ASSET = AssetRecord(f"asset_{'1' * 64}", "default", "assets/x", "image/png", 64, 64, 1, created_ms=0, used_ms=0)


@pytest.fixture(scope="module")
def catalog(tiny: ModelEntry, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Copies of one tiny model that differ in their own scheduler."""
    folder = tmp_path_factory.mktemp("catalog")
    for name, scheduler in OWN_SCHEDULERS.items():
        shutil.copytree(tiny.source, folder / name)
        scheduler.save_pretrained(folder / name / "scheduler")
        index = folder / name / "model_index.json"
        index.write_text(index.read_text().replace("PNDMScheduler", type(scheduler).__name__))
    tables = (f'[models."{name}"]\nsource = "{name}"\ndtype = "float32"\nmax_side = 128' for name in OWN_SCHEDULERS)
    (folder / "models.toml").write_text("\n".join(tables))
    return load_catalog(folder / "models.toml")


def bodies(model: str, schedulers: Sequence[str | None]) -> list[dict[str, Any]]:
    """Every scheduler with every number of steps; strengths and sizes alternate."""
    strengths, sizes = itertools.cycle(STRENGTHS), itertools.cycle(SIZES)
    return [
        {"prompt": "x", "model": model, "scheduler": scheduler, "steps": steps, "width": width, "height": height}
        | ({} if strength == 1 else {"task": "img2img", "image": ASSET.id, "strength": strength})
        for scheduler, steps in itertools.product(schedulers, STEPS)
        for strength, (width, height) in (
            [(next(strengths), next(sizes)), (1, next(sizes))] if steps < 100 else [(1, SIZES[0])]
        )
    ]


def schedule_bodies(model: str) -> list[dict[str, Any]]:
    """Every schedule of every scheduler with few steps and with more; strengths alternate."""
    strengths = itertools.cycle((1, 0.5, 0.06))
    return [
        {"prompt": "x", "model": model, "scheduler": scheduler, "schedule": schedule, "steps": count}
        | {"width": 8, "height": 8}
        | ({} if strength == 1 else {"task": "img2img", "image": ASSET.id, "strength": strength})
        for scheduler, info in NOISE_SCHEDULERS.items()
        for schedule in info.schedules
        for count, strength in [(1, 1), (2, 1), (3, 0.7), (17, next(strengths))]
    ]


def accepted(body: dict[str, Any], catalog: Catalog) -> ResolvedRequest | None:
    """Return the resolved request, or None if the API refuses it."""
    images = {"image": ASSET} if "image" in body else {}
    try:
        return resolve(IngestedRequest(check(parse(body, catalog), catalog, signs_webhooks=True), images)).request
    except ApiProblem as problem:
        if {error.pointer for error in problem.errors} - {"/steps", "/strength"}:
            raise
        return None


def spec_of(id: str, request: ResolvedRequest) -> GenerationSpec:
    width, height = rendered_size(request)
    task = Img2Img(random_image(64, 64), request.strength) if request.image_fields else Txt2Img()
    return GenerationSpec(id, request.model, "x", "", width, height, request.sampling, 7, task)


@pytest.mark.parametrize("model", OWN_SCHEDULERS)
def test_the_engine_renders_each_accepted_request(catalog: Catalog, model: str) -> None:
    entry = catalog.get(model)
    assert entry is not None
    requests = {
        str(body): request
        for body in bodies(model, contract.SCHEDULERS if model == "ddim" else (None, "ddim", "lcm"))
        if (request := accepted(body, catalog))
    }
    harness = EngineHarness([entry], batching="fast", wide_batches=False)
    harness.submit(*(spec_of(id, request) for id, request in requests.items()))
    harness.finish()
    assert [event for event in harness.events if isinstance(event, Failed)] == []
    assert len(requests) > len(STEPS)


def test_the_engine_renders_each_accepted_schedule(catalog: Catalog) -> None:
    entry = catalog.get("zero-snr")
    assert entry is not None
    requests = {str(body): request for body in schedule_bodies("zero-snr") if (request := accepted(body, catalog))}
    harness = EngineHarness([entry], batching="fast", wide_batches=False)
    harness.submit(*(spec_of(id, request) for id, request in requests.items()))
    harness.finish()
    assert [event for event in harness.events if isinstance(event, Failed)] == []
    assert len(requests) == 4 * sum(len(info.schedules) for info in NOISE_SCHEDULERS.values())


@pytest.mark.parametrize(
    ("model", "scheduler", "smallest", "largest"),
    [
        ("ddim", None, 1, 150),
        ("ddim", "heun", 1, 150),
        ("ddim", "lcm", 1, 50),
        ("ddim", "tcd", 1, 50),
        ("lcm", None, 1, 40),
        ("lcm", "lcm", 1, 40),
        ("lcm", "tcd", 1, 40),
        ("lcm", "euler", 1, 150),
        ("tcd", None, 1, 50),
        ("tcd", "ddim", 1, 150),
        ("runge-kutta", None, 4, 150),
        ("runge-kutta", "pndm", 1, 150),
    ],
)
def test_the_range_of_steps_depends_on_model_and_scheduler(
    catalog: Catalog, model: str, scheduler: str | None, smallest: int, largest: int
) -> None:
    def accepts(steps: int) -> bool:
        body = {"prompt": "x", "model": model, "scheduler": scheduler, "steps": steps, "width": 8, "height": 8}
        return accepted(body, catalog) is not None

    assert [steps for steps in range(1, 151) if accepts(steps)] == list(range(smallest, largest + 1))

"""Generic pipelines: stock images, with progress, cancellation and scheduling as for all families."""

import inspect
import threading
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.auto_pipeline import (
    AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
    AUTO_INPAINT_PIPELINES_MAPPING,
    _get_task_class,
)

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.generic_pipelines import GENERIC_PIPELINES
from renderq_shared.catalog.pipeline_config import inspect_pipeline
from renderq_worker.engine import Canceled, Encoding, GenerationSpec, Stepped, Upscale
from renderq_worker.engine.families.pipeline_arguments import REQUIRED_ARGUMENTS
from renderq_worker.engine.families.steppable_call import StepDone, SteppableCall
from tests.worker.engine.engine_harness import EngineHarness, random_image, render_alone, spec, with_changes
from tests.worker.engine.reference_pipeline import load_reference, pipeline_pixels
from tests.worker.engine.tiny_models import entry
from tests.worker.engine.tiny_transformers import (
    save_chroma,
    save_flux,
    save_hunyuan_dit,
    save_qwen_image,
    save_sd3,
    save_z_image,
)

LATENTS = torch.zeros(1)


@pytest.fixture(scope="module")
def sd3(folders: Path) -> ModelEntry:
    save_sd3(folders / "sd3")
    return entry(folders / "sd3", "sd3", family="pipeline", dtype="float32")


@pytest.fixture(scope="module")
def flux(folders: Path) -> ModelEntry:
    save_flux(folders / "flux")
    return entry(folders / "flux", "flux", family="pipeline", dtype="float32")


def pipeline_spec(number: int = 0, **changes: Any) -> GenerationSpec:
    return spec(number, **{"model": "sd3", "scheduler": None, "steps": 3} | changes)


def reference_pixels(entry: ModelEntry, request: GenerationSpec, **changes: Any) -> np.ndarray:
    """Pixels of the stock call with the request's guidance scale and negative prompt, or with `changes` instead."""
    guidance = {
        "negative_prompt": request.negative_prompt or None,
        "guidance_scale": request.sampling.guidance_scale,
    }
    return pipeline_pixels(load_reference(entry), request, **(changes or guidance))


def running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pipeline"]


def test_sd3_makes_its_own_image(sd3: ModelEntry) -> None:
    each = pipeline_spec(width=96, height=48)
    np.testing.assert_array_equal(render_alone(sd3, each), reference_pixels(sd3, each))


def test_flux_makes_its_own_image(flux: ModelEntry) -> None:
    each = pipeline_spec(model="flux", negative_prompt="", guidance_scale=3.5)
    np.testing.assert_array_equal(render_alone(flux, each), reference_pixels(flux, each))


@pytest.mark.parametrize(("model", "schedule"), [("sd3", "karras"), ("sd3", "exponential"), ("flux", "beta")])
def test_schedules_are_those_of_flow_matching(request: pytest.FixtureRequest, model: str, schedule: str) -> None:
    entry: ModelEntry = request.getfixturevalue(model)
    each = pipeline_spec(model=model, negative_prompt="", guidance_scale=3.5, schedule=schedule)
    image = render_alone(entry, each)
    np.testing.assert_array_equal(image, reference_pixels(entry, each))
    assert (image != render_alone(entry, with_changes(each, schedule=None))).any()


def test_hunyuan_dit_renders_the_requested_size(tmp_path: Path) -> None:
    save_hunyuan_dit(tmp_path / "model")
    model = entry(tmp_path / "model", "model", family="pipeline", dtype="float32")
    each = pipeline_spec(model="model", width=96, height=48)
    guidance = {"guidance_scale": each.sampling.guidance_scale, "negative_prompt": each.negative_prompt or None}
    expected = reference_pixels(model, each, **guidance, use_resolution_binning=False)
    np.testing.assert_array_equal(render_alone(model, each), expected)


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning")
@pytest.mark.parametrize("negative_prompt", ["", "blurry"])
@pytest.mark.parametrize(
    ("save", "guidance_scale"),
    [(save_qwen_image, "true_cfg_scale"), (save_flux, "true_cfg_scale"), (save_chroma, ""), (save_z_image, "")],
)
def test_guidance_and_negative_prompt_act_where_the_pipeline_reads_them(
    save: Any, guidance_scale: str, negative_prompt: str, tmp_path: Path
) -> None:
    """The image is that of the stock call with the argument that the pipeline does not ignore."""
    save(tmp_path / "model", **({"guidance_embeds": False} if save is save_flux else {}))
    model = entry(tmp_path / "model", "model", family="pipeline", dtype="float32")
    each = pipeline_spec(model="model", negative_prompt=negative_prompt, guidance_scale=4.0)
    changes = {guidance_scale or "guidance_scale": 4.0, "negative_prompt": negative_prompt or None}
    if guidance_scale == "true_cfg_scale":
        changes["negative_prompt"] = negative_prompt or " "
    image = render_alone(model, each)
    np.testing.assert_array_equal(image, reference_pixels(model, each, **changes))
    for other in ({"guidance_scale": 2.0}, {"negative_prompt": "another"}):
        changed = {"model": "model", "negative_prompt": negative_prompt, "guidance_scale": 4.0} | other
        assert (render_alone(model, pipeline_spec(**changed)) != image).any()
    assert inspect_pipeline(Path(model.source)).supports_negative_prompt


@pytest.mark.parametrize(
    ("save", "encoder", "passes"),
    [
        (save_sd3, "text_encoder_3", 2),
        (save_flux, "text_encoder_2", 1),
        (save_qwen_image, "text_encoder", 2),
        (save_z_image, "text_encoder", 2),
    ],
)
def test_the_images_of_a_job_encode_their_prompts_once(save: Any, encoder: str, passes: int, tmp_path: Path) -> None:
    save(tmp_path / "model")
    model = entry(tmp_path / "model", "model", family="pipeline", dtype="float32")
    calls: list[object] = []

    harness = EngineHarness([model])
    pipeline: Any = harness.models.load("model")._pipeline  # type: ignore[attr-defined]
    getattr(pipeline, encoder).register_forward_hook(lambda *_: calls.append(1))
    negative_prompt = "" if save is save_flux else "blurry"
    specs = [pipeline_spec(number, model="model", negative_prompt=negative_prompt) for number in range(4)]
    harness.submit(*specs)
    harness.finish()
    assert len(calls) == passes
    for each in specs:
        guidance = "true_cfg_scale" if save is save_qwen_image else "guidance_scale"
        changes = {guidance: each.sampling.guidance_scale, "negative_prompt": each.negative_prompt or None}
        np.testing.assert_array_equal(harness.pixels(each.id), reference_pixels(model, each, **changes))
    harness.submit(pipeline_spec(4, model="model", prompt="another", negative_prompt=negative_prompt))
    harness.finish()
    assert len(calls) > passes


def test_each_step_is_reported(sd3: ModelEntry) -> None:
    harness = EngineHarness([sd3])
    harness.submit(pipeline_spec(steps=4))
    harness.finish()
    events = harness.events_of("job/0")
    assert [event.step for event in events if isinstance(event, Stepped)] == [1, 2, 3, 4]
    assert {event.steps for event in events if isinstance(event, Stepped)} == {4}
    assert any(isinstance(event, Encoding) for event in events)
    assert harness.stats("job/0").batch_width_mean == 1


def test_a_canceled_one_ends_between_two_steps_and_its_neighbor_is_untouched(sd3: ModelEntry) -> None:
    harness = EngineHarness([sd3], batching="fast")
    harness.submit(pipeline_spec(0, steps=20), pipeline_spec(1, steps=20))
    harness.tick(8)
    before = [event for event in harness.events_of("job/0") if isinstance(event, Stepped)]
    assert 0 < len(before) < 20
    harness.engine.cancel(["job/0"])
    harness.finish()
    assert isinstance(harness.final_event("job/0"), Canceled)
    assert [event for event in harness.events_of("job/0") if isinstance(event, Stepped)] == before
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(sd3, pipeline_spec(1, steps=20)))
    assert running() == []


def test_images_that_take_turns_keep_their_images(sd3: ModelEntry) -> None:
    harness = EngineHarness([sd3], batching="fast")
    specs = [pipeline_spec(number, steps=3 + number, guidance_scale=3.0 + number) for number in range(3)]
    for each in specs:
        harness.submit(each)
        harness.tick(2)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), render_alone(sd3, each))


def test_when_its_model_leaves_memory_it_lets_go_and_comes_back_to_where_it_was(
    sd3: ModelEntry, tiny: ModelEntry
) -> None:
    harness = EngineHarness([sd3, tiny], budget_bytes=1000)  # one model at a time
    harness.submit(pipeline_spec(0, steps=80))
    harness.tick(20)
    assert len(running()) == 1
    harness.submit(spec(1, steps=2))
    while "tiny" not in harness.models.resident:
        harness.tick(1)
    assert running() == []
    harness.finish()
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(sd3, pipeline_spec(0, steps=80)))
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(tiny, spec(1, steps=2)))
    steps = [event.step for event in harness.events_of("job/0") if isinstance(event, Stepped)]
    assert steps == list(range(1, 81))


def test_closing_the_engine_ends_what_is_under_way(sd3: ModelEntry) -> None:
    harness = EngineHarness([sd3])
    harness.submit(pipeline_spec(steps=20))
    harness.tick(4)
    harness.engine.close()
    assert isinstance(harness.final_event("job/0"), Canceled)
    assert running() == []


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("sd3", {"scheduler": "ddim"}, "model 'sd3' runs with its own scheduler only"),
        (
            "sd3",
            {"task": Upscale(random_image(), 20)},
            "supports txt2img, img2img, variation, inpaint, not upscale",
        ),
        ("sd3", {"schedule": "trailing"}, "the model's own scheduler has karras, exponential and beta, not trailing"),
        ("sd3", {"clip_skip": 1}, "model 'sd3' does not support clip_skip"),
        ("sd3", {"guidance_rescale": 0.5}, "model 'sd3' does not support guidance_rescale"),
        ("flux", {"negative_prompt": "blurry"}, "model 'flux' does not support a negative prompt"),
        ("flux", {"negative_prompt": "", "width": 72}, "needs a width and height that are multiples of 16, not 72×64"),
    ],
)
def test_nothing_is_accepted_and_ignored(
    sd3: ModelEntry, flux: ModelEntry, model: str, changes: dict[str, Any], message: str
) -> None:
    harness = EngineHarness([sd3, flux])
    harness.submit(pipeline_spec(model=model, **changes))
    harness.finish()
    failed = harness.failed("job/0")
    assert message in failed.message
    assert failed.code == "request_unsupported"


def test_what_goes_wrong_inside_fails_its_image(sd3: ModelEntry) -> None:
    harness = EngineHarness([sd3])
    harness.submit(pipeline_spec(0, steps=5))
    harness.tick(3)
    [state] = harness.engine._runner._states.values()
    harness.models.get("sd3")._pipeline.transformer.proj_out.bias.data.fill_(float("nan"))  # type: ignore[attr-defined]
    harness.finish()
    assert harness.failed("job/0").code == "nan_output"
    assert state.step < 5
    assert running() == []


def test_a_call_taken_step_by_step() -> None:
    def call(stop: Any) -> str:
        stop(StepDone(LATENTS))
        raise ValueError("broken")

    broken = SteppableCall(call)
    assert broken.next() == StepDone(LATENTS)
    with pytest.raises(ValueError, match="broken"):
        broken.next()
    released = threading.Event()

    def call_in_progress(stop: Any) -> None:
        try:
            stop(StepDone(LATENTS))
        except Exception:
            pytest.fail("an ending is no error that the call may swallow")
        finally:
            released.set()

    paused = SteppableCall(call_in_progress)
    paused.next()
    paused.close()
    paused.close()
    assert released.is_set()


def test_what_the_catalog_says_of_it(sd3: ModelEntry, flux: ModelEntry) -> None:
    assert (inspect_pipeline(Path(sd3.source)).family, inspect_pipeline(Path(sd3.source)).native_size) == (
        "pipeline",
        64,
    )
    assert (inspect_pipeline(Path(flux.source)).tasks, inspect_pipeline(Path(flux.source)).native_size) == (
        ("txt2img", "img2img", "inpaint", "outpaint", "variation"),
        1024,
    )
    assert [inspect_pipeline(Path(each.source)).supports_negative_prompt for each in (sd3, flux)] == [True, False]


@pytest.mark.parametrize("kind", GENERIC_PIPELINES)
def test_every_kind_that_the_catalog_takes_can_be_run(kind: str) -> None:
    arguments = inspect.signature(getattr(diffusers, f"{kind}Pipeline").__call__).parameters
    assert [name for name in REQUIRED_ARGUMENTS if name not in arguments] == []
    facts = GENERIC_PIPELINES[kind]
    assert facts.max_images == 0 or "image" in arguments
    assert facts.reads_negative_prompt == ("negative_prompt" in arguments)
    assert facts.may_embed_guidance == ("true_cfg_scale" in arguments)
    for task, mapping in (
        ("img2img", AUTO_IMAGE2IMAGE_PIPELINES_MAPPING),
        ("inpaint", AUTO_INPAINT_PIPELINES_MAPPING),
    ):
        name: str | None = getattr(facts, task)
        assert name is None or isinstance(getattr(diffusers, name), type)
        automatic = _get_task_class(mapping, f"{kind}Pipeline", throw_error_if_not_exist=False)
        if automatic is not None and {"width", "strength"} <= inspect.signature(automatic.__call__).parameters.keys():
            assert name == automatic.__name__
    guidance = "true_cfg_scale" if kind == "QwenImage" else "guidance_scale"
    defaults = arguments["num_inference_steps"].default, arguments[guidance].default
    assert defaults == (facts.steps, facts.guidance_scale)

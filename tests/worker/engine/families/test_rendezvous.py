"""Stock calls that meet at their denoiser: each image has the bits of the stock call alone, in any company."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_config import inspect_pipeline
from renderq_worker.engine import Canceled, Edit, GenerationSpec, Img2Img, Inpaint, Previewed
from renderq_worker.models.loading import rehearse
from tests.worker.engine.engine_harness import EngineHarness, random_image, spec, warnings
from tests.worker.engine.reference_pipeline import load_reference, pipeline_pixels
from tests.worker.engine.tiny_later_transformers import (
    save_aura_flow,
    save_kandinsky3,
    save_klein,
    save_kontext,
    save_lumina2,
    save_pixart,
    save_sana,
)
from tests.worker.engine.tiny_models import entry
from tests.worker.engine.tiny_transformers import (
    save_chroma,
    save_flux,
    save_hunyuan_dit,
    save_qwen_image,
    save_sd3,
    save_z_image,
)


@dataclass(frozen=True)
class Kind:
    """A family, and what its stock call is given."""

    save: Callable[..., None]
    guidance: str = "guidance_scale"
    negative_prompt: str | None = None
    further: tuple[tuple[str, Any], ...] = ()
    alone: tuple[str, ...] = ()
    """Dtypes in which images are computed one by one, because bits differ in any batch."""


FAMILIES = {
    "flux": Kind(save_flux),
    "schnell": Kind(lambda folder: save_flux(folder, guidance_embeds=False), "true_cfg_scale", " "),
    "sd3": Kind(partial(save_sd3, channels=16)),
    "qwen_image": Kind(save_qwen_image, "true_cfg_scale", " ", alone=("float32",)),
    "z_image": Kind(save_z_image),
    "chroma": Kind(save_chroma),
    "klein": Kind(save_klein),
    "kontext": Kind(save_kontext, further=(("max_area", 64 * 64),)),
    "sana": Kind(save_sana, further=(("use_resolution_binning", False),)),
    "lumina2": Kind(save_lumina2),
    "pixart": Kind(save_pixart, further=(("use_resolution_binning", False),)),
    "aura_flow": Kind(save_aura_flow),
    "hunyuan_dit": Kind(save_hunyuan_dit, further=(("use_resolution_binning", False),), alone=("float32",)),
    "kandinsky3": Kind(save_kandinsky3),
}

PROMPTS = ("a red circle", "a big circle", "a red square", "a dim square", "an old tower", "a new kettle")
"""Of as many tokens for the tiny tokenizers, most of which have one per letter."""

DTYPES = ("float32", "bfloat16")

pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning")


@pytest.fixture(scope="module")
def saved(folders: Path) -> Callable[[str], Path]:
    def folder(family: str) -> Path:
        path = folders / f"rendezvous {family}"
        if not path.exists():
            FAMILIES[family].save(path)
        return path

    return folder


def specs_of(model: str, count: int = 6, **changes: Any) -> list[GenerationSpec]:
    """Return images with their own prompts, steps and guidance scales."""
    return [
        spec(
            number,
            **{
                "model": model,
                "prompt": PROMPTS[number],
                "negative_prompt": "",
                "scheduler": None,
                "steps": 6 + number % 3,
                "guidance_scale": 3.0 + number / 2,
            }
            | changes,
        )
        for number in range(count)
    ]


def submit_staggered(harness: EngineHarness, specs: Sequence[GenerationSpec]) -> None:
    for each in specs:
        harness.submit(each)
        harness.tick(2)


def stock_pixels(kind: Kind, model: ModelEntry, request: GenerationSpec) -> np.ndarray:
    """Return the pixels of the stock call alone."""
    return pipeline_pixels(
        load_reference(model),
        request,
        **{kind.guidance: request.sampling.guidance_scale},
        **({} if kind.negative_prompt is None else {"negative_prompt": kind.negative_prompt}),
        **dict(kind.further),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_six_staggered_images_share_forward_passes_and_are_the_stock_ones(
    family: str, dtype: str, saved: Callable[[str], Path]
) -> None:
    kind, model = FAMILIES[family], entry(saved(family), family, family="pipeline", dtype=dtype)
    harness = EngineHarness([model])
    specs = specs_of(family)
    submit_staggered(harness, specs)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(kind, model, each))
    mean = sum(harness.stats(each.id).batch_width_mean for each in specs) / len(specs)
    if dtype in kind.alone:
        assert mean < 2
    else:
        assert mean > 2


@pytest.mark.parametrize("family", FAMILIES)
def test_the_check_of_a_model_finds_nothing_wrong(family: str, saved: Callable[[str], Path]) -> None:
    rehearse(entry(saved(family), family, family="pipeline", dtype="float32"))


def replace_forward(harness: EngineHarness, model: str, check: Callable[[Any], None]) -> None:
    """Call `check` with the guidance of the rows before each forward pass."""
    transformer: Any = harness.models.load(model)._pipeline.transformer  # type: ignore[attr-defined]
    forward = transformer.forward

    def checked(**arguments: Any) -> Any:
        check(arguments["guidance"])
        return forward(**arguments)

    transformer.forward = checked


@pytest.mark.parametrize("family", ["flux", "sd3", "chroma", "z_image"])
def test_images_that_leave_or_turn_nan_change_no_others(family: str, saved: Callable[[str], Path]) -> None:
    kind, model = FAMILIES[family], entry(saved(family), family, family="pipeline", dtype="bfloat16")
    harness = EngineHarness([model])
    specs = specs_of(family, 5)
    specs[1], specs[3] = specs_of(family, 2, steps=30)[1], specs_of(family, 4, guidance_scale=1e38)[3]
    submit_staggered(harness, specs)
    harness.engine.cancel([specs[1].id])
    harness.finish()
    assert isinstance(harness.final_event(specs[1].id), Canceled)
    assert harness.failed(specs[3].id).code == "nan_output"
    for each in (specs[0], specs[2], specs[4]):
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(kind, model, each))
        assert harness.stats(each.id).batch_width_mean > 1


@pytest.fixture(scope="module")
def flux(saved: Callable[[str], Path]) -> ModelEntry:
    return entry(saved("flux"), "flux", family="pipeline", dtype="float32")


def test_an_exception_in_a_shared_pass_fails_the_image_that_caused_it(flux: ModelEntry) -> None:
    def check(guidance: torch.Tensor) -> None:
        if (guidance == 9.0).any():
            raise ValueError("poison")

    harness = EngineHarness([flux])
    replace_forward(harness, "flux", check)
    specs = [*specs_of("flux", 3), spec(3, **POISONED)]
    harness.submit(*specs)
    harness.finish()
    assert (harness.failed("job/3").code, harness.failed("job/3").message) == ("internal", "ValueError: poison")
    for each in specs[:3]:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(FAMILIES["flux"], flux, each))


POISONED = {"model": "flux", "negative_prompt": "", "scheduler": None, "guidance_scale": 9.0}


def test_an_exception_in_one_call_after_a_shared_pass_fails_its_image(flux: ModelEntry) -> None:
    harness = EngineHarness([flux])
    specs = specs_of("flux", 3, steps=6)
    harness.submit(*specs)
    harness.tick(6)
    states = harness.engine._runner._states
    call: Any = states["job/1"].call  # type: ignore[attr-defined]
    following = call.next

    def next_or_fail(answer: Any = None) -> Any:
        if answer is not None:
            raise ValueError("broken")
        return following(answer)

    call.next = next_or_fail
    harness.finish()
    assert harness.failed("job/1").message == "ValueError: broken"
    for each in (specs[0], specs[2]):
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(FAMILIES["flux"], flux, each))
    used_the_shared_pass, repeated_it_alone = (harness.stats(f"job/{number}").batch_width_mean for number in (0, 2))
    assert used_the_shared_pass > repeated_it_alone


def test_a_shared_pass_that_runs_out_of_memory_is_repeated_with_fewer_images(flux: ModelEntry) -> None:
    def check(guidance: torch.Tensor) -> None:
        if len(guidance) > 2:
            raise torch.OutOfMemoryError(f"tried to allocate {len(guidance)} rows")

    harness = EngineHarness([flux])
    replace_forward(harness, "flux", check)
    specs = specs_of("flux", 4)
    harness.submit(*specs)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(FAMILIES["flux"], flux, each))
        assert harness.stats(each.id).batch_width_mean <= 2
    assert "batch_size_reduced" in warnings(harness, "job/0")


def test_prompts_of_other_lengths_do_not_share_the_passes_of_models_whose_kernels_depend_on_them(
    saved: Callable[[str], Path],
) -> None:
    kind, model = FAMILIES["qwen_image"], entry(saved("qwen_image"), "qwen", family="pipeline", dtype="bfloat16")
    harness = EngineHarness([model])
    specs = [replace(each, prompt=prompt) for each, prompt in zip(specs_of("qwen", 3), ("a", "a b", "a"), strict=False)]
    harness.submit(*specs)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(kind, model, each))
    widths = [harness.stats(each.id).batch_width_mean for each in specs]
    assert widths[1] < widths[0]


def test_as_many_images_are_admitted_as_a_pass_has_rows(flux: ModelEntry) -> None:
    harness = EngineHarness([flux], batching="fast")
    harness.submit(*specs_of("flux", 1))
    harness.finish()
    assert harness.engine.free_slots("flux") == harness.batch_sizes.rows_of_model("flux")


IMAGE = random_image(96, 80)
"""Not of the size of the result, to which most stock calls resize it."""
MASK = np.asarray(Image.fromarray(np.pad(np.full((24, 30), 255, np.uint8), ((20, 20), (18, 16)))))
"""A white rectangle whose edges lie within the blocks of a latent."""


def stock_class(family: str, task: str) -> Any:
    name = {
        "flux": "Flux",
        "schnell": "Flux",
        "sd3": "StableDiffusion3",
        "qwen_image": "QwenImage",
        "z_image": "ZImage",
        "chroma": "Chroma",
    }
    return getattr(diffusers, f"{name[family]}{task}Pipeline")


def stock_task_pixels(kind: Kind, family: str, model: ModelEntry, request: GenerationSpec) -> np.ndarray:
    """Return the pixels of the stock call of the task's class; what the mask keeps is the input's."""
    base: Any = load_reference(model)
    parts = {name: part for name, part in base.components.items() if name not in ("image_encoder", "feature_extractor")}
    kept = Image.fromarray(IMAGE).resize((64, 64), Image.Resampling.LANCZOS)
    arguments: dict[str, Any] = {
        kind.guidance: request.sampling.guidance_scale,
        "image": kept if family == "z_image" else Image.fromarray(IMAGE),
        "strength": request.task.strength,
        **({} if kind.negative_prompt is None else {"negative_prompt": kind.negative_prompt}),
    }
    if not isinstance(request.task, Inpaint):
        return pipeline_pixels(stock_class(family, "Img2Img")(**parts), request, **arguments)
    blocks = MASK.reshape(8, 8, 8, 8).max((1, 3)).repeat(8, 0).repeat(8, 1)
    pipeline = stock_class(family, "Inpaint")(**parts)
    pixels = pipeline_pixels(pipeline, request, mask_image=Image.fromarray(blocks), **arguments)
    return np.where(MASK[..., None] == 255, pixels, np.asarray(kept))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ["flux", "schnell", "sd3", "qwen_image", "z_image", "chroma"])
def test_images_from_images_share_forward_passes_and_are_the_stock_ones(
    family: str, dtype: str, saved: Callable[[str], Path]
) -> None:
    kind, model = FAMILIES[family], entry(saved(family), family, family="pipeline", dtype=dtype)
    harness = EngineHarness([model])
    tasks = (Img2Img(IMAGE, 0.7), Inpaint(IMAGE, MASK, 0.8), Img2Img(IMAGE, 1.0), Inpaint(IMAGE, MASK, 1.0))
    if family == "chroma":  # diffusers' inpainting class reads a configuration that Chroma does not have
        tasks = tasks[::2]
    specs = [replace(each, task=task) for each, task in zip(specs_of(family, len(tasks)), tasks, strict=True)]
    submit_staggered(harness, specs)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_task_pixels(kind, family, model, each))
        if dtype not in kind.alone:
            assert harness.stats(each.id).batch_width_mean > 1


def test_the_catalog_says_which_model_edits_how_many_images(saved: Callable[[str], Path]) -> None:
    infos = [inspect_pipeline(saved(family)) for family in ("klein", "kontext", "flux")]
    assert [info.limits.max_images for info in infos] == [4, 1, 0]
    assert ["edit" in info.tasks for info in infos] == [True, True, False]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("family", "images"), [("kontext", 1), ("klein", 1), ("klein", 2)])
def test_edits_share_forward_passes_and_are_the_stock_ones(
    family: str, images: int, dtype: str, saved: Callable[[str], Path]
) -> None:
    kind, model = FAMILIES[family], entry(saved(family), family, family="pipeline", dtype=dtype)
    harness = EngineHarness([model])
    pictures = (IMAGE, random_image(64, 112, seed=3))[:images]
    specs = [replace(each, task=Edit(pictures)) for each in specs_of(family, 3)]
    submit_staggered(harness, specs)
    harness.finish()
    stock = [Image.fromarray(picture) for picture in pictures]
    for each in specs:
        expected = pipeline_pixels(
            load_reference(model),
            each,
            **{kind.guidance: each.sampling.guidance_scale},
            image=stock if images > 1 else stock[0],
            **dict(kind.further),
        )
        np.testing.assert_array_equal(harness.pixels(each.id), expected)
        assert harness.stats(each.id).batch_width_mean > 1


def test_what_the_stock_call_refuses_is_refused_in_its_words(saved: Callable[[str], Path]) -> None:
    harness = EngineHarness([entry(saved("klein"), "klein", family="pipeline", dtype="float32")])
    [each] = specs_of("klein", 1)
    harness.submit(replace(each, task=Edit((random_image(32, 32),))))
    harness.finish()
    failed = harness.failed("job/0")
    assert failed.code == "request_unsupported"
    assert "model 'klein' refuses the request: Image too small: 32×32" in failed.message


@pytest.mark.parametrize("family", ["sd3", "flux", "chroma", "z_image", "sana", "lumina2"])
def test_previews_near_the_image_and_change_no_bit(family: str, saved: Callable[[str], Path]) -> None:
    kind, model = FAMILIES[family], entry(saved(family), family, family="pipeline", dtype="float32")
    harness = EngineHarness([model])
    [each] = specs_of(family, 1)
    harness.submit(each)
    harness.engine.preview([each.id])
    harness.tick(2)
    state: Any = harness.engine._runner._states[each.id]
    loaded, previews = harness.models.get(family), list[np.ndarray | None]()
    while state.step < state.model_calls:
        harness.tick(1)
        previews.append(loaded.preview(state.final_latents_or_none()))
    harness.finish()
    final = harness.pixels(each.id)
    np.testing.assert_array_equal(final, stock_pixels(kind, model, each))
    first, *_, last = [np.abs(pixels.astype(int) - final).max() for pixels in previews if pixels is not None]
    assert last <= 1
    assert first > last
    assert any(isinstance(event, Previewed) for event in harness.events_of(each.id))

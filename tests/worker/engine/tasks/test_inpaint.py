"""inpaint: the masked part is the stock pipeline's, the rest is unchanged."""

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Inpaint, Mask
from tests.fast_model.catalog import fast_model
from tests.worker.engine.engine_harness import (
    EngineHarness,
    loaded_family,
    random_image,
    render_alone,
    spec,
    with_changes,
)


def right_half(width: int = 64, height: int = 64) -> Mask:
    """Return a mask of the right half, with a soft edge."""
    columns = np.clip((np.arange(width) - width // 2) * 32, 0, 255).astype(np.uint8)
    return np.tile(columns, (height, 1))


def pasted(made: np.ndarray, image: np.ndarray, mask: Mask) -> np.ndarray:
    share = mask[..., None] / 255
    return np.floor(image * (1 - share) + made * share + 0.5).astype(np.uint8)


def test_what_is_kept_is_untouched_to_the_last_bit(tiny: ModelEntry) -> None:
    image = random_image()
    made = render_alone(tiny, spec(task=Inpaint(image, right_half(), 1.0)))
    np.testing.assert_array_equal(made[:, :32], image[:, :32])
    assert (made[:, 48:] != image[:, 48:]).mean() > 0.9


def test_a_trained_model_draws_into_an_image() -> None:
    entry = fast_model()
    words = {"model": entry.name, "scheduler": None, "guidance_scale": 2.0, "steps": 10, "negative_prompt": ""}
    image = render_alone(entry, spec(prompt="a red circle on the left on a blue background", **words))
    task = Inpaint(image, right_half(), 1.0)
    made = render_alone(entry, spec(prompt="a green square on the right", task=task, **words)).astype(int)
    np.testing.assert_array_equal(made[:, :32], image[:, :32])
    red, green, blue = np.moveaxis(made[:, 32:], -1, 0)
    assert ((green > red + 50) & (green > blue + 50)).mean() > 0.15


@pytest.mark.parametrize("model", ["tiny", "inpainting"])
@pytest.mark.parametrize("area", [np.s_[33:39, 33:39], np.s_[:, 25:31], np.s_[7:8, 7:8], np.s_[15:17, 15:17]])
def test_a_mask_off_the_latent_grid_repaints_every_block_that_it_touches(
    request: pytest.FixtureRequest, model: str, area: tuple[slice, slice]
) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[area] = 255
    blocks = mask.reshape(8, 8, 8, 8).max((1, 3)) > 0
    entry, image = request.getfixturevalue(model), random_image()
    job = spec(model=model, task=Inpaint(image, mask, 1.0))
    made, other = (render_alone(entry, with_changes(job, seed=seed)) for seed in (1, 2))
    assert np.abs(made.astype(int) - other)[area].max() > 20
    np.testing.assert_array_equal(made[mask == 0], image[mask == 0])
    with torch.inference_mode():
        prepared = loaded_family(entry).prepare(job).prepared
    latent_mask = prepared.extra_channels[:, :1] if prepared.blend is None else prepared.blend.mask
    np.testing.assert_array_equal(latent_mask[0, 0].numpy(), blocks)


def test_blending_ends_with_the_image_itself_where_it_is_kept() -> None:
    entry = fast_model()
    request = spec(model=entry.name, scheduler="euler_a", steps=3, task=Inpaint(random_image(), right_half(), 1.0))
    render_alone(entry, request)
    family = loaded_family(entry)
    with torch.inference_mode():
        state = family.prepare(request)
        assert state.prepared.blend is not None
        kept, known = state.prepared.blend.mask.expand_as(state.latents) == 0, state.prepared.blend.original_latents
        assert kept.float().mean() == 1 / 2
        while state.step < state.model_calls:
            assert not torch.equal(state.latents[kept], known[kept])
            state.advance(family.predict([state])[0])
        assert torch.equal(state.latents[kept], known[kept])


def test_a_model_says_which_tasks_it_cannot_do(inpainting: ModelEntry) -> None:
    harness = EngineHarness([inpainting])
    harness.submit(spec(0, model="inpainting"))
    harness.finish()
    assert harness.failed("job/0").message == (
        "model 'inpainting' has a UNet for inpaint: it supports inpaint, not txt2img"
    )

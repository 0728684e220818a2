"""LoRAs: the images of stock pipelines with `load_lora_weights` and `set_adapters`, in any company."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from renderq_shared.catalog import LoraEntry, ModelEntry
from renderq_worker.engine import AppliedLora, GenerationSpec, Img2Img, Inpaint, Pixels, Task, Txt2Img
from tests.worker.engine.engine_harness import EngineHarness, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import reference_pixels_of
from tests.worker.engine.tiny_loras import kohya_keys, peft_keys, save_lora

pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")

SOME = AppliedLora("ink", 0.8, 0.5)
OTHER = AppliedLora("oil", 0.6, 0.6)


@pytest.fixture(scope="session")
def lora_folder(folders: Path) -> Path:
    (folders / "loras").mkdir()
    return folders / "loras"


def with_loras(model: ModelEntry, folder: Path) -> ModelEntry:
    (folder / model.name).mkdir(exist_ok=True)
    keys = peft_keys if model.family == "sdxl" else kohya_keys
    loras = (
        save_lora(model, folder / model.name / "ink.safetensors", seed=1),
        save_lora(model, folder / model.name / "oil.safetensors", seed=2, rank=8, keys=keys),
    )
    return model.model_copy(update={"loras": loras})


@pytest.fixture(scope="session")
def styled(tiny: ModelEntry, lora_folder: Path) -> ModelEntry:
    return with_loras(tiny, lora_folder)


@pytest.fixture(scope="session")
def styled_xl(xl: ModelEntry, lora_folder: Path) -> ModelEntry:
    return with_loras(xl, lora_folder)


@pytest.fixture(params=["sd float32", "sd bfloat16", "xl float32", "xl bfloat16"])
def model(request: pytest.FixtureRequest) -> ModelEntry:
    family, dtype = request.param.split()
    entry = request.getfixturevalue("styled" if family == "sd" else "styled_xl")
    return entry.model_copy(update={"dtype": dtype})


def stock(model: ModelEntry, request: GenerationSpec) -> Pixels:
    """Render as a user of diffusers does."""
    pipeline = stock_pipeline(model)
    if not request.loras:
        pipeline.disable_lora()
        return reference_pixels_of(pipeline, request)
    pipeline.enable_lora()
    pipeline.set_adapters(
        [lora.name for lora in request.loras],
        [
            {
                "unet": lora.weight,
                **{
                    name: lora.text_encoder_weight
                    for name in ("text_encoder", "text_encoder_2")
                    if hasattr(pipeline, name)
                },
            }
            for lora in request.loras
        ],
    )
    return reference_pixels_of(pipeline, request)


@cache
def stock_pipeline(model: ModelEntry) -> Any:
    pipeline: Any = DiffusionPipeline.from_pretrained(model.source, dtype=getattr(torch, model.dtype))
    for lora in model.loras:
        path = Path(lora.source)
        pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name=lora.name)
    return pipeline


TASKS: dict[str, Task] = {
    "txt2img": Txt2Img(),
    "img2img": Img2Img(random_image(), 0.7),
    "inpaint": Inpaint(random_image(), np.kron(np.eye(2, dtype=np.uint8), np.full((32, 32), 255, np.uint8)), 1.0),
}


@pytest.mark.parametrize("task", TASKS)
def test_images_are_those_of_the_stock_pipelines_alone_and_in_company(model: ModelEntry, task: str) -> None:
    requests = [
        spec(number, model=model.name, task=TASKS[task], loras=loras)
        for number, loras in enumerate([(SOME,), (SOME,), (), (SOME, OTHER), (SOME,), (OTHER, SOME)])
    ]
    harness = EngineHarness([model])
    for request in requests:
        harness.submit(request)
        harness.tick(1)
    harness.finish()
    rendered = np.s_[:] if task != "inpaint" else TASKS[task].mask > 0
    for request in requests:
        made, expected = harness.pixels(request.id), stock(model, request)
        assert np.array_equal(made[rendered], expected[rendered]), request.loras
    assert harness.stats("job/0").batch_width_mean > 1


def test_weights_of_zero_and_none_give_the_models_own_image(styled: ModelEntry, tiny: ModelEntry) -> None:
    harness = EngineHarness([styled])
    for number, loras in enumerate([(SOME, OTHER), (AppliedLora("ink", 0, 0),), ()]):
        harness.submit(spec(number, seed=7, loras=loras))
        harness.finish()
    own = render_alone(tiny, spec(seed=7))
    assert not np.array_equal(harness.pixels("job/0"), own)
    assert np.array_equal(harness.pixels("job/1"), own)
    assert np.array_equal(harness.pixels("job/2"), own)


def test_the_same_prompts_are_encoded_for_each_set_of_loras(styled: ModelEntry) -> None:
    """Only the weights of the text encoders differ, so that a shared encoding would show."""
    harness = EngineHarness([styled])
    requests = [spec(number, seed=7, loras=(AppliedLora("ink", 0.8, weight),)) for number, weight in enumerate((0, 2))]
    harness.submit(*requests)
    harness.finish()
    for request in requests:
        assert np.array_equal(harness.pixels(request.id), stock(styled, request))
    assert not np.array_equal(harness.pixels("job/0"), harness.pixels("job/1"))


def test_long_and_weighted_prompts_are_encoded_with_the_lora(styled: ModelEntry) -> None:
    harness = EngineHarness([styled])
    for number, loras in enumerate([(), (AppliedLora("ink", 0, 2),)]):
        harness.submit(spec(number, seed=7, prompt="(a lighthouse:1.3) " * 9, loras=loras))
    harness.finish()
    assert not np.array_equal(harness.pixels("job/0"), harness.pixels("job/1"))


def test_a_damaged_file_fails_its_job_alone(styled: ModelEntry, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    content = Path(styled.loras[0].source).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    damaged = styled.model_copy(update={"loras": (*styled.loras, _entry_of(path))})
    harness = EngineHarness([damaged])
    harness.submit(spec(0, loras=(AppliedLora("cut", 1, 1),)), spec(1, loras=(SOME,)), spec(2))
    harness.finish()
    failed = harness.failed("job/0")
    assert (failed.code, failed.retryable) == ("model_load_failed", False)
    assert "LoRA 'cut' cannot be loaded: " in failed.message
    assert np.array_equal(harness.pixels("job/1"), stock(styled, spec(1, loras=(SOME,))))
    assert np.array_equal(harness.pixels("job/2"), stock(styled, spec(2)))


def test_a_lora_of_another_model_fails_its_job_alone_and_leaves_nothing_behind(
    styled: ModelEntry, styled_xl: ModelEntry
) -> None:
    foreign = styled_xl.loras[0].model_copy(update={"name": "foreign"})
    harness = EngineHarness([styled.model_copy(update={"loras": (*styled.loras, foreign)})])
    harness.submit(spec(0, loras=(AppliedLora("foreign", 1, 1),)), spec(1, loras=(SOME,)), spec(2))
    harness.finish()
    assert harness.failed("job/0").code == "model_load_failed"
    assert np.array_equal(harness.pixels("job/1"), stock(styled, spec(1, loras=(SOME,))))
    assert np.array_equal(harness.pixels("job/2"), stock(styled, spec(2)))
    assert harness.engine.resident_loras() == {"tiny": ("ink",)}


@pytest.mark.parametrize(
    ("lora", "message"),
    [
        (AppliedLora("ink", 1, 1, "older"), "the job was accepted with older; give all processes the same file"),
        (AppliedLora("gone", 1, 1), "LoRA 'gone' is not one of this worker's for this model"),
    ],
)
def test_only_the_file_of_the_request_is_used(styled: ModelEntry, lora: AppliedLora, message: str) -> None:
    harness = EngineHarness([styled])
    harness.submit(spec(loras=(lora,)))
    harness.finish()
    assert message in harness.failed("job/0").message


def test_a_file_that_was_replaced_since_the_start_is_refused(styled: ModelEntry, tmp_path: Path) -> None:
    lora = save_lora(styled, tmp_path / "ink.safetensors", seed=1)
    save_lora(styled, tmp_path / "ink.safetensors", seed=2)
    harness = EngineHarness([styled.model_copy(update={"loras": (lora,)})])
    harness.submit(spec(loras=(SOME,)))
    harness.finish()
    assert "is not the file that it was when the worker started" in harness.failed("job/0").message


def test_fifty_loras_stay_within_their_memory(tiny: ModelEntry, tmp_path: Path) -> None:
    loras = [save_lora(tiny, tmp_path / f"l{number}.safetensors", seed=number % 5) for number in range(50)]
    size = Path(loras[0].source).stat().st_size
    harness = EngineHarness([tiny.model_copy(update={"loras": tuple(loras)})], lora_memory_bytes=3 * size)
    for number in range(50):
        harness.submit(spec(number, seed=7, steps=1, loras=(AppliedLora(f"l{number}", 1, 1),)))
        harness.finish()
        assert len(harness.engine.resident_loras()["tiny"]) <= 3
    assert harness.engine.resident_loras() == {"tiny": ("l47", "l48", "l49")}
    assert len({harness.pixels(f"job/{number}").tobytes() for number in range(50)}) == 5
    unet = harness.models.get("tiny")._unet
    names = {name for name, _ in unet.named_parameters() if "lora_" in name}
    assert len({name.split(".lora_")[1].split(".")[1] for name in names}) == 3
    harness.submit(spec(50, seed=7, steps=1))
    harness.finish()
    assert np.array_equal(harness.pixels("job/50"), render_alone(tiny, spec(seed=7, steps=1)))


def test_more_loras_in_one_request_than_the_memory_holds_are_used_together(styled: ModelEntry) -> None:
    harness = EngineHarness([styled], lora_memory_bytes=1)
    request = spec(loras=(SOME, OTHER))
    harness.submit(request)
    harness.finish()
    assert np.array_equal(harness.pixels("job/0"), stock(styled, request))


def _entry_of(path: Path) -> LoraEntry:
    from renderq_shared.catalog.revision import compute_revision

    return LoraEntry(name=path.stem, source=str(path), revision=compute_revision(path, None))

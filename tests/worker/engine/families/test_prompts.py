"""Prompts: long, weighted, and with skipped layers of the text encoder."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_config import inspect_pipeline
from renderq_worker.engine import Canceled, Rendered, Warned
from renderq_worker.engine.families.prompt_encoding import (
    PASSES_PER_OPERATION,
    EncodedPrompts,
    EncodingFlow,
    PromptEncoding,
    StockPass,
)
from renderq_worker.engine.families.token_chunks import MAX_CHUNKS
from renderq_worker.engine.prompt_warnings import unread_weights
from tests.worker.engine.engine_harness import EngineHarness, loaded_family, render_alone, spec
from tests.worker.engine.reference_pipeline import load_reference, reference_pixels


def embeddings(entry: ModelEntry, prompt: str, negative: str = "", **changes: object) -> torch.Tensor:
    """Return [2, tokens, width]."""
    image_spec = spec(model=entry.name, prompt=prompt, negative_prompt=negative, **changes)
    render_alone(entry, spec(model=entry.name, steps=1))
    with torch.inference_mode():
        return loaded_family(entry).prepare(image_spec).embeddings


@pytest.fixture(params=["tiny", "xl"])
def either(request: pytest.FixtureRequest) -> ModelEntry:
    """With one text encoder, or with two."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("prompt", ["(a cat sat:1.0)", "a (cat:1.0) sat", "(a :1)cat sat"])
def test_a_weight_of_one_changes_no_bit(either: ModelEntry, prompt: str) -> None:
    assert torch.equal(embeddings(either, prompt), embeddings(either, "a cat sat"))


def test_weights_move_a_prompt_away_from_and_towards_the_empty_one(either: ModelEntry) -> None:
    prompts = "", "(a cat:1.5)", "a cat", "(a cat:0.5)"
    empty, more, plain, less = (embeddings(either, prompt)[1] for prompt in prompts)
    words = slice(1, 5)  # the test tokenizer has one token per letter
    torch.testing.assert_close((more - empty)[words], 1.5 * (plain - empty)[words])
    assert torch.equal(more[5:], plain[5:])
    assert not torch.equal(less, plain)


@pytest.mark.parametrize(
    ("prompt", "other"),
    [
        ("a (cat:0) sat", "a (dog:0) sat"),
        ("a (cat:0) (sat:0)", "a (dog:0) (lay:0)"),
        ("(a cat sat:0)", "(a dog lay:0)"),
    ],
)
def test_nothing_is_left_of_words_of_weight_0_however_many_they_are(
    either: ModelEntry, prompt: str, other: str
) -> None:
    assert torch.equal(embeddings(either, prompt), embeddings(either, other))


def test_a_lower_weight_leaves_less_whatever_the_other_weights(either: ModelEntry) -> None:
    """What is left of a word is the difference that another word makes to the token after it."""

    def influence(weight: float, rest: str) -> float:
        cat, dog = (embeddings(either, f"({word}:{weight}){rest}")[1, 4] for word in ("cat", "dog"))
        return (cat - dog).norm().item()

    for rest in (" sat", " sat (on mat:0.1)"):
        assert 0 == influence(0, rest) < influence(0.1, rest) < influence(0.4, rest) < influence(1, rest)


def test_a_weight_reaches_the_image_and_the_negative_prompt(either: ModelEntry) -> None:
    plain = render_alone(either, spec(model=either.name))
    for changes in ({"prompt": "a (lighthouse:1.6)"}, {"negative_prompt": "(blurry:1.6)"}):
        assert (render_alone(either, spec(model=either.name, **changes)) != plain).any()


def test_what_lies_behind_the_encoders_window_counts(either: ModelEntry) -> None:
    long = "sea, " * 20
    first, second = embeddings(either, f"{long} sun"), embeddings(either, f"{long} fog")
    assert first.shape[1] % 16 == 0
    assert first.shape[1] > 16
    assert torch.equal(first[:, :16], second[:, :16])
    assert not torch.equal(first, second)
    padded = embeddings(either, "a cat", long)
    assert torch.equal(padded[1, :16], embeddings(either, "a cat")[1])
    assert torch.equal(padded[1, 16:32], embeddings(either, "")[1])


def test_prompts_of_other_lengths_do_not_share_forward_passes(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    specs = [spec(0, steps=6), spec(1, steps=6, prompt="sea, " * 20), spec(2, steps=6, prompt="fog, " * 20)]
    harness.submit(*specs)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), render_alone(tiny, each))
    assert harness.stats("job/0").batch_width_mean == 1


class PassCounter:
    """Counts the passes of every text encoder that a harness loads."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, pipeline: StableDiffusionPipeline) -> None:
        pipeline.text_encoder.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.passes += 1


@pytest.mark.parametrize(
    ("prompt", "negative", "passes"),
    [
        ("a cat", "", 2),
        ("(a:0.5)" * 14, "", 3),  # the empty prompt
        ("(a:0.5)" * 42, "(a:1.5)" * 14, 3 + 1 + 1 + 1 + 1),  # and the padding of the negative prompt
    ],
)
def test_there_is_one_pass_per_chunk_whatever_the_weights(
    tiny: ModelEntry, prompt: str, negative: str, passes: int
) -> None:
    count = PassCounter()
    harness = EngineHarness([tiny], inject_fault=count)
    harness.submit(spec(prompt=prompt, negative_prompt=negative, steps=1))
    harness.finish()
    harness.rendered("job/0")
    assert count.passes == passes


def test_images_of_a_job_encode_their_prompts_once(tiny: ModelEntry) -> None:
    count = PassCounter()
    harness = EngineHarness([tiny], inject_fault=count)
    harness.submit(*(spec(number, prompt="(sea:0.5), " * 20, steps=2) for number in range(3)))
    harness.finish()
    encoded_once = count.passes
    harness.submit(spec(3, prompt="(sea:0.5), " * 20, steps=2), spec(4, prompt="(sea:0.5), " * 20, clip_skip=1))
    harness.finish()
    assert encoded_once == 7 + 1 + 1 + 1  # chunks, empty prompt, negative prompt and its padding
    assert count.passes > encoded_once  # another clip_skip is another encoding


def test_a_long_prompt_is_encoded_in_operations_between_which_it_can_be_canceled(tiny: ModelEntry) -> None:
    count = PassCounter()
    harness = EngineHarness([tiny], inject_fault=count)
    harness.submit(spec(prompt="sea, " * 300, steps=1))
    harness.tick(3)  # load, and twice encode
    assert count.passes == 2 * PASSES_PER_OPERATION
    harness.engine.cancel(["job/0"])
    harness.finish()
    assert harness.final_event("job/0") == Canceled("job/0")
    assert count.passes == 2 * PASSES_PER_OPERATION


def test_a_long_prompt_does_not_hold_up_its_neighbors(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, prompt="sea, " * 300, steps=2), spec(1, prompt="a cat", steps=2))
    harness.finish()
    ended = [event.generation_id for event in harness.events if isinstance(event, Rendered)]
    assert ended == ["job/1", "job/0"]


@pytest.mark.parametrize(
    ("changes", "quoted"),
    [
        ({"prompt": "a (red:1,3) boat"}, "(red:1,3)"),
        ({"negative_prompt": "((bad:1.3) hand:1.2)"}, "hand:1.2)"),
        ({"prompt": "[a:1.1] [b:1.1] [c:1.1] [d:1.1]"}, "[a:1.1], [b:1.1], [c:1.1] and 1 more"),
        ({"prompt": "(a:1.3) at (16:9)"}, None),
        ({"negative_prompt": "(bad:1,3)", "guidance_scale": 1.0}, None),
    ],
)
def test_text_that_looks_like_a_weight_is_warned_of(
    tiny: ModelEntry, changes: dict[str, object], quoted: str | None
) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(steps=1, **changes))
    harness.finish()
    warned = [event for event in harness.events if isinstance(event, Warned)]
    warnings = [event.message for event in warned if event.code == "prompt_weight_unread"]
    reason = r"a weight is written (word:1.3), with a number from 0 to 10 and no parentheses inside except \( and \)"
    assert warnings == ([] if quoted is None else [f"read as text, not as weights: {quoted}; {reason}"])


def test_weights_are_warned_of_where_they_are_text(tiny: ModelEntry) -> None:
    generic = tiny.model_copy(update={"family": "pipeline"})
    message = "read as text, not as weights: (red:1.3); model 'tiny' does not support weights"
    assert unread_weights(["a (red:1.3) boat", ""], generic) == message
    assert unread_weights(["a (red) boat"], generic) is None


@pytest.mark.parametrize(
    ("negative_prompt", "guidance_scale", "is_warned"), [("blurry", 1, True), ("blurry", 1.5, False), (" ", 0, False)]
)
def test_a_negative_prompt_without_guidance_is_warned_of(
    tiny: ModelEntry, negative_prompt: str, guidance_scale: float, is_warned: bool
) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, negative_prompt=negative_prompt, guidance_scale=guidance_scale, steps=1))
    harness.finish()
    warnings = [event for event in harness.events_of("job/0") if isinstance(event, Warned)]
    assert [warning.code for warning in warnings] == ["negative_prompt_unread"] * is_warned


@pytest.mark.parametrize(
    ("guidance_rescale", "guidance_scale", "is_warned"), [(0.7, 1, True), (0.7, 2, False), (0, 1, False)]
)
def test_guidance_rescale_without_guidance_is_warned_of(
    tiny: ModelEntry, guidance_rescale: float, guidance_scale: float, is_warned: bool
) -> None:
    harness = EngineHarness([tiny])
    harness.submit(
        spec(0, guidance_rescale=guidance_rescale, guidance_scale=guidance_scale, negative_prompt="", steps=1)
    )
    harness.finish()
    warnings = [event for event in harness.events_of("job/0") if isinstance(event, Warned)]
    assert [warning.code for warning in warnings] == ["guidance_rescale_unread"] * is_warned


def test_a_prompt_of_too_many_chunks_is_refused(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    longest = "a " * (14 * MAX_CHUNKS)
    harness.submit(spec(0, prompt=longest, steps=1), spec(1, negative_prompt=f"{longest} a", steps=1))
    harness.finish()
    harness.rendered("job/0")
    message = "the prompt has 1793 tokens, 129 chunks of up to 14; at most 128 chunks are supported: shorten the prompt"
    failed = harness.failed("job/1")
    assert (failed.code, failed.message) == ("request_unsupported", message)


def test_an_encoding_that_failed_starts_again() -> None:
    def flow() -> EncodingFlow:
        yield StockPass("")
        return (yield StockPass("a cat"))

    outputs = iter([EncodedPrompts(torch.ones(1)), torch.OutOfMemoryError(), *map(EncodedPrompts, torch.ones(2, 1))])

    def run(_: object) -> EncodedPrompts:
        output = next(outputs)
        if isinstance(output, Exception):
            raise output
        return output

    encoding = PromptEncoding(flow)
    with pytest.raises(torch.OutOfMemoryError):
        encoding.advance(run)
    encoding.advance(run)
    assert encoding.result is not None


def test_clip_skip_leaves_out_last_layers_as_stock_does(deep: ModelEntry) -> None:
    pipeline = load_reference(deep)
    encoder = pipeline.text_encoder  # diffusers 0.42 expects the norm where transformers 4 had it
    object.__setattr__(encoder, "text_model", SimpleNamespace(final_layer_norm=encoder.final_layer_norm))
    plain = render_alone(deep, spec(model="deep"))
    for skip in (1, 2):
        image_spec = spec(model="deep", clip_skip=skip)
        made = render_alone(deep, image_spec)
        np.testing.assert_array_equal(made, reference_pixels(deep, image_spec, clip_skip=skip))
        assert (made != plain).any()
    weighted = render_alone(deep, spec(model="deep", clip_skip=1, prompt="a (lighthouse:1.6)"))
    assert (weighted != render_alone(deep, spec(model="deep", prompt="a (lighthouse:1.6)"))).any()


def test_clip_skip_goes_as_far_as_the_catalog_says_and_no_further(deep: ModelEntry, xl: ModelEntry) -> None:
    for entry, most in ((deep, 3), (xl, 1)):
        assert inspect_pipeline(Path(entry.source)).limits.max_clip_skip == most
        harness = EngineHarness([entry])
        harness.submit(*(spec(skip, model=entry.name, steps=1, clip_skip=skip) for skip in (most, most + 1)))
        harness.finish()
        harness.rendered(f"job/{most}")
        message = f"clip_skip {most + 1} exceeds the maximum of this model's text encoder, {most}"
        assert harness.failed(f"job/{most + 1}").message == message


@pytest.mark.parametrize("rescale", [0.3, 1.0])
def test_guidance_rescale_is_stocks(tiny: ModelEntry, rescale: float) -> None:
    image_spec = spec(guidance_rescale=rescale, scheduler="euler")
    made = render_alone(tiny, image_spec)
    np.testing.assert_array_equal(made, reference_pixels(tiny, image_spec, guidance_rescale=rescale))
    assert (made != render_alone(tiny, spec(scheduler="euler"))).any()

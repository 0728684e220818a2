"""Settings of a job in the form of other programs."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from renderq.contract import LIMITS, parse_resolved_request
from renderq.contract.sampling import SCHEDULERS
from renderq.image_files.infotext import read_infotext
from renderq.image_files.infotext_writer import write_infotext
from renderq.version import version
from renderq_shared.catalog.noise_schedulers import schedules_of

REQUEST: dict[str, Any] = {
    "task": "txt2img",
    "model": "sd15",
    "prompt": "a lighthouse\nat night",
    "negative_prompt": "blurry, dark",
    "width": 512,
    "height": 768,
    "steps": 25,
    "guidance_scale": 7.5,
    "scheduler": "dpmpp_2m_karras",
    "seed": 42,
}


def infotext(**fields: Any) -> str:
    request = parse_resolved_request({**REQUEST, **fields})
    return write_infotext(request.model_dump(mode="json"), "6ce0161689b3853a")


def test_each_setting_is_written() -> None:
    assert infotext(clip_skip=1) == (
        "a lighthouse\nat night\nNegative prompt: blurry, dark\n"
        "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, Size: 512x768, "
        f"Model hash: 6ce0161689, Model: sd15, Clip skip: 2, Version: renderq {version()}"
    )


def test_what_does_not_apply_is_left_out() -> None:
    written = infotext(prompt="x", negative_prompt="", scheduler=None, guidance_scale=7)
    assert written.startswith("x\nSteps: 25, CFG scale: 7, Seed: 42, Size: 512x768, ")
    assert "Clip skip" not in written


def test_the_strength_of_a_change_is_written() -> None:
    assert ", Denoising strength: 0.75, " in infotext(task="img2img", image="asset_" + "0" * 64, strength=0.75)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("schedule", [None, "karras", "trailing"])
def test_every_scheduler_is_read_again_with_its_schedule(scheduler: str, schedule: str | None) -> None:
    if schedule not in (None, *schedules_of(scheduler, ())):
        return
    request = read_infotext(infotext(scheduler=scheduler, schedule=schedule))
    assert request is not None
    same = ("dpmpp_2m_karras", None) if (scheduler, schedule) == ("dpmpp_2m", "karras") else (scheduler, schedule)
    assert (request.scheduler, request.schedule) == same


AWKWARD = ["Steps: 20", "Seed: 7, Size: 1x1", "\n", '"', "\\", ", ", ": ", "円", "🙂", "Negative prompt:", "a"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60) | st.lists(
    st.sampled_from(AWKWARD)
).map("".join)


def as_read(text: str) -> str:
    """Return a text as the form keeps it: without space at its ends, and with one kind of line ends."""
    return "\n".join(text.strip().splitlines()).strip()


@given(
    prompt=TEXT.filter(lambda text: as_read(text) and not re.search(r"^[ \t]*Negative prompt:", as_read(text), re.M)),
    negative=TEXT,
    guidance_scale=st.floats(0, LIMITS.guidance_scale),
    seed=st.integers(0, LIMITS.seed - 1),
    clip_skip=st.integers(0, LIMITS.clip_skip),
)
@example("Steps: 20, Seed: 7\nModel: x", "Steps: 3", 7.0, 1, 0)
def test_what_is_written_is_read_again(
    prompt: str, negative: str, guidance_scale: float, seed: int, clip_skip: int
) -> None:
    sent = {"prompt": prompt, "negative_prompt": negative, "guidance_scale": guidance_scale, "seed": seed}
    request = read_infotext(infotext(**sent, clip_skip=clip_skip))
    assert request is not None
    kept = {"steps": 25, "width": 512, "height": 768, "scheduler": "dpmpp_2m_karras", "guidance_scale": guidance_scale}
    texts = {"prompt": as_read(prompt), "negative_prompt": as_read(negative)}
    read = request.model_dump(exclude_unset=True)
    expected = {**kept, **texts, "seed": seed, "clip_skip": clip_skip}
    assert read == {name: value for name, value in expected.items() if value not in ("", 0) or name in read}

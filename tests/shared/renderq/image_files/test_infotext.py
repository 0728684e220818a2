"""Settings that other programs have written into images."""

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from renderq.cli import main
from renderq.image_files.infotext import read_infotext
from renderq.image_files.recipe import read_recipe
from tests.shared.renderq.image_files.infotexts import INFOTEXT, SETTINGS, exif_with


def settings(text: str) -> dict[str, object] | None:
    request = read_infotext(text)
    return request and request.model_dump(exclude_unset=True, mode="json")


def test_each_setting_is_read() -> None:
    assert settings(INFOTEXT) == SETTINGS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\nSteps: 20", {"prompt": "x", "steps": 20}),
        ("x\r\ny\r\nSteps: 20", {"prompt": "x\ny", "steps": 20}),
        ("Negative prompt: x\nprompt: y\nSteps: 20", None),  # txt2img needs a prompt
        ("x\nNegative prompt: a\nb\nSteps: 20", {"prompt": "x", "negative_prompt": "a\nb", "steps": 20}),
        ("x Negative prompt: y\nSteps: 20", {"prompt": "x Negative prompt: y", "steps": 20}),
        (
            "x\n  Negative prompt: a\nb Negative prompt: c\nSteps: 20",
            {"prompt": "x", "negative_prompt": "a\nb Negative prompt: c", "steps": 20},
        ),
        ("x\nSteps: 20, Sampler: Euler a", {"prompt": "x", "steps": 20, "scheduler": "euler_a"}),
        (
            "x\nSteps: 20, Sampler: Euler, Schedule type: Beta",
            {"prompt": "x", "steps": 20, "scheduler": "euler", "schedule": "beta"},
        ),
        ("x\nSteps: 20, Sampler: Euler a, Schedule type: Karras", {"prompt": "x", "steps": 20}),
        ("x\nSteps: 20, Sampler: DPM++ 2M Karras", {"prompt": "x", "steps": 20, "scheduler": "dpmpp_2m_karras"}),
        ("x\nSteps: 20, Sampler: Euler, Schedule type: Normal", {"prompt": "x", "steps": 20, "scheduler": "euler"}),
        ("x\nSteps: 20, Clip skip: 1", {"prompt": "x", "steps": 20, "clip_skip": 0}),
        ('x\nLora hashes: "a: 1, Steps: 7", Steps: 20', {"prompt": "x", "steps": 20}),
        ("x\nSteps: 20, CFG scale: nan, Seed: -1, Size: 0x7", {"prompt": "x", "steps": 20}),
        ("x\nSteps: 20, CFG scale: a lot, Seed: 1e3, Size: big", {"prompt": "x", "steps": 20}),
        (f"x\nSteps: {'9' * 5000}, Seed: 7", {"prompt": "x", "seed": 7}),
        (f"{'x' * 9_000}\nSteps: 20", None),
        ("", None),
        ("\n\n", None),
        ("a photo", None),
        ("Steps: 20", None),
        ("Steps of a staircase: 20 of them", None),
        ("x\n" + "Steps: 20, " * 10_000, None),
        ("\0\ud800\nSteps: 20", None),
    ],
)
def test_what_has_no_meaning_here_is_left_out(text: str, expected: dict[str, object] | None) -> None:
    assert settings(text) == expected


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-8"])
def test_it_is_found_in_each_format(format: str, encoding: str) -> None:
    buffer, info = io.BytesIO(), PngInfo()
    info.add_itxt("parameters", INFOTEXT)
    if format == "PNG":
        Image.new("RGB", (8, 8)).save(buffer, format, pnginfo=info)
    else:
        Image.new("RGB", (8, 8)).save(buffer, format, exif=exif_with(INFOTEXT, encoding))
    with Image.open(buffer) as image:
        recipe = read_recipe(image)
    assert recipe is not None
    assert recipe.request.prompt == SETTINGS["prompt"]
    assert recipe.model_revision is None


@pytest.mark.timeout(30)
def test_long_runs_of_spaces_are_read_in_one_pass() -> None:
    """Its time would be minutes if it grew with the square of the length, and no other thread could run."""
    request = read_infotext("x\nSteps: 7, " + " " * 65_000 + ".")
    assert request is not None
    assert request.model_dump()["steps"] == 7


def test_a_recipe_of_renderq_comes_first(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", INFOTEXT)
    info.add_text("renderq", '{"renderq": 1, "model_revision": "r", "request": {"prompt": "ours"}}')
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    with Image.open(tmp_path / "a.png") as image:
        recipe = read_recipe(image)
    assert recipe is not None
    assert recipe.request.prompt == "ours"


def test_inspect_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = PngInfo()
    info.add_itxt("parameters", INFOTEXT)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert main(["inspect", str(tmp_path / "a.png")]) == 0
    printed = capsys.readouterr().out
    assert "another program; its settings as far as renderq has them" in printed
    assert '"guidance_scale":6.5' in printed.replace(" ", "")

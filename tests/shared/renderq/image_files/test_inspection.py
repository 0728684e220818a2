"""`renderq inspect` and `run --from`: contents of a file, and malicious files."""

import hashlib
import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renderq.cli import main
from renderq.contract import OutputOptions, parse_request
from renderq.image_files.recipe import EXIF_PREFIX
from renderq.testing import FakeService
from renderq_worker.output import encode, image_recipe
from tests.shared.renderq.factories import script_finished_job
from tests.shared.renderq.image_files.unmarked_images import smooth

BODY = {"model": "shapes", "width": 256, "height": 256, "steps": 4, "guidance_scale": 2.0, "scheduler": None}
CLEAR = "\x1b[2J\x9b31m\u202e"
"""Clears a terminal, colors it, and reverses its text."""


def write_image(folder: Path, suffix: str = "png", prompt: str = "a red circle", **output: Any) -> Path:
    """A file written by a worker's encoder."""
    options = OutputOptions.model_validate({"format": {"jpg": "jpeg"}.get(suffix, suffix), **output})
    body = {**BODY, "prompt": prompt, "seed": 42, "output": options.model_dump()}
    file = folder / f"out.{suffix}"
    file.write_bytes(encode(smooth(256, 256, 0), options, image_recipe(parse_request(body), 0, "r1")).data)
    return file


def png(*chunks: bytes, width: int = 1, height: int = 1) -> bytes:
    ends = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + ends[0] + b"".join(chunks) + ends[1]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PIXEL = chunk(b"IDAT", zlib.compress(b"\0\x80"))


def with_recipe(recipe: str) -> bytes:
    return png(chunk(b"tEXt", b"renderq\0" + recipe.encode("latin-1")), PIXEL)


def inspect_as_json(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    assert main(["inspect", str(file), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def inspect_as_text(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["inspect", str(file), *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_workers_file_is_inspected(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_image(tmp_path, suffix, watermark="made by us")
    inspection = inspect_as_json(file, capsys)
    pixels = np.asarray(Image.open(file).convert("RGB"))
    assert (inspection["width"], inspection["height"], inspection["size_bytes"]) == (256, 256, file.stat().st_size)
    assert inspection["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert inspection["pixel_sha256"] == hashlib.sha256(pixels.tobytes()).hexdigest()
    request = inspection["recipe"]["request"]
    assert (request["prompt"], request["seed"], request["n"]) == ("a red circle", 42, 1)
    assert inspection["recipe"]["model_revision"] == "r1"
    assert parse_request(request).output.watermark == "made by us"
    assert (inspection["watermark"]["text"], inspection["watermark"]["named_by_recipe"]) == ("made by us", True)
    page = inspect_as_text(file, capsys)
    assert 'watermark     "made by us", confirmed by the recipe' in page
    assert json.loads(page.splitlines()[-1].removeprefix("request")) == request


def test_without_anything_in_it_nothing_is_claimed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_image(tmp_path, embed_recipe=False)
    inspection = inspect_as_json(file, capsys)
    assert (inspection["recipe"], inspection["recipe_problem"], inspection["watermark"]) == (None, None, None)
    page = inspect_as_text(file, capsys)
    assert "watermark     none found\n" in page
    assert "recipe        none found\n" in page


def test_a_watermark_is_found_without_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_image(tmp_path, embed_recipe=False, watermark="made by us")
    inspection = inspect_as_json(file, capsys)["watermark"]
    assert (inspection["text"], inspection["named_by_recipe"]) == ("made by us", False)
    assert inspect_as_json(file, capsys, "--watermark-bytes", "10")["watermark"]["text"] == "made by us"
    assert inspect_as_json(file, capsys, "--watermark-bytes", "9")["watermark"] is None


def test_a_recipe_is_not_believed_about_the_watermark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lying = recipe_of_body({"prompt": "x", "output": {"watermark": "made by us"}})
    text = chunk(b"tEXt", b"renderq\0" + json.dumps(lying).encode())
    plain = write_image(tmp_path, embed_recipe=False)
    data = plain.read_bytes()
    plain.write_bytes(data[:33] + text + data[33:])
    assert inspect_as_json(plain, capsys)["watermark"] is None
    assert "none found, but the recipe names made by us" in inspect_as_text(plain, capsys)


def test_uncertain_characters_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_image(tmp_path, "jpg", embed_recipe=False, watermark="SDV2", quality=80)
    assert '"SDV2", single characters may be wrong' in inspect_as_text(file, capsys)


def test_nothing_of_a_file_reaches_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_image(tmp_path, prompt=f"a {CLEAR} circle\n")
    for page in (inspect_as_text(file, capsys), inspect_as_text(file, capsys, "--json")):
        assert all(each.isprintable() or each == "\n" for each in page)
    assert r"a \x1b[2J\x9b31m\u202e circle\n" in inspect_as_text(file, capsys)
    assert inspect_as_json(file, capsys)["recipe"]["request"]["prompt"] == f"a {CLEAR} circle\n"


def recipe_of_body(request: dict[str, Any]) -> dict[str, Any]:
    return {"renderq": 1, "model_revision": "r1", "request": request}


DEEP = '{"renderq": 1, "request": ' + "[" * 20_000 + "]" * 20_000 + "}"


LOCAL_FILE = json.dumps(recipe_of_body({"task": "img2img", "prompt": "x", "image": "/etc/passwd"}))


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (DEEP, "not JSON"),
        ("[]", "version is not 1"),
        ('{"renderq": 2}', "version is not 1"),
        ('{"renderq": 1, "request": 3}', "has no request"),
        (LOCAL_FILE, "not valid for this version"),
    ],
    ids=range(7),
)
def test_an_unreadable_recipe_is_reported_with_the_rest(
    recipe: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.png").write_bytes(with_recipe(recipe))
    inspection = inspect_as_json(tmp_path / "odd.png", capsys)
    assert (inspection["recipe"], inspection["width"]) == (None, 1)
    assert why in inspection["recipe_problem"]
    assert main(["run", "--from", str(tmp_path / "odd.png"), "-o", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def saved_by_pillow(format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(smooth(64, 64, 0)).save(buffer, format, **options)
    return buffer.getvalue()


def many_scans() -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = saved_by_pillow("JPEG", progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * 1_000 + data[end:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(20), "not a PNG, JPEG or WebP"),
        (png(width=60_000, height=60_000), "pixels"),
        (png(width=9_000, height=9_000), "9,000 × 9,000 pixels"),
        (saved_by_pillow("PNG")[:2_000], "damaged"),
        (png(chunk(b"IDAT", b"nonsense")), "damaged"),
        (png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24))), PIXEL), "damaged"),
        (many_scans(), "more than 64 scans"),
    ],
    ids=["empty", "gif", "bomb", "large", "cut off", "no pixels", "unpacks to 16 MiB", "scans"],
)
def test_malformed_and_malicious_files_are_refused(
    data: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.png").write_bytes(data)
    assert main(["inspect", str(tmp_path / "bad.png")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_files_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "gone.png")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    script = "import sys; sys.modules['PIL'] = None; from renderq.cli import main; sys.exit(main(['inspect', 'x.png']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "needs PIL, which is not installed: pip install 'renderq[inspect]'" in done.stderr


def test_an_image_is_made_again_by_its_recipe(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    script_finished_job(server, model_revision="r2")
    file = write_image(tmp_path, watermark="made by us")
    assert main(["run", "--from", str(file), "-o", str(tmp_path / "again.webp"), "--steps", "9", "-q"]) == 0
    [sent] = server.requests("POST", "/v1/jobs")
    recipe = inspect_as_json(file, capsys)["recipe"]["request"]
    assert parse_request(sent.json) == parse_request(
        {**recipe, "steps": 9, "output": {**recipe["output"], "format": "webp"}}
    )


def test_a_recipe_is_rendered_with_other_prompts(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a blue cube\na green cube\n", encoding="utf-8")
    file = str(write_image(tmp_path))
    assert main(["run", "--from", file, "--prompts", str(prompts), "--model", "fake", "-o", f"{tmp_path}/", "-q"]) == 0
    assert [job.request["prompt"] for job in server.jobs] == ["a blue cube", "a green cube"]
    first, second = server.jobs
    assert first.request["seed"] == second.request["seed"]


def test_another_revision_is_a_warning(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    script_finished_job(server, model_revision="r2")
    assert main(["run", "--from", str(write_image(tmp_path)), "-o", str(tmp_path / "again.png"), "-q"]) == 0
    assert "rendered by revision r1" in capsys.readouterr().err


def test_a_recipe_sends_neither_webhooks_nor_files_of_this_machine(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    script_finished_job(server)
    hooked = {"prompt": "x", "webhook": {"url": "https://evil.example/"}, "priority": 10, "metadata": {"a": "b"}}
    (tmp_path / "in.png").write_bytes(with_recipe(json.dumps(recipe_of_body(hooked))))
    assert main(["run", "--from", str(tmp_path / "in.png"), "-o", str(tmp_path), "-q"]) == 0
    [sent] = server.requests("POST", "/v1/jobs")
    assert sent.json == {"task": "txt2img", "prompt": "x", "output": {}, "metadata": {}}


def test_a_comment_of_another_program_is_no_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = EXIF_PREFIX + b"holiday"
    Image.fromarray(smooth(64, 64, 0)).save(tmp_path / "holiday.jpg", exif=exif)
    inspection = inspect_as_json(tmp_path / "holiday.jpg", capsys)
    assert (inspection["recipe"], inspection["recipe_problem"]) == (None, None)

"""`renderq inspect` and `run --from`: what a file tells, and that no file does harm."""

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
"""Clears a terminal, colors it, and turns its text round."""


def picture(folder: Path, suffix: str = "png", prompt: str = "a red circle", **output: Any) -> Path:
    """A file as a worker writes it."""
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


def inspected(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    assert main(["inspect", str(file), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def said(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["inspect", str(file), *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_workers_file_tells_everything(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path, suffix, watermark="made by us")
    found = inspected(file, capsys)
    pixels = np.asarray(Image.open(file).convert("RGB"))
    assert (found["width"], found["height"], found["size_bytes"]) == (256, 256, file.stat().st_size)
    assert found["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found["pixel_sha256"] == hashlib.sha256(pixels.tobytes()).hexdigest()
    request = found["recipe"]["request"]
    assert (request["prompt"], request["seed"], request["n"]) == ("a red circle", 42, 1)
    assert found["recipe"]["model_revision"] == "r1"
    assert parse_request(request).output.watermark == "made by us"
    assert (found["watermark"]["text"], found["watermark"]["named_by_recipe"]) == ("made by us", True)
    page = said(file, capsys)
    assert 'watermark     "made by us", as the recipe says' in page
    assert json.loads(page.splitlines()[-1].removeprefix("request")) == request


def test_without_anything_in_it_nothing_is_claimed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path, embed_recipe=False)
    found = inspected(file, capsys)
    assert (found["recipe"], found["recipe_problem"], found["watermark"]) == (None, None, None)
    page = said(file, capsys)
    assert "watermark     none found\n" in page
    assert "recipe        none found\n" in page


def test_a_watermark_is_found_without_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path, embed_recipe=False, watermark="made by us")
    found = inspected(file, capsys)["watermark"]
    assert (found["text"], found["named_by_recipe"]) == ("made by us", False)
    assert inspected(file, capsys, "--watermark-bytes", "10")["watermark"]["text"] == "made by us"
    assert inspected(file, capsys, "--watermark-bytes", "9")["watermark"] is None


def test_a_recipe_is_not_believed_about_the_watermark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lying = recipe_of_body({"prompt": "x", "output": {"watermark": "made by us"}})
    text = chunk(b"tEXt", b"renderq\0" + json.dumps(lying).encode())
    plain = picture(tmp_path, embed_recipe=False)
    data = plain.read_bytes()
    plain.write_bytes(data[:33] + text + data[33:])
    assert inspected(plain, capsys)["watermark"] is None
    assert "none found, though the recipe names made by us" in said(plain, capsys)


def test_letters_in_doubt_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path, "jpg", embed_recipe=False, watermark="SDV2")
    assert '"SDV2", in which single letters may be wrong' in said(file, capsys)


def test_nothing_of_a_file_reaches_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path, prompt=f"a {CLEAR} circle\n")
    for page in (said(file, capsys), said(file, capsys, "--json")):
        assert all(each.isprintable() or each == "\n" for each in page)
    assert r"a \x1b[2J\x9b31m\u202e circle\n" in said(file, capsys)
    assert inspected(file, capsys)["recipe"]["request"]["prompt"] == f"a {CLEAR} circle\n"


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
        ("[]", "not of version 1"),
        ('{"renderq": 2}', "not of version 1"),
        ('{"renderq": 1, "request": 3}', "has no request"),
        (LOCAL_FILE, "not one that this renderq knows"),
    ],
    ids=range(7),
)
def test_a_recipe_that_cannot_be_read_is_told_and_the_rest_too(
    recipe: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.png").write_bytes(with_recipe(recipe))
    found = inspected(tmp_path / "odd.png", capsys)
    assert (found["recipe"], found["width"]) == (None, 1)
    assert why in found["recipe_problem"]
    assert main(["run", "--from", str(tmp_path / "odd.png"), "-o", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def saved_by_pillow(format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(smooth(64, 64, 0)).save(buffer, format, **options)
    return buffer.getvalue()


def many_scans() -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = saved_by_pillow("JPEG", progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * 1_000 + data[end:]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(20), "no PNG, JPEG or WebP"),
        (png(width=60_000, height=60_000), "pixels"),
        (png(width=9_000, height=9_000), "9,000 × 9,000 pixels"),
        (saved_by_pillow("PNG")[:2_000], "damaged"),
        (png(chunk(b"IDAT", b"nonsense")), "damaged"),
        (png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24))), PIXEL), "damaged"),
        (many_scans(), "more often than any program"),
    ],
    ids=["empty", "gif", "bomb", "large", "cut off", "no pixels", "unpacks to 16 MiB", "scans"],
)
def test_files_that_are_no_images_or_mean_harm(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.png").write_bytes(data)
    assert main(["inspect", str(tmp_path / "bad.png")]) == 2
    error = capsys.readouterr().err
    assert said in error
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
    file = picture(tmp_path, watermark="made by us")
    assert main(["run", "--from", str(file), "-o", str(tmp_path / "again.webp"), "--steps", "9", "-q"]) == 0
    [sent] = server.requests("POST", "/v1/jobs")
    recipe = inspected(file, capsys)["recipe"]["request"]
    assert parse_request(sent.json) == parse_request(
        {**recipe, "steps": 9, "output": {**recipe["output"], "format": "webp"}}
    )


def test_a_revision_that_differs_is_told(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    script_finished_job(server, model_revision="r2")
    assert main(["run", "--from", str(picture(tmp_path)), "-o", str(tmp_path / "again.png"), "-q"]) == 0
    assert "made by revision r1" in capsys.readouterr().err


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
    found = inspected(tmp_path / "holiday.jpg", capsys)
    assert (found["recipe"], found["recipe_problem"]) == (None, None)

"""Arguments as neighboring libraries have them: numbers, collections, images."""

import array
import enum
import io
import mmap
import os
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from renderq import AsyncClient, Client, InvalidArgument
from renderq._core.image_sources import read_image
from renderq._core.requests import annotate_job
from renderq._core.values import json_value
from renderq.cli import main
from renderq.contract import LIMITS, OutputOptions, WebhookOptions
from renderq.testing import FakeService
from tests.shared.renderq.multipart import sent_file
from tests.worker.jobs.inputs.icc_profiles import cmyk_profile


class Level(enum.IntEnum):
    LOW = 3


class Word(enum.StrEnum):
    EULER = "euler"


@pytest.fixture(scope="module")
def png() -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (8, 8), (10, 20, 30)).save(buffer, "PNG")
    return buffer.getvalue()


# -- Numbers and collections


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(5), 5),
        (np.arange(3)[2], 2),
        (np.uint8(5), 5),
        (np.array(5), 5),
        (np.float32(5), 5.0),
        (np.float64(7.5), 7.5),
        (np.bool_(True), True),
        (np.str_("euler"), "euler"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (torch.tensor(5), 5),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (torch.tensor([1, 2]), [1, 2]),
        (array.array("i", [1, 2]), [1, 2]),
        (Decimal("7.5"), 7.5),
        (Decimal(20), 20),
        (Fraction(1, 2), 0.5),
        (Fraction(4, 2), 2),
        (Level.LOW, 3),
        (Word.EULER, "euler"),
        (True, True),
        (None, None),
        (10**20, 10**20),
        (("a", "b"), ["a", "b"]),
        ({"a"}, ["a"]),
        (range(2), [0, 1]),
        ({"a": 1}.keys(), ["a"]),
        ({"left": np.int64(64), "deep": [Decimal(1)]}, {"left": 64, "deep": [1]}),
        (OutputOptions(format="webp"), {"format": "webp"}),
        (WebhookOptions(url="http://h/"), {"url": "http://h/"}),
    ],
)
def test_a_value_is_what_json_has_for_it(value: object, expected: object) -> None:
    made = json_value("steps", value)
    assert made == expected
    assert type(made) in {type(expected), np.float64, np.str_, Word}


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("-inf"), np.float32("nan"), Decimal("NaN"), Decimal("1e999"), torch.tensor(float("inf"))],
)
def test_numbers_that_json_lacks_are_named(value: object) -> None:
    with pytest.raises(InvalidArgument, match=r"^guidance_scale must be a finite number, not "):
        json_value("guidance_scale", value)


@pytest.mark.parametrize(
    "value",
    [
        1j,
        b"5",
        bytearray(b"5"),
        memoryview(b"5"),
        object(),
        timedelta(1),
        datetime.now(),
        Path("x"),
        io.StringIO(),
        len,
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("field", ["seed", "prompt", "metadata", "output", "deadline_seconds", "a_field_to_come"])
def test_values_of_other_types_are_named_with_what_the_field_takes(field: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{field} takes .*, not {type(value).__name__}"):
        json_value(field, value)


def test_what_json_cannot_hold_is_named_by_its_field(client: Client) -> None:
    cyclic: dict[str, Any] = {}
    cyclic["a"] = {"b": [cyclic]}
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    for field, value, message in (
        ("seed", 10**5000, r"seed must be a number that a double can hold, not one of about 5,000 digits"),
        (
            "metadata",
            {"order": -(10**400)},
            r"metadata\.order must be a number that a double can hold, not one of about",
        ),
        ("metadata", cyclic, r"metadata contains itself, or collections nested more than 32 deep"),
        ("metadata", {"a": deep}, r"metadata contains itself, or collections nested more than 32 deep"),
        ("metadata", {"a": b"x"}, r"metadata\.a takes what JSON has, not bytes"),
        ("metadata", {"a": float("nan")}, r"metadata\.a must be a finite number, not nan"),
    ):
        fields: dict[str, Any] = {field: value}
        with pytest.raises(InvalidArgument, match=f"^{message}"):
            client.submit("x", **fields)


def test_filters_of_other_types_are_named(client: Client) -> None:
    for filters, message in (
        ({"labels": "red"}, "labels must be a list, not str"),
        ({"labels": 5}, "labels must be a list, not int"),
        ({"metadata": ["order"]}, "metadata must be a dictionary, not list"),
        ({"metadata": {1: "a"}}, "a key of metadata must be text, not int"),
        ({"seed": 10**5000}, "seed is a number of thousands of digits"),
    ):
        fields: dict[str, Any] = {**filters}
        with pytest.raises(InvalidArgument, match=f"^{message}"):
            list(client.jobs.list(**fields))


def test_labels_are_not_taken_apart() -> None:
    assert annotate_job("job_1", None, "red").body == {"labels": "red"}  # which the service refuses
    assert annotate_job("job_1", None, ("red", "blue")).body == {"labels": ["red", "blue"]}
    with pytest.raises(InvalidArgument, match=r"^labels takes what JSON has, not object"):
        annotate_job("job_1", None, object())  # pyright: ignore[reportArgumentType]


def test_a_message_names_the_innermost_field() -> None:
    with pytest.raises(InvalidArgument, match=r"^output\.quality takes int, not complex"):
        json_value("output", {"quality": 1j})
    with pytest.raises(InvalidArgument, match=r"^webhook\.events\.1 takes "):
        json_value("webhook", {"events": ["job.failed", object()]})
    with pytest.raises(InvalidArgument, match=r"^seed takes int \| None, not object"):
        json_value("seed", object())
    with pytest.raises(InvalidArgument, match=r"^a key of metadata must be text, not int"):
        json_value("metadata", {1: "a"})


@pytest.mark.parametrize("text", ["a \udcff circle", "\ud800"])
def test_text_that_cannot_be_encoded_is_named(server: FakeService, client: Client, text: str) -> None:
    for fields in (
        {"prompt": text},
        {"prompt": "a", "negative_prompt": text},
        {"prompt": "a", "metadata": {"a": text}},
    ):
        with pytest.raises(InvalidArgument, match="is not text: character"):
            client.submit(**fields)
    with pytest.raises(InvalidArgument, match="is not text: character"):
        list(client.jobs.list(model=text))
    assert server.received == []


def test_a_time_out_of_range_is_named(client: Client) -> None:
    assert list(client.jobs.list(created_after=datetime(2020, 1, 1), page_size=np.int64(5))) == []
    with pytest.raises(InvalidArgument, match=r"^created_after: .* is out of range"):
        list(client.jobs.list(created_after=datetime.min))


async def test_values_arrive_as_numbers(server: FakeService) -> None:
    fields: dict[str, Any] = {
        "seed": np.int64(5),
        "steps": Decimal(20),
        "guidance_scale": np.float32(5),
        "n": Level.LOW,
    }
    with Client(server.url) as client:
        client.submit("a red circle", **fields)
    async with AsyncClient(server.url) as client:
        await client.submit("a red circle", **fields)
        with pytest.raises(InvalidArgument, match=r"^strength takes float, not complex"):
            await client.submit("a red circle", image=b"not even uploaded", strength=1j)
    expected = {"prompt": "a red circle", "seed": 5, "steps": 20, "guidance_scale": 5.0, "n": 3}
    assert [request.json for request in server.received] == [expected] * 2


# -- Images


class RawReader(io.RawIOBase):
    """A raw file, which returns less than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(memoryview(buffer)[:7])


def test_bytes_like_objects_and_files_of_any_kind_are_bytes(png: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png)
    link = tmp_path / "link"
    link.symlink_to(path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(png))
    writer.start()
    with path.open("rb") as file, path.open("rb", buffering=0) as raw, mmap.mmap(raw.fileno(), 0, prot=1) as mapped:
        sources = [
            bytearray(png),
            memoryview(png),
            memoryview(png + png)[: len(png)],
            np.frombuffer(png, np.uint8),
            array.array("B", png),
            mapped,
            raw,
            file,
            RawReader(png),
            io.BytesIO(png),
            link,
            pipe,
        ]
        assert [read_image(source) for source in sources] == [png] * len(sources)
    writer.join()


class Paths(os.PathLike):
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self.path)


def test_a_path_may_be_bytes(png: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png)
    assert read_image(Paths(tmp_path / "photo.png")) == png


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr", "HSV", "RGBa", "PA", "La"]
)
def test_a_pil_image_is_sent_as_png(mode: str) -> None:
    made = Pillow.open(io.BytesIO(read_image(Pillow.new(mode, (8, 4)))))
    made.load()
    assert (made.format, made.size) == ("PNG", (8, 4))
    if mode in {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}:
        assert made.mode == mode


def test_a_pil_image_keeps_its_pixels_orientation_and_profile_and_nothing_else(tmp_path: Path) -> None:
    image = Pillow.fromarray(np.arange(96, dtype=np.uint8).reshape(4, 8, 3))
    exif = image.getexif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    image.info["icc_profile"] = b"a profile"
    made = Pillow.open(io.BytesIO(read_image(image)))
    assert np.array_equal(np.asarray(made), np.asarray(image))
    assert dict(made.getexif()) == {0x0112: 6}
    assert made.info["icc_profile"] == b"a profile"
    assert image.getexif()[0x010F] == "a camera"


@pytest.mark.parametrize(("profile", "gray"), [(cmyk_profile(), 118), (b"none", 0)])
def test_a_pil_image_in_cmyk_is_converted_by_its_profile(profile: bytes, gray: int) -> None:
    image = Pillow.new("CMYK", (8, 8), (0, 0, 0, 255))
    image.info["icc_profile"] = profile
    made = Pillow.open(io.BytesIO(read_image(image)))
    assert (made.mode, made.getpixel((4, 4)), made.info.get("icc_profile")) == ("RGB", (gray,) * 3, None)


def test_a_pil_image_that_png_lacks_or_that_is_damaged_is_named(png: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^mask: the PIL image of mode F cannot be written as PNG"):
        read_image(Pillow.new("F", (8, 8)), "mask")
    with pytest.raises(InvalidArgument, match=r"^mask: the PIL image of mode RGB"):
        read_image(Pillow.open(io.BytesIO(png[:-30])), "mask")
    closed = Pillow.open(io.BytesIO(png))
    closed.close()
    with pytest.raises(InvalidArgument, match=r"^mask: the PIL image of mode RGB"):
        read_image(closed, "mask")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (17, "takes a path, bytes, .*, not int"),
        (object(), "takes a path, bytes, .*, not object"),
        ([b"a"], "takes a path, bytes, .*, not list"),
        (np.zeros((8, 8, 3), np.uint8), "not ndarray; convert an array with PIL.Image.fromarray"),
        (torch.zeros(8, 8), "not Tensor; convert an array with PIL.Image.fromarray"),
        (np.zeros(8), "not ndarray"),
        ("http://example.com/a.png", "takes an https URL .*'http://example.com/a.png' is neither"),
        ("HTTP://example.com/a.png", "takes an https URL"),
        (" https://example.com/a.png", "takes an https URL"),
        ("file:///tmp/a.png", "takes an https URL"),
        ("s3://bucket/a.png", "takes an https URL"),
        ("data:image/png,abc", "takes an https URL or a base64 data URL"),
        ("a\0b.png", "is not a path: embedded null byte"),
        (b"", "has no bytes"),
        (io.BytesIO(), "has no bytes; a file that has been read is at its end"),
        (io.StringIO("text"), "the file returns text, not bytes; open it in mode 'rb'"),
        (io.StringIO(), "the file returns text, not bytes"),
    ],
)
async def test_what_is_no_image_source_is_named_by_its_field(
    server: FakeService, source: Any, message: str, png: bytes
) -> None:
    with Client(server.url) as client:
        with pytest.raises(InvalidArgument, match=f"^mask:? .*{message}"):
            client.submit("a cat", image=png, mask=source)
        with pytest.raises(InvalidArgument, match=f"^image:? .*{message}"):
            client.assets.upload(source)
    async with AsyncClient(server.url) as client:
        with pytest.raises(InvalidArgument, match=f"^depth_map:? .*{message}"):
            await client.submit("a cat", image=png, depth_map=source)
    assert server.received == []


def test_files_that_are_closed_text_or_write_only_are_named(png: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png)
    with path.open("rb") as closed:
        pass
    with path.open(encoding="utf-8") as text, (tmp_path / "new").open("wb") as writable:
        for source in (closed, text, writable):
            with pytest.raises(InvalidArgument, match=r"^image: the file .*'rb'"):
                read_image(source)


def test_paths_that_cannot_be_read_are_os_errors(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "loop", tmp_path / "none", "x" * 300, ""):
        with pytest.raises(OSError, match="rrno"):
            read_image(path)


def test_of_endless_sources_no_more_is_read_than_the_service_needs_to_refuse_them() -> None:
    with Path("/dev/zero").open("rb") as file:
        assert len(read_image(file)) == LIMITS.asset_bytes + 1
    assert len(read_image(memoryview(bytearray(LIMITS.asset_bytes + 100)))) == LIMITS.asset_bytes + 1


async def test_a_pil_image_and_a_path_start_jobs(server: FakeService, png: bytes) -> None:
    image = Pillow.open(io.BytesIO(png))
    with Client(server.url) as client:
        client.run("a cat", image=image, mask=bytearray(png))
    async with AsyncClient(server.url) as client:
        await client.run("a cat", image=image)
    assert all(
        Pillow.open(io.BytesIO(sent_file(each))).size == (8, 8) for each in server.requests("POST", "/v1/assets")
    )


def test_the_command_line_names_an_address_that_is_no_https_url(
    server: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "a cat", "--url", server.url, "--image", "http://example.com/a.png"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("renderq: image takes an https URL")
    assert error.count("\n") == 1


def test_every_file_is_read_before_the_first_is_uploaded(server: FakeService, client: Client, png: bytes) -> None:
    with pytest.raises(FileNotFoundError):
        client.submit("a cat", image=png, mask="nothing.png")
    with pytest.raises(InvalidArgument):
        client.submit("a cat", image=png, seed=date.today())
    assert server.received == []

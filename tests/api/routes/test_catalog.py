"""What the catalog says of models for people: titles, examples, images, styles."""

from pathlib import Path

import httpx2
import pytest

from renderq import AsyncClient, Client
from renderq.cli import main
from renderq_shared.errors import CatalogInvalid
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi

CATALOG = """
[models.shapes]
source = "builtin:shapes"
title = "Shapes"
examples = ["a red circle"]
image = "shapes.png"

[models.plain]
source = "builtin:shapes"

[styles.ink]
title = "Ink"
prompt = "ink drawing of {prompt}"
negative_prompt = "color"
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "shapes.png").write_bytes(image_file())
    (tmp_path / "models.toml").write_text(CATALOG)
    return tmp_path / "models.toml"


def test_models_are_shown_with_title_examples_and_image(settings_for: SettingsFor, catalog: Path) -> None:
    with RunningApi(settings_for(models=catalog)) as api, api.client() as http:
        shapes, plain = http.get("/v1/models").json()["data"]
        assert (shapes["title"], shapes["examples"]) == ("Shapes", ["a red circle"])
        assert shapes["image_url"] == f"{api.url}/v1/models/shapes/image"
        assert (plain["title"], plain["examples"], plain["image_url"]) == ("", [], None)
        image = http.get(shapes["image_url"])
        assert (image.content, image.headers["content-type"]) == (image_file(), "image/png")
        etag = {"If-None-Match": image.headers["etag"]}
        assert http.get(shapes["image_url"], headers=etag).status_code == 304
        for name in ("plain", "unknown"):
            problem(http.get(f"/v1/models/{name}/image"), "not_found")


async def test_styles_are_listed(
    settings_for: SettingsFor,
    catalog: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RunningApi(settings_for(models=catalog)) as api:
        monkeypatch.setenv("RENDERQ_URL", api.url)
        with Client() as client:
            (ink,) = client.models.styles()
        async with AsyncClient() as client:
            assert await client.models.styles() == (ink,)
        capsys.readouterr()
        assert main(["styles"]) == 0
        assert "ink    Ink    ink drawing of {prompt}  color" in capsys.readouterr().out
    assert ink.apply("a cat") == {"prompt": "ink drawing of a cat", "negative_prompt": "color"}
    assert ink.apply("a {prompt}", "blur")["negative_prompt"] == "blur, color"


def test_a_catalog_without_a_file_has_no_styles(http: httpx2.Client) -> None:
    assert http.get("/v1/styles").json() == {"data": []}
    problem(http.get("/v1/styles?x=1"), "invalid_request")
    assert http.get("/v1/models/shapes").json()["title"] == "Shapes"


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "cannot be read"), (b"GIF89a", "not a PNG, JPEG or WebP"), (bytes(2_100_000), "larger than 2 MiB")],
)
def test_an_image_that_cannot_be_shown_stops_the_api(
    settings_for: SettingsFor, catalog: Path, data: bytes | None, message: str
) -> None:
    image = catalog.parent / "shapes.png"
    image.unlink()
    if data is not None:
        image.write_bytes(data)
    with pytest.raises(CatalogInvalid, match=message), RunningApi(settings_for(models=catalog)):
        pass

"""Links to images: signed URLs with a lifetime and a file name."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest

from renderq import AsyncClient, Client
from renderq.cli import main
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import open_store
from tests.api.conftest import SettingsFor
from tests.api.problems import NO_JOB, pointers, problem
from tests.api.routes.conftest import STORE
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.s3_servers import S3Server

Finished = Callable[..., str]


@pytest.fixture
def finished(http: httpx2.Client, worker: Worker) -> Finished:
    """Return a factory: request → path of the finished job."""

    def finish(prompt: str, **fields: object) -> str:
        job_id = http.post("/v1/jobs", json={"prompt": prompt, **fields}).json()["id"]
        worker.finish(worker.claim())
        return f"/v1/jobs/{job_id}"

    return finish


def link(http: httpx2.Client, path: str, name: str | int = 0, **options: object) -> dict[str, Any]:
    response = http.post(f"{path}/images/{name}/link", json=options)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("prompt", "options", "disposition"),
    [
        ("a red circle", {}, 'inline; filename="a-red-circle-7.png"'),
        ("a red circle", {"download": True}, 'attachment; filename="a-red-circle-7.png"'),
        ('"; x="\r\n../', {"download": True}, 'attachment; filename="x-7.png"'),
        ("", {"download": True}, 'attachment; filename="txt2img-7.png"'),
        ("größer", {}, f"inline; filename=\"grer-7.png\"; filename*=UTF-8''{quote('größer')}-7.png"),
        ("円", {}, f"inline; filename=\"7.png\"; filename*=UTF-8''{quote('円')}-7.png"),
    ],
)
def test_the_file_is_named_after_prompt_and_seed(
    http: httpx2.Client, finished: Finished, prompt: str, options: dict[str, object], disposition: str
) -> None:
    response = http.get(link(http, finished(prompt), **options)["url"])
    assert (response.status_code, response.content) == (200, IMAGE_BYTES)
    assert response.headers["content-disposition"] == disposition


def test_each_image_and_the_grid_have_links_of_their_own(http: httpx2.Client, finished: Finished) -> None:
    path = finished("a ring", n=2, output={"grid": True})
    names = [http.get(link(http, path, name)["url"]).headers["content-disposition"] for name in (0, 1, "grid")]
    assert names == [f'inline; filename="a-ring-{name}.png"' for name in ("7", "8", "7-grid")]


def test_it_works_for_as_long_as_it_says(api: RunningApi, http: httpx2.Client, finished: Finished) -> None:
    path = finished("x")
    for options, seconds in (({"seconds": 604_800}, 604_800), ({}, api.settings.signed_url_seconds)):
        made = link(http, path, **options)
        [expires] = parse_qs(urlsplit(made["url"]).query)["expires"]
        assert abs(int(expires) - time.time() - seconds) < 60
        assert datetime.fromisoformat(made["expires_at"]).timestamp() == int(expires)


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"seconds": 0}, "/seconds"),
        ({"seconds": 604_801}, "/seconds"),
        ({"seconds": "60"}, "/seconds"),
        ({"download": 1}, "/download"),
        ({"name": "x.png"}, "/name"),
    ],
)
def test_options_are_checked(http: httpx2.Client, finished: Finished, options: dict[str, Any], pointer: str) -> None:
    response = http.post(f"{finished('x')}/images/0/link", json=options)
    assert list(pointers(problem(response, "invalid_request"))) == [pointer]


def test_another_name_is_refused(http: httpx2.Client, finished: Finished) -> None:
    parts = urlsplit(link(http, finished("x"), download=True)["url"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    for changed in ({"disposition": "attachment; filename=x.html"}, {"disposition": ""}):
        problem(http.get(parts.path, params={**query, **changed}), "forbidden")
    del query["disposition"]
    problem(http.get(parts.path, params=query), "forbidden")


def test_what_is_not_there_has_no_link(http: httpx2.Client, finished: Finished, store: RedisJobStore) -> None:
    path = finished("x")
    for missing in (f"{path}/images/1", f"{path}/images/grid", f"{path}/images/00", f"/v1/jobs/{NO_JOB}/images/0"):
        problem(http.post(f"{missing}/link", json={}), "not_found")


@pytest.mark.parametrize("delivery", ["redirect", "proxy"])
def test_links_of_an_s3_store_lead_to_it_unless_clients_cannot_reach_it(
    s3: S3Server, settings_for: SettingsFor, store: RedisJobStore, delivery: str
) -> None:
    with RunningApi(settings_for(store=STORE, image_delivery=delivery)) as api, api.client() as http:
        worker = Worker(store, open_store(api.settings))
        worker.register()
        path = http.post("/v1/jobs", json={"prompt": "a ring"}).json()["urls"]["self"]
        worker.finish(worker.claim())
        url = link(http, path, download=True)["url"]
        assert url.startswith(f"{api.url}/v1/files/jobs/") is (delivery == "proxy")
        response = httpx2.get(url, trust_env=False)
        assert response.content == IMAGE_BYTES
        query = parse_qs(urlsplit(url).query)  # this server does not do what the query of a signed URL says
        asked = query.get("response-content-disposition", [response.headers.get("content-disposition")])
        assert asked == ['attachment; filename="a-ring-7.png"']
    if delivery == "proxy":
        port = int(api.url.rpartition(":")[2])
        other = settings_for(store=STORE, image_delivery=delivery, port=port, secret="another secret of 32 characters…")
        with RunningApi(other) as api, api.client() as http:
            problem(http.get(url), "forbidden")


async def test_client_and_command_line_make_links(
    api: RunningApi, http: httpx2.Client, finished: Finished, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("RENDERQ_URL", api.url)
    job_id = finished("a ring", n=2, output={"grid": True}).rpartition("/")[2]
    with Client() as client:
        handle = client.job(job_id)
        links = [image.link(seconds=60, download=True) for image in (*handle.images, handle.grid) if image]
    async with AsyncClient() as client:
        (image, *_) = (await client.job(job_id)).images
        links.append(await image.link())
    for each in links:
        assert httpx2.get(each.url, trust_env=False).content == IMAGE_BYTES
    capsys.readouterr()
    assert main(["link", job_id, "--index", "1", "--download"]) == 0
    [url] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("http")]
    assert 'a-ring-8.png"' in httpx2.get(url, trust_env=False).headers["content-disposition"]
    assert main(["link", job_id, "--grid", "--json"]) == 0
    printed = capsys.readouterr().out
    assert len(json.loads(printed[printed.index("[\n") :])) == 1
    assert main(["link", job_id, "--index", "9"]) == 2

"""Text is accepted unchanged or rejected. Accepted text is returned unchanged everywhere."""

import io
import json
import unicodedata

import httpx2
import numpy as np
import pytest
from PIL import ExifTags, Image

from renderq.contract import OutputOptions, parse_request
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_worker.output.encode import encode
from renderq_worker.output.recipe import image_recipe
from tests.api.running_api import RunningApi
from tests.api.webhooks.receivers import webhook_receiver
from tests.api.worker import Worker
from tests.polling import wait_until

PLANES = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0x20, 0x41, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF))
FORGED = "\r\nX-Injected: yes\r\n\r\n<script>alert(1)</script>\x1b[31m"

PROMPTS = {
    "every plane": PLANES,
    "control characters": "".join(map(chr, [*range(32), *range(0x7F, 0xA0)])),
    "nul": "a\0b\0",
    "direction": "abc \u202e def \u2066 ghi \u2069 \u200f\u200e",
    "separators": "a\u2028b\u2029c\x85d\u00a0e\u3000f\ufeffg",
    "not normal": "e\u0301 \u00e9 \u212b \ufb01 " + unicodedata.normalize("NFD", "Ångström"),
    "families": "👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇳",
    "8,000 astral characters": "\U0001f600" * 8_000,
    "looks like headers": FORGED,
    "looks like an event": "x\n\nevent: done\ndata: {}\n\n",
    "looks like a template": "{{7*7}} ${7*7} %s %n {0} $(id) `id` ' OR 1=1 -- \\u0000 \\ud800",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_what_is_taken_comes_back_everywhere(
    http: httpx2.Client, api: RunningApi, store: RedisJobStore, prompt: str
) -> None:
    metadata = {prompt[:512]: prompt[:512], "k": FORGED}
    with webhook_receiver() as receiver:
        webhook = {"url": receiver.url, "events": ["job.succeeded"]}
        sent = {"prompt": prompt, "metadata": metadata, "webhook": webhook}
        response = http.post("/v1/jobs", json=sent)
        assert response.status_code == 201, response.text
        escaped = http.post("/v1/jobs", content=json.dumps(sent), headers={"Content-Type": "application/json"})
        address = f"/v1/jobs/{response.json()['id']}"
        worker = Worker(store, FolderStore(api.settings.store_folder))
        record = worker.claim()
        worker.finish(record)
        wait_until(lambda: receiver.received)
    headers, webhook_body = receiver.received[0]
    stream = http.get(f"{address}/events").text
    events = [json.loads(line.removeprefix("data: ")) for line in stream.split("\n") if line.startswith("data: ")]
    jobs = [response.json(), escaped.json(), http.get(address).json(), http.get("/v1/jobs").json()["data"][0], *events]
    for job in (*jobs, json.loads(webhook_body)["data"]):
        assert (job["request"]["prompt"], job["metadata"]) == (prompt, metadata)
    assert "x-injected" not in {*response.headers, *map(str.lower, headers)}
    for image_format in ("png", "jpeg", "webp"):
        assert prompt_in_image(record.request_json, image_format) in {
            prompt,
            None if image_format == "jpeg" else prompt,
        }


def prompt_in_image(request_json: str, image_format: str) -> str | None:
    """Return the prompt of the recipe embedded in the file; `None` if the recipe does not fit."""
    recipe = image_recipe(parse_request(json.loads(request_json)), 0, "revision")
    options = OutputOptions.model_validate({"format": image_format})
    with Image.open(io.BytesIO(encode(np.zeros((8, 8, 3), np.uint8), options, recipe).data)) as image:
        if image_format == "png":
            return json.loads(image.text["renderq"])["request"]["prompt"]
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    return comment and json.loads(comment.removeprefix(b"ASCII\0\0\0"))["request"]["prompt"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (rb'{"prompt": "\ud800"}', "lone_surrogate"),
        (rb'{"prompt": "\udc00\ud800"}', "lone_surrogate"),
        (rb'{"prompt": "x", "metadata": {"\udfff": "x"}}', "lone_surrogate"),
        (b'{"prompt": "\xed\xa0\x80"}', "not_utf8"),
        (b'{"prompt": "\xf4\x90\x80\x80"}', "not_utf8"),
        (b'{"prompt": "\xc0\x80"}', "not_utf8"),
        (b'{"prompt": "\x00"}', "not_json"),
        (json.dumps({"prompt": "\U0001f600" * 8_001}).encode(), "too_long"),
    ],
)
def test_what_cannot_come_back_is_refused(http: httpx2.Client, body: bytes, code: str) -> None:
    response = http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, [error["code"] for error in response.json()["errors"]]) == (422, [code])

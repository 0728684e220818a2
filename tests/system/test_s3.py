"""Images in a real S3 store: through signed URLs, through the API, and across an outage of the store."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.s3_servers import Nanio, S3Server
from tests.system.service import Service

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

STORE = "s3://images/renderq"


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    """A store that the test can stop."""
    server = Nanio(tmp_path)
    server.start()
    server.client().create_bucket(Bucket="images")
    yield server
    server.kill()


def names(s3: S3Server) -> set[str]:
    return {found["Key"] for found in s3.client().list_objects_v2(Bucket="images")["Contents"]}


def test_a_prompt_becomes_an_image_in_the_bucket(s3: S3Server, tmp_path: Path) -> None:
    # Environment files set absent variables to an empty string.
    env = {**s3.env, "RENDERQ_DEVICE": "simulated", "RENDERQ_S3_PUBLIC_ENDPOINT": "", "RENDERQ_S3_ADDRESSING": "path"}
    with Service(tmp_path / "data", "--store", STORE, env=env) as service:
        job = service.wait_until_ended(service.submit(n=2, steps=4)["id"])
        assert job["status"] == "succeeded", job
        assert {name for name in names(s3) if name.startswith(f"renderq/jobs/{job['id']}/")}
        for output in job["outputs"]:
            assert output["signed_url"].startswith(f"{s3.endpoint}/images/renderq/jobs/{job['id']}/")
            image = httpx2.get(output["signed_url"], trust_env=False).content
            assert hashlib.sha256(image).hexdigest() == output["sha256"]
            assert service.image(job, output["index"]) == image


def test_a_store_that_is_away_while_a_job_renders_costs_nothing_but_time(s3: S3Server, tmp_path: Path) -> None:
    env = {**s3.env, "RENDERQ_DEVICE": "simulated:20", "RENDERQ_IMAGE_DELIVERY": "proxy"}
    with Service(tmp_path / "data", "--store", STORE, env=env) as service:
        job = service.submit(steps=150)
        service.wait_until(job["id"], lambda job: job["stage"] == "denoising")
        s3.kill()
        service.wait_until(job["id"], lambda _: "objects.call_failed" in service.log_text)
        assert service.http.get("/readyz").status_code == 503
        s3.start()
        ended = service.wait_until_ended(job["id"])
        assert (ended["status"], ended["attempt"]) == ("succeeded", 1), ended
        response = service.http.get(ended["outputs"][0]["url"])
        assert response.status_code == 200
        assert hashlib.sha256(response.content).hexdigest() == ended["outputs"][0]["sha256"]
        assert s3.secret_key not in service.log_text

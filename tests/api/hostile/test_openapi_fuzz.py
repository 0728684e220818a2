"""Requests generated from the OpenAPI document, valid and invalid, get documented responses.

`make fuzz` runs more examples, with new random ones each time.
"""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from renderq_api.routes import ROUTERS
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.assets.image_files import image_file
from tests.api.running_api import RunningApi
from tests.api.worker import Worker

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Examples per operation; 0: few, deterministic ones."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance]

ENDLESS = {"/v1/events"}
"""Streams that do not end."""

OPERATIONS = sorted(
    (method, re.sub(r":\w+}", "}", route.path))
    for router in ROUTERS
    for route in router.routes
    for method in route.methods
    if route.include_in_schema and route.path not in ENDLESS
)

ANSWER_S = 10

ATTEMPTS = 5
"""On a busy machine Redis may exceed the API's timeout; its 503 asks for a retry."""

thorough = settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
    suppress_health_check=list(HealthCheck),
)


ranges = st.sampled_from(["bytes=0-9", "bytes=-1", "bytes=9-0", "bytes=0-0,5-6", f"bytes={'9' * 20}-", "lines=1-2"])
lines = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40).map(str.strip)
headers = st.dictionaries(
    st.sampled_from(["If-None-Match", "If-Range", "Last-Event-ID", "X-Request-Id", "Accept", "Origin", "Forwarded"]),
    st.sampled_from(["*", "7", '"x"', 'W/"2"']) | lines,
    max_size=2,
) | st.fixed_dictionaries({"Range": ranges | lines})
"""Standard HTTP headers that no operation documents."""


@dataclass(frozen=True)
class Target:
    """Existing objects that a request can name."""

    ids: dict[str, str] = field(default_factory=dict)
    """Path parameter → value."""
    query: dict[str, str] = field(default_factory=dict)
    """Query of the signed URL of the target's file."""


@pytest.fixture
def targets(http: httpx2.Client, api: RunningApi, store: RedisJobStore) -> list[Target]:
    """No target, a terminal job, and a queued job."""
    hook = {"url": "http://127.0.0.1:9/", "events": ["job.succeeded"]}
    ended, queued = (http.post("/v1/jobs", json={"prompt": "x", "webhook": hook}).json()["id"] for _ in range(2))
    worker = Worker(store, FolderStore(api.settings.store_folder))
    worker.register()
    worker.finish(worker.claim())
    batch = http.post("/v1/batches", json={"requests": [{"prompt": "x"}]}).json()["id"]
    [delivery] = store.call(commands.deliveries("ada", ended, 1))
    asset = http.post("/v1/assets", files={"file": image_file()}).json()["id"]
    signed = urlsplit(http.get(f"/v1/jobs/{ended}").json()["outputs"][0]["signed_url"])
    ids = {
        "batch_id": batch,
        "delivery_id": delivery.id,
        "asset_id": asset,
        "index": "0",
        "name": "shapes",
        "key": signed.path.removeprefix("/v1/files/"),
    }
    query = dict(parse_qsl(signed.query))
    return [Target(), Target({**ids, "job_id": ended}, query), Target({**ids, "job_id": queued}, query)]


@pytest.mark.timeout(600 if EXAMPLES else 120)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(
    http: httpx2.Client,
    api: RunningApi,
    authorization: dict[str, str],
    targets: list[Target],
    method: str,
    path: str,
) -> None:
    operation = schemathesis.openapi.from_dict(http.get("/openapi.json").json())[path][method]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    is_stream, is_file = path.endswith("/events"), path.startswith("/v1/files/")
    # OpenAPI 3.1 describes the whole stream as a string; schemathesis would check each event against it.
    checks = CHECKS if is_stream else [*CHECKS, response_schema_conformance]
    # The event stream of a queued job does not end.
    places = st.sampled_from(targets[:2] if is_stream else targets)
    whose = st.sampled_from([authorization] * 9 + [{}])

    @thorough
    @given(cases, places, headers, whose)
    def check_operation(case: Case, target: Target, more: dict[str, str], credentials: dict[str, str]) -> None:
        case.path_parameters = {name: target.ids.get(name, value) for name, value in case.path_parameters.items()}
        if is_file and target.query:
            case.query = target.query
        sent = {name: value.encode("latin-1") for name, value in {**more, **credentials}.items()}
        do_not_wait(case)
        for _ in range(ATTEMPTS):
            response = case.call(api.url, session=session, headers=sent, timeout=ANSWER_S, allow_redirects=False)
            if response.status_code != 503:
                break
        case.validate_response(response, checks=checks)

    with requests.Session() as session:
        session.trust_env = False
        check_operation()


def do_not_wait(case: Case) -> None:
    """Set waits to 0: no worker renders the jobs."""
    for name in [name for name in case.headers or {} if name.lower() == "prefer"]:
        case.headers[name] = re.sub("[1-9]", "0", case.headers[name])

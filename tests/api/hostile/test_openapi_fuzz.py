"""Whatever is made up from the OpenAPI document, or against it, gets an answer that the document knows.

`make fuzz` tries more, and something else each time.
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
"""Of each operation; 0: few, and always the same."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance]

OPERATIONS = sorted(
    (method, route.path.replace(":path}", "}"))
    for router in ROUTERS
    for route in router.routes
    for method in route.methods
    if route.include_in_schema
)

ANSWER_S = 10

ATTEMPTS = 5
"""On a busy machine Redis may be too slow for the API, which says so in a 503 and means it: try again."""

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
"""What no operation documents, because HTTP does."""


@dataclass(frozen=True)
class There:
    """Something that a request can lead to."""

    ids: dict[str, str] = field(default_factory=dict)
    """Path parameter → value."""
    query: dict[str, str] = field(default_factory=dict)
    """Of its file's signed address."""


@pytest.fixture
def somewhere(http: httpx2.Client, api: RunningApi, store: RedisJobStore) -> list[There]:
    """Nowhere in particular, at a job that has ended, at one that has not."""
    hook = {"url": "http://127.0.0.1:9/", "events": ["job.succeeded"]}
    ended, queued = (http.post("/v1/jobs", json={"prompt": "x", "webhook": hook}).json()["id"] for _ in range(2))
    worker = Worker(store, FolderStore(api.settings.store_folder))
    worker.register()
    worker.finish(worker.claim())
    [delivery] = store.call(commands.deliveries("ada", ended)) or ()
    asset = http.post("/v1/assets", files={"file": image_file()}).json()["id"]
    signed = urlsplit(http.get(f"/v1/jobs/{ended}").json()["outputs"][0]["signed_url"])
    ids = {
        "delivery_id": delivery.id,
        "asset_id": asset,
        "index": "0",
        "name": "shapes",
        "key": signed.path.removeprefix("/v1/files/"),
    }
    query = dict(parse_qsl(signed.query))
    return [There(), There({**ids, "job_id": ended}, query), There({**ids, "job_id": queued}, query)]


@pytest.mark.timeout(600 if EXAMPLES else 120)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(
    http: httpx2.Client,
    api: RunningApi,
    authorization: dict[str, str],
    somewhere: list[There],
    method: str,
    path: str,
) -> None:
    operation = schemathesis.openapi.from_dict(http.get("/openapi.json").json())[path][method]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    is_stream, is_file = path.endswith("/events"), path.startswith("/v1/files/")
    # A stream is a string to OpenAPI 3.1, and one to schemathesis event by event.
    checks = CHECKS if is_stream else [*CHECKS, response_schema_conformance]
    # The events of a job that goes on do not end.
    places = st.sampled_from(somewhere[:2] if is_stream else somewhere)
    whose = st.sampled_from([authorization] * 9 + [{}])

    @thorough
    @given(cases, places, headers, whose)
    def try_it(case: Case, there: There, more: dict[str, str], credentials: dict[str, str]) -> None:
        case.path_parameters = {name: there.ids.get(name, value) for name, value in case.path_parameters.items()}
        if is_file and there.query:
            case.query = there.query
        sent = {name: value.encode("latin-1") for name, value in {**more, **credentials}.items()}
        do_not_wait(case)
        for _ in range(ATTEMPTS):
            answer = case.call(api.url, session=session, headers=sent, timeout=ANSWER_S, allow_redirects=False)
            if answer.status_code != 503:
                break
        case.validate_response(answer, checks=checks)

    with requests.Session() as session:
        session.trust_env = False
        try_it()


def do_not_wait(case: Case) -> None:
    """For a job that nobody renders."""
    for name in [name for name in case.headers or {} if name.lower() == "prefer"]:
        case.headers[name] = re.sub("[1-9]", "0", case.headers[name])

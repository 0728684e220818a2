"""`GET /v1/jobs`: list of the tenant's jobs."""

import base64

import httpx2
import pytest

from renderq.contract import JobList
from renderq_shared.jobs import NewJob, QueueLimits, commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.problems import problem
from tests.api.worker import Worker


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def page(http: httpx2.Client, **query: object) -> JobList:
    response = http.get("/v1/jobs", params=query)
    assert response.status_code == 200, response.text
    return JobList.model_validate(response.json())


def list_ids(http: httpx2.Client, **query: object) -> list[str]:
    """Return the ids of all pages."""
    found, cursor = list[str](), {}
    while True:
        response = page(http, **query, **cursor)
        found += [job.id for job in response.data]
        if response.next_cursor is None:
            return found
        cursor = {"cursor": response.next_cursor}


def test_without_jobs_there_is_an_empty_page(http: httpx2.Client) -> None:
    assert http.get("/v1/jobs").json() == {"data": [], "next_cursor": None, "warnings": []}


def test_pages_lead_through_all_jobs_newest_first(http: httpx2.Client) -> None:
    ids = [submit(http) for _ in range(5)]
    assert list_ids(http, limit=2) == list_ids(http) == list_ids(http, limit=5) == ids[::-1]


def test_a_page_has_twenty_jobs_unless_asked(http: httpx2.Client) -> None:
    ids = [submit(http) for _ in range(21)]
    first = page(http)
    assert ([job.id for job in first.data], first.next_cursor is None) == (ids[:0:-1], False)


def test_jobs_are_complete_but_for_their_place(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, n=2)
    assert page(http).data[0].queue_position is None
    worker.finish(worker.claim())
    [shown] = http.get("/v1/jobs").json()["data"]
    fetched = http.get(f"/v1/jobs/{job_id}").json()
    for job in (shown, fetched):
        for output in job["outputs"]:
            assert http.get(output["signed_url"]).status_code == 200
            del output["signed_url"], output["signed_url_expires_at"]
    assert shown == fetched


def test_filters(http: httpx2.Client, worker: Worker) -> None:
    first, second, third = submit(http), submit(http), submit(http)
    worker.finish(worker.claim())
    assert list_ids(http, status="queued") == [third, second]
    assert list_ids(http, status="succeeded") == list_ids(http, status="succeeded", task="txt2img", limit=1) == [first]
    assert list_ids(http, model="shapes") == [third, second, first]
    assert list_ids(http, model="another") == []
    named = submit(http, metadata={"note": ""})
    assert list_ids(http, **{"metadata.note": ""}) == [named], "a value may be empty"


@pytest.mark.parametrize("form", ["{}", "{}+00:00", "{}-00:00"])
def test_times(http: httpx2.Client, form: str) -> None:
    ids = [submit(http) for _ in range(2)]
    created = [http.get(f"/v1/jobs/{job_id}").json()["created_at"] for job_id in ids]
    timestamp = created[1] if form == "{}" else form.format(created[1].removesuffix("Z"))
    assert ids[1] not in list_ids(http, created_before=timestamp)
    assert ids[1] not in list_ids(http, created_after=timestamp)
    assert set(list_ids(http, created_after="2020-01-01T00:00:00Z", created_before="2999-01-01t00:00:00.5z")) == set(
        ids
    )


def test_others_jobs_are_not_listed(http: httpx2.Client, store: RedisJobStore) -> None:
    foreign = NewJob(
        id="job_1", tenant="another-tenant", task="txt2img", model="shapes", request_json="{}", images=1, cost=1,
        priority=0, max_attempts=3,
    )  # fmt: skip
    store.call(commands.submit(foreign, QueueLimits(10, 10)))
    assert list_ids(http) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("color=red", "Known parameters: status, model, task,"),
        ("limit=1&limit=2", "repeated"),
        ("&".join(f"label={number}" for number in range(17)), "at most 16 labels"),
        ("&".join(f"metadata.{number}=x" for number in range(17)), "at most 16 metadata"),
        ("limit=0", "from 1 to 100"),
        ("limit=101", "from 1 to 100"),
        ("limit=x", "an integer"),
        ("limit=", "an integer"),
        ("limit=%D9%A3", "an integer"),
        ("status=done", "must be one of queued, running,"),
        ("task=draw", "must be one of txt2img"),
        ("created_after=yesterday", "such as 2026-01-31T12:00:00Z"),
        ("created_after=1700000000", "such as"),
        ("created_after=2026-01-31T12:00:00", "such as"),
        ("created_after=2026-01-31T12:00:00+00:00", "%2B"),
        ("created_before=2026-02-31T12:00:00Z", "such as"),
        ("status=", "must be one of queued, running,"),
        ("model=", "model must not be empty"),
        ("task=", "must be one of txt2img"),
        ("batch=", "must be the id of a batch"),
        ("error_code=", "error_code must not be empty"),
        ("seed=", "must be an integer from 0"),
        ("kept=", "must be true or false"),
        ("label=a&label=", "label must not be empty"),
        ("q=", "must contain a letter or a digit"),
        ("created_after=", "such as"),
        ("created_before=", "such as"),
        ("cursor=", "not valid"),
        ("cursor=nonsense", "not valid"),
        ("cursor=%F0%9F%92%A5", "not valid"),
    ],
)
def test_bad_questions(http: httpx2.Client, query: str, expected: str) -> None:
    assert expected in problem(http.get(f"/v1/jobs?{query}"), "invalid_request")["detail"]


def test_a_cursor_that_was_changed_is_refused(http: httpx2.Client) -> None:
    submit(http)
    submit(http)
    cursor = str(page(http, limit=1).next_cursor)
    plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for other in (
        cursor[:-1],
        cursor + "A",
        cursor + "=",
        cursor.swapcase(),
        base64.urlsafe_b64encode(b"9" + plain).decode().rstrip("="),
    ):
        assert "ursor" in problem(http.get("/v1/jobs", params={"cursor": other}), "invalid_request")["detail"]


def test_as_many_labels_and_metadata_as_a_job_may_have(http: httpx2.Client) -> None:
    query = [("label", str(number)) for number in range(16)] + [(f"metadata.{number}", "x") for number in range(16)]
    assert http.get("/v1/jobs", params=query).json()["data"] == []


def test_a_cursor_belongs_to_its_filters(http: httpx2.Client) -> None:
    ids = [submit(http) for _ in range(3)]
    cursor = page(http, limit=1, status="queued").next_cursor
    for other in ({}, {"status": "failed"}, {"status": "queued", "model": "shapes"}):
        response = http.get("/v1/jobs", params={"cursor": cursor, **other})
        assert "other filters" in problem(response, "invalid_request")["detail"]
    assert [job.id for job in page(http, limit=2, status="queued", cursor=cursor).data] == ids[1::-1]

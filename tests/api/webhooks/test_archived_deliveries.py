"""Deliveries of a job that only the history has: they are listed, sent again, and deleted with it."""

import json

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.webhooks.receivers import WebhookReceiver
from tests.api.webhooks.webhook_jobs import deliveries, render_job, webhook_api
from tests.polling import wait_until


def test_deliveries_follow_their_job_and_are_sent_again(
    settings_for: SettingsFor, store: RedisJobStore, redis_url: str, receiver: WebhookReceiver
) -> None:
    receiver.responses = [(500, {}), (500, {})]
    events = ("job.started", "job.output", "job.succeeded")
    with (
        webhook_api(settings_for, sweep_seconds=0.1, recent_seconds=0) as api,
        api.client() as http,
        sync_client(redis_url) as client,
    ):
        job_id = render_job(api, store, receiver.url, *events, n=2)

        def is_archived() -> bool:
            return not client.exists(f"rq:job:{job_id}") and not client.keys("rq:delivery:*")

        # A job whose webhooks were tried again when it was to be released is looked at a minute later.
        wait_until(lambda: all(each["status"] == "delivered" for each in deliveries(api, job_id)))
        wait_until(lambda: client.zadd("rq:archived", {job_id: 0}, xx=True) == 0 and is_archived(), "the archive")
        archived = deliveries(api, job_id)
        assert [each["type"] for each in archived] == ["job.started", "job.output", "job.output", "job.succeeded"]
        assert sum(len(each["attempts"]) for each in archived) == 6
        sent = {headers["webhook-id"]: json.loads(body) for headers, body in receiver.received}
        again = archived[0]
        replayed = http.post(f"/v1/deliveries/{again['id']}/replay").json()
        assert replayed == again | {"status": "pending", "next_attempt_at": replayed["next_attempt_at"]}
        wait_until(lambda: len(receiver.received) == 7, "the repetition")
        headers, body = receiver.received[-1]
        assert (headers["webhook-id"], json.loads(body)) == (again["id"], sent[again["id"]])
        wait_until(is_archived, "the archive of the repetition")
        (first, *rest) = deliveries(api, job_id)
        assert (first["status"], len(first["attempts"]), rest) == (
            "delivered",
            len(again["attempts"]) + 1,
            archived[1:],
        )
        assert http.delete(f"/v1/jobs/{job_id}").status_code == 204
        problem(http.get(f"/v1/jobs/{job_id}/deliveries"), "not_found")
        problem(http.post(f"/v1/deliveries/{again['id']}/replay"), "not_found")

"""Raw state of Redis and the store, read behind the service's back."""

import json
from collections.abc import Iterable

from renderq_shared.jobs import JobRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.manifests.manifest import manifest_key
from renderq_shared.redis.clients import sync_client
from tests.s3_servers import S3Server

BUCKET = "images"
PREFIX = "a/"
STORE = f"s3://{BUCKET}/{PREFIX}".rstrip("/")


def records(redis_url: str, job_ids: Iterable[str]) -> dict[str, JobRecord]:
    with sync_client(redis_url) as client:
        store = RedisJobStore(client)
        found = {job_id: store.call(commands.get_job("default", job_id)) for job_id in job_ids}
    return {job_id: each[0] for job_id, each in found.items() if each}


def expected_keys(jobs: Iterable[JobRecord]) -> set[str]:
    """Keys of the objects that ended jobs name: their images, and one manifest each."""
    images = {output["key"] for job in jobs for output in json.loads(job.outputs_json or "[]")}
    return images | {manifest_key(job.id) for job in jobs}


def stored_keys(s3: S3Server, job_ids: Iterable[str]) -> set[str]:
    """Keys of the existing objects of these jobs."""
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PREFIX}jobs/")
    keys = {found["Key"].removeprefix(PREFIX) for page in pages for found in page.get("Contents", [])}
    return {key for key in keys if key.split("/")[1] in job_ids}

"""Jobs with their URLs: absolute, with event tokens and freshly signed image URLs."""

import asyncio

from starlette.requests import Request

from renderq.contract import Job
from renderq_api.auth import KeyRing, event_token
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.job_views.job_view import UrlBuilder, to_job
from renderq_api.services import Services
from renderq_shared.access import KeyRecord


def urls_for(request: Request) -> UrlBuilder:
    """Return the URL builder for the caller. A caller with an event token gets no further tokens."""
    base, caller = str(request.base_url), request.state.caller
    key: KeyRecord | None = caller.key
    if key is None or caller.via_token:
        return UrlBuilder(base)
    ring: KeyRing = request.app.state.services.keys
    return UrlBuilder(base, lambda job_id: event_token(key, job_id, ring.now_ms()))


async def to_signed_job(services: Services, urls: UrlBuilder, snapshot: JobSnapshot) -> Job:
    """Return the job, with signed image URLs if the object store serves them."""
    record, position = snapshot
    retention_s, eta = services.settings.output_retention_seconds, services.eta_cache.eta(record, position)
    if services.url_signer and record.outputs_json:
        return await asyncio.to_thread(to_job, record, position, urls, services.url_signer, retention_s, eta)
    return to_job(record, position, urls, None, retention_s, eta)

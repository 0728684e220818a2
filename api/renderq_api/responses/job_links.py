"""Jobs with their URLs: absolute, with event tokens and freshly signed image URLs."""

import asyncio
from functools import partial

from starlette.requests import Request

from renderq.contract import Job
from renderq_api.http.public_address import base_url
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.job_views.job_view import UrlBuilder, to_job
from renderq_api.services import Services
from renderq_shared.access import KeyRecord


def urls_for(request: Request) -> UrlBuilder:
    """Return the URL builder for the caller. A caller with an event token gets no further tokens."""
    base, caller = base_url(request), request.state.caller
    key: KeyRecord | None = caller.key
    if key is None or caller.via_token:
        return UrlBuilder(base)
    services: Services = request.app.state.services
    return UrlBuilder(base, lambda job_id: services.event_tokens.sign(key, job_id, services.keys.now_ms()))


async def to_signed_job(services: Services, urls: UrlBuilder, snapshot: JobSnapshot) -> Job:
    """Return the job, with signed image URLs."""
    record, position = snapshot
    signer = services.url_signer if record.outputs_json else None
    retention_s, eta = services.settings.output_retention_seconds, services.eta_cache.eta(record, position)
    build_job = partial(to_job, record, position, urls, signer, retention_s, eta, services.keys.ends_ms(record.tenant))
    return await asyncio.to_thread(build_job) if signer else build_job()

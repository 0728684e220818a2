"""A job as an answer shows it, with fresh signatures where there is something to sign."""

import asyncio

from starlette.requests import Request

from renderq.contract import Job
from renderq_api.auth.event_tokens import event_token
from renderq_api.auth.key_ring import KeyRing
from renderq_api.job_views.job_view import UrlBuilder, to_job
from renderq_api.live.long_poll import JobSnapshot
from renderq_api.services import Services
from renderq_shared.access import KeyRecord


def urls_for(request: Request) -> UrlBuilder:
    """Addresses for whoever asks. One who came by a token gets no further tokens."""
    base, caller = str(request.base_url), request.state.caller
    key: KeyRecord | None = caller.key
    if key is None or caller.via_token:
        return UrlBuilder(base)
    ring: KeyRing = request.app.state.services.keys
    return UrlBuilder(base, lambda job_id: event_token(key, job_id, ring.now_ms()))


async def to_signed_job(services: Services, urls: UrlBuilder, snapshot: JobSnapshot) -> Job:
    record, place = snapshot
    retention_s, eta = services.settings.output_retention_seconds, services.eta_cache.eta(record, place)
    if services.url_signer and record.outputs_json:
        return await asyncio.to_thread(to_job, record, place, urls, services.url_signer, retention_s, eta)
    return to_job(record, place, urls, None, retention_s, eta)

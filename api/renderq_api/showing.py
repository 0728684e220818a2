"""A job as an answer shows it, with fresh signatures where there is something to sign."""

import asyncio

from starlette.requests import Request

from renderq.contract import Job
from renderq_api.event_tokens import event_token
from renderq_api.key_ring import KeyRing
from renderq_api.representing import Links, represent
from renderq_api.services import Services
from renderq_api.waiting import Found
from renderq_shared.access import KeyRecord


def links(request: Request) -> Links:
    """Addresses for whoever asks. One who came by a token gets no further tokens."""
    base, caller = str(request.base_url), request.state.caller
    key: KeyRecord | None = caller.key
    if key is None or caller.by_token:
        return Links(base)
    ring: KeyRing = request.app.state.services.keys
    return Links(base, lambda job_id: event_token(key, job_id, ring.now_ms()))


async def show(services: Services, links: Links, found: Found) -> Job:
    record, place = found
    kept_s, eta = services.settings.retention_seconds, services.estimates.eta(record, place)
    if services.sign and record.outputs_json:
        return await asyncio.to_thread(represent, record, place, links, services.sign, kept_s, eta)
    return represent(record, place, links, None, kept_s, eta)

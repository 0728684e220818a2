"""A job as an answer shows it, with fresh signatures where there is something to sign."""

import asyncio

from renderq.contract import Job
from renderq_api.representing import Links, represent
from renderq_api.services import Services
from renderq_api.waiting import Found


async def show(services: Services, links: Links, found: Found) -> Job:
    record, place = found
    kept_s, eta = services.settings.retention_seconds, services.estimates.eta(record, place)
    if services.sign and record.outputs_json:
        return await asyncio.to_thread(represent, record, place, links, services.sign, kept_s, eta)
    return represent(record, place, links, None, kept_s, eta)

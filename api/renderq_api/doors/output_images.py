"""Images of a job as text of a response."""

import asyncio
import base64
from contextlib import ExitStack

from renderq_api.assets import read_file
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.stored_results import StoredOutput, decode_outputs


async def read_image(services: Services, output: StoredOutput) -> str:
    """Return the file of an image in base64. Raises `ObjectNotFound` and `ObjectStoreUnavailable`."""
    file = await read_file(services.objects, output.key)
    return await asyncio.to_thread(lambda: base64.b64encode(file).decode())


async def read_images(services: Services, record: JobRecord, memory: ExitStack) -> list[str]:
    """Return the files of a job's images in base64. `memory` holds what they take until it is closed.

    Raises `ApiProblem`, `ObjectNotFound` and `ObjectStoreUnavailable`.
    """
    reserve = memory.enter_context(services.upload_budget.reserve())
    outputs = decode_outputs(record.outputs_json)
    reserve(sum(output.size_bytes for output in outputs))
    return [await read_image(services, output) for output in outputs]

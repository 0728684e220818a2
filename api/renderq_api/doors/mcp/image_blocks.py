"""Images as blocks of content, in a size that assistants accept."""

import base64
import io

from PIL import Image, ImageOps
from pydantic import JsonValue

from renderq.contract import Job, Output
from renderq_api.assets import read_file
from renderq_api.doors.mcp.tool_result import Block
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.stored_results import StoredOutput, decode_outputs

MAX_CHARACTERS = 700_000
"""Of an image in base64. Assistants refuse results of a megabyte and more."""

_SIDE = 1_024
_QUALITY = 85


async def image_blocks(services: Services, record: JobRecord, job: Job, *, links: bool) -> list[Block]:
    """Return each image of a job that has succeeded, with `links` followed by a link to its file.

    Raises `ApiProblem`, `ObjectNotFound` and `ObjectStoreUnavailable`.
    """
    blocks: list[Block] = []
    with services.upload_budget.reserve() as reserve:
        for stored, output in zip(decode_outputs(record.outputs_json), job.outputs, strict=True):
            reserve(stored.size_bytes)
            blocks.append(await _image(services, stored))
            if links:
                blocks.append(_link(job, output))
    return blocks


def image_url(output: Output) -> str:
    """Return the URL of an image that needs no key until it expires, if the store has such URLs."""
    return output.signed_url or output.url


async def _image(services: Services, stored: StoredOutput) -> Block:
    data = await read_file(services.objects, stored.key)
    media_type = stored.content_type
    if _base64_characters(len(data)) > MAX_CHARACTERS:
        data, media_type = await services.assets.decode(smaller_image, data), "image/jpeg"
    return {"type": "image", "data": base64.b64encode(data).decode(), "mimeType": media_type}


def smaller_image(data: bytes) -> bytes:
    """Return an image as a JPEG whose sides are at most 1,024 pixels. Decodes it: call it in a thread."""
    with Image.open(io.BytesIO(data)) as image:
        smaller = ImageOps.contain(image.convert("RGB"), (_SIDE, _SIDE)) if max(image.size) > _SIDE else image
        file = io.BytesIO()
        smaller.convert("RGB").save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _base64_characters(size: int) -> int:
    return -(-size // 3) * 4


def _link(job: Job, output: Output) -> Block:
    extension = output.content_type.removeprefix("image/")
    link: dict[str, JsonValue] = {"type": "resource_link", "uri": image_url(output), "mimeType": output.content_type}
    return {**link, "name": f"{job.id}-{output.index}.{extension}", "size": output.size_bytes}

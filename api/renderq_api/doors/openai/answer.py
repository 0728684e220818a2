"""Response of a job that has succeeded: its images, as base64, as URLs, or both."""

import asyncio
import re
from contextlib import ExitStack

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Job, Output
from renderq_api.doors.job_run import response_headers
from renderq_api.doors.openai.fields import ImageFields
from renderq_api.doors.output_images import read_images
from renderq_api.responses.job_links import to_signed_job, urls_for
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord

_BASE64_ONLY = re.compile(r"(?:gpt-image-|chatgpt-image-).*", re.DOTALL)
"""Models of OpenAI whose images have no URLs, and whose clients expect none."""


class TokenDetails(BaseModel):
    """Always 0: nothing here is counted in tokens."""

    text_tokens: int = 0
    image_tokens: int = 0


class Usage(BaseModel):
    """Always 0: nothing here is counted in tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: TokenDetails = TokenDetails()


class OpenAiImage(BaseModel):
    """One image."""

    b64_json: str | None = Field(None, description="The file in base64.")
    url: str | None = Field(None, description="URL that needs no key until it expires.")


class OpenAiImages(BaseModel):
    """The images of a job."""

    created: int = Field(description="When the job was submitted, in seconds since the Unix epoch.")
    data: tuple[OpenAiImage, ...]
    background: str = "opaque"
    output_format: str
    quality: str = "high"
    size: str = Field(description="The real size.")
    usage: Usage = Usage()


async def images_response(request: Request, services: Services, record: JobRecord, fields: ImageFields) -> Response:
    """Return the images of a job that has succeeded. Raises `ObjectNotFound` and `ObjectStoreUnavailable`."""
    job = await to_signed_job(services, urls_for(request), (record, None))
    with_base64, with_url = _forms(fields)
    with ExitStack() as memory:
        files = await read_images(services, record, memory) if with_base64 else [None] * len(job.outputs)
        images = [
            OpenAiImage(b64_json=file, url=_url(output) if with_url else None)
            for file, output in zip(files, job.outputs, strict=True)
        ]
        return await asyncio.to_thread(_encode, request, job, images)


def _forms(fields: ImageFields) -> tuple[bool, bool]:
    """Return whether the response has files, and whether it has URLs.

    Clients that ask for files may prefer a URL that they cannot open, so that they get none.
    """
    if fields.response_format is not None:
        return fields.response_format == "b64_json", fields.response_format == "url"
    return True, not (fields.model and _BASE64_ONLY.fullmatch(fields.model))


def _url(output: Output) -> str:
    return output.signed_url or output.url


def _encode(request: Request, job: Job, images: list[OpenAiImage]) -> Response:
    body = OpenAiImages(
        created=int(job.created_at.timestamp()),
        data=tuple(images),
        output_format=job.outputs[0].content_type.removeprefix("image/"),
        size=f"{job.outputs[0].width}x{job.outputs[0].height}",
    )
    headers = {"Cache-Control": "private, no-store", **response_headers(request)}
    return Response(body.model_dump_json(exclude_none=True), 200, headers, "application/json")

"""Multipart forms of requests with images, received with limits on size, time and memory."""

import hashlib
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import itemgetter

from pydantic import JsonValue
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from renderq.contract import LIMITS, FieldError, ProblemKind
from renderq_api.assets import Preamble, UploadBudget, file_too_large, form_boundary, receive_chunks
from renderq_api.http.problems import ApiProblem, invalid

_CHARSET = re.compile(r";\s*charset\s*=[^;]*", re.IGNORECASE)

_MAX_FILES, _MAX_FIELDS = 16, 100

_IMAGE_FIELDS = {"image": "image", "image[]": "image", "mask": "mask"}
"""Name of a part → field. Clients send a list of images, even of one, as `image[]`."""


@dataclass(frozen=True, slots=True)
class ImageForm:
    """A form that has arrived."""

    fields: dict[str, JsonValue]
    """Texts by name; of several with the same name, the last one."""
    images: Sequence[bytes]
    """Content of `image` or `image[]`, one or several files."""
    mask: bytes | None
    canonical: bytes
    """Equal for forms with the same parts, whatever the order of their names, and their boundary."""


class _Parser(MultiPartParser):
    """Parser that keeps files in memory, where the budget counts them, and knows whether the form has ended."""

    spool_max_size = 0
    """Never: a container of the API may have no folder for temporary files."""
    ended = False

    def on_end(self) -> None:
        self.ended = True


@asynccontextmanager
async def receive_form(request: Request, budget: UploadBudget, max_bytes: int) -> AsyncGenerator[ImageForm]:
    """Receive a form and count it against the budget until the block ends.

    Raises `ApiProblem`; an unread rest of the body closes the connection.
    """
    preamble, more = Preamble(form_boundary(request)), True

    async def limited() -> AsyncGenerator[bytes]:
        nonlocal more
        size = 0
        async for chunk, more_follow in receive_chunks(request):
            more = more_follow
            size += len(chunk)
            reserve(len(chunk))
            if size > max_bytes:
                detail = f"The form is too large; the maximum is {max_bytes:,} bytes."
                raise ApiProblem(ProblemKind.PAYLOAD_TOO_LARGE, detail)
            yield preamble.strip(chunk)
        if not parser.ended:
            raise MultiPartException("The form is truncated")

    with budget.reserve() as reserve:
        parser = _Parser(
            _headers(request),
            limited(),
            max_files=_MAX_FILES,
            max_fields=_MAX_FIELDS,
            max_part_size=LIMITS.body_bytes,
        )
        try:
            form = await parser.parse()
        except (MultiPartException, ApiProblem) as error:
            problem = error if isinstance(error, ApiProblem) else _not_a_form(error)
            if more:
                problem.headers["Connection"] = "close"
            raise problem from error
        try:
            yield await _read(form.multi_items())
        finally:
            await form.close()


def _headers(request: Request) -> Headers:
    """Return the headers without a charset: all texts of forms are UTF-8, and some charsets decode to no text."""
    return Headers({"Content-Type": _CHARSET.sub("", request.headers["content-type"])})


async def _read(items: list[tuple[str, str | UploadFile]]) -> ImageForm:
    fields: dict[str, JsonValue] = {}
    files: dict[str, list[bytes]] = {"image": [], "mask": []}
    digests: list[tuple[str, str]] = []
    for name, value in items:
        content = value.encode() if isinstance(value, str) else await value.read()
        field = _IMAGE_FIELDS.get(name)
        digests.append((field or name, hashlib.sha256(content).hexdigest()))
        if field is None:
            if isinstance(value, str):
                fields[name] = value
        elif value != "":
            _check_file(field, value, content)
            files[field].append(content)
    if not files["image"]:
        raise _invalid("/image", "required", "Send the image as a file of the form.")
    if len(files["mask"]) > 1:
        raise _invalid("/mask", "too_many", "Send one file.")
    return ImageForm(fields, tuple(files["image"]), next(iter(files["mask"]), None), _canonical(digests))


def _canonical(digests: list[tuple[str, str]]) -> bytes:
    """Return the parts in the order of their names; those of one name keep theirs.

    A prompt may count images, and of several texts the last one counts.
    """
    return json.dumps(sorted(digests, key=itemgetter(0))).encode()


def _check_file(field: str, value: str | UploadFile, content: bytes) -> None:
    if isinstance(value, str):
        raise _invalid(f"/{field}", "wrong_type", "Must be a file of the form, not a text.")
    if len(content) > LIMITS.asset_bytes:
        raise file_too_large()


def _not_a_form(error: MultiPartException) -> ApiProblem:
    return _invalid("", "not_a_form", f"The multipart form is not valid: {error.message.rstrip('.')}.")


def _invalid(pointer: str, code: str, detail: str) -> ApiProblem:
    return invalid(f"{pointer}: {detail}" if pointer else detail, FieldError(pointer=pointer, code=code, detail=detail))

"""Image downloads: from the stable URL to verified bytes, resumed after every disconnect."""

import hashlib
import re
from dataclasses import replace

import httpx2

from renderq._config import Configuration
from renderq._core.flows import BAD_REQUEST, Flow, build_attempt, connection_error
from renderq._core.requests import get_file
from renderq._core.responses import OK, api_error, redirect_target, unexpected_response
from renderq._core.retries import Deadline, Failure, Retries
from renderq.contract import Grid, Output
from renderq.errors import ImageCorrupted

REDIRECTS_MAX = 5
PATIENCE_S = 60.0
"""Seconds without a byte after which a download without a timeout is given up."""

PARTIAL_CONTENT = 206
NOT_FOUND = 404
RANGE_NOT_SATISFIABLE = 416

_IMAGE_PATH = re.compile(r"v1/jobs/[^/?#]+/images/[^/?#]+$")


def download(output: Output | Grid, configuration: Configuration, deadline: Deadline) -> Flow[bytes]:
    """Download an image file. The API key is sent to the service only, not to the store it redirects to.

    The service names its public address, but is asked under the client's own `base_url`, which may be another one.
    A download that breaks off continues where it was, through outages until the deadline; without one, until nothing
    has arrived for a minute. Every attempt begins at the stable URL, because signed URLs expire.

    Raises `ImageCorrupted` if the sha256 differs, `ConnectionFailed` and `APIError`.
    """
    file = _PartialFile(output.size_bytes)
    retries = _retries(configuration, deadline)
    delay = 0.0
    while True:
        before, was_resumed = len(file.data), bool(file.data)
        failure = yield from _fetch(output, file, configuration, deadline, delay)
        if failure is None and hashlib.sha256(file.data).hexdigest() == output.sha256:
            return bytes(file.data)
        if failure is None and not was_resumed:
            raise _corrupted(output, file.data)
        if failure is None:
            delay = 0.0
            file.data.clear()  # the pieces do not belong together
            continue
        if len(file.data) > before:
            retries = _retries(configuration, deadline)
        delay = retries.pause(failure)


def _retries(configuration: Configuration, deadline: Deadline) -> Retries:
    if deadline.timeout is not None:
        return Retries(configuration.on_retry, None, deadline)
    limit = 0 if configuration.max_retries == 0 else None
    return Retries(configuration.on_retry, limit, Deadline.after(PATIENCE_S))


class _PartialFile:
    """The bytes that have arrived."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.data = bytearray()
        self.is_accepted = False
        """True if the latest response is the file, or its rest."""

    def accept(self, response: httpx2.Response) -> bool:
        """Return whether the body is the file, or its rest. A whole file replaces what has arrived."""
        if response.status_code == OK:
            self.data.clear()
            self.is_accepted = True
        elif response.status_code == PARTIAL_CONTENT:
            self.is_accepted = response.headers.get("Content-Range", "").startswith(f"bytes {len(self.data)}-")
        return self.is_accepted

    def feed(self, chunk: bytes) -> bool:
        """Append a chunk. Returns whether there are more bytes than the file has."""
        self.data += chunk
        return len(self.data) > self._size


def _fetch(
    output: Output | Grid, file: _PartialFile, configuration: Configuration, deadline: Deadline, delay: float
) -> Flow[Failure | None]:
    """Fetch the file, or its rest, through all redirects. Returns the failure that ended the attempt."""
    named = configuration.url(output.url)
    public = _IMAGE_PATH.sub("", str(named))
    url = own = _rebased(named, public, configuration)
    redirects = 0
    while True:
        attempt = build_attempt(get_file(str(url), len(file.data)), configuration, delay, deadline.at)
        attempt = replace(attempt, on_chunk=file.feed, is_stream=file.accept, cut_at=deadline.at)
        file.is_accepted, delay = False, 0.0
        try:
            response = yield attempt
        except httpx2.RequestError as error:
            return connection_error(configuration, attempt, error)
        if file.is_accepted:
            return None
        if response.status_code == NOT_FOUND and url == own != named:
            url = named  # the job is another service's
        elif file.data and response.status_code in {PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE}:
            file.data.clear()  # this server cannot continue where the other one broke off
        elif response.status_code >= BAD_REQUEST:
            return api_error(response)
        elif (target := redirect_target(response)) is not None and redirects < REDIRECTS_MAX:
            url = _rebased(target, public, configuration)
            redirects += 1
        else:
            return unexpected_response(response, "an image was expected")


def _corrupted(output: Output | Grid, data: bytearray) -> ImageCorrupted:
    name = f"image {output.index}" if isinstance(output, Output) else "the grid"
    return ImageCorrupted(
        f"{name} from {output.url} is damaged: {len(data)} bytes with sha256 {hashlib.sha256(data).hexdigest()}, "
        f"expected {output.size_bytes} bytes with {output.sha256}"
    )


def _rebased(url: httpx2.URL, public: str, configuration: Configuration) -> httpx2.URL:
    """Return a URL below the service's address `public` as one below `base_url`; others unchanged."""
    path = str(url).removeprefix(public)
    return configuration.url(path) if public.endswith("/") and path != str(url) else url

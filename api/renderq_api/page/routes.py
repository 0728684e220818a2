"""Addresses of the page: its views, which all answer `index.html`, and its files below `/ui/{digest}/`."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, compile_path

from renderq_api.page.policy import FILE_HEADERS, IMMUTABLE, NOT_STORED, REVALIDATED, VARYING, index_headers
from renderq_api.page.site import FOLDER, Site, read_site

_VIEWS = ("/", "/queue", "/gallery", "/jobs/{job_id}", "/models", "/workers", "/sign-in")

_FILES = "/ui/{digest}/{name:path}"

_PATHS = tuple(compile_path(path)[0] for path in (*_VIEWS, _FILES))


class Page:
    """Routes of the page. They reveal nothing about any tenant, so they need no API key."""

    def __init__(
        self,
        base_path: Callable[[Request], str],
        image_origins: Callable[[], Iterable[str]],
        *,
        visitors: bool = False,
        live: bool = False,
        folder: Path = FOLDER,
    ) -> None:
        """`base_path` returns the path prefix of the service, empty or `/PREFIX`; `image_origins`, origins other than
        the page's that images come from. `visitors`: the page asks for a visitor's key. `live`: read the files for each
        request, and let no browser store them.
        """
        self._base_path = base_path
        self._image_origins = image_origins
        self._visitors = visitors
        self._live = live
        self._folder = folder
        self._site = read_site(folder)

    @staticmethod
    def has(path: str) -> bool:
        """Return whether a path is one of the page."""
        return any(pattern.match(path) for pattern in _PATHS)

    @property
    def routes(self) -> Sequence[Route]:
        views = [Route(path, self._index, include_in_schema=False) for path in _VIEWS]
        return [*views, Route(_FILES, self._file, include_in_schema=False)]

    async def _current_site(self) -> Site:
        return await run_in_threadpool(read_site, self._folder) if self._live else self._site

    async def _index(self, request: Request) -> Response:
        site = await self._current_site()
        index = site.index(self._base_path(request), visitors=self._visitors)
        origins = await run_in_threadpool(self._image_origins)  # signing addresses may block
        policy = index_headers(index.import_map, origins)
        # Weak, because a middleware may compress the response.
        etag = f'W/"{hashlib.sha256(index.body + repr(policy).encode()).hexdigest()[:16]}"'
        headers = {**policy, "Cache-Control": NOT_STORED if self._live else REVALIDATED, "ETag": etag}
        if _is_current(request, etag):
            return Response(status_code=304, headers={**headers, **VARYING})
        return Response(index.body, headers=headers, media_type="text/html")

    async def _file(self, request: Request) -> Response:
        site = await self._current_site()
        file = site.files.get(request.path_params["name"])
        if file is None or (request.path_params["digest"] != site.digest and not self._live):
            # Another version of the service may have this file under the same address.
            return PlainTextResponse("No such file in this version.\n", 404, {"Cache-Control": NOT_STORED})
        headers = {**FILE_HEADERS, "Cache-Control": NOT_STORED if self._live else IMMUTABLE}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(file.compressed, headers=headers, media_type=file.media_type)
        return Response(file.body, headers=headers, media_type=file.media_type)


def _is_current(request: Request, etag: str) -> bool:
    """Return whether the `If-None-Match` headers contain the ETag, by weak comparison (RFC 9110, 13.1.2), or `*`."""
    tags = {tag.strip().removeprefix("W/") for tag in ",".join(request.headers.getlist("if-none-match")).split(",")}
    return bool(tags & {"*", etag.removeprefix("W/")})

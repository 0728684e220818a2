"""Download of input images by URL, with limits on time and bytes and guarded against SSRF."""

import asyncio
import io
from collections.abc import Callable

import httpx2

from renderq.contract import LIMITS
from renderq_api.assets.errors import ImageRejected, too_large
from renderq_api.egress import EgressDenied

_FETCH_S = 20.0

_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",  # the byte limit must hold for the decoded file
    "User-Agent": "renderq",
}


class ImageFetcher:
    """Downloads images without redirects, cookies or credentials."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        """`transport` must check every address: `GuardedTransport`."""
        self._transport = transport

    async def fetch(self, url: str, reserve: Callable[[int], None]) -> bytes:
        """Return the file at `url`. Calls `reserve` with the size of every chunk. Raises `ImageRejected`."""
        try:
            async with asyncio.timeout(_FETCH_S):
                return await self._get(url, reserve)
        except EgressDenied as error:
            raise _unreachable(str(error)) from error
        except TimeoutError:
            raise _unreachable(f"the download took longer than {_FETCH_S:.0f} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unreachable(f"the connection failed ({type(error).__name__})") from error

    async def _get(self, url: str, reserve: Callable[[int], None]) -> bytes:
        client = httpx2.AsyncClient(transport=self._transport, trust_env=False, timeout=_FETCH_S)
        file = io.BytesIO()
        async with client.stream("GET", url, headers=_HEADERS) as response:
            if response.has_redirect_location:
                raise _unreachable("the URL redirects, and redirects are not followed")
            if response.status_code != 200:
                raise _unreachable(f"the server responded with status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _unreachable("the response is compressed, although the request forbids it")
            async for chunk in response.aiter_raw():
                reserve(len(chunk))
                file.write(chunk)
                if file.tell() > LIMITS.asset_bytes:
                    raise too_large()
        return file.getvalue()


def _unreachable(reason: str) -> ImageRejected:
    return ImageRejected("input_unreachable", f"The image could not be downloaded: {reason}.")

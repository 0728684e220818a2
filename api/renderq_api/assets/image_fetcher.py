"""Pictures from the internet: one request, bounded in time and bytes, to where clients may send the service."""

import asyncio
import io
from collections.abc import Callable

import httpx2

from renderq.contract import LIMITS
from renderq_api.assets.errors import ImageRejected
from renderq_api.egress import EgressDenied

_FETCH_S = 20.0

_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp",
    "Accept-Encoding": "identity",  # what unpacks to more than it is cannot be bounded by its bytes
    "User-Agent": "renderq",
}


class ImageFetcher:
    """Fetches without redirects, cookies or credentials."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        """`transport` judges every address: `GuardedTransport`."""
        self._transport = transport

    async def fetch(self, url: str, reserve: Callable[[int], None]) -> bytes:
        """The file at `url`. `hold` is told of every piece. Raises `ImageRejected`."""
        try:
            async with asyncio.timeout(_FETCH_S):
                return await self._get(url, reserve)
        except EgressDenied as error:
            raise _unreachable(str(error)) from error
        except TimeoutError:
            raise _unreachable(f"it was not there within {_FETCH_S:.0f} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unreachable(f"the connection failed ({type(error).__name__})") from error

    async def _get(self, url: str, reserve: Callable[[int], None]) -> bytes:
        client = httpx2.AsyncClient(transport=self._transport, trust_env=False, timeout=_FETCH_S)
        file = io.BytesIO()
        async with client.stream("GET", url, headers=_HEADERS) as answer:
            if answer.has_redirect_location:
                raise _unreachable("it leads to another address, and redirects are not followed")
            if answer.status_code != 200:
                raise _unreachable(f"the answer was {answer.status_code}")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise _unreachable("the answer is compressed, which nobody asked for")
            async for chunk in answer.aiter_raw():
                reserve(len(chunk))
                file.write(chunk)
                if file.tell() > LIMITS.asset_bytes:
                    raise ImageRejected(
                        "asset_too_large", f"A picture's file may have at most {LIMITS.asset_bytes:,} bytes."
                    )
        return file.getvalue()


def _unreachable(why: str) -> ImageRejected:
    return ImageRejected("input_unreachable", f"The picture could not be fetched: {why}.")

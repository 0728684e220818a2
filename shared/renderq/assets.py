"""Input pictures: `client.assets`."""

import asyncio

from renderq._core.files import read_image
from renderq._core.requests import get_asset, upload_asset
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Asset
from renderq.request_params import ImageSource


class Assets:
    """The pictures that this API key may use."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(self, image: ImageSource) -> Asset:
        """Upload a picture: a path, a file that is open for reading bytes, or the bytes of one.

        The same picture is the same asset, which then begins a new life; so it may be uploaded again without care.
        Raises `InvalidRequest` for what is no PNG, JPEG or WebP, or too large, `OSError` for what cannot be opened, and
        `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(upload_asset(read_image(image)))

    def get(self, asset_id: str) -> Asset:
        """An asset that was uploaded before. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_asset(asset_id))


class AsyncAssets:
    """The pictures that this API key may use."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(self, image: ImageSource) -> Asset:
        """Upload a picture: a path, a file that is open for reading bytes, or the bytes of one.

        The same picture is the same asset, which then begins a new life; so it may be uploaded again without care.
        Raises `InvalidRequest` for what is no PNG, JPEG or WebP, or too large, `OSError` for what cannot be opened, and
        `ConnectionFailed` and `APIError`.
        """
        return await self._transport.call(upload_asset(await asyncio.to_thread(read_image, image)))

    async def get(self, asset_id: str) -> Asset:
        """An asset that was uploaded before. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_asset(asset_id))

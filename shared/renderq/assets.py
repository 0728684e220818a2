"""Uploaded input images: `client.assets`."""

import asyncio

from renderq._core.image_sources import read_image
from renderq._core.requests import get_asset, upload_asset
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Asset
from renderq.request_params import ImageSource


class Assets:
    """The assets of this API key's tenant."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(self, image: ImageSource) -> Asset:
        """Upload an image: a path, a file opened for reading bytes, the bytes, or a PIL image, which is sent as PNG.

        The same file is the same asset: uploading it again only extends its lifetime. Raises `InvalidRequest` if it
        is not a PNG, JPEG or WebP, or is too large, `InvalidArgument` if it is none of these, `OSError` if it cannot be
        read, `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(upload_asset(read_image(image)))

    def get(self, asset_id: str) -> Asset:
        """Get an asset uploaded earlier. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_asset(asset_id))


class AsyncAssets:
    """The assets of this API key's tenant."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(self, image: ImageSource) -> Asset:
        """Upload an image: a path, a file opened for reading bytes, the bytes, or a PIL image, which is sent as PNG.

        The same file is the same asset: uploading it again only extends its lifetime. Raises `InvalidRequest` if it
        is not a PNG, JPEG or WebP, or is too large, `InvalidArgument` if it is none of these, `OSError` if it cannot be
        read, `ConnectionFailed` and `APIError`.
        """
        return await self._transport.call(upload_asset(await asyncio.to_thread(read_image, image)))

    async def get(self, asset_id: str) -> Asset:
        """Get an asset uploaded earlier. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_asset(asset_id))

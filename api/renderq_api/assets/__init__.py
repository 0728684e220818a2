"""Input images: received or fetched within limits, decoded once, stored by content for their tenant."""

from renderq_api.assets.asset_store import AssetStore
from renderq_api.assets.errors import ImageRejected
from renderq_api.assets.image_fetcher import ImageFetcher
from renderq_api.assets.request_images import RequestImages, asset_not_found, has_remote_images
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.assets.uploads import receive_upload

__all__ = [
    "AssetStore",
    "ImageFetcher",
    "ImageRejected",
    "RequestImages",
    "UploadBudget",
    "asset_not_found",
    "has_remote_images",
    "receive_upload",
]

"""Input pictures: received under a bound, decoded once, kept by content for the tenant that sent them."""

from renderq_api.assets.fetching import ImageFetcher
from renderq_api.assets.inputs import RequestImages, asset_not_found, has_remote_images
from renderq_api.assets.keeping import AssetStore
from renderq_api.assets.memory import UploadBudget
from renderq_api.assets.refusals import ImageRejected
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

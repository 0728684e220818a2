"""Input images: received or fetched within limits, decoded once, stored by content for their tenant."""

from renderq_api.assets.asset_store import AssetStore, tenant_prefix
from renderq_api.assets.data_url import decode_data_url
from renderq_api.assets.errors import ImageRejected
from renderq_api.assets.image_check import check_image
from renderq_api.assets.image_fetcher import ImageFetcher
from renderq_api.assets.job_images import FindOutput, JobImages
from renderq_api.assets.multipart import Preamble, file_too_large
from renderq_api.assets.request_images import ASSET_NOT_FOUND, RequestImages, asset_not_found, has_remote_images
from renderq_api.assets.stored_file import read_file
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.assets.uploads import form_boundary, receive_chunks, receive_upload

__all__ = [
    "ASSET_NOT_FOUND",
    "AssetStore",
    "FindOutput",
    "ImageFetcher",
    "ImageRejected",
    "JobImages",
    "Preamble",
    "RequestImages",
    "UploadBudget",
    "asset_not_found",
    "check_image",
    "decode_data_url",
    "file_too_large",
    "form_boundary",
    "has_remote_images",
    "read_file",
    "receive_chunks",
    "receive_upload",
    "tenant_prefix",
]

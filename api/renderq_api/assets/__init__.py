"""Input pictures: received under a bound, decoded once, kept by content for the tenant that sent them."""

from renderq_api.assets.keeping import Assets, is_asset_id
from renderq_api.assets.picture_files import PictureRefused
from renderq_api.assets.uploads import Uploads

__all__ = ["Assets", "PictureRefused", "Uploads", "is_asset_id"]

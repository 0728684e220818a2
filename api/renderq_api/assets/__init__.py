"""Input pictures: received under a bound, decoded once, kept by content for the tenant that sent them."""

from renderq_api.assets.fetching import Fetcher
from renderq_api.assets.inputs import Inputs, asset_not_found, comes_from_elsewhere
from renderq_api.assets.keeping import Assets
from renderq_api.assets.memory import Memory
from renderq_api.assets.refusals import PictureRefused
from renderq_api.assets.uploads import received

__all__ = [
    "Assets",
    "Fetcher",
    "Inputs",
    "Memory",
    "PictureRefused",
    "asset_not_found",
    "comes_from_elsewhere",
    "received",
]

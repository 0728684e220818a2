"""Where pictures live: one protocol, and the stores that fulfil it."""

from renderq_shared.objects.factory import open_store
from renderq_shared.objects.folder.store import FolderStore
from renderq_shared.objects.store import ObjectInfo, ObjectStore, SignedUrl
from renderq_shared.objects.store_identity import check_same_store, publish_store_id, published_store_id

__all__ = [
    "FolderStore",
    "ObjectInfo",
    "ObjectStore",
    "SignedUrl",
    "check_same_store",
    "open_store",
    "publish_store_id",
    "published_store_id",
]

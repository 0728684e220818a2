"""Object store for images and manifests: the protocol, a folder and S3 as implementations."""

from renderq_shared.objects.factory import open_store
from renderq_shared.objects.folder.store import FolderStore
from renderq_shared.objects.keys import is_key
from renderq_shared.objects.media_types import content_disposition, named_disposition
from renderq_shared.objects.store import ObjectInfo, ObjectStore, SignedUrl
from renderq_shared.objects.store_identity import check_same_store, publish_store_id, published_store_id

__all__ = [
    "FolderStore",
    "ObjectInfo",
    "ObjectStore",
    "SignedUrl",
    "check_same_store",
    "content_disposition",
    "is_key",
    "named_disposition",
    "open_store",
    "publish_store_id",
    "published_store_id",
]

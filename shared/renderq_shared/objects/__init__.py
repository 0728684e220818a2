"""Where pictures live: one protocol, and the stores that fulfil it."""

from renderq_shared.objects.folder import FolderStore
from renderq_shared.objects.opening import open_store
from renderq_shared.objects.protocol import ObjectInfo, ObjectStore, SignedUrl
from renderq_shared.objects.sharing import announce, announced_id, compare

__all__ = ["FolderStore", "ObjectInfo", "ObjectStore", "SignedUrl", "announce", "announced_id", "compare", "open_store"]

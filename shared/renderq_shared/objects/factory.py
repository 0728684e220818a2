"""Object store from settings."""

from renderq_shared.objects.folder.store import FolderStore
from renderq_shared.objects.store import ObjectStore
from renderq_shared.s3_url import parse_s3_url
from renderq_shared.settings import SharedSettings


def open_store(settings: SharedSettings) -> ObjectStore:
    """Return the object store that the settings name, without any I/O; `check` verifies that it is usable."""
    if settings.store.startswith("s3:"):
        # boto3 is slow to import, and not needed for a folder.
        from renderq_shared.objects.s3.client import S3Clients
        from renderq_shared.objects.s3.store import S3Store

        clients = S3Clients(settings.s3_addressing, settings.s3_checksums, settings.s3_public_endpoint)
        return S3Store(parse_s3_url(settings.store), clients)
    return FolderStore(settings.store_folder, settings.store_min_free_mb * 1_000_000)

"""From settings to an object store."""

from renderq_shared.objects.folder.store import FolderStore
from renderq_shared.objects.store import ObjectStore
from renderq_shared.s3_url import parse_s3_url
from renderq_shared.settings.models import SharedSettings


def open_store(settings: SharedSettings) -> ObjectStore:
    """The object store that the settings name. Touches nothing yet: `check` makes sure that it can be used."""
    if settings.store.startswith("s3:"):
        # boto3 takes its time to import: only those who use it wait for it.
        from renderq_shared.objects.s3.client import S3Clients
        from renderq_shared.objects.s3.store import S3Store

        clients = S3Clients(settings.s3_addressing, settings.s3_checksums, settings.s3_public_endpoint)
        return S3Store(parse_s3_url(settings.store), clients)
    return FolderStore(settings.store_folder)

"""From settings to an object store."""

from renderq_shared.objects.folder import FolderStore
from renderq_shared.settings import SharedSettings


def open_store(settings: SharedSettings) -> FolderStore:
    """The object store that the settings name. Touches nothing yet: `check` makes sure that it can be used."""
    return FolderStore(settings.store_folder)

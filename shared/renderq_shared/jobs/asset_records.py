"""Records of assets: pictures that a tenant uploaded, as the store knows them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewAsset:
    """A picture that is about to be kept."""

    id: str
    """Made of the content: the same picture of the same tenant has the same id."""
    tenant: str
    key: str
    """Where the object store has it. No key is ever used for a second asset, nor for a second life of the same one:
    whatever is to be removed can be removed at any time."""
    content_type: str
    width: int
    height: int
    """As the picture is shown."""
    size_bytes: int

    @property
    def prefix(self) -> str:
        """What is removed from the object store with it."""
        return f"{self.key.rpartition('/')[0]}/"


@dataclass(frozen=True, slots=True)
class AssetRecord(NewAsset):
    """A picture that is kept."""

    created_ms: int
    used_ms: int
    """When it was uploaded or used last: its life is counted from then."""
    reference_count: int = 0
    """Jobs that name it; while there are any, its life does not end."""

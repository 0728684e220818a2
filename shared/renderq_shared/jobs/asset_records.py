"""Records of assets: images that tenants uploaded."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NewAsset:
    """An image to be stored as an asset."""

    id: str
    """Derived from the content: the same image of the same tenant has the same id."""
    tenant: str
    key: str
    """Key in the object store. A key is never reused, not even for the same asset after its expiry, so that a pending
    removal cannot delete live data."""
    content_type: str
    width: int
    height: int
    """Size in pixels, with the EXIF orientation applied."""
    size_bytes: int
    recipe_json: str | None = field(default=None, kw_only=True)
    """Body of a submission: what the file says of its own making."""

    @property
    def prefix(self) -> str:
        """Prefix in the object store that is removed with the asset."""
        return f"{self.key.rpartition('/')[0]}/"


@dataclass(frozen=True, slots=True)
class AssetRecord(NewAsset):
    """A stored asset."""

    created_ms: int
    used_ms: int
    """Time of the upload or the last use. Retention counts from it."""
    reference_count: int = 0
    """Number of jobs that use the asset. Retention does not delete it while there are any."""

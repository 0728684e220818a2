"""Images of a job request: asset ids, data URLs and remote URLs → assets of the tenant."""

from renderq.contract import FieldError, JobRequest, ProblemKind, image_references
from renderq.contract.image_references import is_asset_id, is_data_url
from renderq_api.assets.asset_store import AssetStore
from renderq_api.assets.data_url import decode_data_url
from renderq_api.assets.errors import ImageRejected
from renderq_api.assets.image_fetcher import ImageFetcher
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.http.problems import ApiProblem, invalid
from renderq_shared.jobs import AssetRecord, AsyncJobStore, commands


def has_remote_images(request: JobRequest) -> bool:
    """Return whether the request has images by URL, whose content may change or disappear before a retry."""
    return any(not is_asset_id(ref) and not is_data_url(ref) for ref in image_references(request).values())


class RequestImages:
    """Turns the images of a request into assets before the job is accepted."""

    def __init__(self, jobs: AsyncJobStore, assets: AssetStore, fetcher: ImageFetcher, budget: UploadBudget) -> None:
        self._jobs = jobs
        self._assets = assets
        self._fetcher = fetcher
        self._budget = budget

    async def ingest(self, tenant: str, request: JobRequest) -> dict[str, AssetRecord]:
        """Return request field → asset. Raises `ApiProblem`, `StoreUnavailable` and `ObjectStoreUnavailable`."""
        return {field: await self._ingest(tenant, field, ref) for field, ref in image_references(request).items()}

    async def _ingest(self, tenant: str, field: str, ref: str) -> AssetRecord:
        if is_asset_id(ref):
            record = await self._jobs.call(commands.get_asset(tenant, ref))
            if record is None:
                raise asset_not_found(field)
            return record
        try:
            with self._budget.reserve() as reserve:
                data = decode_data_url(ref) if is_data_url(ref) else await self._fetcher.fetch(ref, reserve)
                return await self._assets.add(tenant, data)
        except ImageRejected as error:
            raise invalid(f"/{field}: {error.detail}", _error(field, error.code, error.detail)) from error


def asset_not_found(*fields: str) -> ApiProblem:
    """Return the problem for request fields that name an unknown asset."""
    detail = "Asset not found. It may have expired; upload it again."
    errors = [_error(field, ProblemKind.ASSET_NOT_FOUND, detail) for field in fields]
    return ApiProblem(ProblemKind.ASSET_NOT_FOUND, detail, errors=errors)


def _error(field: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=f"/{field}", code=code, detail=detail)

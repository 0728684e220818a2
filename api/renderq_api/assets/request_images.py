"""Images of a job request: asset ids, images of jobs, data URLs and remote URLs → assets of the tenant."""

from collections.abc import Callable

from renderq.contract import FieldError, JobRequest, ProblemKind, image_references
from renderq.contract.image_references import is_asset_id, is_data_url, parse_job_image
from renderq_api.assets.asset_store import AssetStore
from renderq_api.assets.data_url import decode_data_url
from renderq_api.assets.errors import ImageRejected
from renderq_api.assets.image_fetcher import ImageFetcher
from renderq_api.assets.job_images import JobImages
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.http.problems import ApiProblem, invalid
from renderq_shared.jobs import AssetRecord, AsyncJobStore, commands

ASSET_NOT_FOUND = (
    "Asset not found. It was deleted after its retention, or it belongs to the tenant of another API key, or the id is "
    "wrong. Upload the image again."
)


JOB_IMAGE_NOT_FOUND = (
    "Image not found. The job has no such finished image, retention has deleted its images, or it belongs to the "
    "tenant of another API key."
)


def has_remote_images(request: JobRequest) -> bool:
    """Return whether the request has images by URL or of jobs, which may change or disappear before a retry."""
    return any(not is_asset_id(ref) and not is_data_url(ref) for ref in image_references(request).values())


class RequestImages:
    """Turns the images of a request into assets before the job is accepted."""

    def __init__(
        self,
        jobs: AsyncJobStore,
        assets: AssetStore,
        fetcher: ImageFetcher,
        job_images: JobImages,
        budget: UploadBudget,
    ) -> None:
        self._jobs = jobs
        self._assets = assets
        self._fetcher = fetcher
        self._job_images = job_images
        self._budget = budget

    async def ingest(self, tenant: str, request: JobRequest) -> dict[str, AssetRecord]:
        """Return request field → asset. Raises `ApiProblem`, `StoreUnavailable` and `ObjectStoreUnavailable`."""
        return {field: await self.ingest_image(tenant, field, ref) for field, ref in image_references(request).items()}

    async def ingest_image(self, tenant: str, field: str, ref: str) -> AssetRecord:
        """Return the asset of one reference. `field`: the request field to which a problem points."""
        if is_asset_id(ref):
            record = await self._jobs.call(commands.get_asset(tenant, ref))
            if record is None:
                raise asset_not_found(field)
            return record
        try:
            with self._budget.reserve() as reserve:
                return await self._assets.add(tenant, await self._read(tenant, field, ref, reserve))
        except ImageRejected as error:
            raise invalid(f"/{field}: {error.detail}", _error(field, error.code, error.detail)) from error

    async def _read(self, tenant: str, field: str, ref: str, reserve: Callable[[int], None]) -> bytes:
        if is_data_url(ref):
            return decode_data_url(ref)
        job_image = parse_job_image(ref)
        if job_image is None:
            return await self._fetcher.fetch(ref, reserve)
        data = await self._job_images.read(tenant, *job_image, reserve)
        if data is None:
            raise _not_found(JOB_IMAGE_NOT_FOUND, field)
        return data


def asset_not_found(*fields: str) -> ApiProblem:
    """Return the problem for request fields that name an unknown asset."""
    return _not_found(ASSET_NOT_FOUND, *fields)


def _not_found(detail: str, *fields: str) -> ApiProblem:
    errors = [_error(field, ProblemKind.ASSET_NOT_FOUND, detail) for field in fields]
    return ApiProblem(ProblemKind.ASSET_NOT_FOUND, detail, errors=errors)


def _error(field: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=f"/{field}", code=code, detail=detail)

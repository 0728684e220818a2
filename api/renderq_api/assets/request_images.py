"""The pictures that a request names, each made an asset of its tenant before the job is accepted."""

import base64
import binascii

from renderq.contract import FieldError, JobRequest, ProblemKind, image_references
from renderq.contract.image_references import is_asset_id, is_data_url
from renderq_api.assets.asset_store import AssetStore
from renderq_api.assets.errors import ImageRejected, unreadable
from renderq_api.assets.image_fetcher import ImageFetcher
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.http.problems import ApiProblem, invalid
from renderq_shared.jobs import AssetRecord, AsyncJobStore, commands


def has_remote_images(request: JobRequest) -> bool:
    """Whether a repetition may find another picture, or none."""
    return any(not is_asset_id(name) and not is_data_url(name) for name in image_references(request).values())


class RequestImages:
    """Brings pictures in: those that are here already, those within the request, and those elsewhere."""

    def __init__(self, jobs: AsyncJobStore, assets: AssetStore, fetcher: ImageFetcher, budget: UploadBudget) -> None:
        self._jobs = jobs
        self._assets = assets
        self._fetcher = fetcher
        self._budget = budget

    async def ingest(self, tenant: str, request: JobRequest) -> dict[str, AssetRecord]:
        """Field → its picture. Raises `ApiProblem`, and what stores raise that are away."""
        return {field: await self._ingest(tenant, field, name) for field, name in image_references(request).items()}

    async def _ingest(self, tenant: str, field: str, name: str) -> AssetRecord:
        if is_asset_id(name):
            record = await self._jobs.call(commands.asset(tenant, name))
            if record is None:
                raise asset_not_found(field)
            return record
        try:
            with self._budget.reserve() as hold:
                data = _decoded(name) if is_data_url(name) else await self._fetcher.fetch(name, hold)
                return await self._assets.add(tenant, data)
        except ImageRejected as error:
            raise invalid(f"/{field}: {error.why}", _error(field, error.code, error.why)) from error


def asset_not_found(*fields: str) -> ApiProblem:
    detail = "There is no such asset. It may have expired: upload it again."
    errors = [_error(field, ProblemKind.ASSET_NOT_FOUND, detail) for field in fields]
    return ApiProblem(ProblemKind.ASSET_NOT_FOUND, detail, errors=errors)


def _error(field: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=f"/{field}", code=code, detail=detail)


def _decoded(data_url: str) -> bytes:
    """Raises `ImageRejected`."""
    try:
        return base64.b64decode(data_url.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise unreadable("what follows `base64,` is not base64", "Encode it anew") from error

"""Route that reads the settings of an image."""

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from renderq_api.assets import ImageRejected
from renderq_api.auth import TenantDep, no_visitors
from renderq_api.doors.a1111.body import receive_object
from renderq_api.doors.a1111.document import ERRORS, json_body
from renderq_api.doors.a1111.file_settings import FileSettings, read_settings
from renderq_api.doors.a1111.input_images import load_image
from renderq_api.doors.a1111.router import PREFIX, router
from renderq_api.doors.given_fields import given_fields
from renderq_api.doors.input_images import rejected
from renderq_api.http.validation import validate
from renderq_api.services import ServicesDep


class PngInfoFields(BaseModel, frozen=True):
    """Fields of a request about the settings of an image. Others are ignored."""

    model_config = ConfigDict(extra="ignore")

    image: str = Field(description="Base64, with or without `data:image/…;base64,`, or an https URL.")


@router.post(
    f"{PREFIX}/png-info",
    summary="Read the settings of an image, as AUTOMATIC1111's web UI",
    responses=ERRORS,
    dependencies=[Depends(no_visitors)],
    openapi_extra={"requestBody": json_body(PngInfoFields, image="iVBORw0KGgo…")},
)
async def get_png_info(request: Request, services: ServicesDep, tenant: TenantDep) -> FileSettings:
    async with receive_object(request, services) as sent:
        fields = validate(PngInfoFields, given_fields(sent.fields))
        image = await load_image(services, tenant, "image", fields.image)
        try:
            return await services.assets.decode(read_settings, image)
        except ImageRejected as error:
            raise rejected("image", error) from error

"""Images of a request, and what becomes of them before they are the input images of a job."""

import asyncio
import io

from PIL import Image, ImageFilter, ImageOps

from renderq.contract import LIMITS
from renderq.contract.image_references import is_https_url
from renderq_api.assets import ImageRejected, check_image, read_file
from renderq_api.assets.errors import too_large
from renderq_api.doors.a1111.fields import Img2ImgFields
from renderq_api.doors.input_images import Images, decode_file, rejected
from renderq_api.services import Services
from renderq_shared.imaging.exif import apply_orientation
from renderq_shared.imaging.image_file import load_stored, read_colors, read_image

CROPPED = 1
"""`resize_mode` of images whose center is cut to the wished proportion."""

_OPAQUE = 128
"""Largest alpha of a mask's pixels that are kept."""


async def load_image(services: Services, tenant: str, field: str, reference: str) -> bytes:
    """Return the file of an image in a request: base64, a data URL, or an https URL. Raises `ApiProblem`."""
    if is_https_url(reference):
        asset = await services.request_images.ingest_image(tenant, field, reference)
        return await read_file(services.objects, asset.key)
    try:
        return await asyncio.to_thread(decode_image, reference)
    except ImageRejected as error:
        raise rejected(field, error) from error


def decode_image(text: str) -> bytes:
    """Return the file that is encoded in base64, with or without `data:…;base64,`. Raises `ImageRejected`."""
    data = decode_file(text)
    if len(data) > LIMITS.asset_bytes:
        raise too_large()
    return data


async def prepare_images(services: Services, tenant: str, fields: Img2ImgFields) -> tuple[Images, tuple[int, int]]:
    """Return the input images of a job by field, and width and height of the image in pixels. Raises `ApiProblem`."""
    image = await load_image(services, tenant, "init_images", fields.init_images[0])
    mask = await load_image(services, tenant, "mask", fields.mask) if fields.mask else None
    try:
        header = await services.assets.decode(check_image, image)
        wished = (fields.width or header.width, fields.height or header.height)
        is_cropped = fields.resize_mode == CROPPED
        if is_cropped:
            image = await services.assets.decode(lambda data: crop_center(data, wished), image)
    except ImageRejected as error:
        raise rejected("init_images", error) from error
    if mask is None:
        return {"image": image}, (header.width, header.height)
    try:
        mask = await services.assets.decode(lambda data: prepare_mask(data, fields), mask)
        if is_cropped:
            mask = await services.assets.decode(lambda data: crop_center(data, wished), mask)
    except ImageRejected as error:
        raise rejected("mask", error) from error
    return {"image": image, "mask": mask}, (header.width, header.height)


def prepare_mask(data: bytes, fields: Img2ImgFields) -> bytes:
    """Return a mask as PNG whose white is made anew. Of a mask with transparency, the opaque part is.

    Raises `ImageRejected`. Decodes the file: call it in a thread, one at a time.
    """
    check_image(data)
    image = read_image(data)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if alpha is not None and alpha.getextrema() != (255, 255):
        mask = alpha.point([255 if value > _OPAQUE else 0 for value in range(256)])
    else:
        mask = image.convert("L")
    if fields.inpainting_mask_invert:
        mask = ImageOps.invert(mask)
    return _png(mask.filter(ImageFilter.GaussianBlur(fields.mask_blur)))


def crop_center(data: bytes, proportion: tuple[int, int]) -> bytes:
    """Return the largest center of an image with this proportion of width to height, as PNG.

    Raises `ImageRejected`. Decodes the file: call it in a thread, one at a time.
    """
    check_image(data)
    upright = apply_orientation(load_stored(data))
    profile = upright.info.get("icc_profile")
    if upright.mode == "CMYK":  # which PNG does not have
        upright, profile = read_colors(data).convert("RGB"), None
    scale = min(upright.width / proportion[0], upright.height / proportion[1])
    width, height = (max(1, round(side * scale)) for side in proportion)
    left, top = (upright.width - width) // 2, (upright.height - height) // 2
    return _png(upright.crop((left, top, left + width, top + height)), profile)


def _png(image: Image.Image, profile: bytes | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", icc_profile=profile)
    return file.getvalue()

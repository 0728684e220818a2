"""EXIF orientation of images."""

from PIL import ExifTags, Image

_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Value of `Orientation` (EXIF 2.32, 4.6.4) → transformation of the stored image that makes it upright."""

_SWAPS_SIZE = {5, 6, 7, 8}


def oriented_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as displayed."""
    width, height = image.size
    return (height, width) if _orientation(image) in _SWAPS_SIZE else (width, height)


def apply_orientation(image: Image.Image) -> Image.Image:
    """Return the image as displayed."""
    transpose = _TRANSPOSES.get(_orientation(image))
    return image if transpose is None else image.transpose(transpose)


def _orientation(image: Image.Image) -> int:
    """Return 1 … 8; 1 (upright) for unreadable EXIF, as image viewers do."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow's EXIF parser can raise anything
        return 1

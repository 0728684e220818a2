"""Which way up a picture is shown: its EXIF orientation, for API and workers alike."""

from PIL import ExifTags, Image

_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.32, 4.6.4: value of `Orientation` → how the stored picture is turned to be upright."""

_SWAPS = {5, 6, 7, 8}


def oriented_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as the picture is shown."""
    width, height = image.size
    return (height, width) if _orientation(image) in _SWAPS else (width, height)


def apply_orientation(image: Image.Image) -> Image.Image:
    """The picture as it is shown."""
    turn = _TURN.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """1 … 8. EXIF that cannot be read says nothing: viewers show such pictures, too."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow's reader raises whatever it stumbles over
        return 1

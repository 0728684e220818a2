"""Invisible watermarks in the `dwtDct` format of the package invisible-watermark, which Stable Diffusion uses.

The U channel of YUV is halved by a Haar transform. Each block of 4 × 4 approximation coefficients holds one bit, in
its largest coefficient except the first: modulo 36 it is in the lower half for 0, in the upper half for 1. The blocks
repeat the bits of the text from left to right, top to bottom. The package and this module read each other's watermarks.

Writing differs (docs/explanation/adr/0009-own-watermark.md): no other coefficient of a block may become larger than the
one that was set, and a color that would be clipped moves in the other direction, so that no block is lost.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renderq.contract import LIMITS

_SCALE = 36.0
_BLOCK = 8
"""Pixels: 4 coefficients."""
_BAND = 64 * _BLOCK
"""Rows processed at a time, which bounds the memory for large images."""
_GREEN, _BLUE = -0.39465, 2.03211
"""Weights of U in green and blue (ITU-R BT.601); red has none."""

_MIN_AGREEMENT, _MIN_CLARITY = 0.87, 0.55
"""Thresholds of detection. A longer text, read as a shorter one, has an agreement of 0.85; of 818 images without a
watermark (photographs, noise, stripes, flat colors) none has a clarity above 0.49. A watermarked PNG has 0.999."""
_CONFIRM_CLARITY = 0.3
"""Threshold of clarity for a text that is known beforehand."""
_CHARACTERS = range(0x20, 0x7F)

Pixels = npt.NDArray[np.uint8]
Votes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Watermark:
    """A watermark read from the blocks of an image."""

    content: bytes
    agreement: float
    """Share of the blocks that agree with it."""
    clarity: float
    """Mean signed vote: 1 if all blocks agree with full certainty, about 0 without a watermark."""


def embed(pixels: Pixels, text: str, *, lossy: bool = False) -> Pixels:
    """Return the pixels, uint8 RGB [height, width, 3], with `text` embedded.

    `lossy` shifts whole blocks instead of single coefficients: this survives JPEG and WebP, but is more visible (33 dB
    instead of 37). Raises `ValueError` for fewer than 65,536 pixels.
    """
    if pixels.shape[0] * pixels.shape[1] < LIMITS.watermark_pixels:
        raise ValueError(f"{pixels.shape[1]} × {pixels.shape[0]} pixels are too few for a watermark")
    coefficients = _coefficients(pixels)
    bits = np.resize(_bits(text.encode("ascii")), len(coefficients))
    nearest, fallback = _targets(_largest(coefficients)[1], bits)
    marked = _with_targets(pixels, coefficients, nearest, lossy)
    is_wrong = _is_one(_largest(_coefficients(marked))[1]) != bits
    return _with_targets(pixels, coefficients, np.where(is_wrong, fallback, nearest), lossy)


def votes(pixels: Pixels) -> Votes:
    """Return the vote of each block, from -1 (certainly 0) to 1 (certainly 1); empty below 65,536 pixels."""
    if pixels.shape[0] * pixels.shape[1] < LIMITS.watermark_pixels:
        return np.empty(0)
    return -np.sin(2 * np.pi * _largest(_coefficients(pixels))[1] / _SCALE)


def read(votes: Votes, length: int) -> Watermark | None:
    """Read a watermark of `length` bytes; `None` if there are too few blocks."""
    if len(votes) < 8 * length:
        return None
    places = np.arange(len(votes)) % (8 * length)
    sums = np.bincount(places, votes)
    return _evaluate(votes, np.packbits(sums > 0).tobytes())


def detect(votes: Votes, length: int | None = None) -> Watermark | None:
    """Detect a watermark of `length` arbitrary bytes; `None` if there is none.

    Without a length, detect a text: the shortest one that explains the blocks about as well as the best one.
    """
    lengths = range(LIMITS.watermark_characters_min, LIMITS.watermark_characters + 1) if length is None else (length,)
    candidates = [mark for each in lengths if (mark := read(votes, each)) is not None]
    detected = [
        mark
        for mark in candidates
        if mark.agreement >= _MIN_AGREEMENT
        and mark.clarity >= _MIN_CLARITY
        and (length is not None or is_text(mark.content))
    ]
    best = max((mark.agreement for mark in detected), default=0.0)
    return next((mark for mark in detected if mark.agreement >= best - 0.1 * (1 - best) - 0.003), None)


def confirm(votes: Votes, text: str) -> Watermark | None:
    """Return the watermark if the blocks contain the expected text, else `None`."""
    mark = _evaluate(votes, text.encode("ascii"))
    return mark if mark.clarity >= _CONFIRM_CLARITY else None


def is_text(content: bytes) -> bool:
    """Return whether the bytes are a valid watermark text."""
    return all(byte in _CHARACTERS for byte in content) and content == content.strip()


def _evaluate(votes: Votes, content: bytes) -> Watermark:
    if not len(votes):
        return Watermark(content, 0, 0)
    agreement = votes * (np.resize(_bits(content), len(votes)) * 2.0 - 1.0)
    return Watermark(content, float((agreement > 0).mean()), float(agreement.mean()))


def _bits(content: bytes) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(content, np.uint8))


def _coefficients(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Return the approximation of U, [blocks, 16], of complete blocks only."""
    bands = [_band(pixels[top : top + _BAND]) for top in range(0, pixels.shape[0], _BAND)]
    return np.concatenate(bands)


def _band(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Compute the coefficients of a band in OpenCV's integer arithmetic, bit for bit."""
    rows, columns = pixels.shape[0] // _BLOCK, pixels.shape[1] // _BLOCK
    red, green, blue = np.moveaxis(pixels[: rows * _BLOCK, : columns * _BLOCK].astype(np.int32), -1, 0)
    luma = (red * 4899 + green * 9617 + blue * 1868 + 8192) >> 14
    chroma = ((blue - luma) * 8061 + (128 << 14) + 8192) >> 14
    pairs = chroma[0::2] + chroma[1::2]
    halves = (pairs[:, 0::2] + pairs[:, 1::2]) / 2
    return halves.reshape(rows, 4, columns, 4).transpose(0, 2, 1, 3).reshape(rows * columns, 16)


def _largest(coefficients: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return position and value of the coefficient that holds the bit of each block."""
    places = 1 + np.argmax(coefficients[:, 1:], axis=1)
    return places, np.take_along_axis(coefficients, places[:, None], 1)[:, 0]


def _is_one(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return values % _SCALE > _SCALE / 2


def _targets(
    values: npt.NDArray[np.float64], bits: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the centers of the nearest interval that encodes the bit, and of the next one in the other direction."""
    same = (values // _SCALE + 0.25 + 0.5 * bits) * _SCALE  # in the interval of the value
    neighbor = np.where(same > values, same - _SCALE, same + _SCALE)
    is_nearest = np.abs(same - values) <= np.abs(neighbor - values)
    return np.where(is_nearest, same, neighbor), np.where(is_nearest, neighbor, same)


def _with_targets(
    pixels: Pixels, coefficients: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], lossy: bool
) -> Pixels:
    """Return the pixels after setting the largest coefficient of each block to its target."""
    places, values = _largest(coefficients)
    if lossy:
        changes = np.repeat((targets - values)[:, None], 16, axis=1)
    else:
        changes = np.minimum(targets[:, None] - coefficients, 0)  # coefficients that would become the largest
        changes[:, 0] = 0
        np.put_along_axis(changes, places[:, None], (targets - values)[:, None], 1)
    rows, columns = pixels.shape[0] // _BLOCK, pixels.shape[1] // _BLOCK
    plane = changes.reshape(rows, columns, 4, 4).transpose(0, 2, 1, 3).reshape(rows * 4, columns * 4) / 2
    chroma = plane.repeat(2, axis=0).repeat(2, axis=1)
    marked = pixels.copy()
    for channel, share in ((1, _GREEN), (2, _BLUE)):
        whole = marked[: chroma.shape[0], : chroma.shape[1], channel]
        whole[...] = np.clip(np.rint(whole + share * chroma), 0, 255)
    return marked

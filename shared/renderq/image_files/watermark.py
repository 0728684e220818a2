"""Invisible text in pixels, in the `dwtDct` format of the package invisible-watermark, as Stable Diffusion's own do.

U of YUV is halved by a Haar transform; of its approximation each block of 4 × 4 coefficients holds one bit, in the
largest but the first: modulo 36 that one lies in the lower half for 0, in the upper half for 1. The blocks repeat the
text's bits from left to right and downwards. What the package writes is read here, and the other way round.

Writing differs (docs/explanation/adr/0009-own-watermark.md): no other coefficient of a block may overtake the one that
was set, and a color that has no room on one side moves to the other, so that no block is lost.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renderq.contract import LIMITS

_SCALE = 36.0
_BLOCK = 8
"""Pixels: 4 coefficients."""
_BAND = 64 * _BLOCK
"""Rows that are looked at together: large images would take gigabytes."""
_GREEN, _BLUE = -0.39465, 2.03211
"""How much of U is in green and blue (ITU-R BT.601); none is in red."""

_AGREEMENT, _CLARITY = 0.87, 0.55
"""From which on it is there. A longer text, read as if it were a shorter one, comes to an agreement of 0.85; of 818
images without any (photographs, noise, stripes, flat colors) none comes to a clarity above 0.49. A PNG has 0.999."""
_EXPECTED = 0.3
"""Clarity from which on a text that is known beforehand is there."""
_LETTERS = range(0x20, 0x7F)

Pixels = npt.NDArray[np.uint8]
Votes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Watermark:
    """What the blocks of an image say."""

    content: bytes
    agreement: float
    """Share of the blocks that say it."""
    clarity: float
    """How far they do: 1 if all do and none is in doubt, about 0 where nothing was written."""


def embed(pixels: Pixels, text: str, *, lossy: bool = False) -> Pixels:
    """The pixels, uint8 RGB [height, width, 3], with `text` in them.

    `lossy` moves whole blocks instead of single coefficients: what JPEG and WebP leave alone, and easier to see (33 dB
    instead of 37). Raises `ValueError` for fewer than 65,536 pixels.
    """
    if pixels.shape[0] * pixels.shape[1] < LIMITS.watermark_pixels:
        raise ValueError(f"{pixels.shape[1]} × {pixels.shape[0]} pixels are too few for a watermark")
    coefficients = _coefficients(pixels)
    bits = np.resize(_bits(text.encode("ascii")), len(coefficients))
    near, far = _targets(_largest(coefficients)[1], bits)
    marked = _moved(pixels, coefficients, near, lossy)
    wrong = _is_one(_largest(_coefficients(marked))[1]) != bits
    return _moved(pixels, coefficients, np.where(wrong, far, near), lossy)


def votes(pixels: Pixels) -> Votes:
    """What each block says, from -1 (surely 0) to 1 (surely 1). None below 65,536 pixels."""
    if pixels.shape[0] * pixels.shape[1] < LIMITS.watermark_pixels:
        return np.empty(0)
    return -np.sin(2 * np.pi * _largest(_coefficients(pixels))[1] / _SCALE)


def read(votes: Votes, length: int) -> Watermark | None:
    """What the blocks say if they hold so many bytes; `None` if they are too few."""
    if len(votes) < 8 * length:
        return None
    places = np.arange(len(votes)) % (8 * length)
    sums = np.bincount(places, votes)
    return _judged(votes, np.packbits(sums > 0).tobytes())


def detect(votes: Votes, length: int | None = None) -> Watermark | None:
    """A watermark of so many bytes, whatever they are; `None` if there is none.

    Without a length a text is looked for: the shortest that explains the blocks as well as the best one does.
    """
    lengths = range(LIMITS.watermark_characters_min, LIMITS.watermark_characters + 1) if length is None else (length,)
    readings = [found for each in lengths if (found := read(votes, each)) is not None]
    there = [
        found
        for found in readings
        if found.agreement >= _AGREEMENT
        and found.clarity >= _CLARITY
        and (length is not None or is_text(found.content))
    ]
    best = max((found.agreement for found in there), default=0.0)
    return next((found for found in there if found.agreement >= best - 0.1 * (1 - best) - 0.003), None)


def confirm(votes: Votes, text: str) -> Watermark | None:
    """A text that is expected, if the blocks hold it."""
    found = _judged(votes, text.encode("ascii"))
    return found if found.clarity >= _EXPECTED else None


def is_text(content: bytes) -> bool:
    """Whether these are letters that a watermark may have."""
    return all(byte in _LETTERS for byte in content) and content == content.strip()


def _judged(votes: Votes, content: bytes) -> Watermark:
    signs = np.resize(_bits(content), len(votes)) * 2.0 - 1.0
    said = votes * signs
    return Watermark(content, float((said > 0).mean()), float(said.mean())) if len(votes) else Watermark(content, 0, 0)


def _bits(content: bytes) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(content, np.uint8))


def _coefficients(pixels: Pixels) -> npt.NDArray[np.float64]:
    """[blocks, 16]: the approximation of U, from whole blocks alone."""
    bands = [_band(pixels[top : top + _BAND]) for top in range(0, pixels.shape[0], _BAND)]
    return np.concatenate(bands)


def _band(pixels: Pixels) -> npt.NDArray[np.float64]:
    """In OpenCV's integers, to the last bit."""
    rows, columns = pixels.shape[0] // _BLOCK, pixels.shape[1] // _BLOCK
    red, green, blue = np.moveaxis(pixels[: rows * _BLOCK, : columns * _BLOCK].astype(np.int32), -1, 0)
    luma = (red * 4899 + green * 9617 + blue * 1868 + 8192) >> 14
    chroma = ((blue - luma) * 8061 + (128 << 14) + 8192) >> 14
    pairs = chroma[0::2] + chroma[1::2]
    halves = (pairs[:, 0::2] + pairs[:, 1::2]) / 2
    return halves.reshape(rows, 4, columns, 4).transpose(0, 2, 1, 3).reshape(rows * columns, 16)


def _largest(coefficients: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Place and value of the coefficient that holds the bit of each block."""
    places = 1 + np.argmax(coefficients[:, 1:], axis=1)
    return places, np.take_along_axis(coefficients, places[:, None], 1)[:, 0]


def _is_one(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return values % _SCALE > _SCALE / 2


def _targets(
    values: npt.NDArray[np.float64], bits: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The middles of the nearest half that means the bit, and of the next one on the other side."""
    here = (values // _SCALE + 0.25 + 0.5 * bits) * _SCALE
    there = np.where(here > values, here - _SCALE, here + _SCALE)
    is_near = np.abs(here - values) <= np.abs(there - values)
    return np.where(is_near, here, there), np.where(is_near, there, here)


def _moved(
    pixels: Pixels, coefficients: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], lossy: bool
) -> Pixels:
    """The pixels once the largest coefficient of each block has become its target."""
    places, values = _largest(coefficients)
    if lossy:
        changes = np.repeat((targets - values)[:, None], 16, axis=1)
    else:
        changes = np.minimum(targets[:, None] - coefficients, 0)  # what would overtake it
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

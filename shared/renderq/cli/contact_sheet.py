"""Contact sheet: the first image of each job of a batch in one file, with labels."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from renderq._core.files import write_atomically
from renderq._core.pillow import to_pillow
from renderq.cli.exit_codes import UsageError
from renderq.cli.request_options import FORMATS
from renderq.contract import LIMITS, Job

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

_SIDE = 320
"""Longest side of a cell's image; smaller images keep their size."""
_LABEL = 20
_GAP = 8
_MIN_WIDTH = 128
"""Width of a cell whose image is narrower, for the label."""
_TEXT_COLOR, _BACKGROUND = (40, 40, 40), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class SheetCell:
    """A job and its first image, reduced; `None` if it has none."""

    job: Job
    image: "PillowImage | None"

    @classmethod
    def of(cls, job: Job, data: bytes | None) -> "SheetCell":
        """Return the cell of a job and its image file."""
        image = None if data is None else to_pillow(data)
        if image:
            image.thumbnail((_SIDE, _SIDE))
        return cls(job, image)


def save_contact_sheet(name: str, cells: Sequence[SheetCell]) -> None:
    """Save a sheet of at least one image.

    A sweep of several axes has a column for each value of the last one, if a WebP can be as wide and as high.

    Raises `UsageError`.
    """
    sheet = _draw(cells, _columns(cells))
    buffer = io.BytesIO()
    sheet.save(buffer, FORMATS.get(Path(name).suffix.lower(), "png").upper())
    try:
        write_atomically(Path(name), buffer.getvalue())
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {error.strerror}") from error


def _draw(cells: Sequence[SheetCell], columns: int) -> "PillowImage":
    from PIL import Image, ImageDraw, ImageFont

    images = [cell.image for cell in cells if cell.image]
    width, height = max(image.width for image in images), max(image.height for image in images)
    step_x, step_y = max(width, _MIN_WIDTH) + _GAP, height + _LABEL + _GAP
    if max(columns * step_x, math.ceil(len(cells) / columns) * step_y) + _GAP > LIMITS.webp_side_pixels:
        columns = _square(cells)
    sheet = Image.new("RGB", (columns * step_x + _GAP, math.ceil(len(cells) / columns) * step_y + _GAP), _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for index, cell in enumerate(cells):
        left, top = _GAP + index % columns * step_x, _GAP + index // columns * step_y
        if cell.image:
            sheet.paste(cell.image, (left, top))
        draw.text((left, top + height + 4), _shortened(_label(cell.job), step_x - _GAP, draw, font), _TEXT_COLOR, font)
    return sheet


def _shortened(label: str, width: int, draw: "ImageDraw", font: "Font") -> str:
    """Return the beginning of a label that is at most `width` pixels wide."""
    fitting = label
    while len(fitting) > 1 and draw.textlength(fitting, font) > width:
        label = label[:-1]
        fitting = f"{label}…"
    return fitting


def _label(job: Job) -> str:
    """Return the values of a sweep, else the prompt. A value of the prompt needs no name."""
    values = job.batch.values if job.batch else {}
    texts = (str(value) if name.startswith("prompt") else f"{name} {value}" for name, value in values.items())
    return ", ".join(texts) or str(job.request.get("prompt", job.task))


def _columns(cells: Sequence[SheetCell]) -> int:
    values = [list(cell.job.batch.values.values()) for cell in cells if cell.job.batch]
    if values and len(values[0]) > 1:
        return len({str(each[-1]) for each in values})
    return _square(cells)


def _square(cells: Sequence[SheetCell]) -> int:
    """Return the number of columns of as many rows. A sheet of a whole batch has them in every format."""
    return math.ceil(math.sqrt(len(cells)))

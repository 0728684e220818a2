"""Contact sheet: images with their prompts in one image."""

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 6
_CELL_SIZE = 256
_TEXT_HEIGHT = 72
_GAP = 16
_LINE_LENGTH = 24


def contact_sheet(images: Sequence[Image.Image], prompts: Sequence[str]) -> Image.Image:
    """Return rows of six images, each 256 px wide above its prompt."""
    rows = -(-len(images) // _COLUMNS)
    width, height = _CELL_SIZE + _GAP, _CELL_SIZE + _TEXT_HEIGHT
    sheet = Image.new("RGB", (_COLUMNS * width + _GAP, rows * height + _GAP), "white")
    canvas = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(20)
    for index, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
        x, y = _GAP + index % _COLUMNS * width, _GAP + index // _COLUMNS * height
        sheet.paste(image.resize((_CELL_SIZE, _CELL_SIZE), Image.Resampling.BICUBIC), (x, y))
        canvas.rectangle((x - 1, y - 1, x + _CELL_SIZE, y + _CELL_SIZE), outline="lightgray")
        canvas.multiline_text((x, y + _CELL_SIZE + 2), textwrap.fill(prompt, _LINE_LENGTH), "black", font, spacing=1)
    return sheet

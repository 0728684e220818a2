"""Pictures with their prompts, in one image."""

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 6
_ENLARGED = 128
_TEXT_HEIGHT = 40
_GAP = 8
_LETTERS = 24


def contact_sheet(images: Sequence[Image.Image], prompts: Sequence[str]) -> Image.Image:
    """Rows of six, each image 128 px wide above its prompt."""
    rows = -(-len(images) // _COLUMNS)
    width, height = _ENLARGED + _GAP, _ENLARGED + _TEXT_HEIGHT
    sheet = Image.new("RGB", (_COLUMNS * width + _GAP, rows * height + _GAP), "white")
    canvas = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(10)
    for index, (image, prompt) in enumerate(zip(images, prompts, strict=True)):
        x, y = _GAP + index % _COLUMNS * width, _GAP + index // _COLUMNS * height
        sheet.paste(image.resize((_ENLARGED, _ENLARGED), Image.Resampling.BICUBIC), (x, y))
        canvas.rectangle((x - 1, y - 1, x + _ENLARGED, y + _ENLARGED), outline="lightgrey")
        canvas.multiline_text((x, y + _ENLARGED + 2), textwrap.fill(prompt, _LETTERS), "black", font, spacing=1)
    return sheet

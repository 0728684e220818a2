"""Why a picture is not taken."""

from typing import Literal

Code = Literal["unsupported_media_type", "asset_too_large", "input_unreadable", "input_unreachable"]


class ImageRejected(Exception):
    """It cannot be used. The message says what is wrong and what to do."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(why)
        self.code: Code = code
        self.why = why


def unreadable(how: str, what_to_do: str = "Save it anew") -> ImageRejected:
    return ImageRejected("input_unreadable", f"The picture cannot be read: {how}. {what_to_do}.")

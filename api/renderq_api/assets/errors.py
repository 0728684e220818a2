"""Errors of input images."""

from typing import Literal

from renderq.contract import LIMITS

Code = Literal["unsupported_media_type", "asset_too_large", "input_unreadable", "input_unreachable"]


class ImageRejected(Exception):
    """An input image cannot be used. `detail` says what is wrong and what to do."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code: Code = code
        self.detail = detail


def unreadable(reason: str, remedy: str = "Save it again") -> ImageRejected:
    """Return the error for a file that cannot be decoded."""
    return ImageRejected("input_unreadable", f"The image cannot be read: {reason}. {remedy}.")


def too_large() -> ImageRejected:
    """Return the error for a file with too many bytes."""
    return ImageRejected(
        "asset_too_large", f"The image file is too large; the maximum is {LIMITS.asset_bytes:,} bytes. Make it smaller."
    )

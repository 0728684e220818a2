"""`s3://BUCKET/PREFIX`, taken apart."""

import re
from dataclasses import dataclass

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_S3 = re.compile(rf"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{{0,254}})(?:/(?P<prefix>{_SEGMENT}(?:/{_SEGMENT})*))?/?")

_PREFIX_CHARACTERS = 400
"""Longest prefix: with it, our longest keys stay within S3's 1,024 bytes."""


@dataclass(frozen=True, slots=True)
class S3Location:
    bucket: str
    prefix: str
    """What all our keys in the bucket begin with: empty, or segments that each end with a slash."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def parse_s3_url(address: str) -> S3Location:
    """Raises `ValueError` for anything but `s3://BUCKET` or `s3://BUCKET/PREFIX`."""
    match = _S3.fullmatch(address)
    if match is None or len(match["prefix"] or "") > _PREFIX_CHARACTERS:
        raise ValueError(
            f"must be s3://BUCKET or s3://BUCKET/PREFIX; a prefix has at most {_PREFIX_CHARACTERS} of "
            "A-Z a-z 0-9 . _ - and slashes, and no part that is empty or starts with a dot or a dash"
        )
    return S3Location(match["bucket"], f"{match['prefix']}/" if match["prefix"] else "")

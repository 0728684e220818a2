"""Parser of `s3://BUCKET/PREFIX` URLs."""

import re
from dataclasses import dataclass

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_S3 = re.compile(rf"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{{0,254}})(?:/(?P<prefix>{_SEGMENT}(?:/{_SEGMENT})*))?/?")

_MAX_PREFIX_LENGTH = 400
"""Keeps the longest object keys within S3's limit of 1,024 bytes."""


@dataclass(frozen=True, slots=True)
class S3Location:
    """Bucket and key prefix of an object store."""

    bucket: str
    prefix: str
    """Prefix of all object keys: empty, or segments that each end with a slash."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def parse_s3_url(url: str) -> S3Location:
    """Parse a URL. Raises `ValueError` for anything but `s3://BUCKET` or `s3://BUCKET/PREFIX`."""
    match = _S3.fullmatch(url)
    if match is None or len(match["prefix"] or "") > _MAX_PREFIX_LENGTH:
        raise ValueError(
            f"must be s3://BUCKET or s3://BUCKET/PREFIX; a prefix has at most {_MAX_PREFIX_LENGTH} "
            "characters of A-Z a-z 0-9 . _ - and slashes, and no segment that is empty or starts with a dot or a dash"
        )
    return S3Location(match["bucket"], f"{match['prefix']}/" if match["prefix"] else "")

"""JSON Pointer (RFC 6901)."""


def pointer(*parts: str | int) -> str:
    """The pointer through `parts`; without any it points at the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)

"""JSON Pointer (RFC 6901)."""


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer for a path; without parts, the pointer to the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)

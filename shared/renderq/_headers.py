"""Header values that HTTP can carry."""


def is_header_value(text: str) -> bool:
    """Return whether a header can carry the text: printable ASCII, not empty, without spaces around it.

    Anything else is refused by the HTTP library with a message that quotes the value.
    """
    return text.isascii() and text.isprintable() and text != "" and text == text.strip()

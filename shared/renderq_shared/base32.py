"""Numbers as text that people can read out: Crockford's base 32 in lower case, which has no i, l, o and u."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def base32(number: int, characters: int) -> str:
    """The lowest `5 * characters` bits of a number, most significant first."""
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (characters - 1), -1, -5))

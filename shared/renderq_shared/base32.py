"""Crockford's base 32 in lower case: without i, l, o and u, so that people can read it out."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def base32(number: int, characters: int) -> str:
    """Encode the lowest `5 * characters` bits of a number, most significant first."""
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (characters - 1), -1, -5))

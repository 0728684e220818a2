"""A key contains its id, enough randomness and a checksum."""

import pytest

from renderq_shared.access import is_key_id, new_key, parse_key


def test_a_key_is_read_back_and_fits_its_own_digest_alone() -> None:
    key, other = new_key(), new_key()
    assert parse_key(key.text) == key
    assert is_key_id(key.id)
    assert key.text.startswith(f"{key.id}_")
    assert key.matches(key.digest)
    assert not key.matches(other.digest)


def test_keys_differ_in_at_least_128_random_bits() -> None:
    keys = [new_key() for _ in range(200)]
    secrets = [key.text.split("_")[2][:32] for key in keys]
    assert len({key.id for key in keys}) == len(set(secrets)) == 200
    # 32 characters of 5 bits, none of them constant
    assert all(len({secret[index] for secret in secrets}) > 16 for index in range(32))


def test_its_repr_does_not_reveal_the_secret() -> None:
    key = new_key()
    assert key.text.split("_")[2] not in repr(key)


def test_a_key_that_was_cut_mistyped_or_embellished_is_none() -> None:
    text = new_key().text
    mistyped = [f"{text[:n]}{'0' if text[n] != '0' else '1'}{text[n + 1 :]}" for n in range(3, len(text))]
    swapped = text[:20] + text[21] + text[20] + text[22:]
    for wrong in (*mistyped, text[:-1], f"{text}0", text.upper(), f" {text}", f"{text}\n", text[3:], ""):
        assert parse_key(wrong) is None, wrong
    assert swapped == text or parse_key(swapped) is None


@pytest.mark.parametrize(
    "text", ["", "rq_", "rq_0123456789_", "xx_0123456789", "rq_012345678", "rq_01234567890", "rq_i123456789"]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_key_id(text)

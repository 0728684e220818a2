"""Job ids sort by time and are unique and well-formed."""

import time

import pytest

from renderq_shared.ids import is_job_id, new_job_id


def test_later_ids_sort_later() -> None:
    first = new_job_id()
    time.sleep(0.005)
    assert first < new_job_id()


def test_ids_are_unique_and_well_formed() -> None:
    ids = {new_job_id() for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(is_job_id(one) for one in ids)


def test_time_is_in_the_first_ten_characters() -> None:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    milliseconds = 0
    for letter in new_job_id().removeprefix("job_")[:10]:
        milliseconds = milliseconds * 32 + alphabet.index(letter)
    assert abs(milliseconds / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    "text", ["", "job_", "job_" + "0" * 25, "job_" + "0" * 27, "job_" + "8" + "0" * 25, "job_" + "i" * 26]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_job_id(text)
    assert not is_job_id(new_job_id() + "\n")

"""Keys of visitors: counted once however often a call is repeated, and removed without a trace."""

import redis

from renderq_shared.access import Admission, AdmissionLimits, AdmissionOutcome, KeyStore, NewKey, Role, new_key
from renderq_shared.access.script_calls import admit_visitor, expired_visitors, remove_visitors
from renderq_shared.redis.scripts import execute
from tests.job_store.time_travel import make_older

DAY_MS = 86_400_000


def admit(client: redis.Redis, key: NewKey, address: str = "here", salt: str = "salt", places: int = 9) -> Admission:
    return execute(client, admit_visitor(key, address, salt, AdmissionLimits(keys_per_address=2, places=places)))


def visitor() -> NewKey:
    key = new_key()
    return NewKey(key.id, key.digest, "visitor", role=Role.VISITOR, lifetime_ms=DAY_MS)


def test_a_repeated_admission_counts_once(keys: KeyStore, client: redis.Redis) -> None:
    first = visitor()
    admission = admit(client, first)
    version = keys.read().version
    assert [admit(client, first) for _ in range(3)] == [admission] * 3
    assert keys.read().version == version
    assert keys.read().keys == (admission.key,)
    assert admit(client, visitor()).outcome is AdmissionOutcome.ADMITTED
    refused = admit(client, visitor())
    assert (refused.outcome, refused.key) == (AdmissionOutcome.ADDRESS_LIMIT_REACHED, None)
    assert 0 < refused.wait_ms <= DAY_MS
    assert admit(client, visitor(), "elsewhere").outcome is AdmissionOutcome.ADMITTED


def test_the_salt_of_a_day_is_that_of_its_first_visitor(client: redis.Redis) -> None:
    addresses = [admit(client, visitor(), address, salt).key for address, salt in (("here", "one"), ("here", "two"))]
    assert len({key.address for key in addresses if key}) == 1
    client.delete("rq:visitor-salt")
    tomorrow = admit(client, visitor(), "here", "three").key
    assert tomorrow
    assert tomorrow.address not in {key.address for key in addresses if key}


def test_places_are_free_again_once_expired_visitors_are_removed(keys: KeyStore, client: redis.Redis) -> None:
    admitted = admit(client, visitor(), places=1).key
    assert admitted
    full = admit(client, visitor(), places=1)
    assert (full.outcome, full.wait_ms > DAY_MS - 60_000) == (AdmissionOutcome.FULL, True)
    assert execute(client, expired_visitors(9)) == ()
    make_older(client, DAY_MS)
    assert execute(client, expired_visitors(9)) == (admitted.id,)
    for _ in range(2):
        execute(client, remove_visitors([admitted.id]))
    assert keys.read().keys == ()
    assert admit(client, visitor(), places=1).outcome is AdmissionOutcome.ADMITTED


def test_removal_after_a_reset_brings_no_key_back(keys: KeyStore, client: redis.Redis) -> None:
    admitted = admit(client, visitor()).key
    assert admitted
    keys.reset()
    execute(client, remove_visitors([admitted.id]))
    assert keys.read().version is None
    assert execute(client, expired_visitors(9)) == ()

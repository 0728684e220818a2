"""Keys in Redis: stored by digest, revoked permanently, safe under blind retry."""

import time
from dataclasses import replace

import pytest
import redis

from renderq_shared.access import KeyList, KeyStore, NewKey, Role, new_key
from renderq_shared.access.key_format import ApiKey
from renderq_shared.access.script_calls import read, record_use
from renderq_shared.redis.scripts import execute


def named(key: ApiKey, **fields: object) -> NewKey:
    return replace(NewKey(key.id, key.digest, "laptop"), **fields)


def versions(client: redis.Redis, known: str | None) -> KeyList:
    return execute(client, read(known))


def test_a_key_is_stored_without_its_secret(keys: KeyStore, client: redis.Redis) -> None:
    key = new_key()
    made = keys.create(named(key, tenant="ada", role=Role.ADMIN, weight=0.5, max_queued_jobs=7, lifetime_ms=60_000))
    assert made is not None
    assert (made.id, made.digest, made.name, made.tenant, made.role) == (key.id, key.digest, "laptop", "ada", "admin")
    assert (made.weight, made.max_queued_jobs, made.expires_ms) == (0.5, 7, made.created_ms + 60_000)
    assert (made.revoked_ms, made.used_ms) == (None, None)
    assert keys.read().keys == (made,)
    everything = [client.dump(name) for name in client.keys("*")]
    assert all(key.text.split("_")[2].encode() not in dump for dump in everything)


def test_a_key_lives_until_it_expires_or_is_revoked(keys: KeyStore) -> None:
    made = keys.create(named(new_key(), lifetime_ms=5_000))
    assert made is not None
    assert made.is_live(made.created_ms + 4_999)
    assert not made.is_live(made.created_ms + 5_000)
    revoked = keys.revoke(made.id)
    assert revoked is not None
    assert not revoked.is_live(made.created_ms)
    assert not keys.read().any_live


def test_a_repeated_call_changes_nothing_further(keys: KeyStore, client: redis.Redis) -> None:
    key = new_key()
    made = keys.create(named(key))
    version = keys.read().version
    assert keys.create(named(key)) == made
    assert keys.read().version == version
    revoked, version = keys.revoke(key.id), keys.read().version
    time.sleep(0.002)
    assert keys.revoke(key.id) == revoked
    assert keys.read().version == version
    assert keys.revoke(new_key().id) is None


def test_an_id_belongs_to_the_first(keys: KeyStore) -> None:
    key = new_key()
    keys.create(named(key))
    assert keys.create(NewKey(key.id, new_key().digest, "another")) is None
    assert [stored.digest for stored in keys.read().keys or ()] == [key.digest]


def test_keys_are_read_again_only_when_they_have_changed(keys: KeyStore, client: redis.Redis) -> None:
    never = versions(client, None)
    assert (never.version, never.keys) == (None, None)
    keys.create(named(new_key()))
    first = versions(client, None)
    assert first.keys is not None
    assert versions(client, first.version).keys is None
    keys.create(named(new_key()))
    second = versions(client, first.version)
    assert len(second.keys or ()) == 2
    assert second.version not in {None, first.version}


def test_every_change_is_published(keys: KeyStore, client: redis.Redis) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("rq:keys-changed")
        channel.get_message(timeout=5)
        made = keys.create(named(new_key()))
        assert made is not None
        keys.revoke(made.id)
        keys.reset()
        assert all(channel.get_message(timeout=5) for _ in range(3))


def test_no_version_comes_back_after_all_was_lost(keys: KeyStore, client: redis.Redis) -> None:
    """With a repeated version, a process that missed the loss would keep the old keys."""
    keys.create(named(new_key()))
    before = keys.read().version
    client.flushdb()
    keys.create(named(new_key()))
    assert keys.read().version != before


def test_reset_leaves_no_trace(keys: KeyStore, client: redis.Redis) -> None:
    keys.create(named(new_key()))
    keys.reset()
    assert client.keys("rq:key*") == []
    assert keys.read().version is None


@pytest.mark.parametrize("known", [True, False])
def test_use_is_noted_on_known_keys_alone_and_is_no_change(keys: KeyStore, client: redis.Redis, known: bool) -> None:
    made = keys.create(named(new_key()))
    assert made is not None
    version = keys.read().version
    execute(client, record_use([made.id if known else new_key().id]))
    [stored] = keys.read().keys or ()
    assert (stored.used_ms is not None) is known
    assert keys.read().version == version
    assert len(client.keys("rq:key:*")) == 1

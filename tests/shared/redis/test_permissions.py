"""Permissions of Redis users: exactly those that are documented, each named when it is missing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import redis

from renderq_shared.errors import StoreUnavailable
from renderq_shared.redis.clients import async_client, sync_client
from renderq_shared.redis.permissions import Role, acl_rules, check_permissions, check_permissions_async
from tests.valkey_server import Valkey

ROOT = Path(__file__).parents[3]
ROLES: tuple[Role, ...] = get_args(Role)


@pytest.fixture
def admin(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as admin:
        yield admin
        admin.execute_command("ACL", "DELUSER", *ROLES)


def user_url(admin: redis.Redis, valkey: Valkey, role: Role, *without: str) -> str:
    """Create the role's user without some rules and return its URL."""
    rules = [rule for rule in acl_rules(role) if rule not in without]
    admin.execute_command("ACL", "SETUSER", role, "reset", "on", ">secret", *rules)
    return f"redis://{role}:secret@127.0.0.1:{valkey.port}/0"


@pytest.mark.parametrize("role", ROLES)
async def test_documented_permissions_suffice(admin: redis.Redis, valkey: Valkey, role: Role) -> None:
    url = user_url(admin, valkey, role)
    with sync_client(url) as client:
        check_permissions(client, role)
    async with async_client(url) as awaited:
        await check_permissions_async(awaited, role)


@pytest.mark.parametrize("role", ROLES)
def test_every_missing_permission_is_named(admin: redis.Redis, valkey: Valkey, role: Role) -> None:
    rights = [rule for rule in acl_rules(role) if rule[0] in "+~&"]
    assert len(rights) > 40
    unnamed: list[tuple[str, str]] = []
    for right in rights:
        with sync_client(user_url(admin, valkey, role, right)) as client:
            try:
                check_permissions(client, role)
            except StoreUnavailable as error:
                named = set(re.findall(r"[+~&]\S+", str(error.refusal)))
                expected = {right} if right != "&rq:*" else {right, "+publish", "+subscribe"}
                if named != expected:
                    unnamed.append((right, str(error)))
            else:
                unnamed.append((right, "nothing"))
    assert unnamed == []


def test_read_only_pattern_is_named(admin: redis.Redis, valkey: Valkey) -> None:
    url = user_url(admin, valkey, "api", "~rq:*")
    admin.execute_command("ACL", "SETUSER", "api", "%R~rq:*")
    with sync_client(url) as client, pytest.raises(StoreUnavailable, match=r"lacks ~rq:\* "):
        check_permissions(client, "api")


@pytest.mark.parametrize("role", ROLES)
def test_scripts_call_nothing_else(role: Role) -> None:
    called = called_by_scripts()
    granted = {rule[1:].split("|")[0] for rule in acl_rules(role) if rule.startswith("+")}
    assert len(called) > 30
    assert called - granted == set()


def test_scripts_that_write_ask_for_every_right_first() -> None:
    rights = (ROOT / "shared" / "renderq_shared" / "redis" / "lua" / "rights.lua").read_text("utf-8")
    asked = {command.lower() for command in re.findall(r"'([A-Z]+)'", rights)}
    called_before_a_write = {"time", "info", "scan"}
    assert asked - {"numsub"} == called_by_scripts() - called_before_a_write


def called_by_scripts() -> set[str]:
    return {
        command.lower()
        for script in ROOT.glob("shared/renderq_shared/**/*.lua")
        for command in re.findall(r"(?:redis\.p?call\(|= \{ )'([A-Z]+)'", script.read_text("utf-8"))
    }


def test_guide_has_the_rules_to_paste() -> None:
    guide = (ROOT / "docs" / "guides" / "deployment.md").read_text("utf-8")
    for role in ROLES:
        assert f"ACL SETUSER renderq-{role} on >PASSWORD {' '.join(acl_rules(role))}" in guide

"""Command `renderq keys`. It connects to Redis, not to the API: access to Redis implies every permission."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, print_error
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import LazyGroup
from renderq.cli.parameter_types import FOLDER, WORD
from renderq_shared.access import options
from renderq_shared.access.formatting import key_facts, key_table
from renderq_shared.access.key_format import is_key_id, new_key
from renderq_shared.access.key_store import KeyStore
from renderq_shared.access.records import DEFAULT_TENANT, NewKey, Role
from renderq_shared.errors import SettingsInvalid, StoreUnavailable
from renderq_shared.local import service_redis_url
from renderq_shared.redis.clients import sync_client

_ROLES = [Role.USER.value, Role.ADMIN.value]
"""Roles that an operator gives. Visitors get their keys from the API."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _server_options(function: Decorated) -> Decorated:
    """Add `--json` and the options that select the Redis server."""
    for option in (
        click.option("--data", type=FOLDER, metavar="DIR", help="data folder of the `renderq up` to use"),
        click.option(
            "--redis-url",
            type=WORD,
            metavar="URL",
            help="the service's Redis (default: RENDERQ_REDIS_URL, else that of `renderq up`)",
        ),
        json_option("print JSON"),
    ):
        function = option(function)
    return function


@click.group(cls=LazyGroup, help="create, list and revoke API keys, in the service's Redis")
def command() -> None:
    pass


@command.command(help="create a key and print it; it is shown only once")
@click.argument("name", type=options.NAME, metavar="NAME", help="description, such as the owner or the place of use")
@click.option(
    "--tenant",
    type=options.TENANT,
    default=DEFAULT_TENANT,
    metavar="NAME",
    help=f"tenant whose jobs the key submits and reads (default: {DEFAULT_TENANT})",
)
@click.option("--role", type=click.Choice(_ROLES), default=Role.USER.value, help="default: user")
@click.option(
    "--weight",
    type=options.WEIGHT,
    default=1.0,
    metavar="SHARE",
    help="the tenant's relative share of device time, 0.01 to 100 (default: 1)",
)
@click.option("--rate", type=options.POSITIVE, metavar="N", help="maximum requests per minute (default: unlimited)")
@click.option(
    "--max-queued-jobs",
    type=options.POSITIVE,
    metavar="N",
    help="maximum queued jobs of the tenant (default: as in the settings)",
)
@click.option(
    "--expires", type=options.LIFETIME_MS, metavar="TIME", help="lifetime, such as 90m, 12h or 30d (default: unlimited)"
)
@_server_options
def create(redis_url: str | None, data: Path | None, **values: Any) -> int:
    return _on_server(redis_url, data, lambda store: _create(store, **values))


@command.command("list", help="list all keys, without their secrets")
@_server_options
def list_keys(redis_url: str | None, data: Path | None) -> int:
    return _on_server(redis_url, data, _list)


@command.command(help="revoke keys permanently")
@click.argument("ids", nargs=-1, required=True, metavar="KEY...", help="ids from the list, rq_…")
@_server_options
def revoke(ids: tuple[str, ...], redis_url: str | None, data: Path | None) -> int:
    return _on_server(redis_url, data, lambda store: _revoke(store, ids))


@command.command(help="delete all keys; processes started afterward on loopback require none")
@click.option("--yes", is_flag=True, help="confirm that every key stops working")
@_server_options
def reset(yes: bool, redis_url: str | None, data: Path | None) -> int:
    return _on_server(redis_url, data, lambda store: _reset(store, confirmed=yes))


def _on_server(redis_url: str | None, data: Path | None, action: Callable[[KeyStore], int]) -> int:
    try:
        url = service_redis_url(redis_url, data)
        if url is None:
            raise UsageError(f"no `renderq up` is running on {data}")
        with sync_client(url) as client:
            return action(KeyStore(client))
    except SettingsInvalid as error:
        raise UsageError("; ".join(str(error).splitlines())) from None
    except StoreUnavailable as error:
        hint = "" if error.refusal else ". Is it running? `renderq up` starts one; --data or --redis-url select another"
        _print_note(f"{str(error).rstrip('.')}{hint}")
        return ExitCode.UNAVAILABLE


def _create(
    store: KeyStore,
    *,
    name: str,
    tenant: str,
    role: str,
    weight: float,
    rate: int | None,
    max_queued_jobs: int | None,
    expires: int | None,
) -> int:
    key = new_key()
    record = store.create(
        NewKey(
            id=key.id,
            digest=key.digest,
            name=name,
            tenant=tenant,
            role=Role(role),
            weight=weight,
            requests_per_minute=rate,
            max_queued_jobs=max_queued_jobs,
            lifetime_ms=expires,
        )
    )
    if record is None:
        raise UsageError("the random id is already taken, which is very unlikely; try again")
    if wants_json():
        _print(as_json({"key": key.text, **key_facts(record, record.created_ms)}))
    else:
        _print(key.text)
        _print_note(f"this is {key.id}, {record.role} of tenant {record.tenant}; it is not shown again")
    return ExitCode.OK


def _list(store: KeyStore) -> int:
    stored = store.read()
    keys = [key_facts(key, stored.now_ms) for key in stored.keys or ()]
    if wants_json():
        _print(as_json(keys))
    else:
        _print(key_table(keys) if keys else "no keys")
    return ExitCode.OK


def _revoke(store: KeyStore, ids: Sequence[str]) -> int:
    if invalid := [text[:20] for text in ids if not is_key_id(text)]:
        raise UsageError(f"{invalid[0]} is not a key id; `renderq keys list` prints ids: rq_ and ten characters")
    revoked = {key_id: store.revoke(key_id) for key_id in ids}
    stored = store.read()
    known = [record for record in revoked.values() if record]
    if wants_json():
        _print(as_json([key_facts(record, stored.now_ms) for record in known]))
    else:
        for record in known:
            _print(f"{record.id}  revoked")
    if not stored.any_live:
        _print_note("no valid key remains: requests are refused until `renderq keys create` creates one")
    if len(known) < len(revoked):
        raise UsageError(f"unknown key {', '.join(key_id for key_id, record in revoked.items() if not record)}")
    return ExitCode.OK


def _reset(store: KeyStore, *, confirmed: bool) -> int:
    if not confirmed:
        raise UsageError("this deletes every key; confirm with --yes")
    store.reset()
    _print_note("all keys deleted; running processes still require one until they are restarted")
    return ExitCode.OK


def _print(text: str) -> None:
    print(text)  # noqa: T201


def _print_note(text: str) -> None:
    print_error(text, "renderq keys", color="yellow")

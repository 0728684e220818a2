"""Command `renderq keys`. It connects to Redis, not to the API: access to Redis implies every permission."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json
from renderq_shared.access import options
from renderq_shared.access.formatting import key_facts, key_table
from renderq_shared.access.key_format import is_key_id, new_key
from renderq_shared.access.key_store import KeyStore
from renderq_shared.access.records import DEFAULT_TENANT, NewKey, Role
from renderq_shared.errors import StoreUnavailable
from renderq_shared.local import EmbeddedRedis
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import SharedSettings, format_errors


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = _action(actions, _create, "create", "create a key and print it; it is shown only once")
    create.add_argument(
        "name", type=options.name, metavar="NAME", help="description, such as the owner or the place of use"
    )
    create.add_argument(
        "--tenant",
        type=options.tenant,
        default=DEFAULT_TENANT,
        help=f"tenant whose jobs the key submits and reads (default: {DEFAULT_TENANT})",
    )
    create.add_argument("--role", type=Role, choices=tuple(Role), default=Role.USER, help="default: user")
    create.add_argument(
        "--weight",
        type=options.weight,
        default=1.0,
        help="the tenant's relative share of device time, 0.01 to 100 (default: 1)",
    )
    create.add_argument(
        "--rate", type=options.positive, metavar="N", help="maximum requests per minute (default: unlimited)"
    )
    create.add_argument(
        "--max-queued-jobs",
        type=options.positive,
        metavar="N",
        help="maximum queued jobs of the tenant (default: as in the settings)",
    )
    create.add_argument(
        "--expires",
        type=options.lifetime_ms,
        metavar="TIME",
        help="lifetime, such as 90m, 12h or 30d (default: unlimited)",
    )
    _action(actions, _list, "list", "list all keys, without their secrets")
    revoke = _action(actions, _revoke, "revoke", "revoke keys permanently")
    revoke.add_argument("ids", nargs="+", metavar="KEY", help="id from the list, rq_…")
    reset = _action(actions, _reset, "reset", "delete all keys; processes started afterward on loopback require none")
    reset.add_argument("--yes", action="store_true", help="confirm that every key stops working")


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",  # pyright: ignore[reportPrivateUsage]
    run: Callable[[KeyStore, argparse.Namespace], int],
    name: str,
    summary: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.set_defaults(action=run)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--redis-url", help="the service's Redis (default: RENDERQ_REDIS_URL, else that of `renderq up`)"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder of the `renderq up` to use")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    try:
        with sync_client(_redis_url(arguments)) as client:
            return arguments.action(KeyStore(client), arguments)
    except ValidationError as error:
        raise UsageError("; ".join(format_errors(error))) from None
    except StoreUnavailable as error:
        _print_note(
            f"{str(error).rstrip('.')}. Is it running? `renderq up` starts one; --data or --redis-url select another"
        )
        return ExitCode.UNAVAILABLE


command = Command(
    help="Create, list and revoke API keys, in the service's Redis.",
    add_arguments=_add_arguments,
    run=_run,
)


def _redis_url(arguments: argparse.Namespace) -> str:
    """Return the Redis URL of the options or settings; else that of a running `renderq up`; else the default."""
    settings = SharedSettings.from_options({"redis_url": arguments.redis_url, "data": arguments.data})
    if arguments.redis_url is None and (arguments.data or "redis_url" not in settings.model_fields_set):
        if embedded := EmbeddedRedis.read_url(settings.data / "redis"):
            return embedded
        if arguments.data:
            raise UsageError(f"no `renderq up` is running on {settings.data}")
    return settings.redis_url


def _create(store: KeyStore, arguments: argparse.Namespace) -> int:
    key = new_key()
    record = store.create(
        NewKey(
            id=key.id,
            digest=key.digest,
            name=arguments.name,
            tenant=arguments.tenant,
            role=arguments.role,
            weight=arguments.weight,
            requests_per_minute=arguments.rate,
            max_queued_jobs=arguments.max_queued_jobs,
            lifetime_ms=arguments.expires,
        )
    )
    if record is None:
        raise UsageError("the random id is already taken, which is very unlikely; try again")
    if arguments.json:
        _print(as_json({"key": key.text, **key_facts(record, record.created_ms)}))
    else:
        _print(key.text)
        _print_note(f"this is {key.id}, {record.role} of tenant {record.tenant}; it is not shown again")
    return ExitCode.OK


def _list(store: KeyStore, arguments: argparse.Namespace) -> int:
    stored = store.read()
    keys = [key_facts(key, stored.now_ms) for key in stored.keys or ()]
    if arguments.json:
        _print(as_json(keys))
    else:
        _print(key_table(keys) if keys else "no keys")
    return ExitCode.OK


def _revoke(store: KeyStore, arguments: argparse.Namespace) -> int:
    if invalid := [text[:20] for text in arguments.ids if not is_key_id(text)]:
        raise UsageError(f"{invalid[0]} is not a key id; `renderq keys list` prints ids: rq_ and ten characters")
    revoked = {key_id: store.revoke(key_id) for key_id in arguments.ids}
    stored = store.read()
    known = [record for record in revoked.values() if record]
    if arguments.json:
        _print(as_json([key_facts(record, stored.now_ms) for record in known]))
    else:
        for record in known:
            _print(f"{record.id}  revoked")
    if not stored.any_live:
        _print_note("no valid key remains: requests are refused until `renderq keys create` creates one")
    if len(known) < len(revoked):
        raise UsageError(f"unknown key {', '.join(key_id for key_id, record in revoked.items() if not record)}")
    return ExitCode.OK


def _reset(store: KeyStore, arguments: argparse.Namespace) -> int:
    if not arguments.yes:
        raise UsageError("this deletes every key; confirm with --yes")
    store.reset()
    _print_note("all keys deleted; running processes still require one until they are restarted")
    return ExitCode.OK


def _print(text: str) -> None:
    print(text)  # noqa: T201


def _print_note(text: str) -> None:
    print(f"renderq keys: {text}", file=sys.stderr)  # noqa: T201

"""`renderq keys`: who may use the service. Talks to Redis, not to the API: whoever may do that may do anything."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from renderq_shared.local.embedded_redis import EmbeddedRedis
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings.models import SharedSettings, format_errors


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = _action(actions, _create, "create", "make a key and print it; it is shown this once")
    create.add_argument("name", type=options.name, metavar="NAME", help="whose it is, or where it is used; for people")
    create.add_argument(
        "--tenant",
        type=options.tenant,
        default=DEFAULT_TENANT,
        help=f"whose jobs it submits and sees (default: {DEFAULT_TENANT})",
    )
    create.add_argument("--role", type=Role, choices=tuple(Role), default=Role.USER, help="default: user")
    create.add_argument(
        "--weight",
        type=options.weight,
        default=1.0,
        help="its tenant's share of a model's time, 0.01 to 100 (default: 1)",
    )
    create.add_argument(
        "--rate", type=options.positive, metavar="N", help="requests that it may make in a minute (default: any number)"
    )
    create.add_argument(
        "--max-queued-jobs",
        type=options.positive,
        metavar="N",
        help="jobs that its tenant may have queued (default: the setting's)",
    )
    create.add_argument(
        "--expires", type=options.lifetime_ms, metavar="TIME", help="how long it works: 90m, 12h, 30d …"
    )
    _action(actions, _list, "list", "list all keys, without their secrets")
    revoke = _action(actions, _revoke, "revoke", "make keys worthless, for good")
    revoke.add_argument("ids", nargs="+", metavar="KEY", help="as in the list, rq_…")
    reset = _action(
        actions, _reset, "reset", "forget all keys: what is started afterwards on loopback needs none again"
    )
    reset.add_argument("--yes", action="store_true", help="needed, because every key becomes worthless")


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
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder of the `renderq up` that is meant")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    try:
        with sync_client(_redis_url(arguments)) as client:
            return arguments.action(KeyStore(client), arguments)
    except ValidationError as error:
        raise UsageError("; ".join(format_errors(error))) from None
    except StoreUnavailable as error:
        _remark(
            f"{str(error).rstrip('.')}. Is it running? `renderq up` starts one, --data or --redis-url names another"
        )
        return ExitCode.UNAVAILABLE


command = Command(
    help="Create, list and revoke API keys, in the service's Redis.",
    add_arguments=_add_arguments,
    run=_run,
)


def _redis_url(arguments: argparse.Namespace) -> str:
    """The Redis that is named; else that of the `renderq up` on the data folder; else the default one."""
    given: dict[str, Any] = {name: getattr(arguments, name) for name in ("redis_url", "data")}
    settings = SharedSettings(**{name: value for name, value in given.items() if value is not None})
    if arguments.redis_url is None and (arguments.data or "redis_url" not in settings.model_fields_set):
        if embedded := EmbeddedRedis.read_url(settings.data / "redis"):
            return embedded
        if arguments.data:
            raise UsageError(f"no renderq up runs on {settings.data}")
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
        raise UsageError("the id that was drawn is taken, which is next to impossible; try again")
    if arguments.json:
        _say(as_json({"key": key.text, **key_facts(record, record.created_ms)}))
    else:
        _say(key.text)
        _remark(f"this is {key.id}, {record.role} of tenant {record.tenant}; it is not shown again")
    return ExitCode.OK


def _list(store: KeyStore, arguments: argparse.Namespace) -> int:
    found = store.read()
    keys = [key_facts(key, found.now_ms) for key in found.keys or ()]
    if arguments.json:
        _say(as_json(keys))
    else:
        _say(key_table(keys) if keys else "no keys")
    return ExitCode.OK


def _revoke(store: KeyStore, arguments: argparse.Namespace) -> int:
    if strange := [text[:20] for text in arguments.ids if not is_key_id(text)]:
        raise UsageError(
            f"{strange[0]} is not the id of a key; those in `renderq keys list` are, rq_ and ten characters"
        )
    revoked = {key_id: store.revoke(key_id) for key_id in arguments.ids}
    found = store.read()
    known = [record for record in revoked.values() if record]
    if arguments.json:
        _say(as_json([key_facts(record, found.now_ms) for record in known]))
    else:
        for record in known:
            _say(f"{record.id}  revoked")
    if not found.any_live:
        _remark("no key works any more: nobody is let in until `renderq keys create` makes one")
    if len(known) < len(revoked):
        raise UsageError(f"there is no key {', '.join(key_id for key_id, record in revoked.items() if not record)}")
    return ExitCode.OK


def _reset(store: KeyStore, arguments: argparse.Namespace) -> int:
    if not arguments.yes:
        raise UsageError("this makes every key worthless; say --yes if you mean it")
    store.reset()
    _remark("there are no keys; what runs still asks for one until it is started again")
    return ExitCode.OK


def _say(text: str) -> None:
    print(text)  # noqa: T201


def _remark(text: str) -> None:
    print(f"renderq keys: {text}", file=sys.stderr)  # noqa: T201

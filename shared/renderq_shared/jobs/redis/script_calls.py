"""Encoding of each command as a call of the Lua script with its name: command → arguments, reply → result."""

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

from renderq_shared.jobs import commands
from renderq_shared.jobs.archive_records import DeleteResult
from renderq_shared.jobs.claim_records import FenceResult
from renderq_shared.jobs.commands import Command
from renderq_shared.jobs.redis import arguments, replies
from renderq_shared.jobs.redis.arguments import Arguments
from renderq_shared.jobs.redis.codec import decode_asset_or_none, decode_job_or_none
from renderq_shared.redis.scripts import ScriptCall, decode_nothing, load_script

Result = TypeVar("Result")
Params = TypeVarTuple("Params")

_CODECS: dict[str, tuple[Callable[..., Arguments], Callable[[Any], Any]]] = {}


def script_call(command: Command[Result]) -> ScriptCall[Result]:
    """Encode a command as a call of its script."""
    encode, decode = _CODECS[command.name]
    return ScriptCall(load_script("renderq_shared.jobs.redis", command.name), encode(*command.params), decode)


def _register(
    command: Callable[[*Params], Command[Result]],
    encode: Callable[[*Params], Arguments],
    decode: Callable[[Any], Result],
) -> None:
    """Register the codec of a command. The type checker compares their parameters and results."""
    _CODECS[command.__name__] = encode, decode


_register(commands.submit, arguments.submit, replies.submit_result)
_register(commands.submit_batch, arguments.submit_batch, replies.batch_result)
_register(commands.check_submission, arguments.unchanged, decode_nothing)
_register(commands.replay_submission, arguments.replay, replies.replay_result)
_register(commands.get_job, arguments.unchanged, replies.job_and_position)
_register(commands.queued_jobs, arguments.unchanged, replies.queued_jobs)
_register(commands.page, arguments.page, replies.job_page)
_register(commands.get_batch, arguments.unchanged, replies.live_batch)
_register(commands.batches, arguments.batches, tuple[str, ...])
_register(commands.cancel, arguments.unchanged, decode_job_or_none)
_register(commands.cancel_jobs, arguments.cancel_jobs, replies.statuses)
_register(commands.move, arguments.move, replies.move_result)
_register(commands.claim, arguments.claim, decode_job_or_none)
_register(commands.renew, arguments.renew, replies.fence_results)
_register(commands.progress, arguments.progress, replies.progress_result)
_register(commands.publish_preview, arguments.publish_preview, bool)
_register(commands.finish, arguments.finish, replies.finish_result)
_register(commands.requeue, arguments.of_claim, FenceResult)
_register(commands.sweep, arguments.sweep, replies.sweep_result)
_register(commands.delete, arguments.delete, DeleteResult)
_register(commands.apply_retention, arguments.apply_retention, replies.retention_result)
_register(commands.confirm_deleted, arguments.spread, decode_nothing)
_register(commands.reserve_asset, arguments.reserve_asset, decode_asset_or_none)
_register(commands.commit_asset, arguments.commit_asset, decode_asset_or_none)
_register(commands.get_asset, arguments.unchanged, decode_asset_or_none)
_register(commands.confirm_archived, arguments.confirm_archived, decode_nothing)
_register(commands.remove_archived, arguments.remove_archived, decode_nothing)
_register(commands.annotate, arguments.annotate, decode_job_or_none)
_register(commands.publish_archived, arguments.publish_archived, decode_nothing)
_register(commands.start_purge, arguments.unchanged, replies.purge)
_register(commands.get_purge, arguments.unchanged, replies.purge_or_none)
_register(commands.claim_purge, arguments.unchanged, replies.purge_or_none)
_register(commands.renew_purge, arguments.of_purge, bool)
_register(commands.purge_page, arguments.of_purge, replies.purge_page)
_register(commands.purge_jobs, arguments.purge_jobs, decode_nothing)
_register(commands.purge_keys, arguments.of_purge, str)
_register(commands.complete_purge, arguments.complete_purge, bool)
_register(commands.register, arguments.register_worker, bool)
_register(commands.drain_worker, arguments.unchanged, replies.worker_or_none)
_register(commands.unregister, arguments.unchanged, decode_nothing)
_register(commands.register_api, arguments.unchanged, tuple[str, ...])
_register(commands.unregister_api, arguments.unchanged, decode_nothing)
_register(commands.archive_state, arguments.unchanged, replies.archive_state)
_register(commands.workers, arguments.unchanged, replies.workers)
_register(commands.queues, arguments.unchanged, replies.model_queues)
_register(commands.pause_model, arguments.pause, decode_nothing)
_register(commands.pause_tenant, arguments.pause, decode_nothing)
_register(commands.choose_model, arguments.unchanged, decode_nothing)
_register(commands.chosen_model, arguments.unchanged, replies.text_or_none)
_register(commands.tenants, arguments.unchanged, replies.tenants)
_register(commands.stats, arguments.unchanged, replies.store_stats)
_register(commands.load_minutes, arguments.unchanged, replies.load_minutes)
_register(commands.timings, arguments.unchanged, replies.timings)
_register(commands.claim_deliveries, arguments.claim_deliveries, replies.deliveries)
_register(commands.complete_delivery, arguments.complete_delivery, bool)
_register(commands.deliveries, arguments.unchanged, replies.deliveries)
_register(commands.replay_delivery, arguments.replay_delivery, replies.delivery_or_none)
_register(commands.confirm_deliveries, arguments.confirm_deliveries, decode_nothing)

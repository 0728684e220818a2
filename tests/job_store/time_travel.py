"""Time travel: Redis' clock cannot be set, so all stored times are shifted instead."""

from collections.abc import Callable
from typing import Any

import redis

from tests.polling import wait_until

_OLDER = """
local ms = tonumber(ARGV[1])
local function format_int(number)
  return string.format('%.0f', number)
end
local function scores(key)
  local flat = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #flat, 2 do
    redis.call('ZADD', key, format_int(flat[i + 1] - ms), flat[i])
  end
end
local function fields(key, names)
  for _, name in ipairs(names) do
    local time = redis.call('HGET', key, name)
    if time then
      redis.call('HSET', key, name, format_int(time - ms))
    end
  end
end
local function life(key)
  local left = redis.call('PTTL', key)
  if left > 0 and left <= ms then
    redis.call('DEL', key)
  elseif left > 0 then
    redis.call('PEXPIRE', key, left - ms)
  end
end
local aged = {
  ['rq:leases'] = scores, ['rq:deadlines'] = scores, ['rq:oldest:'] = scores, ['rq:jobs:'] = scores,
  ['rq:unarchived'] = scores, ['rq:archived'] = scores, ['rq:removals'] = scores, ['rq:late-removals'] = scores,
  ['rq:assets'] = scores,
  ['rq:asset:'] = function(key)
    fields(key, { 'created_ms', 'used_ms' })
  end,
  ['rq:deleted:'] = life, ['rq:purges'] = scores,
  ['rq:purge:'] = function(key)
    fields(key, { 'started_ms', 'completed_ms' })
    life(key)
  end,
  ['rq:apis'] = scores,
  ['rq:workers'] = scores, ['rq:served:'] = scores, ['rq:claim:'] = life, ['rq:idempotency:'] = life,
  ['rq:job:'] = function(key)
    fields(key, { 'created_ms', 'deadline_at_ms', 'started_ms', 'completed_ms' })
  end,
  ['rq:delivery-queue:'] = scores, ['rq:delivery-hosts:'] = scores, ['rq:delivery-tenants'] = scores,
  ['rq:delivering'] = scores, ['rq:unarchived-deliveries'] = scores, ['rq:delivery-claim:'] = life,
  ['rq:delivery:'] = function(key)
    fields(key, { 'created_ms', 'due_ms' })
    life(key)
    local job = redis.call('EXISTS', key) == 1 and cjson.decode(redis.call('HGET', key, 'job_json'))
    for _, name in ipairs(job and { 'created_ms', 'deadline_at_ms', 'started_ms', 'completed_ms' } or {}) do
      job[name] = job[name] and format_int(job[name] - ms)
    end
    if job then
      redis.call('HSET', key, 'job_json', cjson.encode(job))
    end
  end,
  ['rq:worker:'] = function(key)
    fields(key, { 'started_ms', 'seen_ms' })
    life(key)
  end,
  ['rq:visitor-count:'] = life, ['rq:visitors'] = scores,
  ['rq:key:'] = function(key)
    fields(key, { 'created_ms', 'expires_ms' })
  end,
  ['rq:load'] = function(key)
    fields(key, { 'started_ms' })
  end,
  ['rq:load-minutes'] = function(key)
    for i, minute in ipairs(redis.call('LRANGE', key, 0, -1)) do
      local time, counts = string.match(minute, '^(%d+)(.*)$')
      redis.call('LSET', key, i - 1, format_int(time - ms) .. counts)
    end
  end,
  ['rq:swept'] = function(key)
    fields(key, { 'at_ms' })
  end,
}
for _, key in ipairs(redis.call('KEYS', 'rq:*')) do
  local make_older = aged[string.match(key, '^rq:[%w-]+:?')]
  if make_older then
    make_older(key)
  end
end
"""


def make_older(client: redis.Redis, ms: int) -> None:
    """Shift all stored times and TTLs as if `ms` milliseconds had passed."""
    client.eval(_OLDER, 0, ms)


def make_older_until(client: redis.Redis, ms: int, condition: Callable[[], Any]) -> None:
    """Let `ms` milliseconds pass, again and again, until the condition is true.

    A retry that is in flight is scheduled after one shift, by the clock that does not move.
    """

    def condition_once_older() -> Any:
        make_older(client, ms)
        return condition()

    wait_until(condition_once_older)

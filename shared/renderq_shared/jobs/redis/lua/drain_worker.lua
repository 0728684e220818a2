#!lua flags=allow-oom
-- Tell a live worker to drain.
--
-- ARGV: id
-- Returns the worker as flat pairs; empty if it is not alive.
-- Atomic: record and indexes. From now on `claim` gives this run of the worker nothing.

local id = ARGV[1]
local worker = 'rq:worker:' .. id
local until_ms = redis.call('ZSCORE', 'rq:workers', id)
if not until_ms or tonumber(until_ms) <= NOW or redis.call('EXISTS', worker) == 0 then
  return {}
end
local models = registered_models(id)
check_worker(models)
unregister_models(id, models)
redis.call('HSET', worker, 'draining', '1', 'drain_requested', '1')
redis.call('PUBLISH', 'rq:drains', id)
return redis.call('HGETALL', worker)

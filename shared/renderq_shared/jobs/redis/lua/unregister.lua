#!lua flags=allow-oom
-- Remove a worker from the list.
--
-- ARGV: id
-- Returns nothing.
-- Atomic: record and indexes.

local id = ARGV[1]
local models = registered_models(id)
check_worker(models)
unregister_models(id, models)
redis.call('DEL', 'rq:worker:' .. id)
redis.call('ZREM', 'rq:workers', id)

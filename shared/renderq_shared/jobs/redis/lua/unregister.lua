#!lua flags=allow-oom
-- A worker says goodbye.
--
-- ARGV: id
-- Returns nothing.
-- Atomic: it leaves the list and all models that it served.

local id = ARGV[1]
unregister_models(id)
redis.call('DEL', 'rq:worker:' .. id)
redis.call('ZREM', 'rq:workers', id)

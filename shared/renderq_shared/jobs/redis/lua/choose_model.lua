#!lua flags=allow-oom
-- Keep the model that a tenant has chosen.
--
-- ARGV: tenant, model
-- Returns nothing.
-- Atomic: one write.

redis.call('HSET', 'rq:chosen-models', ARGV[1], ARGV[2])

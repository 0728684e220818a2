#!lua flags=no-writes
-- Read the model that a tenant has chosen.
--
-- ARGV: tenant
-- Returns its name; nothing if the tenant has chosen none.
-- Atomic: one read.

return redis.call('HGET', 'rq:chosen-models', ARGV[1])

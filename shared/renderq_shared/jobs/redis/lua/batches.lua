#!lua flags=no-writes
-- List a tenant's batches that Redis has jobs of, the newest first.
--
-- ARGV: tenant, maximum number, id of the batch before which the list begins ('' for the newest)
-- Returns their ids.
-- Atomic: one snapshot.

local tenant, limit, before = ARGV[1], ARGV[2], ARGV[3]
local newest = before == '' and '+' or '(' .. before
return redis.call('ZRANGE', 'rq:batches:' .. tenant, newest, '-', 'BYLEX', 'REV', 'LIMIT', 0, limit)

#!lua flags=no-writes
-- Find visitors that have expired.
--
-- ARGV: maximum number
-- Returns the ids of their keys, the oldest first.
-- Atomic: one read.

return redis.call('ZRANGE', 'rq:visitors', '-inf', format_int(NOW), 'BYSCORE', 'LIMIT', 0, ARGV[1])

#!lua flags=allow-oom
-- Remove an API process from the registered ones.
--
-- ARGV: name of the process
-- Returns nothing.
-- Atomic: all of it.

check_zsets('rq:apis')
check_hashes('rq:histories')
redis.call('ZREM', 'rq:apis', ARGV[1])
redis.call('HDEL', 'rq:histories', ARGV[1])

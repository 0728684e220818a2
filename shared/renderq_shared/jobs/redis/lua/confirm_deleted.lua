#!lua flags=allow-oom
-- Confirm that the object store holds nothing below these prefixes.
--
-- ARGV: prefixes
-- Returns nothing.
-- Atomic: all of it.

check_zsets('rq:removals')
check_hashes('rq:removal-attempts')
for _, prefix in ipairs(ARGV) do
  redis.call('ZREM', 'rq:removals', prefix)
  redis.call('HDEL', 'rq:removal-attempts', prefix)
end

#!lua flags=allow-oom
-- Confirm that the object store holds nothing below these prefixes.
--
-- ARGV: prefixes
-- Returns nothing.
-- Atomic: all of it.

for _, prefix in ipairs(ARGV) do
  redis.call('ZREM', 'rq:removals', prefix)
end

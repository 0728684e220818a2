#!lua flags=allow-oom
-- Nothing is left below these prefixes in the object store.
--
-- ARGV: prefixes
-- Returns nothing.
-- Atomic: all of it.

for _, prefix in ipairs(ARGV) do
  redis.call('ZREM', 'rq:removals', prefix)
end
